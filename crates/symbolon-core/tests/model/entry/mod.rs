//! From steps to log entries. A command is made as a serving node makes it: from the state that the node
//! has applied.

use symbolon_core::{
    AdministratorId, Caller, Command, Fingerprint, FirstFactor, LogIndex, NodeId, Outcome,
    Proposal, RequestId, Stamp, State, Timestamp,
};

use crate::plain::Model;
use crate::script::{Asked, Pass, Step, What};

mod callers;
mod make;
mod merge;
mod nodes;
mod radius;

use make::Maker;
pub(crate) use make::user_name;

/// The log so far.
pub(crate) struct Log {
    pub(crate) stamp: Stamp,
    /// States by log index.
    states: Vec<State>,
    proposals: Vec<Proposal>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            stamp: Stamp { index: LogIndex(0), at: Timestamp(1_800_000_000_000) },
            states: Vec::new(),
            proposals: Vec::new(),
        }
    }
}

impl Log {
    /// Begins a log entry, unless the step belongs to the one before. Returns whether it did.
    pub(crate) fn enter(&mut self, step: &Step, state: &State, model: &Model) -> bool {
        if step.same_entry && self.stamp.index.0 > 0 {
            return false;
        }
        let at = match step.pass {
            Pass::Milliseconds(passed) => self.stamp.at.0.checked_add_signed(passed).unwrap(),
            Pass::ToEnd(place, more) => {
                let ends = ends(model, self.stamp.at.0.max(model.now), place % 2 == 0);
                ends[place / 2 % ends.len()].checked_add_signed(more).unwrap()
            }
        };
        self.states.push(state.clone());
        self.stamp = Stamp { index: LogIndex(self.stamp.index.0 + 1), at: Timestamp(at) };
        true
    }

    /// The proposal of a step; nothing for what is none.
    pub(crate) fn proposal(&mut self, step: &Step) -> Option<Proposal> {
        let back = |back: &usize| {
            let place = self.proposals.len().checked_sub(1)?.saturating_sub(*back);
            self.proposals.get(place).cloned()
        };
        let proposal = match &step.what {
            What::Ask(asked) => self.ask(asked),
            What::Again(places) => back(places)?,
            What::Anew(places) => Proposal {
                request_id: self.own_id(),
                seen: LogIndex(self.stamp.index.0 - 1),
                made_at: self.stamp.at,
                ..back(places)?
            },
            What::Restart => return None,
        };
        self.proposals.push(proposal.clone());
        Some(proposal)
    }

    fn ask(&self, asked: &Asked) -> Proposal {
        let seen = (self.stamp.index.0 - 1).saturating_sub(asked.lag);
        let view = &self.states[usize::try_from(seen).unwrap()];
        let made_at = Timestamp(self.stamp.at.0.checked_add_signed(-asked.age).unwrap());
        let command = Maker { view, made_at }.command(&asked.wish);
        let command = with_first_factor(command, asked.first_factor);
        let shared = |id| RequestId([id; 16]);
        Proposal {
            caller: asked.caller.unwrap_or_else(|| usual_caller(&command)),
            request_id: asked.shared_id.map_or_else(|| self.own_id(), shared),
            fingerprint: fingerprint(&command),
            seen: LogIndex(seen),
            made_at,
            node: NodeId(asked.node),
            command,
        }
    }

    fn own_id(&self) -> RequestId {
        RequestId((u128::MAX - self.proposals.len() as u128).to_be_bytes())
    }
}

/// Times to come at which something ends: of the rows, or of answers and time steps.
fn ends(model: &Model, now: u64, of_rows: bool) -> Vec<u64> {
    let mut ends: Vec<u64> = model.next_due().into_iter().collect();
    for person in &model.people {
        ends.extend(person.block.as_ref().map(|block| block.until.0));
        ends.extend(person.bypass.as_ref().map(|bypass| bypass.until.0));
        ends.push(model.wait_until(person));
        ends.extend(model.pin_due(person));
    }
    ends.extend(model.challenges.iter().map(|row| row.expires_at.0));
    ends.extend(model.join_tokens.iter().map(|row| row.expires_at.0));
    ends.extend(model.applications.iter().filter_map(|row| row.old_key).map(|old| old.until.0));
    ends.retain(|end| of_rows && (now..now + 25 * 3_600_000).contains(end));
    if ends.is_empty() {
        ends.extend(model.remembering().map(|given| given.last_at()));
        ends.push((now / 30_000 + 1) * 30_000);
    }
    ends
}

/// A password that another server has judged besides.
fn with_first_factor(command: Command, first_factor: FirstFactor) -> Command {
    match command {
        Command::Verify(outcome) => Command::Verify(Outcome { first_factor, ..outcome }),
        other => other,
    }
}

/// FNV-1a over what is asked, as good as a keyed hash among friends.
fn fingerprint(command: &Command) -> Fingerprint {
    let text = format!("{command:?}");
    let hash = text.bytes().fold(0x6c62_272e_07bb_0142_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    Fingerprint(hash.to_be_bytes())
}

fn usual_caller(command: &Command) -> Caller {
    match command {
        Command::Verify(outcome) => Caller::Application(outcome.application),
        Command::TellSession(report) => Caller::Application(report.application),
        Command::SetNodeAddresses(command) => Caller::Node(command.node),
        Command::ConfirmDataKey(command) => Caller::Node(command.node),
        Command::StartEpoch(command) => Caller::Node(command.node),
        Command::CreateCluster(_)
        | Command::AdmitNode(_)
        | Command::ReadmitNode(_)
        | Command::MeetEpoch(_)
        | Command::NoteRadiusSigner(_)
        | Command::Merge(_)
        | Command::Tick
        | Command::Reseal(_)
        | Command::RetireDataKey(_) => Caller::Node(NodeId(1)),
        _ => Caller::Administrator(AdministratorId(1)),
    }
}
