//! Gathers what the checkers want to know, from the nodes themselves, and has them look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use prost::Message as _;
use symbolon_check::{Event, Evidence, Nanos, Problem, Row, SECOND, Shown, Spent, Verified};
use symbolon_core::RequestId;
use symbolon_testkit::v1::audit_event::Details;
use symbolon_testkit::v1::audit_service_client::AuditServiceClient;
use symbolon_testkit::v1::quarantine_service_client::QuarantineServiceClient;
use symbolon_testkit::v1::{
    AuditEvent, AuditOrder, Decision, MergedKind, QueryAuditRequest, ShowQuarantineRequest,
};
use symbolon_testkit::{Client, Node, Status};
use tokio::time::sleep;

use crate::heal;
use crate::run::{World, lock};

const EVENTS_MAX: u32 = 100_000;
/// For nodes to have applied the same, and to have all of the audit.
const LEVEL_WITHIN: Nanos = 60 * SECOND;
/// The default of the setting.
const HARD_LIMIT: u32 = 100;
/// After a seize codes are refused up to a floor: as far ahead as a clock was, 30 s, and the window.
const FLOOR: Nanos = 240 * SECOND;
/// Of a report as wide as the log.
const SHOWN_MAX: usize = 20;

/// What clients were told is checked against the audits of all nodes.
pub(crate) async fn check(world: &World) {
    match gathered(world).await {
        Ok(evidence) => {
            let problems = symbolon_check::all(&evidence);
            for Problem { checker, what } in problems.iter().take(SHOWN_MAX) {
                world.problem(checker, what.clone());
            }
            let events = evidence.audits.iter().map(Vec::len).max().unwrap_or(0);
            let doubles = |event: &&Event| matches!(event.row, Row::Twice { .. });
            let twice = evidence.audits.iter().map(|it| it.iter().filter(doubles).count()).max();
            let what = format!(
                "{} verifications, {} events, {} codes accepted twice and told",
                evidence.told.verified.len(),
                events,
                twice.unwrap_or(0)
            );
            world.history.tell("checked", &what);
        }
        Err(Problem { checker, what }) => world.problem(checker, what),
    }
    panics(world);
}

/// Threads of a node that panicked, for no reason that it was given.
fn panics(world: &World) {
    for (node, machine) in world.cluster.nodes().iter().zip(&world.machines) {
        let (count, last) = panics_of(node);
        let excused = machine.excused.load(Ordering::SeqCst);
        if count > excused {
            let what = format!("{}: {count}, {excused} of them excused: {last}", node.name());
            world.problem("panics", what);
        }
    }
}

/// How many panics a node has told, and the last of them.
pub(crate) fn panics_of(node: &Node) -> (u64, String) {
    let text = node.log_text();
    let told = text.lines().filter(|line| line.contains("a thread has panicked"));
    let told: Vec<_> = told.collect();
    (told.len() as u64, told.last().copied().unwrap_or_default().to_owned())
}

async fn gathered(world: &World) -> Result<Evidence, Problem> {
    level(world).await?;
    merged(world).await?;
    let told = world.history.all();
    let shown: BTreeMap<RequestId, Shown> =
        told.verified.iter().map(|verify| (verify.request, verify.shown)).collect();
    let (mut audits, mut quarantined) = (Vec::new(), BTreeSet::new());
    for id in 0..world.machines.len() {
        let client = world.administrator(id).with_timeout(Duration::from_secs(60));
        let events = audit(&client).await.map_err(|status| {
            Problem::new("heals", format!("node-{} tells no audit: {status:?}", id + 1))
        })?;
        audits.push(events.iter().map(|event| seen(event, &shown)).collect());
        let writes = quarantined_at(&client).await.map_err(|status| {
            Problem::new("heals", format!("node-{} shows no quarantine: {status:?}", id + 1))
        })?;
        quarantined.extend(writes);
    }
    let lineage = heal::lineage(world).await;
    let lineage = lineage.ok_or_else(|| Problem::new("heals", "the lineages differ again"))?;
    Ok(Evidence {
        told,
        audits,
        lineage,
        quarantined,
        put_back: lock(&world.put_back).clone(),
        emptied: lock(&world.emptied).clone(),
        alone: Vec::new(),
        // Applications are not told whether a guess was evaluated.
        guessed: None,
        hard_limit: HARD_LIMIT,
        floor: FLOOR,
    })
}

/// Waits until all have applied the same entries, which gave equal states, and have all of the audit.
async fn level(world: &World) -> Result<(), Problem> {
    let end = world.history.now() + LEVEL_WITHIN;
    loop {
        let mut states = BTreeSet::new();
        if let Some(all) = world.one_lineage().await {
            states.extend(all.into_iter().map(|it| (it.applied_index, it.digest)));
        }
        let indexes: BTreeSet<_> = states.iter().map(|(index, _)| *index).collect();
        if indexes.len() != states.len() {
            let what = format!("equal logs gave different states: {states:?}");
            return Err(Problem::new("P11 deterministic", what));
        }
        if states.len() == 1 && is_whole(world).await {
            return Ok(());
        }
        if world.history.now() > end {
            let what = format!("the nodes do not become level: {states:?}");
            return Err(Problem::new("heals", what));
        }
        sleep(Duration::from_millis(200)).await;
    }
}

async fn is_whole(world: &World) -> bool {
    for id in 0..world.machines.len() {
        let request = QueryAuditRequest { limit: 1, ..QueryAuditRequest::default() };
        let Ok((extent, _)) = query(&world.administrator(id), request).await else { return false };
        if extent {
            return false;
        }
    }
    true
}

/// Waits until what nodes had decided that came back empty counts.
async fn merged(world: &World) -> Result<(), Problem> {
    let end = world.history.now() + LEVEL_WITHIN;
    loop {
        let mut left = 0;
        for id in 0..world.machines.len() {
            let all = world.administrator(id).quarantines().await.unwrap_or_default();
            left += all.iter().map(|it| it.verifications - it.merged).sum::<u64>();
        }
        if left == 0 {
            return Ok(());
        }
        if world.history.now() > end {
            let what = format!("{left} verifications of nodes that came back are not merged");
            return Err(Problem::new("heals", what));
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// Whether a part is missing, and the events.
async fn query(
    client: &Client,
    request: QueryAuditRequest,
) -> Result<(bool, Vec<AuditEvent>), Status> {
    let mut service = AuditServiceClient::new(client.channel());
    let mut answers = service.query(client.request(request)).await?.into_inner();
    let (mut missing, mut events, mut is_whole) = (false, Vec::new(), false);
    while let Some(answer) = answers.message().await? {
        missing |= answer.extent.is_some_and(|extent| extent.missing.is_some());
        events.extend(answer.events);
        is_whole |= answer.end.is_some();
    }
    if is_whole { Ok((missing, events)) } else { Err(Status::aborted("the answer was cut off")) }
}

/// All of a node's audit, oldest first.
async fn audit(client: &Client) -> Result<Vec<AuditEvent>, Status> {
    let mut all: Vec<AuditEvent> = Vec::new();
    loop {
        let after = all.last().map(|event| symbolon_testkit::v1::AuditCursor {
            log_index: event.log_index,
            ordinal: event.ordinal,
        });
        let mut request =
            QueryAuditRequest { limit: EVENTS_MAX, after, ..QueryAuditRequest::default() };
        request.set_order(AuditOrder::OldestFirst);
        let (_, events) = query(client, request).await?;
        let is_last = events.len() < EVENTS_MAX as usize;
        all.extend(events);
        if is_last {
            return Ok(all);
        }
    }
}

/// The requests whose writes lie in quarantine at a node.
async fn quarantined_at(client: &Client) -> Result<Vec<RequestId>, Status> {
    let mut requests = Vec::new();
    for quarantine in client.quarantines().await? {
        let message = ShowQuarantineRequest { name: quarantine.name };
        let mut service = QuarantineServiceClient::new(client.channel());
        let mut answers = service.show_quarantine(client.request(message)).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            let events = answer.write.into_iter().flat_map(|write| write.event);
            requests.extend(events.map(|event| request_of(&event.request_id)));
        }
    }
    Ok(requests)
}

fn request_of(bytes: &[u8]) -> RequestId {
    RequestId(bytes.try_into().unwrap_or_default())
}

/// An event as the checkers see it. The audit does not tell steps; those who showed the codes know them.
fn seen(event: &AuditEvent, shown: &BTreeMap<RequestId, Shown>) -> Event {
    let request = request_of(&event.request_id);
    let step = |request: RequestId| shown.get(&request).and_then(|shown| shown.step);
    let row = match &event.details {
        Some(Details::Verified(verified)) => Row::Verified(Verified {
            user: verified.user.as_ref().map(|user| user.username.clone()).unwrap_or_default(),
            allowed: verified.decision() == Decision::Allow,
            failures: verified.failures,
            spent: verified
                .tokens
                .iter()
                .filter_map(|it| Some(Spent { token: it.id.clone(), step: step(request)? }))
                .collect(),
        }),
        Some(Details::Merged(merged)) => Row::Merged {
            request: merged
                .origin
                .as_ref()
                .map(|it| request_of(&it.request_id))
                .unwrap_or_default(),
            accepted: merged.kind() == MergedKind::Accepted,
        },
        Some(Details::AcceptedTwice(twice)) => {
            let pair = [&twice.apart, &twice.here].map(|origin| {
                origin.as_ref().map(|it| request_of(&it.request_id)).unwrap_or_default()
            });
            let token = twice.token.as_ref().map(|it| it.id.clone()).unwrap_or_default();
            let step = pair.iter().find_map(|it| step(*it)).unwrap_or(0);
            Row::Twice { spent: Spent { token, step }, pair }
        }
        _ => Row::Other,
    };
    let time = event.time.unwrap_or_default();
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    Event {
        index: event.log_index,
        ordinal: event.ordinal,
        at: seconds * 1000 + u64::try_from(time.nanos / 1_000_000).unwrap_or(0),
        request,
        row,
        whole: data_encoding::HEXLOWER.encode(&event.encode_to_vec()),
    }
}
