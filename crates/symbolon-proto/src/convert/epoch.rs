//! The cluster, and nodes that go on alone, come back or leave.

use symbolon_core::{
    AdministratorId, AuditRow, Cluster, ClusterId, Command, DiscardEpoch, Floor, KeyPin, LineageId,
    MeetEpoch, NodeId, OtherEpoch, ReadmitNode, Sealed, SetNodeAddresses, StartEpoch, Timestamp,
};

use super::{DecodeError, name, need};
use crate::store::v1 as store;
use crate::store::v1::audit_row::Event;

pub(super) fn cluster_to_proto(row: &Cluster) -> store::ClusterRow {
    let floor = row.floor.map(|floor| store::Floor {
        at: floor.at.0,
        recovery_codes_held: floor.recovery_codes_held,
    });
    store::ClusterRow {
        cluster: row.id.0.to_vec(),
        name: row.name.to_string(),
        epoch: row.epoch,
        lineage: row.lineage.0.to_vec(),
        ca_certificate: row.ca_certificate.clone(),
        ca_key: row.ca_key.as_bytes().to_vec(),
        created_at: row.created_at.0,
        floor,
        last_node: row.last_node,
        other: row.others.iter().map(other_to_proto).collect(),
        doubles: row.doubles,
        removed: row.removed.iter().map(|at| at.0).collect(),
    }
}

fn other_to_proto(other: &OtherEpoch) -> store::OtherEpoch {
    let OtherEpoch { epoch, lineage, ours, theirs } = *other;
    store::OtherEpoch { epoch, lineage: lineage.0.to_vec(), ours, theirs }
}

fn other_from_proto(m: &store::OtherEpoch) -> Result<OtherEpoch, DecodeError> {
    let lineage = lineage(&m.lineage)?;
    Ok(OtherEpoch { epoch: m.epoch, lineage, ours: m.ours, theirs: m.theirs })
}

pub(super) fn cluster_from_proto(m: store::ClusterRow) -> Result<Cluster, DecodeError> {
    let floor =
        m.floor.map(|m| Floor { at: Timestamp(m.at), recovery_codes_held: m.recovery_codes_held });
    Ok(Cluster {
        id: need(ClusterId::from_slice(&m.cluster), "cluster")?,
        name: name(m.name, "name")?,
        epoch: m.epoch,
        lineage: lineage(&m.lineage)?,
        ca_certificate: m.ca_certificate,
        ca_key: Sealed::new(m.ca_key),
        created_at: Timestamp(m.created_at),
        floor,
        last_node: m.last_node,
        others: m.other.iter().map(other_from_proto).collect::<Result<_, _>>()?,
        doubles: m.doubles,
        removed: m.removed.into_iter().map(Timestamp).collect(),
    })
}

/// `None` for what is about none of it.
pub(super) fn command_to_proto(command: &Command) -> Option<store::proposal::Command> {
    use store::proposal::Command as Message;
    Some(match command {
        Command::SetNodeAddresses(c) => Message::SetNodeAddresses(store::SetNodeAddresses {
            node: c.node.0,
            peer_address: c.peer_address.clone(),
            api_address: c.api_address.clone(),
        }),
        Command::StartEpoch(c) => Message::StartEpoch(store::StartEpoch {
            epoch: c.epoch,
            lineage: c.lineage.0.to_vec(),
            node: c.node.0,
            administrator: c.administrator.map_or(0, |id| id.0),
            clock: c.clock.0,
        }),
        Command::ReadmitNode(c) => Message::ReadmitNode(store::ReadmitNode {
            previous: c.previous.0,
            name: c.name.to_string(),
            pin: c.pin.0.to_vec(),
            peer_address: c.peer_address.clone(),
            api_address: c.api_address.clone(),
            gone_back: c.gone_back,
        }),
        Command::MeetEpoch(c) => Message::MeetEpoch(store::MeetEpoch {
            epoch: c.epoch,
            lineage: c.lineage.0.to_vec(),
            word: c.word,
        }),
        Command::DiscardEpoch(c) => Message::DiscardEpoch(store::DiscardEpoch {
            epoch: c.epoch,
            lineage: c.lineage.0.to_vec(),
        }),
        Command::ReleaseRecoveryCodes => {
            Message::ReleaseRecoveryCodes(store::ReleaseRecoveryCodes {})
        }
        Command::ConfirmClock => Message::ConfirmClock(store::ConfirmClock {}),
        Command::RemoveNode(c) => Message::RemoveNode(store::RemoveNode { node: c.node.0 }),
        _ => return None,
    })
}

pub(super) fn set_addresses_from_proto(m: store::SetNodeAddresses) -> Command {
    Command::SetNodeAddresses(SetNodeAddresses {
        node: NodeId(m.node),
        peer_address: m.peer_address,
        api_address: m.api_address,
    })
}

pub(super) fn start_from_proto(m: &store::StartEpoch) -> Result<Command, DecodeError> {
    Ok(Command::StartEpoch(StartEpoch {
        epoch: m.epoch,
        lineage: lineage(&m.lineage)?,
        node: NodeId(m.node),
        administrator: administrator(m.administrator),
        clock: Timestamp(m.clock),
    }))
}

pub(super) fn readmit_from_proto(m: store::ReadmitNode) -> Result<Command, DecodeError> {
    Ok(Command::ReadmitNode(ReadmitNode {
        previous: NodeId(m.previous),
        gone_back: m.gone_back,
        name: name(m.name, "name")?,
        pin: pin(&m.pin)?,
        peer_address: m.peer_address,
        api_address: m.api_address,
    }))
}

pub(super) fn meet_from_proto(m: &store::MeetEpoch) -> Result<Command, DecodeError> {
    let lineage = lineage(&m.lineage)?;
    Ok(Command::MeetEpoch(MeetEpoch { epoch: m.epoch, lineage, word: m.word }))
}

pub(super) fn discard_from_proto(m: &store::DiscardEpoch) -> Result<Command, DecodeError> {
    let lineage = lineage(&m.lineage)?;
    Ok(Command::DiscardEpoch(DiscardEpoch { epoch: m.epoch, lineage }))
}

/// `None` for what is about none of it.
pub(super) fn event_to_proto(row: &AuditRow) -> Option<Event> {
    Some(match row {
        AuditRow::EpochStarted { epoch, lineage, node, administrator } => {
            let administrator = administrator.map_or(0, |id| id.0);
            let (epoch, lineage, node) = (*epoch, lineage.0.to_vec(), node.0);
            Event::EpochStarted(store::EpochStarted { epoch, lineage, node, administrator })
        }
        AuditRow::NodeReadmitted { node, name, previous } => {
            let (node, name, previous) = (node.0, name.to_string(), previous.0);
            Event::NodeReadmitted(store::NodeReadmitted { node, name, previous })
        }
        AuditRow::NodeRemoved { node, name, pin } => {
            let (node, name, pin) = (node.0, name.to_string(), pin.0.to_vec());
            Event::NodeRemoved(store::NodeRemoved { node, name, pin })
        }
        AuditRow::RecoveryCodesReleased => {
            Event::RecoveryCodesReleased(store::RecoveryCodesReleased {})
        }
        AuditRow::EpochDiscarded { epoch, lineage } => {
            let (epoch, lineage) = (*epoch, lineage.0.to_vec());
            Event::EpochDiscarded(store::EpochDiscarded { epoch, lineage })
        }
        AuditRow::ClockConfirmed => Event::ClockConfirmed(store::ClockConfirmed {}),
        _ => return None,
    })
}

pub(super) fn started_from_proto(m: &store::EpochStarted) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::EpochStarted {
        epoch: m.epoch,
        lineage: lineage(&m.lineage)?,
        node: NodeId(m.node),
        administrator: administrator(m.administrator),
    })
}

pub(super) fn readmitted_from_proto(m: store::NodeReadmitted) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::NodeReadmitted {
        node: NodeId(m.node),
        name: name(m.name, "name")?,
        previous: NodeId(m.previous),
    })
}

pub(super) fn discarded_from_proto(m: &store::EpochDiscarded) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::EpochDiscarded { epoch: m.epoch, lineage: lineage(&m.lineage)? })
}

pub(super) fn removed_from_proto(m: store::NodeRemoved) -> Result<AuditRow, DecodeError> {
    let name = name(m.name, "name")?;
    Ok(AuditRow::NodeRemoved { node: NodeId(m.node), name, pin: pin(&m.pin)? })
}

fn lineage(bytes: &[u8]) -> Result<LineageId, DecodeError> {
    need(LineageId::from_slice(bytes), "lineage")
}

fn pin(bytes: &[u8]) -> Result<KeyPin, DecodeError> {
    need(KeyPin::from_slice(bytes), "pin")
}

fn administrator(id: u64) -> Option<AdministratorId> {
    (id != 0).then_some(AdministratorId(id))
}
