//! What lies on a disk beside the log and the rows.

use prost::Message as _;
use symbolon_proto::store::v1 as store;

use super::{Vector, message};

pub(super) fn disk() -> Vec<Vector> {
    let known_node = store::KnownNode {
        node: 1,
        pin: vec![0x91; 32],
        peer_address: "n1.example:8444".to_owned(),
        name: "n1.example".to_owned(),
    };
    let header = store::Header {
        version: 1,
        min_compatible: 1,
        cluster: vec![0x31; 16],
        epoch: 2,
        lineage: vec![0x32; 16],
        node: 2,
        node_name: "n2.example".to_owned(),
        wrapped_data_key: vec![vec![0xf1; 10]],
        wrapped_node_key: vec![0xf2; 11],
        ca_certificate: vec![0x33; 5],
        known_node: vec![known_node],
        wrapped_fingerprint_key: Vec::new(),
        next_keys: None,
    };
    let header_of_keys = store::Header {
        wrapped_data_key: vec![vec![0xf1; 10], vec![0xf3; 12]],
        wrapped_fingerprint_key: vec![0xf4; 13],
        next_keys: Some(store::WrappedKeys {
            data_key: vec![vec![0xf5; 14], vec![0xf6; 15]],
            node_key: vec![0xf7; 16],
            fingerprint_key: vec![0xf8; 17],
        }),
        ..header.clone()
    };
    let tip = store::Tip {
        version: 1,
        min_compatible: 1,
        incarnation: 3,
        round: 300,
        revision: 4,
        last_index: Some(100),
        last_chain: 0x0102_0304,
        purged_index: Some(50),
        vote: Some(vec![0x34; 6]),
        image: 99,
        stored: 0,
    };
    let peers_kept = store::PeersKept {
        node: vec![store::PeerKept { node: 2, incarnation: 3, revision: 4, log_index: 300 }],
    };
    let tip_stored = store::Tip { stored: 98, ..tip.clone() };
    vec![
        message("header", &["Header", "KnownNode"], header),
        message("tip", &["Tip"], tip),
        message("tip-stored", &["Tip"], tip_stored),
        message("peers-kept", &["PeersKept", "PeerKept"], peers_kept),
        message("header-keys", &["Header", "WrappedKeys"], header_of_keys),
    ]
}

/// What came with islands.
pub(super) fn islands() -> Vec<Vector> {
    let record = store::IslandRecord { applied_index: 301, audit: vec![9; 5] };
    let caller = store::Caller { kind: store::caller::Kind::Application.into(), id: 7 };
    let agreed = store::AgreedCode {
        step: 60_000_000,
        caller: Some(caller),
        request_id: vec![1; 16],
        node: 2,
        journal: vec![3; 16],
        number: 4,
    };
    let since = store::IslandSince { at: 1_800_000_000_000 };
    let left =
        store::LeftRecord { journal: vec![3; 16], number: 4, begun_at: 300, record: vec![9; 5] };
    let left = store::LeftPart { record: vec![left], ..store::LeftPart::default() };
    vec![
        message("island-journal", &["IslandJournal"], store::IslandJournal { applied_index: 300 }),
        message("island-record", &["IslandRecord"], record),
        message("island-since", &["IslandSince"], since),
        message("left-part-island", &["LeftPart", "LeftRecord"], left),
        message("agreed-code", &["AgreedCode", "Caller"], agreed),
    ]
}

/// What came with seizes.
pub(super) fn successions() -> Vec<Vector> {
    let ancestor =
        store::Ancestor { epoch: 1, lineage: vec![2; 16], fork_index: 300, fork_term: 0 };
    let signed = |epoch| store::SignedStatement {
        statement: store::EpochStatement {
            cluster: vec![1; 16],
            epoch,
            lineage: vec![5; 16],
            ancestry: vec![ancestor.clone()],
            node: 2,
            made_at: 1_800_000_000_000,
            administrator: 77,
            discarded: Vec::new(),
        }
        .encode_to_vec(),
        public_key: vec![6; 91],
        signature: vec![7; 71],
    };
    let contact = store::KnownNode {
        node: 2,
        pin: vec![8; 32],
        peer_address: "192.0.2.2:8444".to_owned(),
        name: String::new(),
    };
    let succession = store::Succession {
        current: Some(signed(2)),
        plan: Some(store::SeizePlan { statement: Some(signed(3)) }),
        left: Some(store::Left { by: Some(signed(4)), contact: vec![contact] }),
        gone_back: None,
    };
    let gone_back = store::GoneBack { peer: 3, lacks: "it was started 4 times".to_owned() };
    let went_back =
        store::Succession { gone_back: Some(gone_back), ..store::Succession::default() };
    let statement = store::EpochStatement::decode(&*signed(2).statement).unwrap_or_default();
    let discarded = store::DiscardedEpoch { epoch: 3, lineage: vec![8; 16], word: 2 };
    let discarding = store::EpochStatement { discarded: vec![discarded], ..statement.clone() };
    let left = store::LeftHeader {
        version: 1,
        cluster: vec![1; 16],
        node: 2,
        from: Some(ancestor.clone()),
        by: Some(signed(2)),
        first_index: 301,
        last_index: 310,
        applied_index: 309,
        written_at: 1_800_000_000_000,
    };
    let entry = |index| store::LeftEntry { index, batch: vec![9; 5] };
    let [entry, audit] = [entry(301), entry(302)].map(|entry| vec![entry]);
    let part = store::LeftPart { entry, audit, record: Vec::new() };
    let write = store::SettledWrite { index: 301, ordinal: 1, applied_at: 400 };
    vec![
        message(
            "succession",
            &["Succession", "SignedStatement", "SeizePlan", "Left", "KnownNode"],
            succession,
        ),
        message("succession-gone-back", &["Succession", "GoneBack"], went_back),
        message("ancestor", &["Ancestor"], store::Ancestor { fork_term: 7, ..ancestor }),
        message("left-header", &["LeftHeader", "Ancestor", "SignedStatement"], left),
        message("left-part", &["LeftPart", "LeftEntry"], part),
        message("settled", &["Settled", "SettledWrite"], store::Settled { write: vec![write] }),
        message("epoch-statement", &["EpochStatement", "Ancestor"], statement),
        message(
            "epoch-statement-discarding",
            &["EpochStatement", "Ancestor", "DiscardedEpoch"],
            discarding,
        ),
    ]
}
