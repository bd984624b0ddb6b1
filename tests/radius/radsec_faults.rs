//! What goes wrong over a connection of RADIUS over TLS, and whom it concerns.

use symbolon_proto::v1;
use symbolon_radius::Kind;
use symbolon_testkit::wait_until;
use tokio::net::UdpSocket;

use crate::everyone::PASSWORD;
use crate::radsec::{ACCEPT, NAME, REJECT, SOON, dropped, one_device, request};
use crate::support::{SECRET, VPN, set_certificates};
use crate::targets::target;
use crate::tls::{RADSEC_SECRET, TlsDevice};
use crate::wire::access_request;

/// More requests than a port has under way, whoever asks, in connections of as many as one has.
const CONNECTIONS: usize = 17;
const REQUESTS: usize = 256;

#[tokio::test]
async fn what_is_no_packet_ends_the_connection() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let with = |change: fn(&mut Vec<u8>)| {
        let mut packet = request("alice", "000000");
        change(&mut packet);
        packet
    };
    let cases = [
        ("short", with(|packet| packet[2..4].copy_from_slice(&19_u16.to_be_bytes()))),
        ("long", with(|packet| packet[2..4].copy_from_slice(&4_097_u16.to_be_bytes()))),
        ("attribute_length", with(|packet| packet[21] = 1)),
        ("message_authenticator", with(|packet| packet[5] ^= 1)),
        ("message_authenticator", access_request("alice", "000000", SECRET, true)),
    ];
    for (reason, bad) in cases {
        let mut device = TlsDevice::connect(&cluster, &files).await;
        // What stands behind it is not heard any more.
        let both = [bad, request("alice", &alice.otp.code())].concat();
        assert_eq!(device.ask(&both).await, None, "{reason}");
        assert!(dropped(&cluster, reason).await > 0.5, "{reason}");
    }
}

#[tokio::test]
async fn what_one_of_many_devices_behind_a_proxy_sends_is_passed_over() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let mut other = request("alice", "000000");
    other[0] = 200;
    let length = u16::try_from(20 + 300 * 3).unwrap().to_be_bytes();
    let header = [&[1, 1][..], &length, &[1; 16]].concat();
    let many = [header, [18, 3, b'x'].repeat(300)].concat();
    let mut eap = access_request("alice", "000000", RADSEC_SECRET, false);
    eap.extend([Kind::EAP_MESSAGE.0, 3, 0]);
    eap[3] += 3;
    let cases = [
        ("unknown_code", other),
        ("too_many_attributes", many),
        ("unsigned", eap),
        ("unreadable", access_request("alice", "000000", SECRET, false)),
    ];
    let mut device = TlsDevice::connect(&cluster, &files).await;
    for (reason, odd) in &cases {
        device.send(odd).await.unwrap();
        let reply = device.ask(&request("alice", "000000")).await;
        assert_eq!(reply.unwrap_or_else(|| panic!("{reason} ends it"))[0], REJECT, "{reason}");
        assert!(dropped(&cluster, reason).await > 0.5, "{reason}");
    }
    let reply = device.ask(&request("alice", &alice.otp.code())).await.unwrap();
    assert_eq!(reply[0], ACCEPT, "the connection is as it was");
}

#[tokio::test]
async fn what_was_asked_before_a_connection_is_ended_is_answered() {
    let (cluster, _ca, files) = one_device(v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let mut device = TlsDevice::connect(&cluster, &files).await;
    let foreign = access_request("alice", "000000", SECRET, true);
    let reply = device.ask(&[request("alice", &alice.otp.code()), foreign].concat()).await;
    assert_eq!(reply.expect("the first was asked by somebody else")[0], ACCEPT);
    assert_eq!(device.receive().await, None, "then it ends");
}

#[tokio::test]
async fn a_device_whose_name_is_removed_does_not_go_on_as_another_application() {
    let (cluster, ca, _files) = one_device(v1::RadiusPolicy::default()).await;
    let files = ca.device(&[NAME, "second.example.org"]);
    cluster.application("second").await;
    let policy = v1::RadiusPolicy::default;
    set_certificates(&cluster, "second", &["second.example.org"], policy()).await;
    let mut device = TlsDevice::connect(&cluster, &files).await;
    assert_eq!(device.ask(&request("alice", "000000")).await.unwrap()[0], REJECT);
    set_certificates(&cluster, VPN, &["other.example.org"], policy()).await;
    assert_eq!(device.ask(&request("alice", "000000")).await, None);
}

#[tokio::test]
async fn an_application_that_takes_all_it_can_leaves_room_to_others() {
    // A target that hears and says nothing, so that all stays under way for as long as it may.
    let judge = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut silent = target(&judge.local_addr().unwrap().to_string());
    silent.timeout_milliseconds = 9_000;
    let greedy = v1::RadiusPolicy { targets: vec![silent], ..Default::default() };
    let (cluster, ca, files) = one_device(greedy).await;
    let wifi = ca.device(&["wifi.example.org"]);
    cluster.application("wifi").await;
    let policy = v1::RadiusPolicy::default();
    set_certificates(&cluster, "wifi", &["wifi.example.org"], policy).await;
    let bob = cluster.person("bob").await;
    let mut other = TlsDevice::connect(&cluster, &wifi).await;
    let mut greedy = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut device = TlsDevice::connect(&cluster, &files).await;
        let all: Vec<u8> = (0..REQUESTS).flat_map(|_| request("alice", PASSWORD)).collect();
        device.send(&all).await.unwrap();
        greedy.push(device);
    }
    wait_until("there is no room for all", SOON, async || {
        dropped(&cluster, "overload").await > 0.5
    })
    .await;
    let reply = other.ask(&request("bob", &bob.otp.code())).await.unwrap();
    assert_eq!(reply[0], ACCEPT);
}
