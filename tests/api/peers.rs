//! The peer port, asked by those who have no business there, and by a node that oversteps.

use std::io;
use std::sync::Arc;

use prost::Message;
use rustls::ClientConfig;
use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;
use symbolon_testkit::Cluster;
use tonic::Code;

use crate::support::documented;
use crate::support::identity::Identity;
use crate::support::method::VERIFY;
use crate::support::peer::{
    APPEND, COMPARE_EPOCHS, Guest, HEADER, HELLO, JOIN, PRE_VOTE, PROPOSE, READ_INDEX, REJOIN,
    VOTE, assert_refused, connect, header_of, heading, number_to_id,
};
use crate::support::wire::{Wire, framed, secured};
use crate::support::{assert_all_run, cluster, state, tls};

#[tokio::test]
async fn strangers_get_nothing_at_the_peer_port() {
    let cluster = cluster().await;
    let person = cluster.person("alice").await;
    let before = state::users(&cluster).await;
    let methods = methods();
    assert!(methods.len() >= 8, "{methods:?}");

    for node in cluster.nodes() {
        let no_key = hello_with(node.peer(), tls::peer(None)).await;
        assert!(no_key.is_err(), "{} answers without a key", node.name());
        let borrowed = hello_with(node.peer(), borrowed(&cluster).await).await;
        assert!(borrowed.is_err(), "{} believes a certificate without its key", node.name());
    }

    // Whoever administers the cluster can know what stands in a header; the key is what counts.
    let status = cluster.admin(1).status().await.unwrap();
    let id = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    let own = Identity::new();
    for number in cluster.numbers() {
        let header = peer::PeerHeader {
            cluster: id(&status.cluster_id),
            epoch: status.epoch,
            lineage: id(&status.lineage),
            from: 1 + number_to_id(number) % 3,
            to: number_to_id(number),
        };
        let bare = connect(cluster.node(number).peer(), &own).await;
        for wire in [&bare, &heading(&bare, &header)] {
            for method in &methods {
                let reply = wire.send(method, framed(&[])).await.unwrap();
                assert_refused(&reply.status, Code::PermissionDenied, "not registered", method);
            }
        }
        let elsewhere = bare.send(VERIFY, framed(&[])).await.unwrap();
        assert_refused(&elsewhere.status, Code::PermissionDenied, "not registered", VERIFY);
    }
    for method in methods.iter().map(String::as_str).chain([JOIN]) {
        let wire = crate::support::administrator(&cluster, 1).await;
        let reply = wire.send(method, framed(&[])).await.unwrap();
        assert_eq!(reply.status.code(), Code::Unimplemented, "{method} at the API port");
    }

    assert_all_run(&cluster);
    assert!(state::users(&cluster).await == before);
    let key = cluster.application("portal").await;
    let verdict = cluster.anonymous(3).with_bearer(&key).verdict(person.request()).await;
    assert!(verdict.unwrap().is_allow());
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn a_node_is_heard_only_in_its_own_name_and_cluster() {
    let cluster = cluster().await;
    let person = cluster.person("alice").await;
    let guest = Guest::join(&cluster, "guest").await;
    let before = state::users(&cluster).await;

    for number in cluster.numbers() {
        let right = guest.header(number_to_id(number));
        let wire = connect(cluster.node(number).peer(), &guest.own).await;
        let reply = heading(&wire, &right).send(HELLO, framed(&[])).await.unwrap();
        assert_eq!(reply.status.code(), Code::Ok, "{:?}", reply.status);
        let answered = header_of(&reply);
        assert_eq!((answered.from, answered.to), (right.to, right.from));
        assert_eq!((&answered.cluster, answered.epoch), (&right.cluster, right.epoch));
        let elsewhere = wire.send(VERIFY, framed(&[])).await.unwrap();
        assert_eq!(elsewhere.status.code(), Code::Unimplemented);

        for (words, wire) in bad_headers(&wire, &right) {
            for method in methods().into_iter().filter(|method| !is_across_epochs(method)) {
                let reply = wire.send(&method, framed(&[])).await.unwrap();
                assert_refused(&reply.status, Code::FailedPrecondition, words, &method);
            }
        }
        across_epochs(&wire, &right).await;
    }
    an_epoch_that_is_not_proved_is_told_of_and_nothing_more(&cluster, &guest).await;
    overstepping(&cluster, &guest).await;
    lies(&cluster, &guest).await;

    assert_all_run(&cluster);
    assert!(state::users(&cluster).await == before);
    let key = cluster.application("portal").await;
    let verdict = cluster.anonymous(2).with_bearer(&key).verdict(person.request()).await;
    assert!(verdict.unwrap().is_allow());
    cluster.assert_same_state().await;
}

/// What nodes of other epochs may ask each other.
fn is_across_epochs(method: &str) -> bool {
    [COMPARE_EPOCHS, REJOIN].contains(&method)
}

/// Of another cluster they are not.
async fn across_epochs(wire: &Wire, right: &peer::PeerHeader) {
    let elsewhere = peer::PeerHeader { cluster: vec![9; 16], ..right.clone() };
    let wire = heading(wire, &elsewhere);
    let reply = wire.send(COMPARE_EPOCHS, framed(&[])).await.unwrap();
    assert_refused(&reply.status, Code::FailedPrecondition, "another cluster", COMPARE_EPOCHS);
    let reply = wire.send(REJOIN, framed(&[])).await.unwrap();
    assert_refused(&reply.status, Code::InvalidArgument, "statement", REJOIN);
}

/// A registered node says that it is far ahead.
async fn an_epoch_that_is_not_proved_is_told_of_and_nothing_more(cluster: &Cluster, guest: &Guest) {
    let claim = peer::EpochClaim { epoch: 1 << 60, lineage: vec![9; 16], statement: None };
    for number in cluster.numbers() {
        let header = guest.header(number_to_id(number));
        let wire = heading(&connect(cluster.node(number).peer(), &guest.own).await, &header);
        let reply = wire.send(COMPARE_EPOCHS, framed(&claim.encode_to_vec())).await.unwrap();
        assert_eq!(reply.status.code(), Code::Ok, "{:?}", reply.status);
        let status = cluster.admin(number).status().await.unwrap();
        let told = |it: &String| it.contains("node guest claims to be in another epoch");
        assert!(status.warnings.iter().any(told), "{:?}", status.warnings);
        assert_eq!(status.epoch, 1);
    }
}

/// Every method of the peers' service, as the .proto file has them.
fn methods() -> Vec<String> {
    let all = documented::methods("symbolon.peer.v1").into_iter();
    all.map(|row| row.method).filter(|method| method != JOIN).collect()
}

async fn hello_with(address: std::net::SocketAddr, config: ClientConfig) -> io::Result<()> {
    let wire = Wire::connect(address, config).await?;
    // In TLS 1.3 a client is done before the server has looked at its certificate.
    let reply = wire.send(HELLO, framed(&[])).await;
    reply.map(drop).map_err(io::Error::other)
}

/// Shows the certificate that a node shows, and signs with a key of the tests' own.
async fn borrowed(cluster: &Cluster) -> ClientConfig {
    let own = Identity::new();
    let stream = secured(cluster.node(1).peer(), tls::peer(Some(&own))).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap();
    let key = ring::sign::any_supported_type(&own.key).unwrap();
    let mut config = tls::peer(None);
    config.client_auth_cert_resolver =
        Arc::new(Always(Arc::new(CertifiedKey::new(shown.to_vec(), key))));
    config
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Headers that are wrong in one respect, each with words that the refusal must have.
fn bad_headers(wire: &Wire, right: &peer::PeerHeader) -> Vec<(&'static str, Wire)> {
    let with = |change: &dyn Fn(&mut peer::PeerHeader)| {
        let mut header = right.clone();
        change(&mut header);
        heading(wire, &header)
    };
    vec![
        ("another cluster", with(&|header| header.cluster[0] ^= 1)),
        ("another cluster", with(&|header| header.cluster.clear())),
        ("epoch 2", with(&|header| header.epoch += 1)),
        ("epoch 0", with(&|header| header.epoch -= 1)),
        ("lineage", with(&|header| header.lineage[15] ^= 1)),
        ("for node", with(&|header| header.to = 1 + header.to % 3)),
        ("for node 0", with(&|header| header.to = 0)),
        ("whose key it does not hold", with(&|header| header.from = 1)),
        ("whose key it does not hold", with(&|header| header.from = 99)),
        ("no readable peer header", wire.clone()),
        ("no readable peer header", wire.with(HEADER, "AAAA")),
        ("no readable peer header", wire.with(HEADER, "not base64!")),
    ]
}

/// A registered node proposes for its own callers and about itself, and nothing else.
async fn overstepping(cluster: &Cluster, guest: &Guest) {
    let master = cluster.wait_for_master().await;
    let wire = guest.connect(cluster, master).await;
    let index: peer::ReadIndexResponse =
        wire.ask(READ_INDEX, &peer::ReadIndexRequest {}).await.unwrap();
    assert!(index.log_index > 0, "a node may read");

    let send = async |proposal: Vec<Vec<u8>>, relay: bool, of_node: u64| {
        let proposal = proposal.into_iter().map(Into::into).collect();
        let request = peer::ProposeRequest { proposal, relay, of_node };
        wire.ask::<peer::ProposeResponse>(PROPOSE, &request).await
    };
    let propose = async |proposal: Vec<Vec<u8>>| send(proposal, false, 0).await;
    let node = guest.told.node;
    let about = |caller: u64, from: u64| proposal(store::caller::Kind::Node, caller, from);
    for (what, proposal) in [
        ("in another node's name", about(1, node)),
        ("as if it came from another node", about(node, 1)),
    ] {
        let refused = propose(vec![proposal.encode_to_vec()]).await.err().unwrap();
        assert_refused(&refused, Code::PermissionDenied, "not this peer's", what);
    }
    for (what, batch) in [
        ("garbage", vec![b"garbage".to_vec()]),
        ("nothing", vec![Vec::new()]),
        ("more than a batch", vec![about(node, node).encode_to_vec(); 257]),
    ] {
        let refused = propose(batch).await.err().unwrap();
        assert_eq!(refused.code(), Code::InvalidArgument, "{what}: {refused:?}");
    }

    // Only verifications travel by way of a node that is not the caller's.
    let administrator = store::caller::Kind::Administrator;
    for (what, from, relay, of_node) in [
        ("a write of another node's caller", 1, false, 1),
        ("a write to be carried on", node, true, 0),
        ("of a node that is not there", 4711, false, 4711),
    ] {
        let write = proposal(administrator, 4711, from).encode_to_vec();
        let refused = send(vec![write], relay, of_node).await.err().unwrap();
        assert_refused(&refused, Code::PermissionDenied, "not this peer's", what);
    }

    // Proposals that the master takes and every node refuses to apply.
    let batch = vec![
        proposal(administrator, 4711, node).encode_to_vec(),
        about(node, node).encode_to_vec(),
    ];
    let answers = propose(batch).await.unwrap().answer;
    let refused =
        |answer: &peer::Answer| matches!(answer.reply, Some(peer::answer::Reply::Refused(_)));
    assert!(answers.len() == 2 && answers.iter().all(refused));
}

/// What a registered node cannot make another believe: that it speaks for the master, that terms are
/// used up, or that an entry is one which nobody can read.
async fn lies(cluster: &Cluster, guest: &Guest) {
    let master = number_to_id(cluster.wait_for_master().await);
    let own = guest.told.node;
    let vote = |term, node| Some(store::Vote { term, node, committed: true });
    let log_id = Some(store::LogId { term: 99, leader_node: own, index: 0 });
    let entry = |payload: &[u8]| {
        let payload = Some(store::log_entry::Payload::Batch(payload.to_vec().into()));
        store::LogEntry { log_id, payload }.encode_to_vec().into()
    };
    let append = |vote, entry| peer::AppendEntriesRequest { vote, entry, ..Default::default() };
    let campaign = |vote| peer::VoteRequest { vote, ..Default::default() };
    for number in cluster.numbers() {
        let wire = guest.connect(cluster, number).await;
        let appended = async |message: peer::AppendEntriesRequest| {
            let answer = wire.ask::<peer::AppendEntriesResponse>(APPEND, &message).await;
            answer.err().unwrap()
        };
        let refused = appended(append(vote(99, master), Vec::new())).await;
        assert_refused(&refused, Code::PermissionDenied, "another node's", "the master's vote");
        let refused = appended(append(vote(u64::MAX, own), Vec::new())).await;
        assert_refused(&refused, Code::InvalidArgument, "too far ahead", "the last term");
        let refused = appended(append(vote(99, own), vec![entry(b"garbage")])).await;
        assert_refused(&refused, Code::InvalidArgument, "damaged", "an entry");
        for method in [VOTE, PRE_VOTE] {
            let voted = async |vote| {
                wire.ask::<peer::VoteResponse>(method, &campaign(vote)).await.err().unwrap()
            };
            let refused = voted(vote(u64::MAX, own)).await;
            assert_refused(&refused, Code::InvalidArgument, "too far ahead", method);
            let refused = voted(vote(99, master)).await;
            assert_refused(&refused, Code::PermissionDenied, "another node's", method);
        }
    }
}

/// The wish for a new user, by a caller that the node says it has.
fn proposal(kind: store::caller::Kind, caller: u64, node: u64) -> store::Proposal {
    let mut by = store::Caller { id: caller, ..store::Caller::default() };
    by.set_kind(kind);
    let made_at = symbolon_testkit::now_seconds() * 1000;
    store::Proposal {
        caller: Some(by),
        request_id: symbolon_testkit::request_id().to_vec(),
        fingerprint: vec![7; 16],
        seen: Some(1_000_000),
        made_at: Some(made_at),
        node: Some(node),
        command: Some(store::proposal::Command::CreateUser(store::CreateUser {
            user: 4711,
            name: "mallory".to_owned(),
            display_name: String::new(),
            profile: None,
        })),
    }
}
