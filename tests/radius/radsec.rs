//! RADIUS over TLS (RFC 6614): devices that are known by their certificates.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use symbolon_core::Secret;
use symbolon_proto::v1;
use symbolon_radius::{Code, Writer};
use symbolon_testkit::{Cluster, wait_until};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::rustls::version;

use crate::device_certificates::{DeviceCa, DeviceFiles};
use crate::eap::Supplicant;
use crate::everyone::{Everyone, NAMES, PASSWORD, behind, decided};
use crate::freeradius::FreeRadius;
use crate::machine::run;
use crate::radclient::Device;
use crate::radsecproxy::RadsecProxy;
use crate::support::{
    SECRET, VPN, ask_to_set, last_denial, radius, radsec_cluster, set_certificates,
};
use crate::targets::target;
use crate::tls::{self, RADSEC_SECRET, Speaks, TlsDevice, radsec};
use crate::wire::access_request;

pub(crate) const SOON: Duration = Duration::from_secs(20);
pub(crate) const NAME: &str = "vpn.example.org";
pub(crate) const ACCEPT: u8 = 2;
pub(crate) const REJECT: u8 = 3;

pub(crate) fn request(name: &str, code: &str) -> Vec<u8> {
    access_request(name, code, RADSEC_SECRET, true)
}

fn status_server(identifier: u8) -> Vec<u8> {
    let secret = Secret::new(RADSEC_SECRET.as_bytes().to_vec());
    Writer::request(Code::StatusServer, identifier, [identifier; 16]).finish(&secret).unwrap()
}

pub(crate) async fn dropped(cluster: &Cluster, reason: &str) -> f64 {
    let metrics = cluster.node(1).metrics().await;
    metrics.sum("symbolon_radius_dropped_total", &[("reason", reason)])
}

/// A cluster, a CA, and a device of it that the application has.
pub(crate) async fn one_device(policy: v1::RadiusPolicy) -> (Cluster, DeviceCa, DeviceFiles) {
    let ca = DeviceCa::new();
    let device = ca.device(&[NAME]);
    let cluster = radsec_cluster(&ca.file(), &[NAME], policy).await;
    (cluster, ca, device)
}

#[tokio::test]
async fn radsecproxy_brings_a_password_and_then_the_code_that_is_asked_for() {
    let judge = FreeRadius::start(&[("alice", PASSWORD)]).await;
    let targets = vec![target(&judge.address())];
    let policy = v1::RadiusPolicy { targets, ..Default::default() };
    let (cluster, _ca, files) = one_device(policy).await;
    let alice = cluster.person("alice").await;
    let proxy = RadsecProxy::start(&cluster, &files).await;
    let device = proxy.device();
    let wrong = device.ask("alice", "Summer", &[]).await;
    assert!(wrong.rejected(), "{wrong:?}: {}", proxy.log());
    for (code, is_right) in [(alice.otp.wrong_code(), false), (alice.otp.code(), true)] {
        let asked = device.ask("alice", PASSWORD, &[]).await;
        assert!(asked.is("Access-Challenge"), "{asked:?}: {}", proxy.log());
        let state = asked.attribute("State").unwrap();
        let told = device.ask("alice", &code, &[("State", state)]).await;
        assert_eq!((told.accepted(), told.rejected()), (is_right, !is_right), "{told:?}");
        let granted = is_right.then_some("of-alice");
        assert_eq!(told.attribute("Filter-Id"), granted, "what the target grants");
    }
    let begins = "User-Name = \"alice\"\nAcct-Status-Type = Start\nAcct-Session-Id = \"s-1\"\n";
    // Accounting is signed in its own way, and radsecproxy takes no other.
    let taken = device.unsigned().send("acct", begins.to_owned()).await;
    assert!(taken.is("Accounting-Response"), "{taken:?}: {}", proxy.log());
    let log = cluster.node(1).log_text();
    let told = |line: &str| line.contains("\"accounting\"") && line.contains("s-1");
    assert!(log.lines().any(told), "{log}");
}

#[tokio::test]
async fn radsecproxy_brings_eap() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let proxy = RadsecProxy::start(&cluster, &files).await;
    let status = proxy.device().ask("alice", "000000", &[]).await;
    assert!(status.rejected(), "it is ready: {status:?}");
    let ca = cluster.ca_file();
    let supplicant = Supplicant { server: proxy.device().server, ca: &ca };
    let code = alice.otp.code();
    for (code, is_right) in [("000000", false), (&*code, true), (&*code, false)] {
        let is_in = supplicant.connect("alice", code, "autheap=GTC").await;
        assert_eq!(is_in, is_right, "{code}: {}", last_denial(&cluster, "alice").await);
    }
}

#[tokio::test]
async fn radsecproxy_lets_in_who_is_let_in_elsewhere_and_nobody_else() {
    let ca = DeviceCa::new();
    let files = ca.device(&[NAME]);
    let everyone = Everyone::by_tls(NAMES, Default::default(), &ca.file(), NAME).await;
    let proxy = RadsecProxy::start(&everyone.cluster, &files).await;
    let device = proxy.device();
    let asked = async |user: &str, password: &str, code: &str| {
        let first = device.ask(user, password, &[]).await;
        let Some(state) = first.attribute("State") else { return decided(&first) };
        decided(&device.ask(user, code, &[("State", state)]).await)
    };
    everyone.come(asked).await;
    let everyone = Everyone::by_tls(NAMES, behind(), &ca.file(), NAME).await;
    let proxy = RadsecProxy::start(&everyone.cluster, &files).await;
    let device = proxy.device();
    let at_once = async |user: &str, password: &str, code: &str| {
        decided(&device.ask(user, &format!("{password}{code}"), &[]).await)
    };
    everyone.come(at_once).await;
}

#[tokio::test]
async fn freeradius_as_a_proxy_brings_what_it_is_asked() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let proxy = FreeRadius::start_tls_proxy(radsec(&cluster), &cluster.ca_file(), &files).await;
    let device = proxy.device();
    let wrong = device.ask("alice", "000000", &[]).await;
    assert!(wrong.rejected(), "{wrong:?}: {}", proxy.log());
    let right = device.ask("alice", &alice.otp.code(), &[]).await;
    assert!(right.accepted(), "{right:?}: {}", proxy.log());
}

#[tokio::test]
async fn a_device_is_known_by_its_certificate_alone_and_by_udp_by_its_address_alone() {
    let (cluster, ca, files) = one_device(v1::RadiusPolicy::default()).await;
    // Whatever the case, and wherever the name stands in the certificate.
    let upper = ca.device(&["other.example.org", "VPN.Example.ORG"]);
    let by_address = ca.device(&["127.0.0.1"]);
    let alice = cluster.person("alice").await;
    for secret in [RADSEC_SECRET, SECRET] {
        let device = Device::new(radius(&cluster, 1), secret);
        let told = device.ask("alice", &alice.otp.code(), &[]).await;
        assert!(told.nothing(), "its address is in no range: {told:?}");
    }
    for (files, code) in [(&files, "000000".to_owned()), (&upper, alice.otp.code())] {
        let expected = if code == "000000" { REJECT } else { ACCEPT };
        let mut device = TlsDevice::connect(&cluster, files).await;
        let reply = device.ask(&request("alice", &code)).await.unwrap();
        assert_eq!(reply[0], expected);
    }
    set_certificates(&cluster, VPN, &["127.0.0.1"], v1::RadiusPolicy::default()).await;
    let mut device = TlsDevice::connect(&cluster, &by_address).await;
    assert_eq!(device.ask(&request("alice", "000000")).await.unwrap()[0], REJECT);
    let mut named = TlsDevice::connect(&cluster, &files).await;
    assert_eq!(named.ask(&request("alice", "000000")).await, None, "that name is nobody's now");
}

#[tokio::test]
async fn two_applications_behind_one_address_are_told_apart_by_their_certificates() {
    let class = |value: &str| v1::RadiusPolicy {
        attributes: vec![v1::RadiusAttribute {
            name: "Class".to_owned(),
            value: value.to_owned(),
            group: String::new(),
        }],
        ..Default::default()
    };
    let (cluster, ca, files) = one_device(class("of-vpn")).await;
    let wifi = ca.device(&["wifi.example.org"]);
    cluster.application("wifi").await;
    set_certificates(&cluster, "wifi", &["wifi.example.org"], class("of-wifi")).await;
    for (user, files, granted) in [("alice", &files, "of-vpn"), ("bob", &wifi, "of-wifi")] {
        let person = cluster.person(user).await;
        let mut device = TlsDevice::connect(&cluster, files).await;
        let reply = device.ask(&request(user, &person.otp.code())).await.unwrap();
        assert_eq!(reply[0], ACCEPT, "{user}");
        let holds = reply.windows(granted.len()).any(|part| part == granted.as_bytes());
        assert!(holds, "{user} gets what that application grants");
    }
    let taken = v1::SetRadiusClientRequest {
        application: "wifi".to_owned(),
        policy: Some(v1::RadiusPolicy {
            certificates: vec!["VPN.example.org.".to_owned()],
            ..Default::default()
        }),
        ..Default::default()
    };
    let status = ask_to_set(&cluster, taken).await.err().unwrap();
    assert_eq!(status.code(), symbolon_testkit::Code::AlreadyExists, "{status:?}");
    assert!(status.message().contains("name of a certificate"), "{status:?}");
}

#[tokio::test]
async fn who_has_no_good_certificate_learns_nothing_and_an_administrator_learns_why() {
    let (cluster, ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let code = alice.otp.code();
    let (stranger, impostor) = (DeviceCa::called("another CA"), DeviceCa::new());
    let (others, forged) = (stranger.device(&[NAME]), impostor.device(&[NAME]));
    let (expired, unknown) = (ca.expired(&[NAME]), ca.device(&["nobody.example.org"]));
    // A name where names have not stood for long.
    let nameless = ca.device(&[]);
    let cases = [
        (None, "no_certificate", "it shows no certificate"),
        (Some(&others), "other_ca", "of no CA in radsec.clients_ca"),
        (Some(&forged), "other_ca", "of no CA in radsec.clients_ca"),
        (Some(&expired), "expired", "its certificate has expired"),
        (Some(&unknown), "unknown_certificate", "nobody.example.org"),
        (Some(&nameless), "unknown_certificate", "subjectAltName"),
    ];
    for (certificate, reason, says) in cases {
        let before = dropped(&cluster, reason).await;
        for version in [&version::TLS13, &version::TLS12] {
            let speaks = Speaks { version, ..certificate.into() };
            // With TLS 1.3 a client is done before its certificate is looked at.
            if let Ok(mut device) = TlsDevice::try_connect(&cluster, speaks).await {
                let told = device.ask(&request("alice", &code)).await;
                assert_eq!(told, None, "{reason}");
            }
        }
        assert!(dropped(&cluster, reason).await - before > 1.5, "{reason}");
        let log = cluster.node(1).log_text();
        assert!(log.lines().any(|line| line.contains(says)), "{says}: {log}");
    }
    let mut device = TlsDevice::connect(&cluster, &files).await;
    let reply = device.ask(&request("alice", &code)).await.unwrap();
    assert_eq!(reply[0], ACCEPT, "nothing of it was spent");
}

#[tokio::test]
async fn a_device_is_let_go_of_as_soon_as_its_name_is_removed_or_its_application_switched_off() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let connect = async || {
        let mut device = TlsDevice::connect(&cluster, &files).await;
        assert_eq!(device.ask(&request("alice", "000000")).await.unwrap()[0], REJECT);
        device
    };
    let (mut asks, mut silent) = (connect().await, connect().await);
    set_certificates(&cluster, VPN, &["other.example.org"], v1::RadiusPolicy::default()).await;
    let told = asks.ask(&request("alice", &alice.otp.code())).await;
    assert_eq!(told, None, "with its next request");
    assert_eq!(silent.receive().await, None, "and without one");
    set_certificates(&cluster, VPN, &[NAME], v1::RadiusPolicy::default()).await;
    let mut asks = connect().await;
    switch(&cluster, false).await;
    assert_eq!(asks.ask(&request("alice", &alice.otp.code())).await, None);
    switch(&cluster, true).await;
    let mut asks = connect().await;
    let reply = asks.ask(&request("alice", &alice.otp.code())).await.unwrap();
    assert_eq!(reply[0], ACCEPT, "nothing of it was spent");
}

async fn switch(cluster: &Cluster, on: bool) {
    let admin = cluster.admin(1);
    let application = v1::Application { enabled: on, ..Default::default() };
    let request = v1::UpdateApplicationRequest {
        name: VPN.to_owned(),
        application: Some(application),
        update_mask: Some(prost_types::FieldMask { paths: vec!["enabled".to_owned()] }),
    };
    let mut service =
        v1::application_service_client::ApplicationServiceClient::new(admin.channel());
    service.update_application(admin.request(request)).await.unwrap();
}

#[tokio::test]
async fn more_is_asked_than_can_be_under_way_and_all_of_it_is_answered() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let mut device = TlsDevice::connect(&cluster, &files).await;
    // Byte by byte, then all at once.
    for byte in status_server(7) {
        device.send(&[byte]).await.unwrap();
    }
    let reply = device.receive().await.unwrap();
    assert_eq!(reply[..2], [ACCEPT, 7], "who is there says so");
    let all: Vec<u8> = (0..=255).cycle().take(1_000).flat_map(status_server).collect();
    device.send(&all).await.unwrap();
    let mut replies = [0; 256];
    for _ in 0..1_000 {
        let reply = device.receive().await.unwrap();
        assert_eq!(reply[0], ACCEPT);
        replies[usize::from(reply[1])] += 1;
    }
    assert!(replies.iter().enumerate().all(|(at, times)| *times == if at < 232 { 4 } else { 3 }));
}

#[tokio::test]
async fn what_is_asked_beyond_that_waits_until_there_is_room() {
    // A target that hears and says nothing, so that all stays under way for as long as it may.
    let judge = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut silent = target(&judge.local_addr().unwrap().to_string());
    silent.timeout_milliseconds = 8_000;
    let policy = v1::RadiusPolicy { targets: vec![silent], ..Default::default() };
    let (cluster, _ca, files) = one_device(policy).await;
    let mut device = TlsDevice::connect(&cluster, &files).await;
    let all: Vec<u8> = (0..300).flat_map(|_| request("alice", PASSWORD)).collect();
    device.send(&all).await.unwrap();
    let (mut heard, mut first, mut packet) = (HashSet::new(), None, vec![0; 4_096]);
    while heard.len() < 257 {
        judge.recv_from(&mut packet).await.unwrap();
        first.get_or_insert_with(Instant::now);
        heard.insert(packet[4..20].to_vec());
    }
    let after = first.unwrap().elapsed();
    assert!(after > Duration::from_secs(4), "one more is asked about after {after:?}");
}

#[tokio::test]
async fn both_versions_are_spoken_and_requests_need_not_be_signed() {
    let policy = v1::RadiusPolicy { signed: "yes".to_owned(), ..Default::default() };
    let (cluster, _ca, files) = one_device(policy).await;
    let alice = cluster.person("alice").await;
    for version in [&version::TLS12, &version::TLS13] {
        for alpn in [&[][..], &["radius/1.1", "radius/1.0"]] {
            let speaks = Speaks { certificate: Some(&files), version, alpn };
            let mut device = TlsDevice::connect(&cluster, speaks).await;
            let agreed = (!alpn.is_empty()).then_some(&b"radius/1.0"[..]);
            assert_eq!(device.protocol(), agreed);
            let unsigned = access_request("alice", "000000", RADSEC_SECRET, false);
            let reply = device.ask(&unsigned).await.unwrap();
            assert_eq!((reply[0], &reply[20..22]), (REJECT, &[80, 18][..]), "signed first");
        }
        let speaks = Speaks { certificate: Some(&files), version, alpn: &["radius/1.1"] };
        assert!(TlsDevice::try_connect(&cluster, speaks).await.is_err(), "it is not spoken");
    }
    let unsigned = access_request("alice", &alice.otp.code(), RADSEC_SECRET, false);
    let mut device = TlsDevice::connect(&cluster, &files).await;
    assert_eq!(device.ask(&unsigned).await.unwrap()[0], ACCEPT);
}

#[tokio::test]
async fn every_connection_shows_its_certificate_anew() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    for version in [&version::TLS12, &version::TLS13] {
        let speaks = Speaks { version, ..Speaks::from(&files) };
        let remembers = Arc::new(tls::config(&cluster.ca_file(), &speaks));
        for _ in 0..2 {
            let mut device = TlsDevice::connect_as(&cluster, &remembers).await.unwrap();
            assert_eq!(device.ask(&status_server(1)).await.unwrap()[0], ACCEPT);
            assert!(device.shook_hands(), "{version:?}");
        }
    }
}

#[tokio::test]
async fn the_same_packet_over_another_connection_gets_the_same_answer() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let packet = request("alice", &alice.otp.code());
    for _ in 0..2 {
        let mut device = TlsDevice::connect(&cluster, &files).await;
        assert_eq!(device.ask(&packet).await.unwrap()[0], ACCEPT);
    }
    let mut device = TlsDevice::connect(&cluster, &files).await;
    let other = request("alice", &alice.otp.code());
    assert_eq!(device.ask(&other).await.unwrap()[0], REJECT, "another packet is another request");
}

#[tokio::test]
async fn a_node_that_stops_answers_what_is_under_way_and_leaves() {
    // A target that hears and says nothing.
    let judge = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut silent = target(&judge.local_addr().unwrap().to_string());
    silent.timeout_milliseconds = 3_000;
    let policy = v1::RadiusPolicy {
        targets: vec![silent],
        unreachable: "reject".to_owned(),
        ..Default::default()
    };
    let (cluster, _ca, files) = one_device(policy).await;
    cluster.person("alice").await;
    let mut device = TlsDevice::connect(&cluster, &files).await;
    device.send(&request("alice", PASSWORD)).await.unwrap();
    judge.recv_from(&mut [0; 4_096]).await.unwrap();
    cluster.node(1).signal_term();
    assert_eq!(device.receive().await.unwrap()[0], REJECT, "its answer comes");
    assert_eq!(device.receive().await, None, "then the end");
    assert!(cluster.node(1).ended().await.success());
}

#[tokio::test]
async fn a_flood_of_connections_keeps_no_device_out() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let ranges = vec!["127.0.0.3".to_owned()];
    let (certificates, secret) = (vec![NAME.to_owned()], SECRET.to_owned());
    let policy = Some(v1::RadiusPolicy { ranges, certificates, ..Default::default() });
    let application = VPN.to_owned();
    let both = v1::SetRadiusClientRequest { application, policy, secret, ..Default::default() };
    ask_to_set(&cluster, both).await.unwrap();
    let mut first = TlsDevice::connect(&cluster, &files).await;
    // More than one address may have, and more than may be in their handshake at once.
    let (server, mut strangers) = (radsec(&cluster), JoinSet::new());
    for _ in 0..400 {
        strangers.spawn(TcpStream::connect(server));
    }
    let strangers: Vec<_> = strangers.join_all().await.into_iter().flatten().collect();
    assert!(strangers.len() > 300, "{}", strangers.len());
    let given_way = async || {
        let metrics = cluster.node(1).metrics().await;
        let labels = [("port", "radsec"), ("reason", "evicted")];
        metrics.sum("symbolon_connections_refused_total", &labels)
    };
    wait_until("strangers give way", SOON, async || given_way().await > 300.0).await;
    assert_eq!(first.ask(&status_server(1)).await.unwrap()[0], ACCEPT);
    let mut second = TlsDevice::connect(&cluster, &files).await;
    assert_eq!(second.ask(&status_server(2)).await.unwrap()[0], ACCEPT);
    let udp = Device::new(radius(&cluster, 1), SECRET).from("127.0.0.3");
    assert!(udp.ask("alice", &alice.otp.code(), &[]).await.accepted());
    drop(strangers);
}

#[tokio::test]
async fn an_administrator_names_certificates_and_sees_them() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let said = async |more: &str| {
        let script = format!(
            "export SYMBOLON_SERVER=https://{} SYMBOLON_CA={} SYMBOLON_TOKEN_FILE={}\n{} application radius {more}",
            cluster.node(1).api(),
            cluster.ca_file().display(),
            cluster.admin_token_file().display(),
            env!("CARGO_BIN_EXE_symbolon"),
        );
        run("bash", &["-c", &script]).await
    };
    let (exit, text) = said("set vpn --certificate B.example --certificate a.example.").await;
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("a.example b.example") && text.contains("PAP works"), "{text}");
    assert!(!text.contains("Warning"), "nothing of it is weak: {text}");
    let (_, text) = said("show vpn --output json").await;
    assert!(text.contains("\"b.example\""), "{text}");
    let (exit, text) = said("set vpn --device 127.0.0.1").await;
    assert_ne!(exit, Some(0), "{text}");
    assert!(text.contains("the devices have no secret yet"), "{text}");
    let (exit, text) = said("set vpn --no-certificates").await;
    assert_ne!(exit, Some(0), "{text}");
    assert!(text.contains("no name of a certificate"), "{text}");
    let (exit, text) = said(&format!("set vpn --certificate {NAME}")).await;
    assert_eq!(exit, Some(0), "{text}");
    let mut device = TlsDevice::connect(&cluster, &files).await;
    assert_eq!(device.ask(&status_server(1)).await.unwrap()[0], ACCEPT);
}
