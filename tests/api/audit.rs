//! The audit, read at every node.

use std::time::Duration;

use symbolon_proto::v1;
use symbolon_proto::v1::audit_event::Details;
use symbolon_proto::v1::audit_service_client::AuditServiceClient;
use symbolon_proto::v1::user_service_client::UserServiceClient;
use symbolon_testkit::{Client, Cluster, Code};
use tokio::time::timeout;
use tonic::{Status, Streaming};

use crate::support::{PATIENCE, cluster};

const IP: &str = "192.0.2.7";

pub(crate) fn filter(change: impl FnOnce(&mut v1::AuditFilter)) -> Option<v1::AuditFilter> {
    let mut filter = v1::AuditFilter::default();
    change(&mut filter);
    Some(filter)
}

pub(crate) fn oldest_first(filter: Option<v1::AuditFilter>) -> v1::QueryAuditRequest {
    let order = v1::AuditOrder::OldestFirst.into();
    v1::QueryAuditRequest { filter, order, ..v1::QueryAuditRequest::default() }
}

struct Answer {
    extent: v1::AuditExtent,
    events: Vec<v1::AuditEvent>,
    next: Option<v1::AuditCursor>,
}

async fn query(client: &Client, question: v1::QueryAuditRequest) -> Result<Answer, Status> {
    let request = client.request(question);
    let mut answers = AuditServiceClient::new(client.channel()).query(request).await?.into_inner();
    let first = answers.message().await?.unwrap();
    let mut answer = Answer { extent: first.extent.unwrap(), events: first.events, next: None };
    loop {
        // It never ends without having said so.
        let part = answers.message().await?.unwrap();
        answer.events.extend(part.events);
        if let Some(end) = part.end {
            assert!(answers.message().await?.is_none(), "nothing comes after the end");
            answer.next = end.next;
            return Ok(answer);
        }
    }
}

pub(crate) async fn events(
    client: &Client,
    question: v1::QueryAuditRequest,
) -> Vec<v1::AuditEvent> {
    query(client, question).await.unwrap().events
}

fn types(events: &[v1::AuditEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.r#type().as_str_name()).collect()
}

fn user_of(event: &v1::AuditEvent) -> Option<&v1::AuditedUser> {
    match event.details.as_ref().unwrap() {
        Details::Verified(it) => it.user.as_ref(),
        Details::UserCreated(it) => it.user.as_ref(),
        Details::UserUpdated(it) => it.user.as_ref(),
        Details::UserBlocked(it) => it.user.as_ref(),
        Details::UserUnblocked(it) => it.user.as_ref(),
        Details::UserDeleted(it) => it.user.as_ref(),
        Details::TokenEnrolled(it) => it.user.as_ref(),
        Details::TokenRemoved(it) => it.user.as_ref(),
        _ => None,
    }
}

fn verified(event: &v1::AuditEvent) -> Option<&v1::VerifiedDetails> {
    match event.details.as_ref().unwrap() {
        Details::Verified(it) => Some(it),
        _ => None,
    }
}

/// Known actions at all nodes, until all nodes have them.
async fn act(cluster: &Cluster) {
    let portal = cluster.anonymous(2).with_bearer(&cluster.application("portal").await);
    let vpn = cluster.anonymous(3).with_bearer(&cluster.application("vpn").await);
    let admins = cluster.clients(cluster.admin_token());
    let alice = admins[0].create_person("alice").await.unwrap();
    admins[1].create_user("bob").await.unwrap();
    let asked = |username: &str, code: String| v1::VerifyRequest {
        username: username.to_owned(),
        code,
        client_ip: IP.to_owned(),
        request_id: vec![9; 16],
        ..v1::VerifyRequest::default()
    };
    portal.verify(asked("alice", alice.otp.code())).await.unwrap();
    vpn.verify(asked("alice", alice.otp.wrong_code())).await.unwrap();
    let stranger = asked("Nobody", "000000".to_owned());
    vpn.verify(v1::VerifyRequest { request_id: Vec::new(), ..stranger }).await.unwrap();
    let named = |username: &str| username.to_owned();
    let reason = "her phone was stolen".to_owned();
    let mut users = UserServiceClient::new(admins[2].channel());
    let block = v1::BlockUserRequest { username: named("alice"), reason, seconds: 0 };
    users.block_user(admins[2].request(block)).await.unwrap();
    let reason = "found again".to_owned();
    let unblock = v1::UnblockUserRequest { username: named("alice"), reason };
    users.unblock_user(admins[2].request(unblock)).await.unwrap();
    let user = v1::User { username: named("alice"), enabled: false, ..v1::User::default() };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] });
    let update = v1::UpdateUserRequest { user: Some(user), update_mask };
    users.update_user(admins[2].request(update)).await.unwrap();
    admins[0].enroll("bob").await.unwrap();
    admins[0].remove_token("bob", "").await.unwrap();
    let delete = v1::DeleteUserRequest { username: named("bob"), etag: String::new() };
    users.delete_user(admins[2].request(delete)).await.unwrap();
    // Another person of the same name.
    admins[1].create_user("bob").await.unwrap();
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn every_node_tells_what_was_done_and_finds_it_by_every_filter() {
    let cluster = cluster().await;
    act(&cluster).await;
    let all = events(&cluster.admin(1), oldest_first(None)).await;
    the_events_are_told_whole(&all);
    for client in cluster.clients(cluster.admin_token()) {
        let answer = query(&client, oldest_first(None)).await.unwrap();
        assert!(answer.events == all, "{}", answer.extent.node);
        assert!((answer.extent.from_index, &answer.extent.missing) == (0, &None));
        assert!(answer.extent.to_index >= all.last().unwrap().log_index);
        let newest = events(&client, v1::QueryAuditRequest::default()).await;
        assert!(newest.iter().rev().eq(&all), "the newest first, unless asked otherwise");
        filters(&client, &all).await;
    }
    pages(&cluster, &all).await;

    // After a start the same is found.
    cluster.terminate_all().await;
    cluster.start_all().await;
    cluster.wait_for_master().await;
    for client in cluster.clients(cluster.admin_token()) {
        let again = events(&client, oldest_first(None)).await;
        assert!(again.starts_with(&all));
        let of_bob = |filter: &mut v1::AuditFilter| filter.username = "bob".to_owned();
        assert_eq!(events(&client, oldest_first(filter(of_bob))).await.len(), 5);
    }
}

fn the_events_are_told_whole(all: &[v1::AuditEvent]) {
    let of_alice: Vec<_> = all
        .iter()
        .filter(|event| user_of(event).is_some_and(|user| user.username == "alice"))
        .cloned()
        .collect();
    let expected = [
        "USER_CREATED",
        "TOKEN_ENROLLED",
        "VERIFIED",
        "VERIFIED",
        "USER_BLOCKED",
        "USER_UNBLOCKED",
        "USER_UPDATED",
    ];
    assert_eq!(types(&of_alice), expected);
    assert!(all[0].r#type() == v1::EventType::ClusterCreated);
    let mut places: Vec<_> = all.iter().map(|event| (event.log_index, event.ordinal)).collect();
    let sorted = places.clone();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, sorted, "in order, and none twice");

    let allow = verified(&of_alice[2]).unwrap();
    assert!((allow.decision(), allow.tokens.len()) == (v1::Decision::Allow, 1));
    assert!((&*allow.client_ip, allow.method()) == (IP, v1::Method::Otp));
    assert_eq!(allow.application.as_ref().unwrap().name, "portal");
    assert_eq!((&*of_alice[2].node, &of_alice[2].request_id), ("node-2", &vec![9; 16]));
    let caller = of_alice[2].caller.as_ref().unwrap();
    assert!((caller.kind(), &*caller.name) == (v1::CallerKind::Application, "portal"));
    let deny = verified(&of_alice[3]).unwrap();
    assert!((deny.decision(), deny.failures) == (v1::Decision::Deny, 1));
    assert!(deny.reason_detail() == v1::ReasonDetail::CodeMismatch);
    let Some(Details::UserBlocked(blocked)) = &of_alice[4].details else { panic!("no block") };
    assert!(blocked.reason == "her phone was stolen" && blocked.until.is_some());
    let Some(Details::UserUnblocked(unblocked)) = &of_alice[5].details else { panic!("no block") };
    assert_eq!((&*unblocked.reason, unblocked.failures_before), ("found again", 1));
    let Some(Details::UserUpdated(updated)) = &of_alice[6].details else { panic!("no update") };
    assert_eq!((updated.enabled, &updated.display_name), (Some(false), &None));
    let caller = of_alice[6].caller.as_ref().unwrap();
    assert!(caller.kind() == v1::CallerKind::Administrator);
    assert!(!caller.name.is_empty() && of_alice[6].node == "node-3");

    let stranger = all.iter().find(|event| {
        verified(event).is_some_and(|it| it.user.as_ref().unwrap().username == "nobody")
    });
    let stranger = verified(stranger.unwrap()).unwrap();
    assert!(stranger.reason_detail() == v1::ReasonDetail::UnknownUser);
    assert_eq!(stranger.user.as_ref().unwrap().id, "");
}

/// What a filter finds is what a look at every event finds.
async fn filters(client: &Client, all: &[v1::AuditEvent]) {
    let check = async |what: &str,
                       count: usize,
                       question: v1::QueryAuditRequest,
                       is: &dyn Fn(&v1::AuditEvent) -> bool| {
        let found = events(client, question).await;
        let expected: Vec<_> = all.iter().filter(|event| is(event)).cloned().collect();
        assert_eq!(expected.len(), count, "{what}: {:?}", types(&expected));
        assert!(found == expected, "{what}: {:?}, not {:?}", types(&found), types(&expected));
    };
    let by = |change: &dyn Fn(&mut v1::AuditFilter)| oldest_first(filter(change));
    let about = |event: &v1::AuditEvent, name: &str| {
        user_of(event).is_some_and(|user| user.username == name)
    };
    let alice = by(&|filter| filter.username = "ALICE".to_owned());
    check("a user", 7, alice, &|event| about(event, "alice")).await;
    // Both who had the name, and the token that is gone.
    let bob = by(&|filter| filter.username = "bob".to_owned());
    check("users who are gone", 5, bob, &|event| about(event, "bob")).await;
    let nobody = by(&|filter| filter.username = "nobody".to_owned());
    check("a stranger", 1, nobody, &|event| about(event, "nobody")).await;
    check("no user", 0, by(&|filter| filter.username = "carol".to_owned()), &|_| false).await;
    let vpn = by(&|filter| filter.application = "vpn".to_owned());
    check("an application", 3, vpn, &|event| match event.details.as_ref().unwrap() {
        Details::Verified(it) => it.application.as_ref().unwrap().name == "vpn",
        Details::ApplicationCreated(it) => it.application.as_ref().unwrap().name == "vpn",
        _ => false,
    })
    .await;
    for (decision, count) in [(v1::Decision::Allow, 1), (v1::Decision::Deny, 2)] {
        let decided = by(&|filter| filter.decision = decision.into());
        let is = |event: &_| verified(event).is_some_and(|it| it.decision() == decision);
        check("a decision", count, decided, &is).await;
    }
    let node = by(&|filter| filter.node = "node-2".to_owned());
    let served = all.iter().filter(|event| event.node == "node-2").count();
    assert!(served >= 3, "{served}");
    check("a node", served, node, &|event| event.node == "node-2").await;
    let wanted = [v1::EventType::UserCreated, v1::EventType::UserDeleted];
    let by_type = by(&|filter| filter.r#type = wanted.map(i32::from).into());
    check("types", 4, by_type, &|event| wanted.contains(&event.r#type())).await;
    let several = by(&|filter| {
        filter.username = "alice".to_owned();
        filter.application = "vpn".to_owned();
        filter.decision = v1::Decision::Deny.into();
        filter.node = "node-3".to_owned();
    });
    check("all of it", 1, several, &|event| {
        about(event, "alice") && verified(event).is_some_and(|it| it.failures == 1)
    })
    .await;
    let (from, to) = (all[4].time, all[all.len() - 3].time);
    let seconds = |at: &Option<prost_types::Timestamp>| at.map(|at| (at.seconds, at.nanos));
    let within = |event: &v1::AuditEvent| {
        seconds(&event.time) >= seconds(&from) && seconds(&event.time) < seconds(&to)
    };
    let count = all.iter().filter(|event| within(event)).count();
    check("a time", count, v1::QueryAuditRequest { from, to, ..oldest_first(None) }, &within).await;
}

/// Page by page, each from another node, forwards and back.
async fn pages(cluster: &Cluster, all: &[v1::AuditEvent]) {
    let clients = cluster.clients(cluster.admin_token());
    for order in [v1::AuditOrder::OldestFirst, v1::AuditOrder::NewestFirst] {
        let mut found = Vec::new();
        let mut after = None;
        for turn in 0.. {
            let question = v1::QueryAuditRequest {
                order: order.into(),
                limit: 3,
                after,
                ..v1::QueryAuditRequest::default()
            };
            let page = query(&clients[turn % clients.len()], question).await.unwrap();
            assert!(page.events.len() <= 3);
            found.extend(page.events);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if order == v1::AuditOrder::NewestFirst {
            found.reverse();
        }
        assert!(found == all, "{}", order.as_str_name());
    }
}

async fn tail(
    client: &Client,
    question: v1::TailAuditRequest,
) -> Result<Streaming<v1::TailAuditResponse>, Status> {
    // Without a deadline of the client's.
    let mut request = client.request(question);
    request.metadata_mut().remove("grpc-timeout");
    let mut answers = AuditServiceClient::new(client.channel()).tail(request).await?.into_inner();
    assert!(answers.message().await?.unwrap().extent.is_some());
    Ok(answers)
}

/// The next events of a tail, so many.
async fn told(answers: &mut Streaming<v1::TailAuditResponse>, count: usize) -> Vec<v1::AuditEvent> {
    let mut found = Vec::new();
    while found.len() < count {
        let next = timeout(PATIENCE, answers.message()).await.unwrap().unwrap();
        found.extend(next.unwrap().events);
    }
    assert_eq!(found.len(), count);
    found
}

#[tokio::test]
async fn a_tail_tells_at_one_node_what_happens_at_another() {
    let cluster = cluster().await;
    act(&cluster).await;
    let all = events(&cluster.admin(1), oldest_first(None)).await;
    let wanted = |count: u32| v1::TailAuditRequest { last: count, ..Default::default() };
    let mut every = tail(&cluster.admin(2), wanted(5)).await.unwrap();
    assert!(told(&mut every, 5).await == all[all.len() - 5..]);
    let of_carol = filter(|filter| filter.username = "carol".to_owned());
    let question = v1::TailAuditRequest { filter: of_carol, last: 9, after: None };
    let mut carols = tail(&cluster.admin(3), question).await.unwrap();

    cluster.admin(1).create_user("dave").await.unwrap();
    cluster.admin(1).create_user("carol").await.unwrap();
    let found = told(&mut every, 2).await;
    assert_eq!(types(&found), ["USER_CREATED", "USER_CREATED"]);
    let found_carol = told(&mut carols, 1).await;
    assert!(found_carol[0] == found[1]);

    // Whoever was cut off goes on at another node.
    let v1::AuditEvent { log_index, ordinal, .. } = all[3];
    let after = Some(v1::AuditCursor { log_index, ordinal });
    let mut rest =
        tail(&cluster.admin(1), v1::TailAuditRequest { after, ..wanted(1) }).await.unwrap();
    let missed = told(&mut rest, all.len() - 4 + 2).await;
    assert!(missed[..missed.len() - 2] == all[4..]);

    places_are_few_and_come_back(&cluster).await;

    // A node that stops says so, and does not wait for those who follow.
    let before = tokio::time::Instant::now();
    cluster.node(2).terminate().await;
    let ended = timeout(PATIENCE, every.message()).await.unwrap();
    assert_eq!(ended.err().unwrap().code(), Code::Unavailable);
    assert!(before.elapsed() < Duration::from_secs(8), "{:?}", before.elapsed());
}

async fn places_are_few_and_come_back(cluster: &Cluster) {
    let admin = cluster.admin(3);
    let last = v1::TailAuditRequest { last: 1, ..Default::default() };
    let mut held = Vec::new();
    let refused = loop {
        match tail(&admin, last.clone()).await {
            Ok(answers) => held.push(answers),
            Err(refused) => break refused,
        }
        assert!(held.len() <= 8);
    };
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.message().contains("audit followers"), "{refused:?}");
    assert!(
        !events(&admin, oldest_first(None)).await.is_empty(),
        "queries have places of their own"
    );
    drop(held);
    crate::support::until("the places are given back", async || {
        tail(&admin, last.clone()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_and_its_field_named() {
    let cluster = cluster().await;
    let admin = cluster.admin(2);
    let at = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
    let whole = v1::QueryAuditRequest::default;
    let by = |change: &dyn Fn(&mut v1::AuditFilter)| v1::QueryAuditRequest {
        filter: filter(change),
        ..whole()
    };
    for (field, question) in [
        ("limit", v1::QueryAuditRequest { limit: 100_001, ..whole() }),
        ("order", v1::QueryAuditRequest { order: 3, ..whole() }),
        ("from", v1::QueryAuditRequest { from: at(-1, 0), ..whole() }),
        ("from", v1::QueryAuditRequest { from: at(i64::MAX, 0), ..whole() }),
        ("to", v1::QueryAuditRequest { to: at(1, 1_000_000_000), ..whole() }),
        ("to", v1::QueryAuditRequest { from: at(2, 0), to: at(2, 0), ..whole() }),
        ("username", by(&|filter| filter.username = "two words".to_owned())),
        ("application", by(&|filter| filter.application = "two words".to_owned())),
        ("node", by(&|filter| filter.node = "two words".to_owned())),
        ("decision", by(&|filter| filter.decision = 4)),
        ("type", by(&|filter| filter.r#type = vec![1, 59])),
        ("type", by(&|filter| filter.r#type = vec![0])),
        ("type", by(&|filter| filter.r#type = vec![-1])),
    ] {
        let status = query(&admin, question).await.err().unwrap();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        assert!(status.message().starts_with(&format!("{field}: ")), "{status:?}");
    }
    for question in [
        by(&|filter| filter.application = "nobody".to_owned()),
        by(&|filter| filter.node = "node-9".to_owned()),
    ] {
        assert_eq!(query(&admin, question).await.err().unwrap().code(), Code::NotFound);
    }
    let question = v1::TailAuditRequest { last: 10_001, ..Default::default() };
    let status = tail(&admin, question).await.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(status.message().starts_with("last: "), "{status:?}");
}
