//! Nodes that leave, and nodes that come back.

use super::{Context, Output};
use crate::limits::REMOVED_NODES_MAX;
use crate::{AuditRow, Node, NodeId, ReadmitNode, Refusal, RemoveNode, Reply, Row, RowKey, State};

impl State {
    /// The next id of a node: none is given twice, since peers and the log know a node by it.
    pub(super) fn give_node_id(&mut self, out: &mut Output) -> NodeId {
        let id = self.last_node().saturating_add(1);
        // Until a row goes, the rows tell which was the last.
        if self.cluster().is_some_and(|cluster| cluster.last_node != 0) {
            self.note_last_node(id, out);
        }
        NodeId(id)
    }

    fn note_last_node(&mut self, last_node: u64, out: &mut Output) {
        if let Some(mut cluster) = self.cluster().cloned().filter(|row| row.last_node != last_node)
        {
            cluster.last_node = last_node;
            self.put(Row::Cluster(cluster), out);
        }
    }

    /// Takes a node back that was gone on without, or that has forgotten what it promised. It comes back
    /// empty, and under another id: what it promised under the old one binds it no more. A member is not
    /// taken back: whoever asks in its name is a copy of it.
    pub(super) fn readmit_node(
        &mut self,
        context: &Context<'_>,
        command: &ReadmitNode,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let before = self.node_by_pin(command.pin).cloned().ok_or(Refusal::NodeUnknown)?;
        if before.name != command.name {
            return Err(Refusal::NameTaken);
        }
        let is_same = before.id == command.previous;
        if !(before.superseded || (command.gone_back && is_same)) {
            let again = Ok(Reply::NodeAdmitted(before.id));
            return if is_same { Err(Refusal::WrongPhase) } else { again };
        }
        self.delete_node(before.id, out);
        let id = self.give_node_id(out);
        let node = Node {
            id,
            name: before.name.clone(),
            pin: before.pin,
            peer_address: command.peer_address.clone(),
            api_address: command.api_address.clone(),
            superseded: false,
            changed_at: context.stamp.index,
        };
        self.put(Row::Node(node), out);
        let row = AuditRow::NodeReadmitted { node: id, name: before.name, previous: before.id };
        self.record(context, row, out);
        Ok(Reply::NodeAdmitted(id))
    }

    pub(super) fn remove_node(
        &mut self,
        context: &Context<'_>,
        command: &RemoveNode,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let node = self.node(command.node).cloned().ok_or(Refusal::NodeUnknown)?;
        if self.nodes().all(|member| member.id == node.id) {
            return Err(Refusal::WrongPhase);
        }
        self.delete_node(node.id, out);
        self.note_removal(out);
        let row = AuditRow::NodeRemoved { node: node.id, name: node.name, pin: node.pin };
        self.record(context, row, out);
        // A change of the data key may have waited for it alone.
        self.activate_spread_key(context, out);
        Ok(Reply::Done)
    }

    /// Until it must have heard of it, what the node may let fail by itself is kept back.
    fn note_removal(&mut self, out: &mut Output) {
        if let Some(mut cluster) = self.cluster().cloned() {
            cluster.removed.retain(|at| self.may_be_island(*at));
            let over = (cluster.removed.len() + 1).saturating_sub(REMOVED_NODES_MAX);
            cluster.removed.drain(..over);
            cluster.removed.push(self.clock);
            self.put(Row::Cluster(cluster), out);
        }
    }

    fn delete_node(&mut self, id: NodeId, out: &mut Output) {
        self.note_last_node(self.last_node(), out);
        let mut keys = self.data_keys();
        if keys.rotation.as_mut().is_some_and(|rotation| rotation.holders.remove(&id)) {
            self.put(Row::DataKeys(keys), out);
        }
        self.delete(RowKey::Node(id), out);
    }
}
