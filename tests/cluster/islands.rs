//! Sign-ins go on where no quorum is in reach, and what was decided there counts afterwards.

use futures_util::future::join_all;
use symbolon_testkit::v1::EventType;
use symbolon_testkit::{Client, Cluster, Person, Verdict, now_seconds, wait_until};

use crate::merge::{events, warned};
use crate::seize::{PATIENCE, linked};
use crate::support::cluster_of;

const PERIOD_SECONDS: u64 = 30;
const ROUNDS: usize = 50;

/// Waits until a node is an island.
async fn is_island(cluster: &Cluster, number: usize) {
    let name = cluster.node(number).name();
    wait_until(&format!("{name} is an island"), PATIENCE, async || {
        let answer = cluster.node(number).get("/readyz").await;
        answer.is_some_and(|(code, text)| code == 200 && text.contains("without a quorum"))
    })
    .await;
}

/// Waits until nothing that a node decided by itself waits to be merged.
async fn all_merged(cluster: &Cluster) {
    for number in cluster.numbers() {
        let name = cluster.node(number).name();
        wait_until(&format!("what {name} decided is merged"), PATIENCE, async || {
            cluster.node(number).get("/readyz?for=quorum").await.is_some_and(|it| it.0 == 200)
                && cluster.node(number).metrics().await.sum("symbolon_island_records", &[]) < 0.5
        })
        .await;
    }
    cluster.assert_same_state().await;
}

async fn ask(client: &Client, person: &Person, step: u64) -> Verdict {
    client.verdict(person.request_with(person.otp.code_of(step))).await.unwrap()
}

/// A step whose code is taken for a while.
fn step() -> u64 {
    now_seconds() / PERIOD_SECONDS + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn the_subordinate_of_two_verifies_while_the_master_is_down_and_writes_nothing() {
    let (cluster, key) = cluster_of(2).await;
    let people = cluster.people("user", 3).await;
    let [alice, bob, carol] = &people[..] else { panic!("three people") };
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let other = cluster.other_than(master);
    let at = cluster.anonymous(other).with_bearer(&key);

    cluster.node(master).kill9();
    // Whoever asks at once waits until it is sure.
    let step = step();
    let first = ask(&at, alice, step).await;
    assert!(first.is_allow() && first.island, "{first:?}");
    let again = ask(&at, alice, step).await;
    assert!(again.is_used() && again.island, "{again:?}");
    let wrong = at.verdict(bob.request_with(bob.otp.wrong_code())).await.unwrap();
    assert!(!wrong.is_allow() && !wrong.is_used() && wrong.island, "{wrong:?}");
    assert!(ask(&at, bob, step).await.is_allow());

    let admin = cluster.admin(other);
    let refused = admin.create_user("dave").await.err().unwrap();
    let (old, new) = (cluster.node(master).name(), cluster.node(other).name());
    for told in [
        "the master is offline since 20",
        &format!("last known master: {old}"),
        &format!("`symbolon promote-subordinate {new} --seize`"),
    ] {
        assert!(refused.message().contains(told), "{told}: {}", refused.message());
    }
    warned(&cluster, other, "no quorum is in reach of this node", true).await;
    for (purpose, expected) in [("", 200), ("?for=quorum", 503), ("?for=writes", 503)] {
        let (code, text) = cluster.node(other).get(&format!("/readyz{purpose}")).await.unwrap();
        assert_eq!(code, expected, "{purpose}: {text}");
    }
    let metrics = cluster.node(other).metrics().await;
    assert!(metrics.sum("symbolon_island", &[]) > 0.5, "{}", metrics.text());

    cluster.node(master).start().await;
    all_merged(&cluster).await;
    let clients = cluster.clients(&key);
    for client in &clients {
        let verdict = ask(client, alice, step).await;
        assert!(verdict.is_used() && !verdict.island, "{verdict:?}");
    }
    let fresh = ask(&clients[other - 1], carol, step).await;
    assert!(fresh.is_allow() && !fresh.island, "{fresh:?}");
    for number in cluster.numbers() {
        let admin = cluster.admin(number);
        assert_eq!(admin.get_user(&bob.username).await.unwrap().failures, 1, "merged");
        assert_eq!(events(&admin, EventType::Merged).await.len(), 3);
        assert!(events(&admin, EventType::AcceptedTwice).await.is_empty());
    }
    warned(&cluster, other, "no quorum is in reach", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_were_taken_on_several_islands_are_counted_as_often_as_they_were() {
    let (cluster, key) = linked(3).await;
    let people = cluster.people("user", ROUNDS).await;
    cluster.assert_same_state().await;
    for (one, other) in [(1, 2), (1, 3), (2, 3)] {
        cluster.cut(one, other);
    }
    for number in cluster.numbers() {
        is_island(&cluster, number).await;
    }
    let clients = cluster.clients(&key);
    let mut doubles = 0;
    for person in &people {
        let step = step();
        let verdicts = join_all(clients.iter().map(|client| ask(client, person, step))).await;
        assert!(verdicts.iter().all(|it| it.island), "{verdicts:?}");
        let accepted = verdicts.iter().filter(|it| it.is_allow()).count();
        assert!(accepted > 0, "{verdicts:?}");
        doubles += accepted - 1;
    }
    let guesser = people.first().unwrap();
    let mut failed = 0;
    for client in &clients {
        for _ in 0..6 {
            let verdict =
                client.verdict(guesser.request_with(guesser.otp.wrong_code())).await.unwrap();
            assert!(!verdict.is_allow());
            failed += 1;
        }
    }
    assert_eq!(failed, 18);

    cluster.heal();
    all_merged(&cluster).await;
    for number in cluster.numbers() {
        let admin = cluster.admin(number);
        assert_eq!(events(&admin, EventType::AcceptedTwice).await.len(), doubles);
        // Three at each: the others were not evaluated.
        assert_eq!(admin.get_user(&guesser.username).await.unwrap().failures, 9);
    }
    assert!(doubles >= ROUNDS, "nobody heard of the others: {doubles}");
    warned(&cluster, 1, "codes were accepted twice", true).await;
    cluster.admin(1).acknowledge_doubles().await.unwrap();
    warned(&cluster, 1, "codes were accepted twice", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_nodes_without_a_quorum_that_hear_each_other_one_takes_a_code() {
    let (cluster, key) = linked(5).await;
    let people = cluster.people("user", ROUNDS).await;
    cluster.assert_same_state().await;
    let sides = [&[1, 2][..], &[3, 4], &[5]];
    for (place, side) in sides.iter().enumerate() {
        for other in sides.iter().skip(place + 1) {
            for (one, other) in side.iter().flat_map(|one| other.iter().map(move |it| (*one, *it)))
            {
                cluster.cut(one, other);
            }
        }
    }
    for number in cluster.numbers() {
        is_island(&cluster, number).await;
    }
    let clients = cluster.clients(&key);
    let (mut doubles, mut nobody) = (0, 0);
    for person in &people {
        let step = step();
        let verdicts = join_all(clients.iter().map(|client| ask(client, person, step))).await;
        let mut all = 0;
        for side in sides {
            let accepted = side.iter().filter(|node| verdicts[*node - 1].is_allow()).count();
            let log = cluster.node(side[0]).log_end();
            assert!(accepted <= 1, "{side:?}: {verdicts:?}\n{log}");
            nobody += 1 - accepted;
            all += accepted;
        }
        doubles += all.saturating_sub(1);
    }
    assert!(nobody <= ROUNDS / 5, "one of two is let in as a rule: {nobody}");

    cluster.heal();
    all_merged(&cluster).await;
    let told = events(&cluster.admin(1), EventType::AcceptedTwice).await.len();
    assert_eq!(told, doubles);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_island_took_stays_taken_when_it_dies_before_it_is_merged() {
    let (cluster, key) = cluster_of(2).await;
    let people = cluster.people("user", 20).await;
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let other = cluster.other_than(master);
    cluster.node(master).kill9();
    is_island(&cluster, other).await;
    let at = cluster.anonymous(other).with_bearer(&key);
    let step = step();
    for person in &people {
        assert!(ask(&at, person, step).await.is_allow());
        cluster.node(other).kill9();
        cluster.node(other).spawn();
        cluster.node(other).alive().await;
        is_island(&cluster, other).await;
        let verdict = ask(&at, person, step).await;
        assert!(verdict.is_used() && verdict.island, "{verdict:?}");
        if now_seconds() / PERIOD_SECONDS > step {
            break;
        }
    }
    cluster.node(master).start().await;
    all_merged(&cluster).await;
    let merged = events(&cluster.admin(master), EventType::Merged).await.len();
    assert!(merged > 0);
}
