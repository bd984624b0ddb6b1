//! A state that a script is run against, with everything that must hold after every line.

use std::collections::BTreeMap;

use symbolon_core::limits::RETRANSMISSION_MILLISECONDS;
use symbolon_core::{
    Answer, AuditEvent, Change, Command, LogIndex, Output, Proposal, Reply, Row, RowKey, Stamp,
    State, Timestamp,
};

use crate::command::{Made, Place, Wallet};
use crate::language::{Kind, Line, lines, time_text};
use crate::words;

/// Runs a script to its end.
///
/// # Errors
/// What differs from what the script says, with the line.
pub(crate) fn run(script: &str) -> Result<(), String> {
    let mut world = World::default();
    for line in lines(script)? {
        world
            .line(&line)
            .map_err(|error| format!("line {}: {}\n{error}", line.number, line.text.trim()))?;
    }
    Ok(())
}

pub(crate) struct World {
    /// States by log index: what a node that lags has applied.
    states: Vec<State>,
    /// The next place in the log.
    stamp: Stamp,
    /// What the newest entry leaves for the disk.
    out: Output,
    /// Rows as the outputs leave them on disk.
    image: BTreeMap<RowKey, Row>,
    pub(crate) events: Vec<AuditEvent>,
    pub(crate) wallet: Wallet,
    /// When each entry was stamped.
    stamped: BTreeMap<LogIndex, Timestamp>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            states: vec![State::default()],
            stamp: Stamp { index: LogIndex(0), at: Timestamp(0) },
            out: Output::default(),
            image: BTreeMap::new(),
            events: Vec::new(),
            wallet: Wallet::default(),
            stamped: BTreeMap::new(),
        }
    }
}

impl World {
    pub(crate) fn state(&self) -> &State {
        self.states.last().unwrap()
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), String> {
        if let Kind::See = line.kind {
            let seen = words::see(self, line.words.clone())?;
            return compare(line.expected.as_deref().ok_or("see what?")?, &seen);
        }
        let before = self.state().clone();
        for count in 1..=line.times {
            self.next_place(&line.kind);
            let place = Place {
                wallet: &self.wallet,
                states: &self.states,
                applied: self.stamp.index.0 - 1,
                made_at: self.stamp.at,
                serial: line.number * 100_000 + count,
            };
            let Made { proposal, enrolls } = place.make(line.words.counted(count))?;
            let (answer, did) = self.apply(&proposal)?;
            if let (Some((id, held)), Reply::TokenEnrolled(_)) = (enrolls, answer.reply) {
                self.wallet.keep(id, held);
            }
            let outcome = words::outcome(self, &proposal.command, &answer);
            let outcome = outcome + &self.repeated(&answer, did);
            let usual = match proposal.command {
                Command::Tick
                | Command::SetNodeAddresses(_)
                | Command::StartEpoch(_)
                | Command::ReleaseRecoveryCodes
                | Command::MeetEpoch(_)
                | Command::DiscardEpoch(_)
                | Command::Merge(_)
                | Command::AcknowledgeDoubles
                | Command::ConfirmClock
                | Command::RemoveNode(_)
                | Command::ConfirmDataKey(_)
                | Command::Reseal(_)
                | Command::RetireDataKey(_)
                | Command::UpdateUser(_)
                | Command::UpdateApplication(_)
                | Command::RotateApplicationKey(_)
                | Command::RetireApplicationKey(_)
                | Command::DeleteApplication(_)
                | Command::SetRadiusClient(_)
                | Command::RemoveRadiusClient(_)
                | Command::NoteRadiusSigner(_)
                | Command::TellSession(_)
                | Command::UpdateAdministrator(_)
                | Command::RotateAdministratorToken(_)
                | Command::DeleteAdministrator(_)
                | Command::BlockUser(_)
                | Command::UnblockUser(_)
                | Command::DeleteUser(_)
                | Command::SetPin(_)
                | Command::GrantBypass(_)
                | Command::CancelBypass(_)
                | Command::CreateRecoveryCodes(_)
                | Command::ConfirmToken(_)
                | Command::ResyncToken(_)
                | Command::RecordExport(_)
                | Command::RemoveToken(_) => "done",
                _ => "created",
            };
            let expected = line.expected.as_deref().unwrap_or(usual);
            if count == line.times {
                compare(expected, &outcome)?;
            } else if gist(expected) != gist(&outcome) {
                return Err(format!("  the {count}th time: {outcome}"));
            }
        }
        self.holds(&before)
    }

    /// A new entry, or a further place in the one before.
    fn next_place(&mut self, kind: &Kind) {
        match kind {
            Kind::At(at) => {
                self.stamp = Stamp { index: LogIndex(self.stamp.index.0 + 1), at: *at };
                self.states.push(self.state().clone());
                self.out = Output::default();
                self.stamped.insert(self.stamp.index, *at);
            }
            Kind::Also | Kind::See => {}
        }
    }

    /// Whether this proposal did something, besides the answer.
    fn apply(&mut self, proposal: &Proposal) -> Result<(Answer, bool), String> {
        let state = self.states.last_mut().unwrap();
        let chain_before = state.scalars().audit_chain;
        let (old_changes, old_events) = (self.out.changes.len(), self.out.events.len());
        let answer = state.apply(self.stamp, proposal, &mut self.out);
        let changes = &self.out.changes[old_changes..];
        let events = &self.out.events[old_events..];

        let chained = state.scalars().audit_chain != chain_before;
        ensure(chained != events.is_empty(), "the audit chain moves with events, and only so")?;
        let silent = changes.is_empty() && events.is_empty();
        if let Reply::Refused(_) = answer.reply {
            ensure(silent, "a refusal changes nothing")?;
        }
        if answer.index != self.stamp.index {
            ensure(silent, "a repeated answer changes nothing")?;
        }
        for change in changes {
            match change {
                Change::Put(row) => self.image.insert(row.key(), row.clone()),
                Change::Delete(key) => self.image.remove(key),
            };
        }
        self.events.extend_from_slice(events);
        Ok((answer, !silent))
    }

    /// Says when an answer was given before.
    fn repeated(&self, answer: &Answer, did: bool) -> String {
        if answer.index != self.stamp.index {
            format!(", again from {}", time_text(self.stamped[&answer.index]))
        } else if did || matches!(answer.reply, Reply::Refused(_) | Reply::Done) {
            String::new()
        } else {
            ", again".to_owned()
        }
    }

    /// What must hold after every line, whatever it did.
    fn holds(&self, before: &State) -> Result<(), String> {
        let state = self.state();
        state.check().map_err(|violation| format!("  check: {violation}"))?;
        // The digest that was kept by increments, counted anew from the rows.
        let recent = self
            .events
            .iter()
            .filter(|event| event.at.plus(RETRANSMISSION_MILLISECONDS) >= state.clock());
        let restored = State::restore(state.rows(), state.scalars(), recent.cloned())
            .map_err(|error| format!("  restore: {error}"))?;
        ensure(restored.digest() == state.digest(), "the digest is the rows'")?;
        ensure(
            restored.replies_len() == state.replies_len(),
            "remembered replies follow from recent events",
        )?;
        let rows: BTreeMap<_, _> = state.rows().map(|row| (row.key(), row)).collect();
        ensure(rows == self.image, "the changes lead to the same rows")?;
        ensure(before.clock() <= state.clock(), "state time never goes back")?;
        let marks_stand = before.rows().all(|row| match row {
            Row::Token(old) => state.token(old.id).is_none_or(|new| new.mark >= old.mark),
            _ => true,
        });
        ensure(marks_stand, "no mark ever falls")?;
        let key = |event: &AuditEvent| (event.index, event.ordinal);
        ensure(
            self.events.is_sorted_by(|a, b| key(a) < key(b)),
            "an audit key (index, ordinal) names one event",
        )
    }
}

/// An outcome without its numbers.
fn gist(outcome: &str) -> &str {
    outcome.split(',').next().unwrap_or(outcome)
}

fn compare(expected: &str, found: &str) -> Result<(), String> {
    if expected == found {
        Ok(())
    } else {
        Err(format!("  expected: {expected}\n  found:    {found}"))
    }
}

fn ensure(holds: bool, rule: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("  broken: {rule}")) }
}
