//! What a node does that has lost its cluster with what it cannot decide by itself: it refuses in time, with
//! the reason and the way out, and never denies.

use std::time::Duration;

use futures_util::future::join_all;
use symbolon_proto::v1::{GetUserRequest, GetUserResponse, VerifyRequest, VerifyResponse};
use symbolon_testkit::Status;
use tokio::time::Instant;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::method::{GET_USER, VERIFY};
use crate::support::{administrator, cluster, stranger};

/// As `grpc-timeout` has it: two seconds.
const TIMEOUT: &str = "2S";
const CALLS: usize = 300;

#[tokio::test]
async fn a_node_alone_refuses_in_time_and_never_denies() {
    let cluster = cluster().await;
    let key = cluster.application("portal").await;
    cluster.admin(1).do_without_islands("portal").await.unwrap();
    cluster.settled().await;
    let person = cluster.person("alice").await;
    let node = cluster.node(3);
    cluster.node(1).kill9();
    cluster.node(2).kill9();
    node.island().await;

    let application = stranger(&cluster, 3).await.bearing(&key).with("grpc-timeout", TIMEOUT);
    let start = Instant::now();
    let request = person.request();
    let calls = (0..CALLS).map(|_| application.ask::<VerifyResponse>(VERIFY, &request));
    for refused in join_all(calls).await {
        let refused = refused.err().unwrap();
        assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
        assert!(refused.message().contains("takes no answers"), "{refused:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(4), "{:?} and not 2 s", start.elapsed());

    // A write is told at once.
    let admin = cluster.admin(3).with_timeout(Duration::from_secs(2));
    assert_offline(&admin.create_user("bob").await.err().unwrap());

    let read = |allow_stale| GetUserRequest { username: "alice".to_owned(), allow_stale };
    let administrator = administrator(&cluster, 3).await.with("grpc-timeout", TIMEOUT);
    let refused = administrator.ask::<GetUserResponse>(GET_USER, &read(false)).await;
    assert_offline(&refused.err().unwrap());
    let stale = administrator.ask::<GetUserResponse>(GET_USER, &read(true)).await.unwrap();
    assert_eq!(stale.user.unwrap().username, "alice");
    assert_eq!(cluster.admin(3).status().await.unwrap().master, "", "none is named");

    // Whether the token is somebody's cannot be found out; whether it is wrong can.
    let made_up = format!("symbolon_app_{:016x}_{}", 4711, "A".repeat(43));
    let unknown = application.bearing(&made_up).ask::<VerifyResponse>(VERIFY, &request).await;
    assert_no_master(&unknown.err().unwrap());
    let wrong = application.bearing(&format!("{}AA", &key[..key.len() - 2]));
    let wrong = wrong.ask::<VerifyResponse>(VERIFY, &request).await.err().unwrap();
    assert_eq!(wrong.code(), Code::Unauthenticated);

    // What was refused was not decided: the code is still good.
    cluster.start_all().await;
    cluster.settled().await;
    let other = VerifyRequest { code: person.otp.code(), ..person.request() };
    let verdict = cluster.anonymous(1).with_bearer(&key).verdict(other).await.unwrap();
    assert!(verdict.is_allow(), "{verdict:?}");
}

fn assert_offline(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.message().contains("the master is offline since"), "{status:?}");
    assert!(status.message().contains("promote-subordinate"), "{status:?}");
}

fn assert_no_master(status: &Status) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(status.message().contains("no master"), "{status:?}");
    let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(retry.is_some_and(|delay| delay > Duration::ZERO), "{status:?}");
}
