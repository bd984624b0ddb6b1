//! A cluster with an application that devices ask as.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use symbolon_proto::v1;
use symbolon_proto::v1::application_service_client::ApplicationServiceClient;
use symbolon_testkit::{Cluster, Options, Status, wait_until};

use crate::radclient::Device;

/// What devices and the cluster share.
pub(crate) const SECRET: &str = "correct-horse-battery-staple";
/// For a change to be known at all nodes.
const SOON: Duration = Duration::from_secs(20);
/// The application.
pub(crate) const VPN: &str = "vpn";

/// Three nodes, and an application whose devices have the address of this machine.
pub(crate) async fn cluster() -> Cluster {
    cluster_of(3, v1::RadiusPolicy::default()).await
}

pub(crate) async fn cluster_of(nodes: usize, policy: v1::RadiusPolicy) -> Cluster {
    let binary = Path::new(env!("CARGO_BIN_EXE_symbolon"));
    let options = Options { nodes, ..Options::default() };
    let cluster = Cluster::start_with(binary, options).await;
    cluster.application(VPN).await;
    set(&cluster, policy).await;
    cluster
}

/// One node that speaks RADIUS over TLS with devices of a CA. The application's have these names.
pub(crate) async fn radsec_cluster(ca: &Path, names: &[&str], policy: v1::RadiusPolicy) -> Cluster {
    let binary = Path::new(env!("CARGO_BIN_EXE_symbolon"));
    let radsec_clients_ca = Some(ca.to_owned());
    let options = Options { nodes: 1, radsec_clients_ca, ..Options::default() };
    let cluster = Cluster::start_with(binary, options).await;
    cluster.application(VPN).await;
    set_certificates(&cluster, VPN, names, policy).await;
    cluster
}

/// Says that devices with these certificates, and no others, ask as an application.
pub(crate) async fn set_certificates(
    cluster: &Cluster,
    application: &str,
    names: &[&str],
    policy: v1::RadiusPolicy,
) {
    let certificates = names.iter().map(|name| (*name).to_owned()).collect();
    let policy = v1::RadiusPolicy { certificates, ..policy };
    let application = application.to_owned();
    let request =
        v1::SetRadiusClientRequest { application, policy: Some(policy), ..Default::default() };
    ask_to_set(cluster, request).await.unwrap_or_else(|status| panic!("{status}"));
}

/// A policy for devices on this machine.
pub(crate) fn here(policy: v1::RadiusPolicy) -> v1::RadiusPolicy {
    let ranges = vec!["127.0.0.1".to_owned()];
    let ranges = if policy.ranges.is_empty() { ranges } else { policy.ranges };
    v1::RadiusPolicy { ranges, ..policy }
}

/// Says how devices ask, at the first node.
pub(crate) async fn set(cluster: &Cluster, policy: v1::RadiusPolicy) {
    let request = v1::SetRadiusClientRequest {
        application: VPN.to_owned(),
        policy: Some(here(policy)),
        secret: SECRET.to_owned(),
        ..Default::default()
    };
    ask_to_set(cluster, request).await.unwrap_or_else(|status| panic!("{status}"));
}

pub(crate) async fn ask_to_set(
    cluster: &Cluster,
    request: v1::SetRadiusClientRequest,
) -> Result<v1::RadiusClient, Status> {
    let admin = cluster.admin(1);
    let mut service = ApplicationServiceClient::new(admin.channel());
    let answer = service.set_radius_client(admin.request(request)).await?;
    Ok(answer.into_inner().client.unwrap())
}

pub(crate) async fn get(cluster: &Cluster, node: usize) -> v1::RadiusClient {
    let admin = cluster.admin(node);
    let request = v1::GetRadiusClientRequest { application: VPN.to_owned(), allow_stale: false };
    let answer = ApplicationServiceClient::new(admin.channel())
        .get_radius_client(admin.request(request))
        .await;
    answer.unwrap().into_inner().client.unwrap()
}

/// Waits until each node knows of a change.
pub(crate) async fn everywhere(cluster: &Cluster, is_so: fn(v1::RadiusClient) -> bool) {
    for node in cluster.numbers() {
        let what = format!("node {node} knows of the change");
        wait_until(&what, SOON, async || is_so(get(cluster, node).await)).await;
    }
}

pub(crate) fn radius(cluster: &Cluster, node: usize) -> SocketAddr {
    cluster.node(node).addresses().radius[0]
}

/// A device that asks a node.
pub(crate) fn device(cluster: &Cluster, node: usize) -> Device {
    Device::new(radius(cluster, node), SECRET)
}

/// Why the last verification of a user was denied, as the audit tells it.
pub(crate) async fn last_denial(cluster: &Cluster, username: &str) -> String {
    let admin = cluster.admin(1);
    let filter = v1::AuditFilter { username: username.to_owned(), ..Default::default() };
    let request = v1::QueryAuditRequest {
        filter: Some(filter),
        order: v1::AuditOrder::OldestFirst.into(),
        ..Default::default()
    };
    let mut service = v1::audit_service_client::AuditServiceClient::new(admin.channel());
    let mut events = service.query(admin.request(request)).await.unwrap().into_inner();
    let mut last = String::new();
    while let Some(event) = events.message().await.unwrap() {
        for event in event.events {
            if let Some(v1::audit_event::Details::Verified(it)) = &event.details {
                last = it.reason_detail().as_str_name().to_owned();
            }
        }
    }
    last
}
