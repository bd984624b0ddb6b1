//! Sign-ins go on where no quorum is in reach, and what was decided there counts afterwards.

use futures_util::future::{join_all, join3};
use symbolon_proto::v1::EventType;
use symbolon_proto::v1::audit_event::Details;
use symbolon_testkit::{
    Client, Cluster, Code, Node, Person, Verdict, request_id, step_now, wait_until,
};

use crate::merge::{events, warned};
use crate::seize::{PATIENCE, linked, seize, together_in};
use crate::support::{cluster_of, milliseconds, random};

const ROUNDS: usize = 50;
/// Of nodes that are asked, or have agreed.
const DEATHS: usize = 3;

/// Two nodes, the master of which is dead, and the other an island.
struct Left {
    cluster: Cluster,
    people: Vec<Person>,
    key: String,
    master: usize,
    other: usize,
}

impl Left {
    async fn of_two(people: usize) -> Self {
        let (cluster, key) = cluster_of(2).await;
        let people = cluster.people("user", people).await;
        cluster.assert_same_state().await;
        let master = cluster.wait_for_master().await;
        let other = cluster.other_than(master);
        cluster.node(master).kill9();
        cluster.node(other).island().await;
        Self { cluster, people, key, master, other }
    }

    /// An application at the island.
    fn client(&self) -> Client {
        self.cluster.anonymous(self.other).with_bearer(&self.key)
    }
}

/// That nobody is let in any more by a code of that step, wherever.
async fn assert_all_used(cluster: &Cluster, key: &str, people: &[Person], step: u64) {
    for client in &cluster.clients(key) {
        for person in people {
            let verdict = ask(client, person, step).await;
            assert!(!verdict.is_allow(), "{verdict:?}");
        }
    }
    for number in cluster.numbers() {
        let twice = events(&cluster.admin(number), EventType::AcceptedTwice).await;
        assert!(twice.is_empty(), "{} codes", twice.len());
    }
}

/// Starts a node that does not run, and waits until it is an island.
async fn started_alone(node: &Node) {
    node.spawn();
    node.alive().await;
    node.island().await;
}

pub(crate) async fn ask(client: &Client, person: &Person, step: u64) -> Verdict {
    client.verdict(person.request_with(person.otp.code_of(step))).await.unwrap()
}

/// A step whose code is taken for a while.
pub(crate) fn step() -> u64 {
    step_now() + 1
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
    cluster.all_merged().await;
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
    cluster.cut_all().await;
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
    cluster.all_merged().await;
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
    let people = cluster.people("user", ROUNDS + DEATHS).await;
    let (people, dying) = people.split_at(ROUNDS);
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
    cluster.all_islands().await;
    let clients = cluster.clients(&key);
    let (mut doubles, mut nobody) = (Vec::new(), 0);
    for person in people {
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
        doubles.extend((1..all).map(|_| person.username.clone()));
    }
    assert!(nobody <= ROUNDS / 5, "one of two is let in as a rule: {nobody}");
    one_dies_after_it_agreed(&cluster, &key, dying).await;

    cluster.heal();
    cluster.all_merged().await;
    // None of those that died made one.
    assert_told_twice(&cluster.admin(1), doubles).await;
}

/// That it is told of exactly these that a code of theirs was accepted twice, as often as they are here.
async fn assert_told_twice(admin: &Client, mut expected: Vec<String>) {
    let twice = events(admin, EventType::AcceptedTwice).await.into_iter().map(|it| match it {
        Details::AcceptedTwice(twice) => twice.user.unwrap_or_default().username,
        _ => panic!("an event of another kind"),
    });
    let mut told: Vec<_> = twice.collect();
    told.sort();
    expected.sort();
    if told == expected {
        return;
    }
    for event in events(admin, EventType::Merged).await {
        if let Details::Merged(merged) = event {
            let name = merged.user.unwrap_or_default().username;
            let numbers = (merged.number, merged.skipped, merged.refused, merged.unknown);
            eprintln!("{name}: {:?} {numbers:?} of {}", merged.kind, merged.journal);
        }
    }
    panic!("told: {told:?}\nseen: {expected:?}");
}

/// Of the pair of nodes 1 and 2 the second is killed while it is asked, or has agreed, and knows afterwards
/// what it agreed to.
async fn one_dies_after_it_agreed(cluster: &Cluster, key: &str, people: &[Person]) {
    for person in people {
        let (step, clients) = (step(), cluster.clients(key));
        let first = async { ask(&clients[0], person, step).await.is_allow() };
        let second = async {
            let request = person.request_with(person.otp.code_of(step));
            clients[1].verdict(request).await.is_ok_and(|it| it.is_allow())
        };
        let death = async {
            tokio::time::sleep(milliseconds(random() % 20)).await;
            cluster.node(2).kill9();
        };
        let (first, second, ()) = join3(first, second, death).await;
        started_alone(cluster.node(2)).await;
        let client = cluster.anonymous(2).with_bearer(key);
        let late = ask(&client, person, step).await.is_allow();
        let accepted = [first, second, late].iter().filter(|it| **it).count();
        assert!(accepted <= 1, "{first} {second} {late}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_island_took_stays_taken_when_it_dies_before_it_is_merged() {
    let left = Left::of_two(4).await;
    let (at, Left { cluster, people, master, other, .. }) = (left.client(), &left);
    let step = step();
    for person in people {
        assert!(ask(&at, person, step).await.is_allow());
        cluster.node(*other).kill9();
        started_alone(cluster.node(*other)).await;
        let verdict = ask(&at, person, step).await;
        assert!(verdict.is_used() && verdict.island, "{verdict:?}");
        if step_now() > step {
            break;
        }
    }
    cluster.node(*master).start().await;
    cluster.all_merged().await;
    let merged = events(&cluster.admin(*master), EventType::Merged).await.len();
    assert!(merged > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_while_an_island_is_merged_each_decision_counts_once() {
    const PEOPLE: usize = 40;
    let left = Left::of_two(PEOPLE).await;
    let (at, Left { cluster, people, key, master, other }) = (left.client(), &left);
    let step = step();
    for person in people {
        assert!(ask(&at, person, step).await.is_allow());
    }
    cluster.node(*master).spawn();
    for round in 0..8 {
        let dies = if round % 2 == 0 { *other } else { *master };
        tokio::time::sleep(milliseconds(random() % 400)).await;
        cluster.node(dies).kill9();
        cluster.node(dies).spawn();
    }
    cluster.all_merged().await;
    for number in cluster.numbers() {
        assert_eq!(events(&cluster.admin(number), EventType::Merged).await.len(), PEOPLE);
    }
    assert_all_used(cluster, key, people, step).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_when_the_quorum_is_back_is_accepted_once() {
    let (cluster, key) = linked(2).await;
    let people = cluster.people("user", 6).await;
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let other = cluster.other_than(master);
    cluster.cut(master, other);
    cluster.node(other).island().await;
    let clients = cluster.clients(&key);
    let (near, far) = (&clients[master - 1], &clients[other - 1]);
    let step = step();
    let requests: Vec<_> = people
        .iter()
        .map(|person| {
            let mut request = person.request_with(person.otp.code_of(step));
            request.request_id = request_id().to_vec();
            request
        })
        .collect();
    for request in &requests {
        assert!(far.verdict(request.clone()).await.unwrap().is_allow());
    }
    // While the link is down, the one that asks elsewhere is the same.
    let (early, late) = requests.split_at(3);
    for request in early {
        let verdict = near.verdict(request.clone()).await.unwrap();
        assert!(verdict.is_allow() && !verdict.island, "{verdict:?}");
    }
    cluster.heal();
    // From the first moment on nobody else is let in, also before the log knows of it.
    for _ in 0..10 {
        for person in &people {
            let verdict = ask(far, person, step).await;
            assert!(!verdict.is_allow(), "{verdict:?}");
        }
    }
    for request in late {
        let verdict = far.verdict(request.clone()).await.unwrap();
        assert!(verdict.is_allow(), "{verdict:?}");
    }
    cluster.all_merged().await;
    for request in late {
        let verdict = far.verdict(request.clone()).await.unwrap();
        assert!(verdict.is_allow(), "it has the first answer: {verdict:?}");
    }
    assert!(events(&cluster.admin(master), EventType::AcceptedTwice).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_islands_took_counts_after_a_seize_also_at_a_node_that_was_left_behind() {
    let (cluster, key) = linked(3).await;
    let people = cluster.people("user", 3).await;
    let [alice, bob, carol] = &people[..] else { panic!("three people") };
    cluster.assert_same_state().await;
    cluster.cut_all().await;
    let clients = cluster.clients(&key);
    let step = step();
    for (client, person) in clients.iter().zip([alice, bob, carol]) {
        assert!(ask(client, person, step).await.is_allow());
    }
    cluster.node(1).kill9();
    cluster.node(2).kill9();
    seize(&cluster, 3, 2).await;
    cluster.heal();
    cluster.node(1).spawn();
    cluster.node(2).spawn();
    together_in(&cluster, 2).await;
    let merged = async || events(&cluster.admin(3), EventType::Merged).await.len() >= 3;
    wait_until("all of it is merged", PATIENCE, merged).await;
    assert_all_used(&cluster, &key, &people, step).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_does_without_islands_waits_for_a_master() {
    let (cluster, key) = cluster_of(2).await;
    let person = cluster.person("alice").await;
    cluster.admin(1).do_without_islands("portal").await.unwrap();
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let other = cluster.other_than(master);
    cluster.node(master).kill9();
    cluster.node(other).island().await;
    let at = cluster.anonymous(other).with_bearer(&key);
    let refused = at.verdict(person.request()).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unavailable, "{}", refused.message());
    assert!(refused.message().contains("takes no answers"), "{}", refused.message());
}

/// A node whose disk was put back to an older copy, that holds decisions of an island, comes back empty and
/// brings them all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_disk_held_of_an_island_is_merged_when_its_node_comes_back() {
    let (cluster, key) = linked(3).await;
    let people = cluster.people("user", 3).await;
    let [alice, bob, carol] = &people[..] else { panic!("three people") };
    cluster.assert_same_state().await;
    let master = cluster.wait_for_master().await;
    let far = cluster.other_than(master);
    let third = 6 - master - far;
    cluster.cut(far, master);
    cluster.cut(far, third);
    cluster.node(far).island().await;
    let at = cluster.anonymous(far).with_bearer(&key);
    let step = step();
    assert!(ask(&at, alice, step).await.is_allow());
    let node = cluster.node(far);
    assert_eq!(node.terminate().await.code(), Some(0));
    let copy = cluster.directory().join("old-data");
    node.copy_data(&copy);
    // It goes on after the copy was made, and what it takes then is merged.
    started_alone(node).await;
    let at = cluster.anonymous(far).with_bearer(&key);
    assert!(ask(&at, bob, step).await.is_allow());
    cluster.heal();
    cluster.all_merged().await;
    assert_eq!(events(&cluster.admin(master), EventType::Merged).await.len(), 2);

    assert_eq!(node.terminate().await.code(), Some(0));
    node.put_data_back(&copy);
    cluster.cut(far, master);
    cluster.cut(far, third);
    started_alone(node).await;
    let at = cluster.anonymous(far).with_bearer(&key);
    assert!(ask(&at, carol, step).await.is_allow());
    cluster.heal();
    wait_until("it is back under another number", PATIENCE, async || {
        let Ok(status) = cluster.admin(far).status().await else { return false };
        let own = status.nodes.iter().find(|node| node.name == status.node);
        own.is_some_and(|node| node.id > 3) && !status.master.is_empty()
    })
    .await;
    let merged = async || events(&cluster.admin(master), EventType::Merged).await.len() == 3;
    wait_until("the rest is merged, and nothing twice", PATIENCE, merged).await;
    cluster.all_merged().await;
    assert_all_used(&cluster, &key, &people, step).await;
}
