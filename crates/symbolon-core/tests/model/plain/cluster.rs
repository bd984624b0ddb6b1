//! The cluster, its nodes and join tokens, and what time does to rows.

use symbolon_core::{
    AdmitNode, AuditRow, Cluster, CreateCluster, CreateJoinToken, JoinToken, Node, Refusal, Reply,
    Reveal, SetNodeAddresses, Strangers, Timestamp,
};

use super::verify::STRANGERS_TIME;
use super::{At, Decided, Model};

const NODES: usize = 9;
const JOIN_TOKENS: usize = 100;
/// So long a node may go on that has not heard that it was removed.
pub(super) const THREE_DAYS: u64 = 72 * 3600 * 1000;
/// Milliseconds of a week.
const LONGEST_LIFE: u64 = 7 * 24 * 3600 * 1000;

impl Model {
    pub(super) fn create_cluster(&mut self, at: At<'_>, command: &CreateCluster) -> Decided {
        self.cluster = Some(Cluster {
            id: command.cluster,
            name: command.name.clone(),
            epoch: 1,
            lineage: command.lineage,
            ca_certificate: command.ca_certificate.clone(),
            ca_key: command.ca_key.clone(),
            created_at: Timestamp(self.now),
            floor: None,
            last_node: 0,
            others: Vec::new(),
            doubles: 0,
            removed: Vec::new(),
        });
        self.administrators.push((*command.administrator).clone());
        self.nodes.push(command.node.clone());
        self.administrators[0].changed_at = at.index;
        self.nodes[0].changed_at = at.index;
        let row = AuditRow::ClusterCreated {
            cluster: command.cluster,
            name: command.name.clone(),
            administrator: command.administrator.id,
            node: command.node.id,
        };
        self.tell(at, row);
        Ok(Reply::ClusterCreated)
    }

    pub(super) fn create_join_token(&mut self, at: At<'_>, command: &CreateJoinToken) -> Decided {
        if self.join_tokens.iter().any(|row| row.id == command.join_token) {
            return Err(Refusal::IdTaken);
        }
        self.under_active_key(&command.secret)?;
        if self.join_tokens.len() == JOIN_TOKENS {
            return Err(Refusal::LimitReached);
        }
        let life = command.life_milliseconds.min(LONGEST_LIFE);
        self.note_if(life < command.life_milliseconds, "the life of a join token is cut");
        let expires_at = Timestamp(self.now + life);
        self.join_tokens.push(JoinToken {
            id: command.join_token,
            secret: command.secret_hash,
            reveal: self.revealed(&command.secret),
            expires_at,
            used_by: None,
            changed_at: at.index,
        });
        let join_token = command.join_token;
        self.tell(at, AuditRow::JoinTokenCreated { join_token, expires_at });
        Ok(Reply::JoinTokenCreated(join_token))
    }

    /// Nodes, and those that were removed in the last three days and may not know.
    pub(crate) fn guessed_at(&self) -> usize {
        let removed = self.cluster.iter().flat_map(|cluster| &cluster.removed);
        self.nodes.len() + removed.filter(|at| self.now < at.0 + THREE_DAYS).count()
    }

    pub(super) fn admit_node(&mut self, at: At<'_>, command: &AdmitNode) -> Decided {
        let brought = self.join_tokens.iter().find(|row| row.id == command.join_token);
        let brought = brought.filter(|row| row.secret == command.secret);
        let brought = brought.ok_or(Refusal::JoinTokenUnknown)?.clone();
        if let Some(id) = brought.used_by {
            let joined = self.nodes.iter().find(|node| node.id == id);
            let again = joined.is_some_and(|it| it.pin == command.pin && it.name == command.name);
            self.note_if(joined.is_none(), "the token of a node that is gone");
            self.note_if(again, "a node joins again with its token");
            return if again { Ok(Reply::NodeAdmitted(id)) } else { Err(Refusal::JoinTokenUsed) };
        }
        self.note_if(brought.expires_at.0 == self.now, "a join token comes as it expires");
        if self.now >= brought.expires_at.0 {
            return Err(Refusal::JoinTokenExpired);
        }
        if self.nodes.iter().any(|node| node.name == command.name || node.pin == command.pin) {
            return Err(Refusal::NameTaken);
        }
        if self.nodes.len() == NODES {
            return Err(Refusal::LimitReached);
        }
        // Of a node more, so much more is kept back.
        self.settings.stands(self.guessed_at() + 1).map_err(|_| Refusal::GuessingUnbounded)?;
        let id = self.new_node_id();
        self.nodes.push(Node {
            id,
            name: command.name.clone(),
            pin: command.pin,
            peer_address: command.peer_address.clone(),
            api_address: command.api_address.clone(),
            superseded: false,
            changed_at: at.index,
        });
        let token = self.join_tokens.iter_mut().find(|row| row.id == command.join_token).unwrap();
        token.used_by = Some(id);
        token.reveal = None;
        token.changed_at = at.index;
        let row = AuditRow::NodeAdmitted {
            node: id,
            name: command.name.clone(),
            pin: command.pin,
            join_token: command.join_token,
        };
        self.tell(at, row);
        Ok(Reply::NodeAdmitted(id))
    }

    pub(super) fn set_addresses(&mut self, at: At<'_>, command: &SetNodeAddresses) -> Decided {
        let node = self.nodes.iter_mut().find(|node| node.id == command.node).unwrap();
        let (peer, api) = (command.peer_address.clone(), command.api_address.clone());
        if node.peer_address == peer && node.api_address == api {
            self.notes.push("the addresses of a node are what they were");
            return Ok(Reply::Done);
        }
        node.peer_address.clone_from(&peer);
        node.api_address.clone_from(&api);
        node.changed_at = at.index;
        let row = AuditRow::NodeAddressesChanged {
            node: command.node,
            peer_address: peer,
            api_address: api,
        };
        self.tell(at, row);
        Ok(Reply::Done)
    }

    /// When something is next over: a secret that is shown, an old key, a join token.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let administrators = self.administrators.iter().filter_map(|row| row.reveal.as_ref());
        let applications = self.applications.iter().filter_map(|row| row.reveal.as_ref());
        let join_tokens = self.join_tokens.iter().filter_map(|row| row.reveal.as_ref());
        let reveals = administrators.chain(applications).chain(join_tokens);
        let old_keys = self.applications.iter().filter_map(|row| row.old_key);
        let untold = self.applications.iter().filter(|row| row.strangers.untold > 0);
        let untold = untold.map(|row| row.strangers.since.0 + STRANGERS_TIME);
        let ends = reveals.map(|reveal| reveal.until.0).chain(old_keys.map(|old| old.until.0));
        let old_secrets = self.radius_clients.iter().filter_map(|row| row.old_secret_until);
        let ends = ends.chain(old_secrets.map(|until| until.0));
        let open = self.challenges.iter().map(|open| open.expires_at.0);
        let ends = ends.chain(untold).chain(open);
        ends.chain(self.join_tokens.iter().map(|row| row.expires_at.0)).min()
    }

    /// Events come in the order in which rows were due; of what was due at once, applications first, then
    /// by id.
    pub(super) fn tick(&mut self, at: At<'_>) -> Decided {
        let now = self.now;
        let is_over =
            |reveal: &Option<Reveal>| reveal.as_ref().is_some_and(|reveal| reveal.until.0 <= now);
        let mut over = Vec::new();
        self.note_if(self.next_due() == Some(now), "a tick as something ends");
        let mut old_keys = self.applications.iter().filter_map(|row| row.old_key);
        let ends = old_keys.any(|old| old.until.0 == now);
        self.note_if(ends, "a tick as an old key ends");
        for row in &mut self.applications {
            let old = row.old_key.filter(|old| old.until.0 <= now);
            let met = row.strangers;
            let met_until = Timestamp(met.since.0 + STRANGERS_TIME);
            let ends = [
                row.reveal.as_ref().map(|reveal| reveal.until),
                row.old_key.map(|old| old.until),
                Some(met_until).filter(|_| met.untold > 0),
            ];
            let Some(due) = ends.into_iter().flatten().min().filter(|due| due.0 <= now) else {
                continue;
            };
            let application = row.id;
            // Whatever a tick comes for, names of an old minute are forgotten.
            if met_until.0 <= now {
                row.strangers = Strangers::default();
                if met.untold > 0 {
                    let (names, since) = (met.untold, met.since);
                    let told = AuditRow::NamesNotAudited { application, names, since };
                    over.push((due, 0, application.0, told));
                    self.notes.push("a tick tells of names");
                }
            }
            if old.is_some() {
                let told = AuditRow::ApplicationKeyRetired { application };
                over.push((due, 0, application.0, told));
            }
        }
        for row in &self.join_tokens {
            if row.expires_at.0 <= now {
                let shown_until = row.reveal.as_ref().map_or(row.expires_at, |it| it.until);
                let told = AuditRow::JoinTokenExpired { join_token: row.id };
                over.push((row.expires_at.min(shown_until), 1, row.id.0, told));
            }
        }
        for row in &mut self.applications {
            row.old_key = row.old_key.filter(|old| old.until.0 > now);
            if is_over(&row.reveal) {
                row.reveal = None;
                self.notes.push("the key of an application is no longer shown");
            }
        }
        for row in self.administrators.iter_mut().filter(|row| is_over(&row.reveal)) {
            row.reveal = None;
            self.notes.push("the token of an administrator is no longer shown");
        }
        self.end_challenges();
        self.end_old_secrets();
        self.join_tokens.retain(|row| row.expires_at.0 > now);
        for row in self.join_tokens.iter_mut().filter(|row| is_over(&row.reveal)) {
            row.reveal = None;
            self.notes.push("a join token is no longer shown");
        }
        over.sort_by_key(|(due, kind, id, _)| (*due, *kind, *id));
        self.note_if(over.len() > 1, "several rows are over at once");
        for (_, kind, _, told) in over {
            self.note_if(kind == 0, "an old key is over");
            self.tell(at, told);
        }
        Ok(Reply::Done)
    }
}
