//! What to measure, as lines that another program writes: it looks at the nodes in between.

use std::io;
use std::time::Duration;

use tokio::sync::mpsc;

use super::load::Plan;
use crate::{error::Failure, exit::Exit};

/// Lines of standard input.
pub(super) struct Orders(mpsc::Receiver<io::Result<String>>);

/// One of them.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// Measure, and tell of it.
    Level(Plan),
    /// Show used codes of the last level again, and tell of it.
    Replay,
    /// Tell how many codes there are that were not shown.
    Codes,
}

impl Orders {
    /// By a thread of its own, which nobody waits for at the end.
    pub(super) fn read() -> Result<Self, Failure> {
        let (tell, lines) = mpsc::channel(1);
        let read = move || {
            for line in io::stdin().lines() {
                if tell.blocking_send(line).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().spawn(read).map_err(|error| {
            let what = format!("The system gives no thread: {error}.");
            Failure::new(Exit::Software, what, "Try again.")
        })?;
        Ok(Self(lines))
    }

    /// The next; `None` at the end of the input. What a line does not say is as in `usual`.
    pub(super) async fn next(&mut self, usual: Plan) -> Result<Option<Order>, Failure> {
        match self.0.recv().await {
            Some(Ok(line)) => parse(&line, usual).map(Some).ok_or_else(|| {
                let what = format!("{:?} is nothing to measure.", line.trim());
                let remedy = "Write `level concurrency=64 connections=2 seconds=5 rate=100 wrong`, \
                              `replay` or `codes`.";
                Failure::usage(what, remedy)
            }),
            None => Ok(None),
            Some(Err(error)) => {
                Err(Failure::usage(format!("Standard input: {error}."), "Run it again."))
            }
        }
    }
}

fn parse(line: &str, usual: Plan) -> Option<Order> {
    let mut words = line.split_whitespace();
    let order = match words.next()? {
        "level" => {
            let mut plan = usual;
            for word in words.by_ref() {
                set(&mut plan, word)?;
            }
            Order::Level(plan)
        }
        "replay" => Order::Replay,
        "codes" => Order::Codes,
        _ => return None,
    };
    words.next().is_none().then_some(order)
}

fn set(plan: &mut Plan, word: &str) -> Option<()> {
    let Some((name, value)) = word.split_once('=') else {
        plan.wrong = true;
        return (word == "wrong").then_some(());
    };
    if name == "seconds" {
        let seconds: f64 = value.parse().ok()?;
        plan.time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())?;
        return Some(());
    }
    let number: u32 = value.parse().ok().filter(|number| *number > 0)?;
    match name {
        "concurrency" => plan.concurrency = number.min(super::CONCURRENCY_MAX),
        "connections" => plan.connections = number.min(super::CONNECTIONS_MAX),
        "rate" => plan.rate = Some(number),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Plan {
        let time = Duration::from_secs(10);
        Plan { concurrency: 1, connections: 2, threads: 1, time, rate: None, wrong: false }
    }

    #[test]
    fn a_line_is_an_order() {
        let line = "level concurrency=64 connections=4 seconds=2.5 rate=100 wrong";
        let Some(Order::Level(plan)) = parse(line, usual()) else { panic!("{line}") };
        assert_eq!((plan.concurrency, plan.connections, plan.rate), (64, 4, Some(100)));
        assert_eq!((plan.time, plan.wrong), (Duration::from_millis(2_500), true));
        let Some(Order::Level(plan)) = parse("level", usual()) else { panic!("level") };
        assert_eq!((plan.concurrency, plan.rate, plan.wrong), (1, None, false));
        assert!(matches!(parse("replay", usual()), Some(Order::Replay)));
        assert!(matches!(parse("codes", usual()), Some(Order::Codes)));
    }

    #[test]
    fn nothing_else_is() {
        for line in [
            "",
            "levels",
            "level fast",
            "level rate=0",
            "level seconds=-1",
            "level seconds=NaN",
            "level concurrency=x",
            "level depth=3",
            "replay twice",
        ] {
            assert!(parse(line, usual()).is_none(), "{line}");
        }
    }
}
