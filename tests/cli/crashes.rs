//! What a server that dies of a signal leaves behind: nothing of its memory.

use std::os::unix::process::ExitStatusExt as _;

use rustix::process::Signal;
use symbolon_testkit::Cluster;
use tokio::process::Command;

use crate::machine;
use crate::program::binary;

#[tokio::test]
async fn a_server_that_crashes_leaves_none_of_its_memory_on_a_disk() {
    let cluster = Cluster::start(binary(), 1).await;
    let node = cluster.node(1);
    let pid = node.pid().unwrap();
    assert_eq!(machine::owner(pid), 0, "other programs of its user can look at its memory");

    // What a program leaves that does not care. Some machines keep nothing of any.
    let mut other = Command::new("sleep");
    let mut other = other.arg("60").current_dir(cluster.directory()).spawn().unwrap();
    let careless = other.id().unwrap();
    for pid in [careless, pid] {
        println!("the limit is gone: {}", machine::allow_core_dumps(pid));
        machine::signal(pid, Signal::ABORT);
    }
    println!("another program left its memory: {}", other.wait().await.unwrap().core_dumped());
    let status = node.ended().await;
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");
    assert!(!status.core_dumped(), "{status}");
}
