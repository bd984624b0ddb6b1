//! One application asks for more than its share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use symbolon_proto::v1::{VerifyRequest, VerifyResponse};
use symbolon_testkit::{Cluster, Code, Status};
use tokio::task::JoinSet;
use tonic_types::StatusExt as _;

use crate::support::method::VERIFY;
use crate::support::wire::Wire;
use crate::support::{cluster, machine, stranger, until};

/// Verifications under way at a node, of one application at most.
const SHARE_MAX: usize = 1024;
const CONNECTIONS: usize = 20;
const CALLS_EACH: usize = 200;
const FLOOD: usize = CONNECTIONS * CALLS_EACH;
const OTHERS: usize = 100;
/// A node at rest has a quarter of that.
const RESIDENT_BYTES_MAX: u64 = 300 << 20;

type Calls = JoinSet<Result<VerifyResponse, Status>>;

#[tokio::test]
async fn a_flood_of_one_application_leaves_room_for_others() {
    let cluster = cluster().await;
    let flooding = cluster.application("flooding").await;
    let other = cluster.application("other").await;
    let people = cluster.people("user", OTHERS).await;
    let node = cluster.node(2);

    // Nothing can commit, so that everything that is admitted stays under way.
    machine::stop(cluster.node(1));
    machine::stop(cluster.node(3));
    let refused = Arc::new(AtomicUsize::new(0));
    let flood = flood(&cluster, &flooding, &refused).await;
    until("the flood has its share and no more", async || {
        under_way(&cluster).await == SHARE_MAX
            && refused.load(Ordering::Relaxed) == FLOOD - SHARE_MAX
    })
    .await;

    let wire = stranger(&cluster, 2).await.bearing(&other);
    let mut others = Calls::new();
    for person in people {
        let wire = wire.clone();
        others.spawn(async move { wire.ask(VERIFY, &person.request()).await });
    }
    until("the other application's calls are all admitted", async || {
        under_way(&cluster).await == SHARE_MAX + OTHERS
    })
    .await;
    let resident = machine::resident_bytes(node);
    assert!(resident < RESIDENT_BYTES_MAX, "{resident} bytes are in use");
    machine::go_on(cluster.node(1));
    machine::go_on(cluster.node(3));

    for answer in others.join_all().await {
        let decision = answer.unwrap().decision().as_str_name();
        assert_eq!(decision, "ALLOW", "of another application than the one that floods");
    }
    let answers = flood.join_all().await;
    let (answered, refusals): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(answered.len(), SHARE_MAX, "what was admitted is answered");
    for refusal in refusals {
        let status = refusal.err().unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
        assert!(retry.is_some_and(|delay| delay > Duration::ZERO), "{status:?}");
    }
    cluster.assert_same_state().await;
    until("all places are free again", async || under_way(&cluster).await == 0).await;
}

/// Verifications under way at node 2, as it tells itself.
async fn under_way(cluster: &Cluster) -> usize {
    let metrics = cluster.node(2).metrics().await;
    let text = metrics.sum("symbolon_verifications_under_way", &[]).to_string();
    text.parse().unwrap()
}

async fn flood(cluster: &Cluster, key: &str, refused: &Arc<AtomicUsize>) -> Calls {
    let mut calls = Calls::new();
    for connection in 0..CONNECTIONS {
        let wire = stranger(cluster, 2).await.bearing(key);
        for call in 0..CALLS_EACH {
            let (wire, refused) = (wire.clone(), Arc::clone(refused));
            let name = format!("nobody-{connection}-{call}");
            calls.spawn(async move { counted(&wire, name, &refused).await });
        }
    }
    calls
}

async fn counted(
    wire: &Wire,
    username: String,
    refused: &AtomicUsize,
) -> Result<VerifyResponse, Status> {
    let answer = wire.ask(VERIFY, &question(&username)).await;
    if answer.is_err() {
        refused.fetch_add(1, Ordering::Relaxed);
    }
    answer
}

#[tokio::test]
async fn strangers_with_made_up_tokens_hold_up_nobody() {
    let cluster = cluster().await;
    let known = cluster.application("known").await;
    let mut strangers = Calls::new();
    for connection in 0..CONNECTIONS {
        // An id that no node knows yet: for what a node can tell, it is one made a moment ago.
        let token = format!("symbolon_app_{connection:016x}_{}", "A".repeat(43));
        let wire = stranger(&cluster, 2).await.bearing(&token);
        for _ in 0..CALLS_EACH {
            let wire = wire.clone();
            strangers.spawn(async move { wire.ask(VERIFY, &question("nobody")).await });
        }
    }
    let known = cluster.connect(2).with_bearer(&known).with_timeout(Duration::from_secs(5));
    for _ in 0..20 {
        known.verify(question("nobody")).await.unwrap();
    }
    let new = cluster.admin(1).create_application("new").await.unwrap().api_key;
    let new = cluster.connect(2).with_bearer(&new).with_timeout(Duration::from_secs(5));
    new.verify(question("nobody")).await.unwrap();
    for refused in strangers.join_all().await {
        assert_eq!(refused.err().unwrap().code(), Code::Unauthenticated);
    }
}

fn question(username: &str) -> VerifyRequest {
    let (username, code) = (username.to_owned(), "000000".to_owned());
    VerifyRequest { username, code, ..VerifyRequest::default() }
}
