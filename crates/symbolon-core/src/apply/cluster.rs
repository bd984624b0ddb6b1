//! The cluster, its nodes and its join tokens.

use alloc::vec::Vec;

use super::{Context, Output};
use crate::limits::{JOIN_TOKEN_MILLISECONDS_MAX, JOIN_TOKENS_MAX, NODES_MAX, REVEAL_MILLISECONDS};
use crate::{
    AdmitNode, AuditRow, Cluster, CreateCluster, CreateJoinToken, JoinToken, Node, Refusal, Reply,
    Reveal, Row, SetNodeAddresses, State,
};

impl State {
    pub(super) fn create_cluster(
        &mut self,
        context: &Context<'_>,
        command: &CreateCluster,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let index = context.stamp.index;
        let cluster = Cluster {
            id: command.cluster,
            name: command.name.clone(),
            epoch: 1,
            lineage: command.lineage,
            ca_certificate: command.ca_certificate.clone(),
            ca_key: command.ca_key.clone(),
            created_at: self.clock,
            floor: None,
            last_node: 0,
            others: Default::default(),
            doubles: 0,
            removed: Vec::new(),
        };
        self.put(Row::Cluster(cluster), out);
        let mut administrator = (*command.administrator).clone();
        administrator.changed_at = index;
        let mut node = command.node.clone();
        node.changed_at = index;
        let row = AuditRow::ClusterCreated {
            cluster: command.cluster,
            name: command.name.clone(),
            administrator: administrator.id,
            node: node.id,
        };
        self.put(Row::Administrator(administrator), out);
        self.put(Row::Node(node), out);
        self.record(context, row, out);
        Ok(Reply::ClusterCreated)
    }

    pub(super) fn create_join_token(
        &mut self,
        context: &Context<'_>,
        command: &CreateJoinToken,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        if self.join_token(command.join_token).is_some() {
            return Err(Refusal::IdTaken);
        }
        self.sealed_now(&command.secret)?;
        if self.join_tokens.len() >= JOIN_TOKENS_MAX {
            return Err(Refusal::LimitReached);
        }
        let life = command.life_milliseconds.min(JOIN_TOKEN_MILLISECONDS_MAX);
        let expires_at = self.clock.plus(life);
        let token = JoinToken {
            id: command.join_token,
            secret: command.secret_hash,
            reveal: Some(Reveal {
                secret: command.secret.clone(),
                until: self.clock.plus(REVEAL_MILLISECONDS),
            }),
            expires_at,
            used_by: None,
            changed_at: context.stamp.index,
        };
        self.put(Row::JoinToken(token), out);
        let row = AuditRow::JoinTokenCreated { join_token: command.join_token, expires_at };
        self.record(context, row, out);
        Ok(Reply::JoinTokenCreated(command.join_token))
    }

    /// Registers a node. The same token with the same key and name is the same join again.
    pub(super) fn admit_node(
        &mut self,
        context: &Context<'_>,
        command: &AdmitNode,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut token = self
            .join_token(command.join_token)
            .filter(|token| token.secret == command.secret)
            .cloned()
            .ok_or(Refusal::JoinTokenUnknown)?;
        if let Some(node) = token.used_by {
            let same = self
                .node(node)
                .is_some_and(|row| row.pin == command.pin && row.name == command.name);
            return if same { Ok(Reply::NodeAdmitted(node)) } else { Err(Refusal::JoinTokenUsed) };
        }
        if token.expires_at <= self.clock {
            return Err(Refusal::JoinTokenExpired);
        }
        if self.nodes.iter().any(|row| row.name == command.name || row.pin == command.pin) {
            return Err(Refusal::NameTaken);
        }
        if self.nodes.len() >= NODES_MAX {
            return Err(Refusal::LimitReached);
        }
        if self.settings().check(self.allowed_for() + 1).is_err() {
            return Err(Refusal::GuessingUnbounded);
        }
        let id = self.give_node_id(out);
        token.used_by = Some(id);
        token.reveal = None;
        token.changed_at = context.stamp.index;
        self.put(Row::JoinToken(token), out);
        let node = Node {
            id,
            name: command.name.clone(),
            pin: command.pin,
            peer_address: command.peer_address.clone(),
            api_address: command.api_address.clone(),
            superseded: false,
            changed_at: context.stamp.index,
        };
        self.put(Row::Node(node), out);
        let row = AuditRow::NodeAdmitted {
            node: id,
            name: command.name.clone(),
            pin: command.pin,
            join_token: command.join_token,
        };
        self.record(context, row, out);
        Ok(Reply::NodeAdmitted(id))
    }

    pub(super) fn set_addresses(
        &mut self,
        context: &Context<'_>,
        command: &SetNodeAddresses,
        out: &mut Output,
    ) -> Result<Reply, Refusal> {
        let mut node = self.node(command.node).cloned().ok_or(Refusal::Stale)?;
        if node.peer_address == command.peer_address && node.api_address == command.api_address {
            return Ok(Reply::Done);
        }
        node.peer_address.clone_from(&command.peer_address);
        node.api_address.clone_from(&command.api_address);
        node.changed_at = context.stamp.index;
        self.put(Row::Node(node), out);
        let row = AuditRow::NodeAddressesChanged {
            node: command.node,
            peer_address: command.peer_address.clone(),
            api_address: command.api_address.clone(),
        };
        self.record(context, row, out);
        Ok(Reply::Done)
    }
}
