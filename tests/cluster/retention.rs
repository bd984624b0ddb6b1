//! However much is verified, disk and memory stay as they are once the audit is as long as it is kept.

use std::time::Duration;

use crate::soak::{self, Plan, Sample};
use crate::support::binary;

const PLAN: Plan = Plan {
    people: 2_000,
    verifications: 20_000,
    at_least: Duration::from_secs(185),
    concurrent: 32,
    audit_rows: 1_000,
    snapshot_entries: 1_000,
    interval: Duration::from_secs(1),
};
/// Until rows are old enough to go (85 s), files of the store are used again, and all caches are full.
const SETTLED: Duration = Duration::from_secs(115);
/// Rows that are older than that are gone: 85 s, and a moment to let go of them.
const KEPT: Duration = Duration::from_secs(100);
/// Events of other kinds than verifications, of which there are few once all people are there.
const OTHERS: u64 = 1_000;
const MIB: u64 = 1 << 20;

/// The most of something that a node took, before and after the middle of the time since all settled.
fn halves(samples: &[Sample], node: usize, pick: fn(&Sample, usize) -> u64) -> (u64, u64) {
    let settled: Vec<_> = samples.iter().filter(|sample| sample.elapsed >= SETTLED).collect();
    let (before, after) = settled.split_at(settled.len() / 2);
    let most = |half: &[&Sample]| half.iter().map(|sample| pick(sample, node)).max().unwrap();
    (most(before), most(after))
}

/// That a node has the audit of the last while and no more, however fast it went meanwhile.
fn keeps_the_latest(samples: &[Sample], node: usize) {
    for now in samples.iter().filter(|sample| sample.elapsed >= SETTLED) {
        let is_old = |sample: &&Sample| sample.elapsed + KEPT <= now.elapsed;
        let old = samples.iter().rfind(is_old).map_or(0, |sample| sample.verifications);
        let (audit, latest) = (now.audit[node], now.verifications - old);
        let most = latest + PLAN.audit_rows + OTHERS;
        assert!(audit <= most, "node {}: {audit} events, {latest} are young", node + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_and_memory_stay_flat_over_many_verifications() {
    let samples = soak::run(binary(), PLAN, |_| {}).await;
    let last = samples.last().unwrap();
    println!("{} verifications in {:.0?}", last.verifications, last.elapsed);
    assert_eq!(last.repeated, 0, "calls were not answered");
    for node in 0..3 {
        let disk = halves(&samples, node, |sample, node| sample.nodes[node].disk_bytes);
        let memory = halves(&samples, node, |sample, node| sample.nodes[node].resident_bytes);
        let audit = halves(&samples, node, |sample, node| sample.audit[node]);
        println!(
            "node {}: disk {} then {} MiB, memory {} then {} MiB, audit {} then {} events",
            node + 1,
            disk.0 / MIB,
            disk.1 / MIB,
            memory.0 / MIB,
            memory.1 / MIB,
            audit.0,
            audit.1
        );
        keeps_the_latest(&samples, node);
        for (what, (before, after)) in [("disk", disk), ("memory", memory)] {
            let grown = after as f64 / before as f64;
            assert!(grown < 1.2, "{what} of node {} grew from {before} to {after}", node + 1);
        }
    }
}
