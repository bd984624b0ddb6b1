//! Keys are changed under load, and whoever dies on the way goes on when it is back.
#![expect(clippy::disallowed_methods, reason = "looks at keys and headers, and puts old keys back")]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use symbolon_testkit::{Node, wait_until};

use crate::load::Load;
use crate::support::{assert_same_state, cluster_of};

/// Enough for codes that were never shown to last for as long as a test does.
const PEOPLE: usize = 1500;
const CALLS_A_SECOND: u32 = 50;
/// Calls between two blows.
const CALLS_BETWEEN: usize = 50;
const SOON: Duration = Duration::from_secs(30);
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
    place_new_kek(node);
    moment(|| header(node) != before).await;
    node.kill9();
    node.start().await;
    wait_until("the change goes on", SOON, async || !new_kek_file(node).exists()).await;
    load.usual(CALLS_BETWEEN).await;
    load.stop().await.assert_all_allowed();

    for (node, old) in cluster.nodes().iter().zip(&old) {
        assert_opens_with_new_kek_alone(node, old).await;
    }
    cluster.settled().await;
    assert_same_state(&cluster).await;
}

/// What the command does, and nothing more: as if it had been killed then.
fn place_new_kek(node: &Node) {
    use std::os::unix::fs::PermissionsExt as _;
    let part = new_kek_file(node).with_extension("part");
    fs::write(&part, [0xa5; 32]).unwrap();
    fs::set_permissions(&part, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(part, new_kek_file(node)).unwrap();
}
