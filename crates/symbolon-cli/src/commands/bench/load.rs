//! Load: so many verifications at once, or so many in a second, for a while.
//!
//! Each thread has connections of its own and a runtime that nobody else uses: what the load costs is
//! missing to servers on the same machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use symbolon_proto::v1::{
    Decision, VerifyRequest, VerifyResponse, verification_service_client::VerificationServiceClient,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tonic::transport::Channel;

use super::fleet::{Fleet, Shown};
use super::lines;
use super::pace::Pace;
use crate::{call::bearing, clock, context::Context, error::Failure, exit::Exit};

/// What is asked of the cluster.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub(super) concurrency: u32,
    /// To each server.
    pub(super) connections: u32,
    pub(super) threads: u32,
    pub(super) time: Duration,
    /// Per second; `None`: as fast as answers come.
    pub(super) rate: Option<u32>,
    pub(super) wrong: bool,
}

/// What came of it.
pub(super) struct Level {
    pub(super) plan: Plan,
    pub(super) took: Duration,
    /// Of answers as expected, shortest first.
    pub(super) times: Vec<Duration>,
    pub(super) seen: Seen,
    /// Requests that were due and had not been sent when the time was over.
    pub(super) not_sent: u64,
}

/// What some of those who ask have seen.
#[derive(Default)]
pub(super) struct Seen {
    times: Vec<Duration>,
    /// Codes that were allowed: whose, and the time step. The last ones.
    pub(super) used: Vec<(usize, u64)>,
    /// Answers that were ALLOW.
    pub(super) allowed: u64,
    /// The highest log index of an answer.
    pub(super) log_index: u64,
    /// Answers that were not expected.
    pub(super) unexpected: u64,
    /// Answers that were not expected, and right: the code was that of another time step too.
    pub(super) twins: u64,
    /// Calls that failed.
    pub(super) failed: u64,
    /// What the first of them said.
    pub(super) first_failure: Option<String>,
    /// Whether it ended early, because every code of now had been shown.
    pub(super) ran_out: bool,
}

/// What all threads share.
struct Shared {
    fleet: Arc<Fleet>,
    plan: Plan,
    /// Codes that each of those who ask remembers.
    remembered: usize,
    pace: Option<Pace>,
    ended: AtomicBool,
}

/// Ends the threads also when whoever waits for them is gone.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
        if let Some(pace) = &self.0.pace {
            pace.end();
        }
    }
}

/// Runs a level, and remembers so many of the codes that were allowed last.
pub(super) async fn run(
    context: &Context,
    fleet: &Arc<Fleet>,
    plan: Plan,
    remembered: usize,
) -> Result<Level, Failure> {
    let threads = plan.threads.min(plan.connections).min(plan.concurrency).max(1);
    let share = |all: u32, number: u32| all / threads + u32::from(number < all % threads);
    let shared = Arc::new(Shared {
        fleet: Arc::clone(fleet),
        plan,
        remembered: remembered.div_ceil(plan.concurrency.max(1) as usize),
        pace: plan.rate.map(Pace::new),
        ended: AtomicBool::new(false),
    });
    let end = End(Arc::clone(&shared));
    let (start, started) = watch::channel(None);
    let (ready, mut all_ready) = mpsc::channel(threads as usize);
    let mut told = Vec::new();
    for number in 0..threads {
        let (context, shared) = (context.clone(), Arc::clone(&shared));
        let (ready, started) = (ready.clone(), started.clone());
        let (connections, askers) =
            (share(plan.connections, number), share(plan.concurrency, number));
        let (tell, result) = oneshot::channel();
        let work = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let result = match runtime {
                Ok(runtime) => runtime.block_on(async {
                    let channels = lines::channels(&context, connections).await?;
                    let _ = ready.send(()).await;
                    drop(ready);
                    Ok(ask_all(&shared, &channels, askers, started).await)
                }),
                Err(error) => Err(no_thread(&error)),
            };
            // Nobody listens any more if it was ended.
            let _ = tell.send(result);
        };
        std::thread::Builder::new().spawn(work).map_err(|error| no_thread(&error))?;
        told.push(result);
    }
    drop(ready);
    let mut count = 0;
    while all_ready.recv().await.is_some() {
        count += 1;
    }
    let begin = Instant::now();
    if count == threads {
        if let Some(pace) = &shared.pace {
            pace.begin(begin, plan.time)?;
        }
        start.send_replace(Some(begin));
    } else {
        // One has failed, and tells below.
        drop(start);
    }
    let mut all = Vec::new();
    for result in told {
        let lost = || Failure::new(Exit::Software, "A thread ended.", "Report this as a defect.");
        all.push(result.await.map_err(|_| lost())??);
    }
    let took = begin.elapsed();
    let not_sent = shared.pace.as_ref().map_or(0, Pace::not_sent);
    drop(end);
    let mut seen = together(all);
    let mut times = std::mem::take(&mut seen.times);
    times.sort_unstable();
    Ok(Level { plan, took, times, seen, not_sent })
}

fn no_thread(error: &std::io::Error) -> Failure {
    let what = format!("The system gives no thread: {error}.");
    Failure::new(Exit::Software, what, "Ask with fewer --threads.")
}

fn together(all: impl IntoIterator<Item = Seen>) -> Seen {
    let mut sum = Seen::default();
    for seen in all {
        sum.times.extend(seen.times);
        sum.used.extend(seen.used);
        sum.allowed += seen.allowed;
        sum.log_index = sum.log_index.max(seen.log_index);
        sum.unexpected += seen.unexpected;
        sum.twins += seen.twins;
        sum.failed += seen.failed;
        sum.first_failure = sum.first_failure.or(seen.first_failure);
        sum.ran_out |= seen.ran_out;
    }
    sum
}

/// Those of one thread who ask, each over all of its connections in turn.
async fn ask_all(
    shared: &Shared,
    channels: &[Channel],
    askers: u32,
    mut started: watch::Receiver<Option<Instant>>,
) -> Seen {
    let Ok(begin) = started.wait_for(Option::is_some).await.map(|begin| *begin) else {
        return Seen::default();
    };
    let Some(begin) = begin else { return Seen::default() };
    let askers = (0..askers as usize).map(|number| ask(shared, channels, number, begin));
    together(join_all(askers).await)
}

async fn ask(shared: &Shared, channels: &[Channel], number: usize, begin: Instant) -> Seen {
    let Shared { fleet, plan, remembered, pace, ended } = shared;
    let mut clients: Vec<_> =
        channels.iter().map(|channel| VerificationServiceClient::new(channel.clone())).collect();
    let (mut seen, mut turn) = (Seen::default(), number);
    while !ended.load(Ordering::Relaxed) {
        // Measured from when it was to be sent: whoever waits for a slow answer has sent too late.
        let due = match pace {
            None => Instant::now(),
            Some(pace) => match pace.next().await {
                Some(due) => due,
                None => break,
            },
        };
        if due.duration_since(begin) >= plan.time {
            break;
        }
        let now = clock::seconds();
        let Some(shown) = (if plan.wrong { fleet.wrong(now) } else { fleet.right(now) }) else {
            seen.ran_out = true;
            break;
        };
        turn += 1;
        let count = clients.len().max(1);
        let Some(client) = clients.get_mut(turn % count) else { break };
        let question = VerifyRequest {
            username: shown.person.username.to_string(),
            code: shown.code.clone(),
            ..VerifyRequest::default()
        };
        match client.verify(bearing(question, Some(&fleet.key))).await {
            Ok(answer) => {
                let took = due.elapsed();
                seen.take(plan.wrong, &shown, answer.get_ref(), took, *remembered);
            }
            Err(status) => {
                seen.failed += 1;
                seen.first_failure.get_or_insert_with(|| status.to_string());
            }
        }
    }
    seen
}

impl Seen {
    fn take(
        &mut self,
        wrong: bool,
        shown: &Shown<'_>,
        answer: &VerifyResponse,
        took: Duration,
        remembered: usize,
    ) {
        self.log_index = self.log_index.max(answer.log_index);
        let is_allowed = answer.decision() == Decision::Allow;
        let mut step = shown.step;
        if is_allowed != wrong {
            self.times.push(took);
        } else if let Some(other) = shown.person.twin(step, &shown.code) {
            self.twins += 1;
            step = if wrong { other } else { step };
        } else {
            self.unexpected += 1;
        }
        if is_allowed {
            self.allowed += 1;
            shown.person.was_allowed(step);
            if self.used.len() < remembered {
                self.used.push((shown.number, step));
            } else if let Some(place) = self.used.get_mut(self.allowed as usize % remembered.max(1))
            {
                *place = (shown.number, step);
            }
        }
    }
}
