//! What came with seizes: nodes that go on alone, come back or leave.

use super::*;
use symbolon_core::{
    DiscardEpoch, Floor, MeetEpoch, OtherEpoch, ReadmitNode, RemoveNode, StartEpoch,
};

/// Commands about it.
pub(crate) fn epoch_commands() -> Vec<(&'static str, Command)> {
    let start = StartEpoch {
        epoch: 3,
        lineage: LineageId([0x35; 16]),
        node: NodeId(3),
        administrator: Some(AdministratorId(0x1112_1314_1516_1718)),
        clock: AT,
    };
    let readmit = ReadmitNode {
        previous: NodeId(2),
        gone_back: false,
        name: name("n2.example"),
        pin: KeyPin([0x71; 32]),
        peer_address: "n2.example:8444".to_owned(),
        api_address: "https://n2.example:8443".to_owned(),
    };
    let apart = (4, LineageId([0x36; 16]));
    vec![
        ("start-epoch", Command::StartEpoch(start)),
        ("start-epoch-unknown", Command::StartEpoch(StartEpoch { administrator: None, ..start })),
        ("readmit-node", Command::ReadmitNode(readmit.clone())),
        ("release-recovery-codes", Command::ReleaseRecoveryCodes),
        ("confirm-clock", Command::ConfirmClock),
        ("remove-node", Command::RemoveNode(RemoveNode { node: NodeId(2) })),
        (
            "readmit-node-gone-back",
            Command::ReadmitNode(ReadmitNode { gone_back: true, ..readmit }),
        ),
        ("meet-epoch", Command::MeetEpoch(MeetEpoch { epoch: apart.0, lineage: apart.1, word: 2 })),
        ("discard-epoch", Command::DiscardEpoch(DiscardEpoch { epoch: apart.0, lineage: apart.1 })),
    ]
}

/// Rows as a seize leaves them.
pub(crate) fn epoch_rows() -> Vec<(&'static str, Row)> {
    let floor = Some(Floor { at: AT.plus(30_000), recovery_codes_held: true });
    let released = Some(Floor { at: AT.plus(30_000), recovery_codes_held: false });
    let other = OtherEpoch { epoch: 4, lineage: LineageId([0x36; 16]), ours: 2, theirs: 1 };
    let hotp = token(Parameters::hotp(Algorithm::Sha1, 6).unwrap());
    vec![
        ("cluster-floor", Row::Cluster(Cluster { floor, last_node: 4, ..cluster() })),
        ("cluster-apart", Row::Cluster(Cluster { others: vec![other], ..cluster() })),
        ("cluster-released", Row::Cluster(Cluster { floor: released, ..cluster() })),
        ("token-settled", Row::Token(Token { epoch: 2, ..hotp.clone() })),
        ("token-awaiting", Row::Token(Token { awaits_second: true, ..hotp })),
        ("node-superseded", Row::Node(Node { superseded: true, ..node() })),
    ]
}

/// Events about it.
pub(crate) fn epoch_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let started = |administrator| AuditRow::EpochStarted {
        epoch: 3,
        lineage: LineageId([0x35; 16]),
        node: NodeId(3),
        administrator,
    };
    audit_of(vec![
        started(Some(AdministratorId(0x1112_1314_1516_1718))),
        started(None),
        AuditRow::NodeReadmitted { node: NodeId(4), name: name("n2.example"), previous: NodeId(2) },
        AuditRow::NodeRemoved {
            node: NodeId(4),
            name: name("n2.example"),
            pin: KeyPin([0x71; 32]),
        },
        AuditRow::RecoveryCodesReleased,
        AuditRow::Verified(verified(Some(Denial::SecondCodeNeeded))),
        AuditRow::Verified(verified(Some(Denial::RecoveryCodesHeld))),
    ])
}

/// Events about epochs apart.
pub(crate) fn apart_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    audit_of(vec![AuditRow::EpochDiscarded { epoch: 4, lineage: LineageId([0x36; 16]) }])
}

/// What came with the rules for clocks.
pub(crate) fn clock_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    audit_of(vec![AuditRow::ClockConfirmed])
}
