//! Nodes that begin, go on alone, come back or leave.

use super::*;
use crate::language::time_text;
use symbolon_core::{
    AuditRow, DiscardEpoch, MeetEpoch, OtherEpoch, ReadmitNode, RemoveNode, StartEpoch,
};

/// `seize NODE_NUMBER epoch NUMBER`, perhaps of another `lineage`, by a clock at `clock`; `readmit NODE was
/// NODE_NUMBER`, perhaps with the key of another, or because its `disk` went back; `release codes`; `remove-node NODE_NUMBER`;
/// `meet EPOCH lineage NAME`, perhaps with its `word`; `discard EPOCH lineage NAME`.
pub(super) fn command(
    verb: &str,
    name: &str,
    words: &mut Words,
) -> Result<(Command, Caller), String> {
    let number_of = |text: &str| text.parse().map(NodeId).map_err(|_| "a node's number".to_owned());
    Ok(match verb {
        "seize" => {
            let node = number_of(name)?;
            let epoch = words.option("epoch")?.ok_or("in which epoch?")?;
            let lineage = words.option("lineage")?.unwrap_or_else(|| epoch.clone());
            let clock = words.option("clock")?.map_or(Ok(Timestamp(0)), |text| time(&text))?;
            let command = StartEpoch {
                epoch: epoch.parse().map_err(|_| "the epoch's number")?,
                lineage: LineageId(bytes("lineage", &lineage)),
                node,
                administrator: Some(AdministratorId(number("administrator", "root"))),
                clock,
            };
            (Command::StartEpoch(command), Caller::Node(node))
        }
        "readmit" => {
            let previous = words.option("was")?.ok_or("which node was it?")?;
            let gone_back = words.option("disk")?.is_some();
            let key = words.option("key")?.unwrap_or_else(|| name.to_owned());
            let command = ReadmitNode {
                previous: number_of(&previous)?,
                gone_back,
                name: parse_name(name.to_owned())?,
                pin: KeyPin(hash("pin", &key)),
                peer_address: format!("{name}:9444"),
                api_address: format!("https://{name}:9443"),
            };
            (Command::ReadmitNode(command), node_one())
        }
        "remove-node" => (Command::RemoveNode(RemoveNode { node: number_of(name)? }), root()),
        "meet" => {
            let epoch = name.parse().map_err(|_| "the epoch's number")?;
            let lineage = words.option("lineage")?.ok_or("of which lineage?")?;
            let word = words.option("word")?.unwrap_or_else(|| "0".to_owned());
            let word = word.parse().map_err(|_| "a word is a number")?;
            let lineage = LineageId(bytes("lineage", &lineage));
            (Command::MeetEpoch(MeetEpoch { epoch, lineage, word }), node_one())
        }
        "discard" => {
            let epoch = name.parse().map_err(|_| "the epoch's number")?;
            let lineage = words.option("lineage")?.ok_or("of which lineage?")?;
            let lineage = LineageId(bytes("lineage", &lineage));
            (Command::DiscardEpoch(DiscardEpoch { epoch, lineage }), root())
        }
        "acknowledge" if name == "doubles" => (Command::AcknowledgeDoubles, root()),
        "release" if name == "codes" => (Command::ReleaseRecoveryCodes, root()),
        "believe" if name == "clock" => (Command::ConfirmClock, root()),
        other => return Err(format!("no command {other}")),
    })
}

pub(super) fn create_cluster(name: &str) -> Result<Command, String> {
    Ok(Command::CreateCluster(CreateCluster {
        cluster: ClusterId(bytes("cluster", name)),
        name: parse_name(name.to_owned())?,
        lineage: LineageId(bytes("lineage", name)),
        ca_certificate: b"certificate".to_vec(),
        ca_key: under(DataKeyId::FIRST, "sealed key"),
        administrator: Box::new(Administrator::first(
            AdministratorId(number("administrator", "root")),
            parse_name("root".to_owned())?,
            KeyHash(hash("key", "root")),
        )),
        node: Node {
            id: NodeId(1),
            name: parse_name("n1".to_owned())?,
            pin: KeyPin(hash("pin", "n1")),
            peer_address: "n1:8444".to_owned(),
            api_address: "https://n1:8443".to_owned(),
            superseded: false,
            changed_at: LogIndex(0),
        },
    }))
}

/// What the state says of the epoch.
pub(crate) fn epoch(state: &State) -> String {
    let Some(cluster) = state.cluster() else { return "none".to_owned() };
    let floor = cluster.floor.map_or_else(String::new, |floor| {
        let held = if floor.recovery_codes_held { ", codes held" } else { "" };
        format!(", floor {}{held}", time_text(floor.at))
    });
    let others = cluster.others.iter().map(|other| {
        let OtherEpoch { epoch, ours, theirs, .. } = other;
        format!(", apart {epoch} words {ours}:{theirs}")
    });
    format!("{}{floor}{}", cluster.epoch, others.collect::<String>())
}

/// Members, those that are superseded, and the highest id if it is noted.
pub(crate) fn nodes(state: &State) -> String {
    let list = |nodes: &mut dyn Iterator<Item = &Node>| {
        let ids: Vec<_> = nodes.map(|node| format!(" {}", node.id)).collect();
        ids.concat()
    };
    let superseded = list(&mut state.nodes_superseded());
    let superseded =
        if superseded.is_empty() { superseded } else { format!(", superseded{superseded}") };
    let noted = state.cluster().map_or(0, |cluster| cluster.last_node);
    let noted = if noted == 0 { String::new() } else { format!(", last {noted}") };
    format!("members{}{superseded}{noted}", list(&mut state.nodes()))
}

/// An event about nodes.
pub(crate) fn audit(row: &AuditRow) -> String {
    match row {
        AuditRow::ClusterCreated { name, node, .. } => format!("cluster {name} by node {node}"),
        AuditRow::JoinTokenCreated { expires_at, .. } => {
            format!("join token until {}", time_text(*expires_at))
        }
        AuditRow::NodeAdmitted { node, name, .. } => format!("node {node} is {name}"),
        AuditRow::NodeAddressesChanged { node, peer_address, .. } => {
            format!("node {node} is at {peer_address}")
        }
        AuditRow::EpochStarted { epoch, node, .. } => format!("epoch {epoch} of node {node}"),
        AuditRow::NodeReadmitted { node, name, previous } => {
            format!("node {node} is {name}, which was node {previous}")
        }
        AuditRow::NodeRemoved { node, name, .. } => format!("node {node}, {name}, is removed"),
        AuditRow::RecoveryCodesReleased => "recovery codes are released".to_owned(),
        AuditRow::EpochDiscarded { epoch, .. } => format!("epoch {epoch} is discarded"),
        AuditRow::ClockConfirmed => "the clock is confirmed".to_owned(),
        other => unreachable!("{other:?}"),
    }
}
