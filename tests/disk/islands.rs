//! A node without a quorum loses its power, again and again. What it took stays taken.

use futures_util::future::join_all;
use symbolon_testkit::{Cluster, Code, Shadow, step_now};

use crate::failing::STOPPED;
use crate::support::binary;

const ROUNDS: usize = 5;
const PEOPLE: usize = 30;

/// Of two nodes the one that was no master runs alone, on a disk that can be made to fail. The numbers of the
/// master that was and of that one.
async fn left_alone(cluster: &Cluster) -> (usize, usize, Shadow) {
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let other = cluster.other_than(master);
    cluster.terminate_all().await;
    let node = cluster.node(other);
    let disk = Shadow::below(node);
    node.spawn();
    node.alive().await;
    (master, other, disk)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_island_took_is_taken_after_its_power_was_lost() {
    let cluster = Cluster::start(binary(), 2).await;
    let key = cluster.application("portal").await;
    let people = cluster.people("user", ROUNDS * PEOPLE).await;
    let (master, other, disk) = left_alone(&cluster).await;
    let node = cluster.node(other);

    let mut allowed = 0;
    for people in people.chunks(PEOPLE) {
        node.island().await;
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
        node.island().await;
        let client = cluster.anonymous(other).with_bearer(&key);
        for person in people {
            let request = person.request_with(person.otp.code_of(step));
            let verdict = client.verdict(request).await.unwrap();
            assert!(verdict.is_used(), "{verdict:?}");
        }
    }
    cluster.node(master).start().await;
    cluster.all_merged().await;
    println!("{allowed} sign-ins at an island that lost its power {ROUNDS} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_island_whose_disk_fails_ends_and_goes_on_with_one_that_works() {
    let cluster = Cluster::start(binary(), 2).await;
    let key = cluster.application("portal").await;
    let people = cluster.people("user", 2).await;
    let [anna, ben] = &people[..] else { panic!("two people") };
    let (_, other, disk) = left_alone(&cluster).await;
    let node = cluster.node(other);
    node.island().await;

    disk.fail_syncs(true);
    let request =
        |person: &symbolon_testkit::Person| person.request_with(person.otp.code_of(step_now() + 1));
    let client = cluster.anonymous(other).with_bearer(&key);
    let refused = client.verdict(request(anna)).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    // Nothing writes to the log here, and nobody would notice.
    let status = node.ended().await;
    assert_eq!(status.code(), Some(STOPPED), "{status}");

    disk.fail_syncs(false);
    disk.lose_power();
    node.spawn();
    node.alive().await;
    node.island().await;
    let client = cluster.anonymous(other).with_bearer(&key);
    let verdict = client.verdict(request(ben)).await.unwrap();
    assert!(verdict.is_allow() && verdict.island, "{verdict:?}");
}
