//! One server after the other, until one answers.
//!
//! Servers are asked in the order given. A node that says when to come back is asked again then, and
//! one whose connection broke is asked again soon; where nobody answers at all it ends after one
//! round, since waiting in silence helps nobody.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{error::Failure, output};

/// An attempt that brought no answer.
#[derive(Debug)]
pub(crate) enum Miss {
    /// Any other server would say the same.
    Final(Failure),
    /// Another server may do better.
    Next { failure: Failure, again: Again },
}

/// Whether the same server is worth another question; what says more comes later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Again {
    /// It cannot be reached.
    Never,
    /// It does not prove to be one of the cluster.
    Untrusted,
    /// It took too long.
    Silent,
    /// The connection broke, or it cannot answer now.
    Soon,
    /// It said when to come back.
    After(Duration),
}

/// How long it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) total: Duration,
    /// One attempt where there are other servers to try.
    pub(crate) attempt: Duration,
    /// No attempt begins later: the servers remember a request's id only so long.
    pub(crate) repeat_within: Duration,
}

const SOON: Duration = Duration::from_millis(200);
/// Rounds whose only hope is [`Again::Soon`].
const ROUNDS_SOON_MAX: u32 = 3;
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Calls `attempt` with each server and the time it may take, until one gives an answer.
pub(crate) async fn in_turn<S, T>(
    servers: &[S],
    limits: Limits,
    attempt: impl AsyncFn(&S, Duration) -> Result<T, Miss>,
) -> Result<T, Failure> {
    let start = Instant::now();
    let mut last = Vec::new();
    for round in 1_u32.. {
        let mut misses = Vec::new();
        for server in servers {
            let left = limits.total.saturating_sub(start.elapsed());
            let too_late = start.elapsed() >= limits.repeat_within;
            if left.is_zero() || (too_late && !(last.is_empty() && misses.is_empty())) {
                break;
            }
            let time = match servers.len() {
                1 => left,
                _ => left.min(limits.attempt),
            };
            match attempt(server, time).await {
                Ok(answer) => return Ok(answer),
                Err(Miss::Final(failure)) => return Err(failure),
                Err(Miss::Next { failure, again }) => misses.push((again, failure)),
            }
        }
        if !misses.is_empty() {
            last = misses;
        }
        let Some(pause) = pause(&last, round) else {
            break;
        };
        if start.elapsed() + pause >= limits.total.min(limits.repeat_within) {
            break;
        }
        if round == 1 {
            let seconds = limits.total.saturating_sub(start.elapsed()).as_secs();
            output::note(&format!("No answer yet: trying again for up to {seconds} s ..."));
        }
        sleep(pause).await;
    }
    Err(summary(last))
}

/// How long to wait before the next round; none: there is no point in one.
fn pause(misses: &[(Again, Failure)], round: u32) -> Option<Duration> {
    misses
        .iter()
        .filter_map(|(again, _)| match again {
            Again::After(delay) => Some((*delay).clamp(PAUSE_MIN, PAUSE_MAX)),
            Again::Soon if round < ROUNDS_SOON_MAX => Some(SOON),
            Again::Never | Again::Untrusted | Again::Silent | Again::Soon => None,
        })
        .min()
}

/// All that was said, under the exit code of the server that said most.
fn summary(mut misses: Vec<(Again, Failure)>) -> Failure {
    misses.sort_by_key(|(again, _)| std::cmp::Reverse(*again));
    Failure::together(misses.into_iter().map(|(_, failure)| failure))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::exit::Exit;

    const LIMITS: Limits = Limits {
        total: Duration::from_secs(30),
        attempt: Duration::from_secs(10),
        repeat_within: Duration::from_secs(25),
    };

    fn next(again: Again) -> Miss {
        let exit = match again {
            Again::Untrusted => Exit::Configuration,
            _ => Exit::Unavailable,
        };
        let failure = Failure::new(exit, format!("{again:?}."), "Do something.");
        Miss::Next { failure, again }
    }

    /// Asks `servers` and lists who was asked when, in milliseconds.
    async fn asked(
        servers: &[&'static str],
        limits: Limits,
        attempt: impl AsyncFn(&str, usize) -> Result<(), Miss>,
    ) -> (Result<(), Failure>, Vec<(&'static str, u128)>) {
        let start = Instant::now();
        let log = RefCell::new(Vec::new());
        let result = in_turn(servers, limits, async |server, _| {
            log.borrow_mut().push((*server, start.elapsed().as_millis()));
            let count = log.borrow().len();
            attempt(server, count).await
        })
        .await;
        (result, log.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_one_is_asked_at_once() {
        let (result, log) = asked(&["a", "b", "c"], LIMITS, async |server, _| match server {
            "a" => Err(next(Again::Never)),
            _ => Ok(()),
        })
        .await;
        assert_eq!((result, log), (Ok(()), vec![("a", 0), ("b", 0)]));
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_can_be_reached_one_round_is_enough() {
        let (result, log) = asked(&["a", "b"], LIMITS, async |_, _| Err(next(Again::Never))).await;
        assert_eq!(result.unwrap_err().exit, Exit::Unavailable);
        assert_eq!(log, [("a", 0), ("b", 0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_asked_again_when_it_said_so() {
        let (result, log) = asked(&["a", "b"], LIMITS, async |server, count| match server {
            "a" => Err(next(Again::Never)),
            _ if count < 5 => Err(next(Again::After(Duration::from_secs(2)))),
            _ => Ok(()),
        })
        .await;
        assert!(result.is_ok());
        let times: Vec<_> = log.iter().filter(|(who, _)| *who == "b").collect();
        assert_eq!(times, [&("b", 0), &("b", 2000), &("b", 4000)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_connection_is_tried_a_few_times() {
        let (result, log) = asked(&["a"], LIMITS, async |_, _| Err(next(Again::Soon))).await;
        assert!(result.is_err());
        assert_eq!(log, [("a", 0), ("a", 200), ("a", 400)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_holds_everywhere_ends_it() {
        let failure = Failure::usage("No.", "Stop.");
        let (result, log) = asked(&["a", "b"], LIMITS, async |_, _| {
            Err(Miss::Final(Failure::usage("No.", "Stop.")))
        })
        .await;
        assert_eq!((result, log), (Err(failure), vec![("a", 0)]));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_goes_on_beyond_its_limits() {
        let again = Again::After(Duration::from_secs(4));
        let (_, log) = asked(&["a"], LIMITS, async |_, _| Err(next(again))).await;
        assert_eq!(log.last(), Some(&("a", 24_000)));

        let limits = Limits { total: Duration::from_secs(9), ..LIMITS };
        let (_, log) = asked(&["a"], limits, async |_, _| Err(next(again))).await;
        assert_eq!(log.last(), Some(&("a", 8_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_silent_server_leaves_time_for_the_others() {
        let times = RefCell::new(Vec::new());
        let _ = in_turn(&["a", "b"], LIMITS, async |_, time| {
            times.borrow_mut().push(time);
            sleep(time).await;
            Err::<(), _>(next(Again::Never))
        })
        .await;
        assert_eq!(times.into_inner(), [Duration::from_secs(10); 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_was_said_is_told_and_the_most_telling_decides() {
        let (result, _) = asked(&["a", "b", "c"], LIMITS, async |server, _| {
            Err(next(match server {
                "b" => Again::Untrusted,
                _ => Again::Never,
            }))
        })
        .await;
        let failure = result.unwrap_err();
        assert_eq!(failure.exit, Exit::Configuration);
        assert_eq!(failure.to_string(), "Untrusted. Never.\nDo something.");
    }
}
