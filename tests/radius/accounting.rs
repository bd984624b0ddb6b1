//! What devices tell of sessions: in the audit of every node, once, and answered in any case.

use std::time::Duration;

use symbolon_proto::v1;
use symbolon_proto::v1::audit_event::Details;
use symbolon_proto::v1::audit_service_client::AuditServiceClient;
use symbolon_testkit::{Cluster, wait_until};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::radclient::{Device, Told};
use crate::support::{SECRET, VPN, cluster};
use crate::wire::exchange;

const SOON: Duration = Duration::from_secs(20);
const ACCOUNTING_RESPONSE: u8 = 5;
/// More than a device is kept waiting, with what a debug build takes on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(5);

fn device(cluster: &Cluster, node: usize) -> Device {
    // It is signed in its own way.
    Device::new(cluster.node(node).addresses().radius_accounting[0], SECRET).unsigned()
}

/// Tells a node, which says that it has heard.
async fn tell(cluster: &Cluster, node: usize, attributes: &str) -> Told {
    let told = device(cluster, node).send("acct", format!("{attributes}\n")).await;
    assert!(told.is("Accounting-Response"), "{attributes}: {told:?}");
    told
}

/// What the audit of a node tells of sessions, the oldest first.
async fn rows(cluster: &Cluster, node: usize, username: &str) -> Vec<v1::SessionToldDetails> {
    let admin = cluster.admin(node);
    let filter = v1::AuditFilter {
        username: username.to_owned(),
        application: VPN.to_owned(),
        r#type: vec![v1::EventType::SessionTold.into()],
        ..Default::default()
    };
    let request = v1::QueryAuditRequest {
        filter: Some(filter),
        order: v1::AuditOrder::OldestFirst.into(),
        ..Default::default()
    };
    let mut parts = AuditServiceClient::new(admin.channel())
        .query(admin.request(request))
        .await
        .unwrap()
        .into_inner();
    let mut rows = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        rows.extend(part.events.into_iter().filter_map(|event| match event.details {
            Some(Details::SessionTold(it)) => Some(it),
            _ => None,
        }));
    }
    rows
}

async fn wait_for_rows(
    cluster: &Cluster,
    node: usize,
    username: &str,
    count: usize,
) -> Vec<v1::SessionToldDetails> {
    let what = format!("{count} events at node {node}");
    wait_until(&what, SOON, async || rows(cluster, node, username).await.len() >= count).await;
    rows(cluster, node, username).await
}

/// The lines of a node about a session.
fn lines(cluster: &Cluster, node: usize, session: &str) -> Vec<String> {
    let log = cluster.node(node).log_text();
    let of_it = |line: &&str| line.contains("\"accounting\"") && line.contains(session);
    log.lines().filter(of_it).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_a_device_tells_of_a_session_is_in_the_audit_of_every_node() {
    let cluster = cluster().await;
    let alice = cluster.person("alice").await;
    let of_alice = "User-Name = \"Alice\"\nAcct-Session-Id = \"s-1\"\n\
                    Calling-Station-Id = \"198.51.100.4\"";
    tell(&cluster, 1, &format!("{of_alice}\nAcct-Status-Type = Start")).await;
    let counted = "Acct-Status-Type = Stop\nAcct-Session-Time = 3600\nAcct-Input-Octets = 7\n\
                   Acct-Input-Gigawords = 2\nAcct-Output-Octets = 9\nAcct-Terminate-Cause = User-Request";
    tell(&cluster, 2, &format!("{of_alice}\n{counted}")).await;
    let device = "User-Name = \"nobody\"\nAcct-Status-Type = Accounting-On";
    tell(&cluster, 2, device).await;
    for node in cluster.numbers() {
        let rows = wait_for_rows(&cluster, node, "", 3).await;
        let application = rows[0].application.clone().unwrap();
        let user = rows[0].user.clone().unwrap();
        assert_eq!((&*application.name, &*user.username), (VPN, &*alice.username));
        assert!(!user.id.is_empty(), "it is hers");
        let begun = v1::SessionToldDetails {
            application: Some(application.clone()),
            device: "127.0.0.1".to_owned(),
            status: "start".to_owned(),
            user: Some(user),
            user_name: "Alice".to_owned(),
            session: "s-1".to_owned(),
            station: "198.51.100.4".to_owned(),
            ..Default::default()
        };
        let over = v1::SessionToldDetails {
            status: "stop".to_owned(),
            seconds: 3_600,
            octets_in: (2 << 32) + 7,
            octets_out: 9,
            cause: 1,
            ..begun.clone()
        };
        assert!(rows[..2] == [begun, over], "at node {node}");
        let of_nobody = (&*rows[2].status, &*rows[2].user.as_ref().unwrap().id);
        assert_eq!(of_nobody, ("accounting-on", ""));
        let hers = wait_for_rows(&cluster, node, "alice", 2).await;
        assert!(hers == rows[..2], "her name finds them, and nothing else");
    }
    let [line] = &lines(&cluster, 1, "s-1")[..] else { panic!("one line") };
    assert!(line.contains("\"audited\":true"), "{line}");
}

#[tokio::test]
async fn the_same_packet_at_two_nodes_is_one_event() {
    let cluster = cluster().await;
    // The packet of a device, as whoever is between could have kept it.
    let between = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let client =
        Device { tries: (1, 1), ..Device::new(between.local_addr().unwrap(), SECRET).unsigned() };
    let begins = "User-Name = \"alice\"\nAcct-Status-Type = Start\nAcct-Session-Id = \"s-1\"\n";
    assert!(client.send("acct", begins.to_owned()).await.nothing());
    let mut packet = vec![0; 4_096];
    let (length, _) = between.recv_from(&mut packet).await.unwrap();
    packet.truncate(length);
    for node in [1, 2, 3, 1] {
        let server = cluster.node(node).addresses().radius_accounting[0];
        let reply = exchange(server, &packet).await.unwrap();
        assert_eq!(reply[0], ACCOUNTING_RESPONSE, "at node {node}");
    }
    // What comes after it in the log says that nothing more comes of it.
    tell(&cluster, 1, "User-Name = \"alice\"\nAcct-Status-Type = Stop\nAcct-Session-Id = \"s-1\"")
        .await;
    for node in cluster.numbers() {
        let told = wait_for_rows(&cluster, node, "alice", 2).await;
        let told: Vec<_> = told.iter().map(|row| &*row.status).collect();
        assert_eq!(told, ["start", "stop"], "at node {node}");
    }
}

#[tokio::test]
async fn what_is_told_while_a_session_lasts_is_in_the_log_of_the_node_alone() {
    let cluster = cluster().await;
    let of_alice = "User-Name = \"alice\"\nAcct-Session-Id = \"s-1\"";
    tell(&cluster, 1, &format!("{of_alice}\nAcct-Status-Type = Interim-Update")).await;
    tell(&cluster, 1, &format!("{of_alice}\nAcct-Status-Type = Stop")).await;
    let told = wait_for_rows(&cluster, 1, "alice", 1).await;
    let told: Vec<_> = told.iter().map(|row| &*row.status).collect();
    assert_eq!(told, ["stop"]);
    let lines = lines(&cluster, 1, "s-1");
    assert!(
        lines[0].contains("interim-update") && lines[0].contains("\"audited\":false"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_node_without_a_quorum_answers_and_its_log_says_that_the_audit_has_it_not() {
    let cluster = cluster().await;
    for node in [2, 3] {
        cluster.node(node).kill9();
    }
    // At once, when nobody has noticed yet, and as an island.
    for (session, is_island) in [("s-1", false), ("s-2", true)] {
        if is_island {
            cluster.node(1).island().await;
        }
        let (begun, begins) = (Instant::now(), "User-Name = \"alice\"\nAcct-Status-Type = Start");
        tell(&cluster, 1, &format!("{begins}\nAcct-Session-Id = {session:?}")).await;
        assert!(begun.elapsed() < WAIT_MAX, "{session}: {:?}", begun.elapsed());
        let [line] = &lines(&cluster, 1, session)[..] else { panic!("one line") };
        assert!(line.contains("\"audited\":false") && line.contains("\"why_not\""), "{line}");
    }
    let metrics = cluster.node(1).metrics().await;
    let missed = [("outcome", "not_audited")];
    let missed = metrics.sum("symbolon_radius_accounting_total", &missed);
    assert!((missed - 2.0).abs() < f64::EPSILON, "{missed}");
}
