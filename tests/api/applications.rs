//! Applications: their keys, and from where these are taken.

use std::net::{IpAddr, SocketAddr};

use symbolon_proto::v1;
use symbolon_proto::v1::application_service_client::ApplicationServiceClient;
use symbolon_testkit::{Client, Cluster, Code, Person};
use tonic::transport::Channel;

use crate::support::callers::create_application;
use crate::support::method::VERIFY;
use crate::support::wire::Wire;
use crate::support::{cluster, tls};

fn service(client: &Client) -> ApplicationServiceClient<Channel> {
    ApplicationServiceClient::new(client.channel())
}

async fn rotate(client: &Client, overlap_seconds: u32) -> String {
    let request = v1::RotateApplicationKeyRequest { name: "portal".to_owned(), overlap_seconds };
    let rotated = service(client).rotate_application_key(client.request(request)).await;
    rotated.unwrap().into_inner().api_key
}

/// The status of a verification with that key at each node.
async fn codes(cluster: &Cluster, key: &str, person: &Person) -> Vec<Code> {
    let mut codes = Vec::new();
    for number in cluster.numbers() {
        let client = cluster.anonymous(number).with_bearer(key);
        // A wrong code is a decision as good as any.
        let answer = client.verdict(person.request_with("000000".to_owned())).await;
        codes.push(answer.err().map_or(Code::Ok, |status| status.code()));
    }
    codes
}

#[tokio::test]
async fn a_key_is_changed_with_an_overlap_that_outlives_a_restart() {
    let cluster = cluster().await;
    let admin = cluster.admin(1);
    let person = cluster.person("alice").await;
    let first = cluster.application("portal").await;
    let second = rotate(&admin, 3600).await;
    assert_ne!(first, second);
    for key in [&first, &second] {
        assert_eq!(codes(&cluster, key, &person).await, [Code::Ok; 3]);
    }
    cluster.kill9_all();
    cluster.start_all().await;
    cluster.wait_for_master().await;
    for key in [&first, &second] {
        assert_eq!(codes(&cluster, key, &person).await, [Code::Ok; 3], "after a restart");
    }
    let admin = cluster.admin(2);
    let retire = || v1::RetireApplicationKeyRequest { name: "portal".to_owned() };
    service(&admin).retire_application_key(admin.request(retire())).await.unwrap();
    assert_eq!(codes(&cluster, &first, &person).await, [Code::Unauthenticated; 3]);
    assert_eq!(codes(&cluster, &second, &person).await, [Code::Ok; 3]);
    let again = service(&admin).retire_application_key(admin.request(retire())).await;
    assert_eq!(again.err().unwrap().code(), Code::FailedPrecondition);

    // Without an overlap there is none; with one, it ends by itself.
    let third = rotate(&admin, 0).await;
    assert_eq!(codes(&cluster, &second, &person).await, [Code::Unauthenticated; 3]);
    let fourth = rotate(&admin, 1).await;
    crate::support::until("the overlap is over", async || {
        codes(&cluster, &third, &person).await == [Code::Unauthenticated; 3]
    })
    .await;
    assert_eq!(codes(&cluster, &fourth, &person).await, [Code::Ok; 3]);
    cluster.assert_same_state().await;
}

/// A call with that key over a connection from that address of this machine.
async fn from(
    cluster: &Cluster,
    source: &str,
    key: &str,
) -> Result<v1::VerifyResponse, tonic::Status> {
    let source: IpAddr = source.parse().unwrap();
    let config = tls::client(cluster, rustls::ALL_VERSIONS);
    let node = cluster.node(1).api();
    let wire = Wire::connect_from(SocketAddr::new(source, 0), node, config).await.unwrap();
    let question = v1::VerifyRequest {
        username: "alice".to_owned(),
        code: "000000".to_owned(),
        ..v1::VerifyRequest::default()
    };
    wire.bearing(key).ask(VERIFY, &question).await
}

#[tokio::test]
async fn a_key_is_taken_from_its_addresses_alone_and_nobody_learns_why() {
    let cluster = cluster().await;
    let admin = cluster.admin(1);
    let new = v1::CreateApplicationRequest {
        name: "portal".to_owned(),
        sources: vec!["::ffff:127.0.0.1".to_owned(), "2001:db8::/32".to_owned()],
        ..v1::CreateApplicationRequest::default()
    };
    let key = create_application(&admin, new).await;
    from(&cluster, "127.0.0.1", &key).await.unwrap();
    let elsewhere = from(&cluster, "127.0.0.2", &key).await.err().unwrap();
    let wrong = format!("{}{}", &key[..key.len() - 43], "A".repeat(43));
    let wrong = from(&cluster, "127.0.0.2", &wrong).await.err().unwrap();
    assert_eq!(elsewhere.code(), Code::Unauthenticated);
    assert_eq!(elsewhere.message(), wrong.message());
    assert_eq!(elsewhere.details(), wrong.details());
    let log = cluster.node(1).log_end();
    let told = log.lines().find(|line| line.contains("came from an address that is not its"));
    let told = told.unwrap_or_else(|| panic!("the log does not tell of it:\n{log}"));
    assert!(
        told.contains("127.0.0.2") && told.contains("portal") && !told.contains(&key),
        "{told}"
    );

    let update = |sources: &[&str], etag: &str| {
        let sources = sources.iter().map(|range| (*range).to_owned()).collect();
        let application = v1::Application { sources, etag: etag.to_owned(), ..Default::default() };
        let update_mask = Some(prost_types::FieldMask { paths: vec!["sources".to_owned()] });
        let name = "portal".to_owned();
        admin.request(v1::UpdateApplicationRequest {
            name,
            application: Some(application),
            update_mask,
        })
    };
    let changed = service(&admin).update_application(update(&["127.0.0.0/30"], "")).await;
    let changed = changed.unwrap().into_inner().application.unwrap();
    assert_eq!(changed.sources, ["127.0.0.0/30"]);
    from(&cluster, "127.0.0.2", &key).await.unwrap();
    assert_eq!(
        from(&cluster, "127.0.0.4", &key).await.err().unwrap().code(),
        Code::Unauthenticated
    );
    service(&admin).update_application(update(&[], &changed.etag)).await.unwrap();
    from(&cluster, "127.0.0.4", &key).await.unwrap();
    let late = service(&admin).update_application(update(&["127.0.0.1"], &changed.etag)).await;
    assert_eq!(late.err().unwrap().code(), Code::FailedPrecondition, "it has changed since");
    let bad =
        service(&admin).update_application(update(&["127.0.0.1/24"], "")).await.err().unwrap();
    assert_eq!(bad.code(), Code::InvalidArgument);
    assert!(bad.message().contains("bits set beyond the prefix"), "{bad}");
}
