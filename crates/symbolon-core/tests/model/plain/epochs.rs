//! Nodes that go on alone, come back or leave, and what a seize does about codes.

use std::collections::BTreeSet;

use symbolon_core::{
    AuditRow, Command, DiscardEpoch, Floor, Match, MeetEpoch, Node, NodeId, OtherEpoch,
    ReadmitNode, RecoveryCodes, Refusal, RemoveNode, Reply, Setting, StartEpoch, Timestamp, Token,
};

use super::cluster::THREE_DAYS;
use super::{At, Decided, Model};

/// Milliseconds by which the floor lies beyond a seize.
const MARGIN: u64 = 30_000;

impl Model {
    pub(super) fn is_member(&self, id: NodeId) -> bool {
        self.nodes.iter().any(|node| node.id == id && !node.superseded)
    }

    /// One more than the highest that there ever was.
    pub(super) fn new_node_id(&mut self) -> NodeId {
        let highest = self.nodes.iter().map(|node| node.id.0).max().unwrap_or(0);
        let cluster = self.cluster.as_mut().unwrap();
        let id = highest.max(cluster.last_node) + 1;
        if cluster.last_node > 0 {
            cluster.last_node = id;
        }
        self.note_if(id > highest + 1, "the id of a node that is gone is not given again");
        NodeId(id)
    }

    fn forget_node(&mut self, id: NodeId) {
        let highest = self.nodes.iter().map(|node| node.id.0).max().unwrap();
        let cluster = self.cluster.as_mut().unwrap();
        cluster.last_node = cluster.last_node.max(highest);
        if let Some(rotation) = self.keys.as_mut().and_then(|keys| keys.rotation.as_mut()) {
            rotation.holders = rotation.holders.iter().copied().filter(|it| *it != id).collect();
        }
        self.nodes.retain(|node| node.id != id);
    }

    pub(super) fn start_epoch(&mut self, at: At<'_>, command: &StartEpoch) -> Decided {
        let cluster = self.cluster.as_mut().unwrap();
        if (command.epoch, command.lineage) == (cluster.epoch, cluster.lineage) {
            self.notes.push("the same seize again");
            return Ok(Reply::Done);
        }
        if command.epoch <= cluster.epoch {
            return Err(Refusal::WrongPhase);
        }
        cluster.epoch = command.epoch;
        cluster.lineage = command.lineage;
        let since = self.now.max(command.clock.0);
        cluster.floor = Some(Floor { at: Timestamp(since + MARGIN), recovery_codes_held: true });
        for node in self.nodes.iter_mut().filter(|node| node.id != command.node) {
            if !node.superseded {
                node.superseded = true;
                node.changed_at = at.index;
            }
        }
        let open = self.challenges.len();
        self.challenges.clear();
        self.note_if(open > 0, "a seize voids a challenge");
        for person in self.people.iter_mut().filter(|person| person.bypass.is_some()) {
            person.bypass = None;
            person.revision = at.index;
            self.notes.push("a seize voids a bypass");
        }
        let StartEpoch { epoch, lineage, node, administrator, .. } = *command;
        self.tell(at, AuditRow::EpochStarted { epoch, lineage, node, administrator });
        let activated = self.activate(at);
        self.note_if(activated, "a seize makes a key active");
        Ok(Reply::Done)
    }

    pub(super) fn readmit_node(&mut self, at: At<'_>, command: &ReadmitNode) -> Decided {
        let known = self.nodes.iter().find(|node| node.pin == command.pin);
        let before = known.ok_or(Refusal::NodeUnknown)?.clone();
        if before.name != command.name {
            return Err(Refusal::NameTaken);
        }
        match (before.superseded, before.id == command.previous, command.gone_back) {
            (true, _, _) => {}
            (false, true, true) => self.notes.push("a node is readmitted whose disk went back"),
            (false, true, false) => return Err(Refusal::WrongPhase),
            (false, false, _) => {
                self.notes.push("a node is readmitted once");
                return Ok(Reply::NodeAdmitted(before.id));
            }
        }
        self.forget_node(before.id);
        let id = self.new_node_id();
        let (name, previous) = (before.name.clone(), before.id);
        self.nodes.push(Node {
            id,
            peer_address: command.peer_address.clone(),
            api_address: command.api_address.clone(),
            superseded: false,
            changed_at: at.index,
            ..before
        });
        self.tell(at, AuditRow::NodeReadmitted { node: id, name, previous });
        Ok(Reply::NodeAdmitted(id))
    }

    pub(super) fn remove_node(&mut self, at: At<'_>, command: &RemoveNode) -> Decided {
        let node = self.nodes.iter().find(|node| node.id == command.node);
        let node = node.ok_or(Refusal::NodeUnknown)?.clone();
        let members = self.nodes.iter().filter(|node| !node.superseded);
        let members: BTreeSet<_> = members.map(|node| node.id).collect();
        if members == BTreeSet::from([node.id]) {
            return Err(Refusal::WrongPhase);
        }
        self.forget_node(node.id);
        let now = self.now;
        let removed = &mut self.cluster.as_mut().unwrap().removed;
        removed.retain(|at| now < at.0 + THREE_DAYS);
        removed.push(Timestamp(now));
        self.tell(at, AuditRow::NodeRemoved { node: node.id, name: node.name, pin: node.pin });
        let activated = self.activate(at);
        self.note_if(activated, "a removal makes a key active");
        Ok(Reply::Done)
    }

    pub(super) fn release_codes(&mut self, at: At<'_>) -> Decided {
        match &mut self.cluster.as_mut().unwrap().floor {
            Some(floor) if floor.recovery_codes_held => floor.recovery_codes_held = false,
            _ => return Err(Refusal::WrongPhase),
        }
        self.tell(at, AuditRow::RecoveryCodesReleased);
        Ok(Reply::Done)
    }

    /// Whether it waits until one of two epochs apart is given up.
    pub(super) fn is_kept_for_one_side(&self, command: &Command) -> bool {
        let others = &self.cluster.as_ref().unwrap().others;
        if others.iter().all(|other| other.ours > other.theirs) {
            return false;
        }
        match command {
            Command::Verify(_)
            | Command::RecordExport(_)
            | Command::DiscardEpoch(_)
            | Command::RemoveNode(_)
            | Command::RotateDataKey(_)
            | Command::ConfirmClock
            | Command::AcknowledgeDoubles => false,
            other => other.operation().is_some(),
        }
    }

    pub(super) fn meet_epoch(&mut self, command: &MeetEpoch) -> Decided {
        let MeetEpoch { epoch, lineage, word } = *command;
        let cluster = self.cluster.as_mut().unwrap();
        if cluster.lineage == lineage {
            return Err(Refusal::WrongPhase);
        }
        let theirs = word.min(1_000_000);
        let place = cluster.others.iter().position(|it| it.epoch == epoch && it.lineage == lineage);
        match place {
            Some(place) => {
                let known = &mut cluster.others[place];
                let insists = known.ours > 0 && known.ours > known.theirs && known.ours <= theirs;
                known.theirs = known.theirs.max(theirs);
                self.note_if(insists, "both of two epochs discard each other");
            }
            None if cluster.others.len() == 16 => return Err(Refusal::LimitReached),
            None => cluster.others.push(OtherEpoch { epoch, lineage, ours: 0, theirs }),
        }
        Ok(Reply::Done)
    }

    pub(super) fn discard_epoch(&mut self, at: At<'_>, command: &DiscardEpoch) -> Decided {
        let DiscardEpoch { epoch, lineage } = *command;
        let others = &mut self.cluster.as_mut().unwrap().others;
        let known = others.iter_mut().find(|it| it.epoch == epoch && it.lineage == lineage);
        match known {
            Some(known) if known.ours <= known.theirs => known.ours = known.theirs + 1,
            _ => return Err(Refusal::WrongPhase),
        }
        self.tell(at, AuditRow::EpochDiscarded { epoch, lineage });
        Ok(Reply::Done)
    }

    pub(super) fn holds(&self, codes: &RecoveryCodes) -> bool {
        let floor = self.cluster.as_ref().unwrap().floor;
        floor.is_some_and(|floor| floor.recovery_codes_held && codes.created_at < floor.at)
    }

    /// Whether the code of a step may have been taken before the last seize.
    pub(super) fn is_of_before(&self, token: &Token, step: u64) -> bool {
        let (floor, period) =
            (self.cluster.as_ref().unwrap().floor, token.parameters.period_seconds());
        let (Some(floor), Some(period)) = (floor, period) else { return false };
        let last = i128::from(floor.at.0 / 1000 / u64::from(period));
        let last = (last + i128::from(token.drift)).max(0);
        i128::from(step) <= last + i128::from(self.settings.get(Setting::TotpWindow))
    }

    pub(super) fn epoch(&self) -> u32 {
        u32::try_from(self.cluster.as_ref().unwrap().epoch).unwrap()
    }

    fn is_unsettled(&self, token: &Token) -> bool {
        token.parameters.period_seconds().is_none() && token.epoch.max(1) < self.epoch()
    }

    /// Whether a code that is shown is enough, or is the second of two.
    pub(super) fn is_enough(&self, shown: &Match) -> bool {
        let token = self.tokens.iter().find(|token| token.id == shown.token).unwrap();
        !self.is_unsettled(token) || token.awaits_second && shown.step == token.mark + 1
    }

    /// A token shows a code, and nothing was wrong with it if it is `accepted`.
    pub(super) fn settle(&mut self, shown: &Match, accepted: bool) {
        let (epoch, is_second) = (self.epoch(), accepted && self.is_enough(shown));
        let token = self.tokens.iter().find(|token| token.id == shown.token).unwrap();
        if !self.is_unsettled(token) {
            return;
        }
        let token = self.tokens.iter_mut().find(|token| token.id == shown.token).unwrap();
        token.awaits_second = !is_second;
        if is_second {
            token.epoch = epoch;
        }
        self.note_if(is_second, "a token shows two codes in a row after a seize");
        self.note_if(!accepted, "a code is spent beside a seize");
    }

    /// Two codes in a row were shown to an administrator.
    pub(super) fn settle_shown(&mut self, id: symbolon_core::TokenId) {
        let epoch = self.epoch();
        let place = self.tokens.iter().position(|token| token.id == id).unwrap();
        if self.is_unsettled(&self.tokens[place]) {
            self.tokens[place].epoch = epoch;
            self.tokens[place].awaits_second = false;
            self.notes.push("a token is settled by an administrator");
        }
    }
}
