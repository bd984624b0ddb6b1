//! What root on a node does from a shell, with neither a CA nor a token.

use std::time::Duration;

use symbolon_testkit::{Cluster, wait_until};

use crate::machine;
use crate::program::{
    CONFIGURATION, DONE, NO, NOT_PERMITTED, Ran, UNAVAILABLE, binary, program, run,
};

const BACK_WITHIN: Duration = Duration::from_secs(60);

/// A command line, over the socket.
async fn asked(server: &str, line: &str) -> Ran {
    run(program().args(line.split_whitespace()).args(["--server", server])).await
}

#[tokio::test]
async fn root_sees_the_cluster_over_the_local_socket_and_recovers_a_node() {
    let cluster = Cluster::start(binary(), 2).await;
    let lost = cluster.wait_for_master().await;
    let node = cluster.node(cluster.other_than(lost));
    let (name, socket) = (node.name(), node.socket());
    assert_eq!(machine::mode(&socket), 0o600);
    assert_eq!(machine::mode(socket.parent().unwrap()), 0o700);
    let server = format!("unix://{}", socket.display());
    let status = asked(&server, "cluster status --output json").await.json(DONE);
    assert_eq!(status["node"], name);
    assert_eq!(status["recovering"], false);
    let table = asked(&server, "cluster quarantine list").await.ends(DONE);
    assert!(!table.contains("did not answer"), "{table}");
    let refused = asked(&server, "user list").await.fails(NOT_PERMITTED);
    assert!(refused.contains("with a bearer token"), "{refused}");
    let of_other = format!("promote-subordinate {} --seize", cluster.node(lost).name());
    let other = asked(&server, &of_other).await;
    assert!(other.fails(CONFIGURATION).contains("--ca"), "it is asked over the network");
    // Of what runs nothing is recovered.
    let settings = node.config_file();
    let recover =
        || async { run(program().args(["server", "--recover", "--config"]).arg(&settings)).await };
    let taken = recover().await;
    assert_eq!(taken.code(), CONFIGURATION);
    assert!(taken.stderr().contains("in use by another process"), "{}", taken.stderr());

    cluster.node(lost).kill9();
    node.kill9();
    let gone = asked(&server, "cluster status").await.fails(UNAVAILABLE);
    assert!(gone.contains("run/admin.sock"), "{gone}");
    node.spawn_recovering();
    wait_until("the node is recovering", BACK_WITHIN, async || {
        asked(&server, "cluster status").await.code() == DONE
    })
    .await;
    let told = asked(&server, "cluster status").await.ends(DONE);
    assert!(told.contains("takes part in nothing"), "{told}");
    let seize = format!("promote-subordinate {name} --seize");
    let outlook = asked(&server, &seize).await;
    let told = outlook.ends(NO);
    assert!(!told.is_empty(), "{}", outlook.stderr());
    assert!(told.contains("it cannot tell"), "{told}");
    let told = asked(&server, &format!("{seize} --confirm test")).await.ends(DONE);
    assert!(told.contains("start it as usual"), "{told}");
    assert_eq!(node.ended().await.code(), Some(DONE));
    node.spawn();
    wait_until("the node leads", BACK_WITHIN, async || {
        let ran = asked(&server, "cluster status --output json").await;
        ran.code() == DONE && ran.json(DONE)["master"] == name
    })
    .await;
    let status = asked(&server, "cluster status --output json").await.json(DONE);
    assert_eq!((status["epoch"].as_u64(), &status["recovering"]), (Some(2), &false.into()));
}
