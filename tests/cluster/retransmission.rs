//! A request that comes again, at another node, gets the first answer again.

use futures_util::{StreamExt as _, stream};
use symbolon_testkit::{Client, Person, Verdict, request_id};

use crate::audit::assert_each_mark_moved_once;
use crate::support::{assert_no_failures, cluster_of, next_of};

const CALLS: usize = 1000;
const MISTAKES: usize = 30;
const AT_ONCE: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn a_retransmission_gets_the_first_answer_and_moves_no_mark() {
    let (cluster, key) = cluster_of(3).await;
    let other_key = cluster.application("other").await;
    let (clients, others) = (cluster.clients(&key), cluster.clients(&other_key));
    let people = cluster.people("user", CALLS).await;
    stream::iter(people.iter().enumerate())
        .for_each_concurrent(AT_ONCE, |(turn, person)| {
            let (clients, others) = (&clients, &others);
            async move {
                let code = person.otp.code();
                let asked = ask_twice(clients, person, &code, turn).await;
                assert!(asked.first.is_allow(), "{:?}", asked.first);
                assert_eq!(asked.first, asked.second, "call {turn}");
                let mut third = person.request_with(code);
                third.request_id = asked.id.clone();
                let stranger = others[turn % 3].verdict(third.clone()).await.unwrap();
                assert!(stranger.is_used(), "another application: {stranger:?}");
                third.request_id = request_id().to_vec();
                let again = clients[turn % 3].verdict(third).await.unwrap();
                assert!(again.is_used(), "another request: {again:?}");
            }
        })
        .await;
    assert_no_failures(&cluster, &people).await;
    assert_each_mark_moved_once(&cluster, CALLS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_that_is_sent_twice_counts_once() {
    let (cluster, key) = cluster_of(3).await;
    let clients = cluster.clients(&key);
    for (turn, person) in cluster.people("user", MISTAKES).await.iter().enumerate() {
        let asked = ask_twice(&clients, person, &person.otp.wrong_code(), turn).await;
        assert!(!asked.first.is_allow() && !asked.first.is_used());
        assert_eq!(asked.first, asked.second, "call {turn}");
        let user = cluster.admin(turn % 3 + 1).get_user(&person.username).await.unwrap();
        assert_eq!(user.failures, 1, "call {turn}");
    }
}

struct Asked {
    id: Vec<u8>,
    first: Verdict,
    second: Verdict,
}

/// Sends one request to two nodes: of two in turn one while the first is in flight, one after it.
async fn ask_twice(clients: &[Client], person: &Person, code: &str, turn: usize) -> Asked {
    let first = turn / 2 % clients.len() + 1;
    let second = next_of(first, clients.len());
    let mut request = person.request_with(code.to_owned());
    request.request_id = request_id().to_vec();
    let id = request.request_id.clone();
    let ask = |node: usize| clients[node - 1].verdict(request.clone());
    let (first, second) = match turn % 2 {
        0 => tokio::join!(ask(first), ask(second)),
        _ => (ask(first).await, ask(second).await),
    };
    Asked { id, first: first.unwrap(), second: second.unwrap() }
}
