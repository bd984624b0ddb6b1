//! A node without a quorum loses its power, again and again. What it took stays taken.

use std::time::Duration;

use futures_util::future::join_all;
use symbolon_testkit::{Cluster, Node, step_now, wait_until};

use crate::shadow::Shadow;
use crate::support::binary;

const PATIENCE: Duration = Duration::from_secs(60);
const ROUNDS: usize = 5;
const PEOPLE: usize = 30;

async fn is_island(node: &Node) {
    wait_until("it is an island", PATIENCE, async || {
        let answer = node.get("/readyz").await;
        answer.is_some_and(|(code, text)| code == 200 && text.contains("without a quorum"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_island_took_is_taken_after_its_power_was_lost() {
    let cluster = Cluster::start(binary(), 2).await;
    let key = cluster.application("portal").await;
    let people = cluster.people("user", ROUNDS * PEOPLE).await;
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let other = cluster.other_than(master);
    cluster.terminate_all().await;
    let node = cluster.node(other);
    let disk = Shadow::below(node);
    node.spawn();
    node.alive().await;

    let mut allowed = 0;
    for people in people.chunks(PEOPLE) {
        is_island(node).await;
        let client = cluster.anonymous(other).with_bearer(&key);
        let step = step_now() + 1;
        let ask = async |person: &symbolon_testkit::Person| {
            client.verdict(person.request_with(person.otp.code_of(step))).await.unwrap()
        };
        let verdicts = join_all(people.iter().map(ask)).await;
        assert!(verdicts.iter().all(|it| it.is_allow() && it.island), "{verdicts:?}");
        allowed += verdicts.len();
        node.kill9();
        disk.lose_power();
        node.spawn();
        node.alive().await;
        is_island(node).await;
        let client = cluster.anonymous(other).with_bearer(&key);
        for person in people {
            let request = person.request_with(person.otp.code_of(step));
            let verdict = client.verdict(request).await.unwrap();
            assert!(verdict.is_used(), "{verdict:?}");
        }
    }
    cluster.node(master).start().await;
    wait_until("it is merged", PATIENCE, async || {
        let waiting = node.metrics().await.sum("symbolon_island_records", &[]);
        waiting < 0.5 && cluster.admin(other).status().await.is_ok_and(|it| !it.master.is_empty())
    })
    .await;
    cluster.assert_same_state().await;
    println!("{allowed} sign-ins at an island that lost its power {ROUNDS} times");
}
