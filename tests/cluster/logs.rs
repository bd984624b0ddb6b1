//! A request can be followed through the logs of all nodes.

use std::time::Duration;

use data_encoding::HEXLOWER;
use symbolon_testkit::{Cluster, Options, request_id, wait_until};

use crate::support::binary;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_id_in_the_logs_of_all_nodes() {
    let options = Options { log_filter: "debug".to_owned(), ..Options::default() };
    let cluster = Cluster::start_with(binary(), options).await;
    let key = cluster.application("portal").await;
    let person = cluster.person("alice").await;
    let asked = cluster.other_than(cluster.wait_for_master().await);
    let client = &cluster.clients(&key)[asked - 1];

    let id = request_id();
    let mut request = person.request();
    request.request_id = id.to_vec();
    assert!(client.verdict(request).await.unwrap().is_allow());
    for node in cluster.nodes() {
        let what = format!("{} logs the request", node.name());
        wait_until(&what, SOON, async || node.log_text().contains(&HEXLOWER.encode(&id))).await;
    }

    // An id that the node made is told and logged as well.
    let response = client.verify(person.request()).await.unwrap();
    let made = HEXLOWER.encode(&response.request_id);
    assert_eq!(made.len(), 32);
    for node in cluster.nodes() {
        let what = format!("{} logs the second request", node.name());
        wait_until(&what, SOON, async || node.log_text().contains(&made)).await;
    }
}
