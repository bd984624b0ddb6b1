//! A disk that fails under one node: the node leaves, the others go on.

use symbolon_testkit::{Cluster, Shadow, wait_until};

use crate::support::{Crowd, People, SOON, binary, lost};

const PEOPLE: usize = 1000;
const CALLS_AT_ONCE: usize = 32;
const SIGN_INS: usize = 100;
/// Exit code of a node that cannot go on: EX_SOFTWARE.
pub(crate) const STOPPED: i32 = 70;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_disk_fails_leaves_and_the_others_go_on() {
    let cluster = Cluster::start(binary(), 3).await;
    let key = cluster.application("portal").await;
    let people = People::new(cluster.people("user", PEOPLE).await);
    cluster.terminate_all().await;
    let disks: Vec<_> = cluster.nodes().iter().map(Shadow::below).collect();
    cluster.start_all().await;

    // The master first, then one that follows.
    for is_master in [true, false] {
        let master = cluster.wait_for_master().await;
        let number = if is_master { master } else { cluster.other_than(master) };
        let (node, disk) = (cluster.node(number), &disks[number - 1]);
        let others: Vec<_> = cluster.numbers().filter(|other| *other != number).collect();
        let crowd = Crowd::at(&cluster, &others, &key, &people, CALLS_AT_ONCE);
        crowd.signed_in(SIGN_INS).await;
        disk.fail_syncs(true);
        let status = node.ended().await;
        assert_eq!(status.code(), Some(STOPPED), "{status}");
        crowd.signed_in(SIGN_INS).await;
        let told = crowd.stop().await;
        assert!(told.refused.is_empty(), "the others refuse: {:?}", told.refused);

        let log = node.log_text();
        let told_last = log.lines().rfind(|line| line.starts_with("symbolon: ")).unwrap();
        let data_dir = node.data_dir().display().to_string();
        assert!(told_last.contains("Input/output error"), "{told_last}");
        assert!(told_last.contains(&data_dir), "{told_last}");

        // A disk that is well again, or a new one with the same content.
        disk.fail_syncs(false);
        disk.lose_power();
        node.start().await;
        wait_until("it has caught up", SOON, async || {
            cluster.admin(number).status().await.is_ok_and(|status| !status.master.is_empty())
        })
        .await;
        assert_eq!(lost(&cluster, &key, &told).await, Vec::<String>::new());
        cluster.assert_same_state().await;
    }
}
