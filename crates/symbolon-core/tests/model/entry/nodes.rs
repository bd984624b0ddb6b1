//! What nodes ask for that go on alone or come back.

use symbolon_core::{
    AdministratorId, Command, DiscardEpoch, KeyPin, LineageId, MeetEpoch, NodeId, ReadmitNode,
    RemoveNode, StartEpoch,
};

use super::make::{Maker, named};
use crate::script::nodes::Wish;

impl Maker<'_> {
    pub(super) fn about_nodes(&self, wish: &Wish) -> Command {
        match wish {
            Wish::Seize { node, epoch_off, lineage, clock_off } => {
                let epoch = self.view.cluster().map_or(1, |cluster| cluster.epoch);
                Command::StartEpoch(StartEpoch {
                    epoch: epoch.saturating_add_signed(*epoch_off),
                    lineage: LineageId([*lineage; 16]),
                    node: NodeId(*node),
                    administrator: (*lineage == 2).then_some(AdministratorId(1)),
                    clock: symbolon_core::Timestamp(
                        self.made_at.0.saturating_add_signed(*clock_off),
                    ),
                })
            }
            Wish::Readmit { place, pin, is_named, previous_off, gone_back } => {
                let mut nodes: Vec<_> = self.view.nodes_superseded().collect();
                if nodes.is_empty() || *place == 3 {
                    nodes = self.view.nodes().collect();
                }
                let node = nodes.get(place % nodes.len().max(1));
                let known = node.map(|row| (row.id.0, row.name.clone(), row.pin));
                let nobody = || (9, named("node", 9), KeyPin([9; 32]));
                let (id, name, own) = known.unwrap_or_else(nobody);
                Command::ReadmitNode(ReadmitNode {
                    previous: NodeId(id.saturating_sub(*previous_off)),
                    gone_back: *gone_back,
                    name: if *is_named { name } else { named("node", 8) },
                    pin: pin.map_or(own, |pin| KeyPin([pin; 32])),
                    peer_address: "back:8444".to_owned(),
                    api_address: "https://back:8443".to_owned(),
                })
            }
            Wish::Meet { epoch, lineage, word } => Command::MeetEpoch(MeetEpoch {
                epoch: *epoch,
                lineage: LineageId([*lineage; 16]),
                word: *word,
            }),
            Wish::Discard { place } => {
                let others = self.view.cluster().map_or(&[][..], |cluster| &cluster.others);
                let open = others.iter().filter(|other| !other.is_discarded());
                let all: Vec<_> = open.chain(others).collect();
                let known = all.get(*place).or_else(|| all.first());
                let (epoch, lineage) =
                    known.map_or((9, LineageId([9; 16])), |other| (other.epoch, other.lineage));
                Command::DiscardEpoch(DiscardEpoch { epoch, lineage })
            }
            Wish::Merge(wish) => self.merge(wish),
            Wish::Acknowledge => Command::AcknowledgeDoubles,
            Wish::Release => Command::ReleaseRecoveryCodes,
            Wish::ConfirmClock => Command::ConfirmClock,
            Wish::Remove { node } => Command::RemoveNode(RemoveNode { node: NodeId(*node) }),
        }
    }
}
