//! Disks without space, under one node, two, and all of them.

#![expect(clippy::disallowed_methods, reason = "it is the disk of a test")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use symbolon_testkit::{Client, Cluster, Code, Node, wait_until};

use crate::support::{Crowd, People, SOON, binary, lost};

/// Size of each node's disk, MiB.
const DISK_MIB: usize = 48;
/// Each has two codes at a time, and a sign-in writes about 1 KiB: more than fills what is kept.
const PEOPLE: usize = 4000;
const CALLS_AT_ONCE: usize = 32;
const SIGN_INS: usize = 100;

/// A small disk in memory under a node's data directory.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Puts the data of a node that does not run on a disk of its own.
    fn below(node: &Node) -> Self {
        let path = node.data_dir();
        let aside = path.with_file_name("aside");
        fs::rename(&path, &aside).unwrap();
        fs::create_dir(&path).unwrap();
        let size = format!("size={DISK_MIB}m,mode=700");
        run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", path.to_str().unwrap()]);
        let copy = format!("{}/.", aside.display());
        run("cp", &["-a", &copy, path.to_str().unwrap()]);
        fs::remove_dir_all(&aside).unwrap();
        let settings = fs::read_to_string(node.config_file()).unwrap();
        fs::write(node.config_file(), settings.replace("16MiB", "1MiB")).unwrap();
        Self { path }
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }

    /// Somebody else takes all the space there is.
    fn fill(&self) {
        let mut file = fs::File::options().append(true).create(true).open(self.filler()).unwrap();
        for bytes in [vec![1; 1 << 20], vec![1; 4096]] {
            while file.write_all(&bytes).is_ok() {}
        }
    }

    /// What the node keeps for such a day is gone.
    fn take_ballast(&self) {
        let ballast = fs::File::options().write(true).open(self.path.join("ballast")).unwrap();
        assert!(ballast.metadata().unwrap().len() > 0);
        ballast.set_len(0).unwrap();
    }

    /// And gives it back.
    fn give_back(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run("umount", &["--lazy", self.path.to_str().unwrap()]);
    }
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "{program}: {status:?}");
}

struct Place {
    // Unmounted first.
    disks: Vec<SmallDisk>,
    cluster: Cluster,
    key: String,
    people: Arc<People>,
}

impl Place {
    async fn begin() -> Self {
        let cluster = Cluster::start(binary(), 3).await;
        let key = cluster.application("portal").await;
        let people = People::new(cluster.people("user", PEOPLE).await);
        cluster.terminate_all().await;
        let disks = cluster.nodes().iter().map(SmallDisk::below).collect();
        cluster.start_all().await;
        cluster.wait_for_master().await;
        Self { disks, cluster, key, people }
    }

    fn crowd(&self, nodes: &[usize]) -> Crowd {
        Crowd::at(&self.cluster, nodes, &self.key, &self.people, CALLS_AT_ONCE)
    }

    fn fill(&self, nodes: &[usize]) {
        nodes.iter().for_each(|number| self.disks[number - 1].fill());
    }

    /// Space comes back, and everything is as it was.
    async fn recovers(&self, nodes: &[usize]) {
        nodes.iter().for_each(|number| self.disks[number - 1].give_back());
        for number in self.cluster.numbers() {
            let admin = self.cluster.admin(number);
            let what = format!("node {number} takes users again");
            wait_until(&what, SOON, async || is_written(&admin).await).await;
            let what = format!("node {number} is ready again");
            let node = self.cluster.node(number);
            let ready = async || node.get("/readyz").await.is_some_and(|(code, _)| code == 200);
            wait_until(&what, SOON, ready).await;
        }
        wait_until("nobody is warned any more", SOON, async || {
            let status = self.cluster.admin(1).status().await;
            status.is_ok_and(|told| !told.warnings.iter().any(|words| words.contains("disk")))
        })
        .await;
    }
}

async fn is_written(admin: &Client) -> bool {
    let name = format!("new-{}", u128::from_be_bytes(symbolon_testkit::request_id()));
    admin.create_user(&name).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn nearly_full_disks_refuse_users_and_let_people_sign_in() {
    let place = Place::begin().await;
    let cluster = &place.cluster;
    for count in 1..=3 {
        let master = cluster.wait_for_master().await;
        let mut filled = vec![master];
        filled.extend(cluster.numbers().filter(|number| *number != master));
        filled.truncate(count);
        place.fill(&filled);
        for number in filled.iter().copied() {
            // The first writes after it go into the space that is kept.
            let admin = cluster.admin(number);
            let what = format!("node {number} refuses users");
            let crowd = place.crowd(&[1, 2, 3]);
            wait_until(&what, SOON, async || refusal(&admin).await.is_some()).await;
            crowd.signed_in(SIGN_INS).await;
            let refused = refusal(&admin).await.unwrap();
            assert!(refused.contains("disk of node") && refused.contains("space"), "{refused}");
            let told = crowd.stop().await;
            let denied =
                told.refused.iter().find(|status| status.code() != Code::ResourceExhausted);
            assert!(denied.is_none(), "somebody cannot sign in: {denied:?}");
            assert_eq!(lost(cluster, &place.key, &told).await, Vec::<String>::new());
        }
        wait_until("the status names each of them", SOON, async || {
            let status = cluster.admin(master).status().await;
            let warnings = status.map(|status| status.warnings).unwrap_or_default();
            warnings.iter().filter(|warning| warning.contains("nearly full")).count() == count
        })
        .await;
        place.recovers(&filled).await;
    }
    cluster.assert_same_state().await;
    assert!(cluster.nodes().iter().all(Node::is_running), "none has ended");
}

/// What is said to whoever adds a user; `None` when the user is added.
async fn refusal(admin: &Client) -> Option<String> {
    let name = format!("try-{}", u128::from_be_bytes(symbolon_testkit::request_id()));
    let refused = admin.create_user(&name).await.err()?;
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    Some(refused.message().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_a_full_disk_steps_aside_and_comes_back() {
    let place = Place::begin().await;
    let cluster = &place.cluster;
    let master = cluster.wait_for_master().await;
    let others: Vec<_> = cluster.numbers().filter(|number| *number != master).collect();
    place.fill(&[master]);
    let question = place.people.question().unwrap();
    let crowd = place.crowd(&others);
    wait_until("the master's disk is full", SOON, async || {
        place.fill(&[master]);
        let answer = cluster.node(master).get("/readyz").await;
        answer.is_some_and(|(code, why)| code == 503 && why.contains("disk"))
    })
    .await;
    wait_until("another node leads", SOON, async || {
        cluster.master().await.is_some_and(|number| number != master)
    })
    .await;
    crowd.signed_in(SIGN_INS).await;
    let told = crowd.stop().await;
    let failed = told.refused.iter().find(|status| status.code() != Code::ResourceExhausted);
    assert!(failed.is_none(), "the others refuse: {failed:?}");
    let client = cluster.anonymous(master).with_bearer(&place.key);
    let refused = client.verdict(question).await.err().unwrap();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(refused.message().contains("disk"), "{refused:?}");

    place.recovers(&[master]).await;
    assert_eq!(lost(cluster, &place.key, &told).await, Vec::<String>::new());
    cluster.assert_same_state().await;
    assert!(cluster.nodes().iter().all(Node::is_running), "none has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_started_on_a_full_disk_has_what_was_kept_for_it() {
    let place = Place::begin().await;
    let cluster = &place.cluster;
    let node = cluster.node(2);
    node.terminate().await;
    place.fill(&[2]);
    node.spawn();
    node.ready().await;
    let client = cluster.anonymous(2).with_bearer(&place.key);
    let verdict = client.verdict(place.people.question().unwrap()).await.unwrap();
    assert!(verdict.is_allow(), "{verdict:?}");
    place.recovers(&[2]).await;

    // And where that is gone it is none the worse.
    node.terminate().await;
    place.disks[1].take_ballast();
    place.fill(&[2]);
    for _ in 0..2 {
        node.spawn();
        let status = node.ended().await;
        // The unit of systemd starts whoever ends like this again.
        assert_eq!(status.code(), Some(75), "{status}");
        let log = node.log_text();
        assert!(log.contains("No space left") && log.contains("Give the disk space"), "{log}");
    }
    place.disks[1].give_back();
    node.spawn();
    node.ready().await;
    cluster.assert_same_state().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disks_everywhere_stop_everything_and_lose_nothing() {
    let place = Place::begin().await;
    let cluster = &place.cluster;
    let nodes = [1, 2, 3];
    // The crowd may show all that there are.
    let questions = nodes.map(|_| place.people.question().unwrap());
    let crowd = place.crowd(&nodes);
    // When two are full nothing is written any more, not even at the third.
    wait_until("most disks are full", SOON, async || {
        place.fill(&nodes);
        let mut full = 0;
        for node in cluster.nodes() {
            let answer = node.get("/readyz").await;
            full +=
                usize::from(answer.is_some_and(|(code, why)| code == 503 && why.contains("disk")));
        }
        full >= 2
    })
    .await;
    let told = crowd.stop().await;
    for (number, question) in nodes.into_iter().zip(questions) {
        let client = cluster.anonymous(number).with_bearer(&place.key);
        let refused = client.verdict(question).await.err().unwrap();
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    }
    place.recovers(&nodes).await;
    assert_eq!(lost(cluster, &place.key, &told).await, Vec::<String>::new());
    cluster.assert_same_state().await;
    assert!(cluster.nodes().iter().all(Node::is_running), "none has ended");
}
