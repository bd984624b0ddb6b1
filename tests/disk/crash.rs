//! All nodes die at once, again and again, with the power and without. What was acknowledged stays.

use symbolon_testkit::{Cluster, Shadow, rounds};

use crate::support::{Acknowledged, Crowd, People, assert_no_blobs, binary, lost};

/// How often all nodes die, unless somebody wants it more often.
const ROUNDS: usize = 8;
const CALLS_AT_ONCE: usize = 256;
/// Acknowledged sign-ins before the end of a round.
const SIGN_INS_A_ROUND: usize = 300;
/// Each has two codes in its first 30 s and one in each 30 s after that; a round uses up about 600.
const PEOPLE: usize = 6000;

struct Torture {
    cluster: Cluster,
    key: String,
    people: std::sync::Arc<People>,
    disks: Vec<Shadow>,
}

impl Torture {
    /// Three nodes on disks that forget.
    async fn begin() -> Self {
        let cluster = Cluster::start(binary(), 3).await;
        let key = cluster.application("portal").await;
        let people = People::new(cluster.people("user", PEOPLE).await);
        cluster.terminate_all().await;
        let disks: Vec<_> = cluster.nodes().iter().map(Shadow::below).collect();
        let torture = Self { cluster, key, people, disks };
        torture.start().await;
        torture
    }

    async fn start(&self) {
        self.cluster.start_all().await;
        self.cluster.wait_for_master().await;
    }

    /// A crowd at work; then every node is killed at once.
    async fn work_and_die(&self) -> Acknowledged {
        let crowd = Crowd::at(&self.cluster, &[1, 2, 3], &self.key, &self.people, CALLS_AT_ONCE);
        crowd.signed_in(SIGN_INS_A_ROUND).await;
        self.cluster.kill9_all();
        crowd.stop().await
    }

    async fn assert_nothing_is_lost(&self, round: usize, told: &Acknowledged) {
        let lost = lost(&self.cluster, &self.key, told).await;
        let (users, sign_ins) = (told.users.len(), told.sign_ins.len());
        println!("round {round}: {users} users and {sign_ins} sign-ins acknowledged");
        assert!(lost.is_empty(), "round {round} has lost {} of them: {lost:?}", lost.len());
        self.cluster.nodes().iter().for_each(assert_no_blobs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_all_nodes_are_killed_again_and_again() {
    let torture = Torture::begin().await;
    for round in 1..=rounds("SYMBOLON_CRASHES", ROUNDS) {
        let told = torture.work_and_die().await;
        torture.start().await;
        torture.assert_nothing_is_lost(round, &told).await;
    }
    torture.cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_all_nodes_lose_power_again_and_again() {
    let torture = Torture::begin().await;
    for round in 1..=rounds("SYMBOLON_CRASHES", ROUNDS) {
        let told = torture.work_and_die().await;
        torture.disks.iter().for_each(Shadow::lose_power);
        torture.start().await;
        torture.assert_nothing_is_lost(round, &told).await;
    }
    torture.cluster.assert_same_state().await;
}

/// What the test above would see if a node did not sync: that the test can fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_lies_loses_what_was_acknowledged() {
    let torture = Torture::begin().await;
    torture.disks.iter().for_each(Shadow::lie);
    let told = torture.work_and_die().await;
    torture.disks.iter().for_each(Shadow::lose_power);
    torture.start().await;
    let lost = lost(&torture.cluster, &torture.key, &told).await;
    let acknowledged = told.users.len() + told.sign_ins.len();
    println!("a disk that lies has lost {} of {acknowledged}", lost.len());
    assert!(lost.len() * 2 > acknowledged, "only {} of {acknowledged} are lost", lost.len());
}
