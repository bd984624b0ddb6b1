//! What comes with seizes.

use super::*;
use symbolon_core::{
    DiscardEpoch, Floor, MeetEpoch, OtherEpoch, ReadmitNode, RemoveNode, StartEpoch,
};

fn lineage() -> impl Strategy<Value = LineageId> {
    any::<[u8; 16]>().prop_map(LineageId)
}

pub(super) fn floor() -> impl Strategy<Value = Option<Floor>> {
    let floor = (time(), any::<bool>());
    option::of(floor.prop_map(|(at, recovery_codes_held)| Floor { at, recovery_codes_held }))
}

pub(super) fn others() -> impl Strategy<Value = Vec<OtherEpoch>> {
    let other = (number(), lineage(), any::<u32>(), any::<u32>())
        .prop_map(|(epoch, lineage, ours, theirs)| OtherEpoch { epoch, lineage, ours, theirs });
    vec(other, 0..4)
}

fn start() -> impl Strategy<Value = StartEpoch> {
    (number(), lineage(), id(NodeId), option::of(id(AdministratorId)), time()).prop_map(
        |(epoch, lineage, node, administrator, clock)| StartEpoch {
            epoch,
            lineage,
            node,
            administrator,
            clock,
        },
    )
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        start().prop_map(Command::StartEpoch),
        (id(NodeId), name(), pin(), address(), address(), any::<bool>()).prop_map(
            |(previous, name, pin, peer_address, api_address, gone_back)| {
                let back =
                    ReadmitNode { previous, gone_back, name, pin, peer_address, api_address };
                Command::ReadmitNode(back)
            }
        ),
        (number(), lineage(), any::<u32>()).prop_map(|(epoch, lineage, word)| {
            Command::MeetEpoch(MeetEpoch { epoch, lineage, word })
        }),
        (number(), lineage())
            .prop_map(|(epoch, lineage)| Command::DiscardEpoch(DiscardEpoch { epoch, lineage })),
        Just(Command::ReleaseRecoveryCodes),
        Just(Command::ConfirmClock),
        id(NodeId).prop_map(|node| Command::RemoveNode(RemoveNode { node })),
    ]
}

pub(super) fn audit_row() -> impl Strategy<Value = AuditRow> {
    prop_oneof![
        start().prop_map(|it| AuditRow::EpochStarted {
            epoch: it.epoch,
            lineage: it.lineage,
            node: it.node,
            administrator: it.administrator,
        }),
        (id(NodeId), name(), id(NodeId))
            .prop_map(|(node, name, previous)| AuditRow::NodeReadmitted { node, name, previous }),
        (id(NodeId), name(), pin()).prop_map(|(node, name, pin)| AuditRow::NodeRemoved {
            node,
            name,
            pin
        }),
        Just(AuditRow::RecoveryCodesReleased),
        (number(), lineage())
            .prop_map(|(epoch, lineage)| AuditRow::EpochDiscarded { epoch, lineage }),
        Just(AuditRow::ClockConfirmed),
    ]
}

pub(super) fn cluster_row() -> impl Strategy<Value = Cluster> {
    let left = (floor(), number(), others(), number(), vec(time(), 0..3));
    (create_cluster(), number(), time(), left).prop_map(
        |(created, epoch, created_at, (floor, last_node, others, doubles, removed))| Cluster {
            id: created.cluster,
            name: created.name,
            epoch,
            lineage: created.lineage,
            ca_certificate: created.ca_certificate,
            ca_key: created.ca_key,
            floor,
            last_node,
            others,
            doubles,
            removed,
            created_at,
        },
    )
}
