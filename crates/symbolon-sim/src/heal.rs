//! The second phase: the faults are over, and within bounded time all must be well again.

use std::collections::BTreeSet;
use std::time::Duration;

use symbolon_check::{Event, Evidence, Problem, Row, Shown, Spent, Verified};
use symbolon_core::{AuditEvent, AuditRow, Match, MergeKind, RequestId};
use symbolon_service::audit::{AuditFilter, AuditQuestion};
use tokio::time::Instant;

use crate::faults::Faults;
use crate::net::HostId;
use crate::operator;
use crate::scenario::Run;
use crate::time::{MILLISECOND, Nanos, SECOND};
use crate::watch::Watch;
use crate::world::World;

/// All is well again within that.
const HEALS_WITHIN: Nanos = 180 * SECOND;

fn is_healed(world: &World) -> bool {
    operator::is_one(world)
        && (0..world.hosts.len()).all(|id| {
            world.running(id).is_some_and(|running| {
                let state = running.service.ledger().view().state;
                let others = state.cluster().map_or(&[][..], |cluster| &cluster.others);
                let node = &running.node;
                node.is_ready()
                    && node.has_quorum_contact()
                    && !node.decides_alone()
                    && others.iter().all(|other| other.is_discarded())
            })
        })
}

/// What stands in the way, for people.
fn ills(world: &World) -> String {
    let ill = |id: HostId| {
        let host = &world.hosts[id];
        let Some(running) = world.running(id) else {
            return format!("host-{id} does not serve: {:?}", host.refused);
        };
        let status = running.service.ledger().status();
        format!(
            "host-{id} epoch {} term {} applied {} master {:?} ready {} quorum {} alone {} warnings {:?}",
            status.epoch,
            status.term,
            status.applied,
            status.master,
            running.node.is_ready(),
            running.node.has_quorum_contact(),
            running.node.decides_alone(),
            status.warnings
        )
    };
    (0..world.hosts.len()).map(ill).collect::<Vec<_>>().join("; ")
}

/// Lets the cluster heal. What is wrong with it afterwards.
pub(crate) fn heal(run: &mut Run, faults: &mut Faults, watch: &mut Watch) -> Vec<Problem> {
    let world = &mut run.world;
    faults.end_all(world);
    let end = world.now + HEALS_WITHIN;
    let mut next_word = world.now + 20 * SECOND;
    let mut well_since = None;
    while world.now < end {
        world.run_until(world.now + 100 * MILLISECOND);
        watch.step(world);
        faults.replacing.step(world, &faults.operator);
        if world.now > next_word {
            faults.operator.discard(world);
            // What is told there is to remove its data directory. A machine that was put back more than once
            // may have a number that nobody knows any more.
            let times = |id| faults.put_back.iter().filter(|back| back.host == id).count();
            let is_late = world.now + HEALS_WITHIN / 2 > end;
            let copy = |id: &HostId| {
                // Whoever was away while all others were replaced knows nobody's key.
                let is_stranger = is_late && !faults.replacing.emptied.is_empty();
                let has_quorum = world.running(*id).is_some_and(|it| it.node.has_quorum_contact());
                is_stranger && !has_quorum
                    || world.hosts[*id].refused.as_ref().is_some_and(|why| {
                        why.contains("is a copy of it")
                            || (times(*id) > 1 && why.contains("has gone back in time"))
                    })
            };
            if let Some(id) = (0..world.hosts.len()).find(copy) {
                faults.replacing.begin(world, &faults.operator, id);
            }
            next_word = world.now + 20 * SECOND;
        }
        match (is_healed(world) && faults.replacing.is_idle(), well_since) {
            (true, None) => well_since = Some(world.now),
            (true, Some(since)) if world.now - since > 10 * SECOND => break,
            (true, Some(_)) => {}
            (false, _) => well_since = None,
        }
    }
    if well_since.is_none() {
        return vec![Problem::new("heals", ills(world))];
    }
    world.trace.say("world", "healed");
    Vec::new()
}

/// Each node decides through the log.
pub(crate) fn probe(run: &mut Run) -> Vec<Problem> {
    let mut problems = Vec::new();
    for host in 0..run.world.hosts.len() {
        let clients = run.clients.clone();
        let request = RequestId(run.rng.bytes());
        let before = clients.history.all().verified.len();
        run.world.spawn(async move {
            let shown = Shown { token: 0, step: None };
            clients.verify(host, shown, "000000".to_owned(), request).await;
        });
        let clients = run.clients.clone();
        run.world.wait(15 * SECOND, |_| clients.history.all().verified.len() > before);
        let all = run.clients.history.all();
        let told = all.verified.iter().find(|it| it.request == request);
        let by_log = told.and_then(|it| it.outcome.told()).filter(|told| !told.island);
        if by_log.is_none() {
            let what = format!("host-{host} decides nothing through the log: {told:?}");
            problems.push(Problem::new("heals", what));
        }
    }
    problems
}

/// Gathers what the checkers want to know.
pub(crate) fn evidence(run: &mut Run, faults: &Faults, watch: &Watch) -> Result<Evidence, Problem> {
    let world = &mut run.world;
    let level = |world: &World| {
        let states: Vec<_> = (0..world.hosts.len())
            .filter_map(|id| world.running(id))
            .map(|it| (it.service.ledger().view().applied, it.service.ledger().status().digest))
            .collect();
        let first = states.first().copied();
        states.len() == world.hosts.len() && states.iter().all(|state| Some(*state) == first)
    };
    if !world.wait(60 * SECOND, level) {
        return Err(Problem::new("P11 deterministic", format!("not level: {}", ills(world))));
    }
    let whole = |world: &World| {
        (0..world.hosts.len())
            .filter_map(|id| world.running(id))
            .all(|running| running.service.ledger().audit_extent().missing.is_none())
    };
    if !world.wait(60 * SECOND, whole) {
        return Err(Problem::new("heals", "a node does not get the audit that it lacks"));
    }
    merged(world)?;
    let mut audits = Vec::new();
    let mut quarantined = BTreeSet::new();
    for id in 0..world.hosts.len() {
        audits.push(audit(world, id).ok_or_else(|| Problem::new("heals", "no audit"))?);
        let all = world.ask(id, |it| async move { it.service.ledger().quarantines().await });
        let all = all.and_then(Result::ok).unwrap_or_default();
        quarantined.extend(all.iter().flat_map(|it| &it.writes).map(|it| it.proposal.request_id));
    }
    let lineage = operator::lineages(world).into_values().next().unwrap_or_default();
    let told = run.clients.history.all();
    Ok(Evidence {
        told,
        audits,
        lineage,
        quarantined,
        put_back: faults.put_back.clone(),
        emptied: faults.replacing.emptied.clone(),
        alone: watch.spans.clone(),
        guessed: run.clients.guessed,
        hard_limit: run.clients.hard_limit,
        // Clocks may have been set hours ahead.
        floor: Nanos::MAX,
    })
}

/// Waits until what nodes had decided that came back empty counts.
fn merged(world: &mut World) -> Result<(), Problem> {
    let end = world.now + 60 * SECOND;
    loop {
        let mut left = 0;
        for id in 0..world.hosts.len() {
            let all = world.ask(id, |it| async move { it.service.ledger().quarantines().await });
            let Some(state) = world.running(id).map(|it| it.service.ledger().view().state) else {
                continue;
            };
            let all = all.and_then(Result::ok).unwrap_or_default();
            left += all.iter().map(|it| it.verifications() - it.merged(&state)).sum::<u64>();
        }
        if left == 0 {
            return Ok(());
        }
        if world.now > end {
            let what = format!("{left} verifications of nodes that came back are not merged");
            return Err(Problem::new("heals", what));
        }
        world.run_until(world.now + SECOND);
    }
}

fn audit(world: &mut World, id: HostId) -> Option<Vec<Event>> {
    let read = world.ask(id, |running| async move {
        let ledger = running.service.ledger();
        let mut question = AuditQuestion {
            filter: AuditFilter::default(),
            newest_first: false,
            after: None,
            last: ledger.view().applied,
            events_max: 500,
        };
        let mut events = Vec::new();
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            let part = ledger.read_audit(question.clone()).await.ok()?;
            events.extend(part.events.iter().map(seen));
            question.after = part.reached;
            if question.after.is_none() {
                return Some(events);
            }
        }
        None
    });
    read.flatten()
}

/// An event as the checkers see it.
fn seen(event: &AuditEvent) -> Event {
    let spent = |it: &Match| Spent { token: it.token.to_string(), step: it.step };
    let row = match &event.row {
        AuditRow::Verified(verified) => Row::Verified(Verified {
            user: verified.user_name.as_str().to_owned(),
            allowed: verified.verdict.is_allow(),
            failures: verified.verdict.failures,
            spent: verified.spent.iter().map(spent).collect(),
        }),
        AuditRow::Merged(merged) => Row::Merged {
            request: merged.origin.request_id,
            accepted: merged.kind == MergeKind::Accepted,
        },
        AuditRow::AcceptedTwice(twice) => Row::Twice {
            spent: Spent { token: twice.token.to_string(), step: twice.step },
            pair: [twice.apart.request_id, twice.here.request_id],
        },
        _ => Row::Other,
    };
    Event {
        index: event.index.0,
        ordinal: event.ordinal,
        at: event.at.0,
        request: event.request_id,
        row,
        whole: format!("{event:?}"),
    }
}
