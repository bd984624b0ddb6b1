//! Which devices are heard, and what of theirs is believed.

use std::time::Duration;

use symbolon_proto::v1;
use symbolon_testkit::wait_until;

use crate::radclient::Device;
use crate::support::{
    SECRET, VPN, ask_to_set, cluster, cluster_of, device, get, here, radius, set,
};
use crate::wire;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn who_is_no_device_hears_nothing() {
    let cluster = cluster_of(1, v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let server = radius(&cluster, 1);
    let stranger = Device::new(server, SECRET).from("127.0.0.2");
    assert!(stranger.ask("alice", &alice.otp.code(), &[]).await.nothing());
    let impostor = Device::new(server, "another secret than theirs");
    assert!(impostor.ask("alice", &alice.otp.code(), &[]).await.nothing());
    let right = device(&cluster, 1).ask("alice", &alice.otp.code(), &[]).await;
    assert!(right.accepted(), "nothing of it was spent: {right:?}");
    let metrics = cluster.node(1).metrics().await;
    let dropped =
        |reason: &str| metrics.sum("symbolon_radius_dropped_total", &[("reason", reason)]);
    assert!(dropped("unknown_device") > 0.5, "{}", metrics.text());
    assert!(dropped("message_authenticator") > 0.5, "{}", metrics.text());
    let log = cluster.node(1).log_text();
    let tells = |address: &str, why: &str| {
        let told = |line: &str| {
            [address, why, "a request is not answered"].iter().all(|part| line.contains(part))
        };
        log.lines().any(told)
    };
    assert!(tells("127.0.0.2", "no application that is switched on has this address"), "{log}");
    assert!(tells("127.0.0.1", "do both sides have the same secret?"), "{log}");
}

#[tokio::test]
async fn a_device_that_has_signed_once_must_sign_at_every_node_from_then_on() {
    let cluster = cluster().await;
    let alice = cluster.person("alice").await;
    let unsigned = |node| device(&cluster, node).unsigned();
    let first = unsigned(1).ask("alice", "000000", &[]).await;
    assert!(first.rejected(), "until then it need not: {first:?}");
    let proxied = unsigned(1).ask("alice", "000000", &[("Proxy-State", "0x01")]).await;
    assert!(proxied.nothing(), "with Proxy-State it must: {proxied:?}");
    assert!(device(&cluster, 2).ask("alice", &alice.otp.code(), &[]).await.accepted());
    wait_until("it is noted", SOON, async || get(&cluster, 1).await.signers == ["127.0.0.1"]).await;
    cluster.kill9_all();
    cluster.start_all().await;
    cluster.wait_for_master().await;
    for node in cluster.numbers() {
        let told = unsigned(node).ask("alice", "000000", &[]).await;
        assert!(told.nothing(), "at node {node}: {told:?}");
        let told = device(&cluster, node).ask("alice", "000000", &[]).await;
        assert!(told.rejected(), "at node {node}: {told:?}");
    }
    set(&cluster, v1::RadiusPolicy { signed: "no".to_owned(), ..Default::default() }).await;
    wait_until("it need not", SOON, async || {
        unsigned(1).ask("alice", "000000", &[]).await.rejected()
    })
    .await;
    set(&cluster, v1::RadiusPolicy { signed: "yes".to_owned(), ..Default::default() }).await;
    wait_until("it must", SOON, async || unsigned(1).ask("alice", "000000", &[]).await.nothing())
        .await;
}

#[tokio::test]
async fn every_reply_begins_with_message_authenticator_whatever_was_asked() {
    let cluster = cluster_of(1, v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let server = radius(&cluster, 1);
    for (signed, code) in [(false, "000000".to_owned()), (true, alice.otp.code())] {
        let request = wire::access_request("alice", &code, SECRET, signed);
        let reply = wire::exchange(server, &request).await.unwrap();
        assert_eq!(reply[20..22], [80, 18], "signed: {signed}");
    }
    let status = device(&cluster, 1).send("status", String::new()).await;
    assert!(status.accepted(), "{status:?}");
}

#[tokio::test]
async fn a_secret_is_changed_with_an_overlap() {
    let cluster = cluster_of(1, v1::RadiusPolicy::default()).await;
    let alice = cluster.person("alice").await;
    let server = radius(&cluster, 1);
    let new = "another-secret-of-enough-bytes";
    let request = |secret: &str, overlap_seconds| v1::SetRadiusClientRequest {
        application: VPN.to_owned(),
        policy: Some(here(v1::RadiusPolicy::default())),
        secret: secret.to_owned(),
        overlap_seconds,
        ..Default::default()
    };
    let client = ask_to_set(&cluster, request(new, 3600)).await.unwrap();
    assert!(client.old_secret_until.is_some());
    let with = |secret| Device::new(server, secret);
    wait_until("the new one is taken", SOON, async || {
        with(new).ask("alice", "000000", &[]).await.rejected()
    })
    .await;
    assert!(with(SECRET).ask("alice", "000000", &[]).await.rejected(), "the old one too");
    // Without a signature it is what was typed that tells which of them it was.
    let unsigned = with(SECRET).unsigned().from("127.0.0.1");
    let policy = v1::RadiusPolicy { signed: "no".to_owned(), ..Default::default() };
    let keep = v1::SetRadiusClientRequest { policy: Some(here(policy)), ..request("", 0) };
    ask_to_set(&cluster, keep).await.unwrap();
    let code = alice.otp.code();
    wait_until("it need not sign", SOON, async || {
        !unsigned.ask("alice", "000000", &[]).await.nothing()
    })
    .await;
    assert!(unsigned.ask("alice", &code, &[]).await.accepted());
    let third = "a-third-secret-of-enough-bytes";
    let client = ask_to_set(&cluster, request(third, 0)).await.unwrap();
    assert!(client.old_secret_until.is_none());
    wait_until("the others are not", SOON, async || {
        with(new).ask("alice", "000000", &[]).await.nothing()
    })
    .await;
    assert!(with(third).ask("alice", "000000", &[]).await.rejected());
}

#[tokio::test]
async fn what_cannot_stand_is_refused_with_the_reason() {
    let cluster = cluster_of(1, v1::RadiusPolicy::default()).await;
    let policy = |policy: v1::RadiusPolicy| v1::SetRadiusClientRequest {
        application: VPN.to_owned(),
        policy: Some(here(policy)),
        ..Default::default()
    };
    let attribute = |name: &str, value: &str| v1::RadiusAttribute {
        group: String::new(),
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let mistyped =
        v1::RadiusPolicy { attributes: vec![attribute("Filter-Idd", "vpn")], ..Default::default() };
    let target = v1::RadiusTarget { address: "127.0.0.1:1812".to_owned(), ..Default::default() };
    let unknown = v1::RadiusPolicy { targets: vec![target], ..Default::default() };
    let range = v1::RadiusPolicy { ranges: vec!["192.0.2.1/24".to_owned()], ..Default::default() };
    let word = v1::RadiusPolicy { signed: "maybe".to_owned(), ..Default::default() };
    for (bad, says) in [
        (mistyped, "did you mean Filter-Id"),
        (unknown, "has no secret yet"),
        (range, "beyond"),
        (word, "\"auto\", \"yes\" or \"no\""),
    ] {
        let status = ask_to_set(&cluster, policy(bad)).await.err().unwrap();
        assert!(status.message().contains(says), "{status:?}");
    }
    cluster.application("wifi").await;
    let other = v1::SetRadiusClientRequest {
        application: "wifi".to_owned(),
        secret: SECRET.to_owned(),
        ..policy(v1::RadiusPolicy::default())
    };
    let status = ask_to_set(&cluster, other).await.err().unwrap();
    assert_eq!(status.code(), symbolon_testkit::Code::AlreadyExists, "{status:?}");
}
