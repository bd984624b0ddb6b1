//! What is said of a run.

use std::time::Duration;

use std::sync::atomic::Ordering;
use symbolon_check::Outcome;

use crate::run::{World, lock};

/// Prints it. Whether all is good.
pub(crate) async fn tell(world: &World, took: Duration) -> bool {
    let problems = world.problems();
    let mut counts = world.counts();
    let mut take = |name| counts.remove(name).unwrap_or(0);
    let (islands, masters, epochs) = (take("islands"), take("masters"), take("epochs begun"));
    let (rounds, replaced) = (take("rounds"), take("machines replaced"));
    let told = world.history.all();
    let (mut allowed, mut denied, mut refused, mut unanswered, mut by_islands) = (0, 0, 0, 0, 0);
    for verify in &told.verified {
        match &verify.outcome {
            Outcome::Told(told) if told.is_allow() => allowed += 1,
            Outcome::Told(_) => denied += 1,
            Outcome::Refused(_) => refused += 1,
            Outcome::Unknown => unanswered += 1,
        }
        by_islands += u64::from(verify.outcome.told().is_some_and(|told| told.island));
    }
    let done = told.calls.iter().filter(|call| call.outcome.told().is_some()).count();
    println!("\nfaults, and what came of them");
    for (name, count) in &counts {
        println!("  {name:<28}{count:>8}");
    }
    let (carried, lost) = world.switch.counts();
    println!("  {:<28}{carried:>8} carried, {lost} lost", "frames");
    println!("verifications");
    for (name, count) in [
        ("tried", told.verified.len() as u64),
        ("allowed", allowed),
        ("denied", denied),
        ("refused", refused),
        ("unanswered", unanswered),
        ("decided by islands", by_islands),
    ] {
        println!("  {name:<28}{count:>8}");
    }
    let refusals = lock(&world.clients.tally.refusals).clone();
    println!("  refusals and writes refused, by code: {refusals:?}");
    println!("  writes and reads: {} tried, {done} done", told.calls.len());
    let tally = &world.clients.tally;
    let longest = Duration::from_millis(tally.longest_wait.load(Ordering::Relaxed));
    let in_vain = tally.in_vain.load(Ordering::Relaxed);
    println!("  longest wait for a decision: {:.1} s; in vain: {in_vain}", longest.as_secs_f64());
    println!(
        "cluster: {} nodes, {rounds} rounds, {islands} islands, {masters} masters, {epochs} seizes, \
         {replaced} machines replaced",
        world.machines.len()
    );
    for problem in &problems {
        println!("FAILED {}: {}", problem.checker, problem.what);
    }
    let seed = world.args.seed;
    let minutes = world.args.minutes;
    let seconds = took.as_secs();
    if problems.is_empty() {
        println!("seed {seed} ok in {seconds} s: nothing lost");
        return true;
    }
    println!("seed {seed} RED in {seconds} s");
    println!("again: cargo xtask torture --minutes {minutes} --seed {seed}");
    let place = world.cluster.directory().parent().unwrap_or_else(|| world.cluster.directory());
    println!("history, logs and data: {}", place.display());
    false
}
