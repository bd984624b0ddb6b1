//! Keys are changed under load, and whoever dies on the way goes on when it is back.
#![expect(clippy::disallowed_methods, reason = "looks at keys and headers, and puts old keys back")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use prost::Message as _;
use symbolon_proto::store::v1 as store;
use symbolon_testkit::v1::{DataKeyPhase, DataKeyStatus};
use symbolon_testkit::{Cluster, Node, Person, Verdict, wait_for, wait_until};

use crate::load::Load;
use crate::support::cluster_of;

/// Enough for codes that were never shown to last for as long as a test does.
const PEOPLE: usize = 1500;
const CALLS_A_SECOND: u32 = 50;
/// Calls between two blows.
const CALLS_BETWEEN: usize = 50;
/// People who sign in at every node afterwards.
const CHECKED: usize = 30;
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(30);
/// A node that is killed at once may still have been faster.
const ATTEMPTS: u8 = 10;
/// Looks for what is there for some milliseconds alone.
const MOMENT: Duration = Duration::from_micros(200);
/// The settings or the files they name: sysexits.h.
const EXIT_CONFIG: i32 = 78;

fn kek_file(node: &Node) -> PathBuf {
    node.data_dir().with_file_name("kek")
}

fn new_kek_file(node: &Node) -> PathBuf {
    node.data_dir().with_file_name("kek.new")
}

fn header(node: &Node) -> Vec<u8> {
    fs::read(node.data_dir().join("header")).unwrap()
}

/// Waits for something that passes at once.
async fn moment(mut there: impl FnMut() -> bool) {
    let give_up = tokio::time::Instant::now() + SOON;
    while !there() {
        assert!(tokio::time::Instant::now() < give_up, "the moment never came");
        tokio::time::sleep(MOMENT).await;
    }
}

/// The node refuses to start with the KEK of before, and starts with the one that is in place.
async fn assert_opens_with_new_kek_alone(node: &Node, old: &[u8]) {
    let new = fs::read(kek_file(node)).unwrap();
    assert_ne!(new, old, "{} has its old KEK still", node.name());
    node.kill9();
    fs::write(kek_file(node), old).unwrap();
    let status = node.command(&["server"]).await;
    assert_eq!(status.code(), Some(EXIT_CONFIG), "{} starts with its old KEK", node.name());
    assert!(node.log_end().contains("does not open under this node's KEK"), "{}", node.log_end());
    fs::write(kek_file(node), new).unwrap();
    node.start().await;
}

/// The node starts again, and finishes the change of its KEK.
async fn goes_on(node: &Node) {
    node.start().await;
    wait_until("the change is over", SOON, async || {
        !new_kek_file(node).exists() && header_content(node).next_keys.is_none()
    })
    .await;
}

/// The node dies when its keys are under both KEKs, and the new one is in place already: the command
/// has put it there, or the node itself. Keys come back under the new one alone.
async fn dies_with_its_new_kek_in_place(node: &Node) {
    for attempt in 1..=ATTEMPTS {
        let before = header(node);
        place_new_kek(node, attempt);
        moment(|| header(node) != before).await;
        node.kill9();
        let is_under_both = header_content(node).next_keys.is_some();
        if is_under_both && new_kek_file(node).exists() {
            fs::rename(new_kek_file(node), kek_file(node)).unwrap();
        }
        goes_on(node).await;
        if is_under_both {
            return;
        }
    }
    panic!("the node was faster each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn kek_of_each_node_is_changed_under_load() {
    let (cluster, key) = cluster_of(3).await;
    let people = cluster.people("user", PEOPLE).await;
    let load = Load::start(&cluster, &key, people, CALLS_A_SECOND);
    load.usual(CALLS_BETWEEN).await;
    let old: Vec<_> =
        cluster.nodes().iter().map(|node| fs::read(kek_file(node)).unwrap()).collect();

    // The node runs on.
    let node = cluster.node(1);
    assert!(node.command(&["rotate-kek"]).await.success(), "{}", node.log_end());
    load.usual(CALLS_BETWEEN).await;

    // The node dies before it has seen the new key: the command does what is left.
    let node = cluster.node(2);
    let die = async {
        moment(|| new_kek_file(node).exists()).await;
        node.kill9();
    };
    let (status, ()) = tokio::join!(node.command(&["rotate-kek"]), die);
    assert!(status.success(), "{}", node.log_end());
    node.start().await;
    load.usual(CALLS_BETWEEN).await;

    // The node dies in the middle, and the command with it.
    let node = cluster.node(3);
    let before = header(node);
    place_new_kek(node, 0xa5);
    moment(|| header(node) != before).await;
    node.kill9();
    goes_on(node).await;
    load.usual(CALLS_BETWEEN).await;
    dies_with_its_new_kek_in_place(node).await;
    load.usual(CALLS_BETWEEN).await;
    load.stop().await.assert_all_allowed();

    for (node, old) in cluster.nodes().iter().zip(&old) {
        assert_opens_with_new_kek_alone(node, old).await;
    }
    cluster.settled().await;
    cluster.assert_same_state().await;
}

fn header_content(node: &Node) -> store::Header {
    // After the magic and the checksum.
    store::Header::decode(&header(node)[12..]).unwrap()
}

fn wrapped_data_keys(node: &Node) -> usize {
    header_content(node).wrapped_data_key.len()
}

async fn data_key(cluster: &Cluster, number: usize) -> Option<DataKeyStatus> {
    let admin = cluster.admin(number).with_timeout(Duration::from_secs(2));
    admin.status().await.ok()?.data_key
}

/// Waits until the change is over on all nodes, and each of them has let go of the old key.
async fn settled_under(cluster: &Cluster, key: u32) {
    wait_until("the change is over", SETTLED_WITHIN, async || {
        for number in cluster.numbers() {
            let Some(status) = data_key(cluster, number).await else {
                return false;
            };
            let over = status.phase() == DataKeyPhase::Settled && status.active == key;
            if !over || status.held != [key] {
                return false;
            }
        }
        true
    })
    .await;
    for node in cluster.nodes() {
        assert_eq!(wrapped_data_keys(node), 1, "{} has an old key in its header", node.name());
    }
}

/// Each of these people signs in at each node, with a code of another time step each time.
async fn assert_all_sign_in(cluster: &Cluster, key: &str, people: &[Person]) {
    for person in people {
        let now = person.otp.step_now();
        for (client, step) in cluster.clients(key).iter().zip(now - 1..=now + 1) {
            let verdict = client.verdict(person.request_with(person.otp.code_of(step))).await;
            assert!(
                verdict.as_ref().is_ok_and(Verdict::is_allow),
                "{}: {verdict:?}",
                person.username
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_key_is_changed_under_load_and_the_change_survives_its_master() {
    let (mut cluster, key) = cluster_of(3).await;
    let people = cluster.people("user", PEOPLE).await;
    let checked = cluster.people("checked", CHECKED).await;
    let load = Load::start(&cluster, &key, people, CALLS_A_SECOND);
    load.usual(CALLS_BETWEEN).await;

    // Nothing is sealed under the new key before the last node has it.
    let subordinate = cluster.other_than(cluster.wait_for_master().await);
    cluster.node(subordinate).kill9();
    let asked = cluster.any_running();
    assert_eq!(cluster.admin(asked).rotate_data_key().await.unwrap(), 2);
    assert!(cluster.admin(asked).rotate_data_key().await.is_err(), "one at a time");
    let missing = cluster.node(subordinate).name().to_owned();
    wait_until("the others have the key", SOON, async || {
        data_key(&cluster, asked).await.is_some_and(|status| {
            status.phase() == DataKeyPhase::Distributing && status.waiting_for == [missing.clone()]
        })
    })
    .await;
    let late = cluster.person("late").await;
    load.usual(CALLS_BETWEEN).await;
    cluster.node(subordinate).start().await;

    // The master dies while it seals the fields again.
    let master = cluster.wait_for_master().await;
    let left = wait_for("fields are sealed again", SOON, async || {
        let status = data_key(&cluster, master).await?;
        let begun = status.phase() == DataKeyPhase::Resealing && status.fields_left < PEOPLE as u64;
        begun.then_some(status.fields_left)
    });
    let left = left.await;
    cluster.node(master).kill9();
    println!("the master died when {left} fields were left");
    assert!(left > 0, "the master was too fast: enrol more people");
    load.usual(CALLS_BETWEEN).await;
    cluster.node(master).start().await;
    load.usual(CALLS_BETWEEN).await;
    settled_under(&cluster, 2).await;
    load.usual(CALLS_BETWEEN).await;
    load.stop().await.assert_all_allowed();

    assert_all_sign_in(&cluster, &key, &checked).await;
    assert_all_sign_in(&cluster, &key, &[late]).await;
    let new = cluster.person("new").await;
    assert_all_sign_in(&cluster, &key, &[new]).await;
    cluster.assert_same_state().await;

    // All of them lose their memory, and have what they need on their disks.
    cluster.kill9_all();
    cluster.start_all().await;
    cluster.wait_for_master().await;
    // A node that comes now never sees the old key.
    cluster.add_node().await;
    cluster.settled().await;
    let newest = cluster.person("newest").await;
    let verdict = cluster.clients(&key)[3].verdict(newest.request()).await;
    assert!(verdict.unwrap().is_allow());
    assert_eq!(cluster.admin(4).rotate_data_key().await.unwrap(), 3);
    settled_under(&cluster, 3).await;
    cluster.assert_same_state().await;
}

/// What the command does, and nothing more: as if it had been killed then.
fn place_new_kek(node: &Node, byte: u8) {
    use std::os::unix::fs::PermissionsExt as _;
    let part = new_kek_file(node).with_extension("part");
    fs::write(&part, [byte; 32]).unwrap();
    fs::set_permissions(&part, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(part, new_kek_file(node)).unwrap();
}
