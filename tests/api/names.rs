//! People sign in with more names than their account has.

use symbolon_proto::v1::{Reason, ReasonDetail, VerifyRequest};

use crate::support::cluster;

#[tokio::test]
async fn a_short_name_is_the_one_user_whom_it_fits() {
    let cluster = cluster().await;
    let key = cluster.application("vpn").await;
    let vpn = cluster.anonymous(3).with_bearer(&key);
    let alice = cluster.person("alice@sales.example").await;
    let asked = |name: &str, code: String| {
        let username = name.to_owned();
        VerifyRequest { username, code, ..VerifyRequest::default() }
    };
    let step = alice.otp.step_now();
    let next = || alice.otp.code_of(step + 1);
    assert!(vpn.verdict(asked("SALES\\Alice", alice.otp.code_of(step))).await.unwrap().is_allow());
    // A second user of the name: it is neither's, at every node at once.
    cluster.person("alice@other.example").await;
    let denied = vpn.verify(asked("alice", next())).await.unwrap();
    assert!(denied.reason() == Reason::Denied);
    assert!(denied.reason_detail() == ReasonDetail::Unspecified, "an application is not told");
    let administrators = VerifyRequest { application: "vpn".to_owned(), ..asked("alice", next()) };
    let denied = cluster.admin(2).verify(administrators).await.unwrap();
    assert!(denied.reason_detail() == ReasonDetail::AmbiguousName);
    assert_eq!(cluster.admin(1).get_user("alice@sales.example").await.unwrap().failures, 0);
    cluster.assert_same_state().await;
}
