//! What the local socket is for, and that it is for nothing else.

use tonic::Code;

use crate::rights::{answered, questions};
use crate::support::method::*;
use crate::support::wire::Wire;
use crate::support::{assert_all_run, cluster, state};

#[tokio::test]
async fn root_on_a_node_may_do_what_needs_no_log_and_nothing_else() {
    let cluster = cluster().await;
    let before = state::users(&cluster).await;
    let root = Wire::local(&cluster.node(2).socket()).await.unwrap();
    // A token adds nothing, and takes nothing away.
    for caller in [&root, &root.bearing(cluster.admin_token()), &root.bearing("nobody's")] {
        for (method, question) in questions() {
            let expected = match method {
                GET_STATUS | LIST_QUARANTINES => Code::Ok,
                PROMOTE_SUBORDINATE | SHOW_QUARANTINE => Code::NotFound,
                _ => Code::PermissionDenied,
            };
            assert_eq!(answered(caller, method, &question).await, expected, "{method}");
        }
    }
    assert!(state::users(&cluster).await == before, "root did something over the socket");
    assert_all_run(&cluster);
}
