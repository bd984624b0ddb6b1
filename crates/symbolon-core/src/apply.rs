//! The only way in which a state changes.

mod administrator;
mod alone;
mod application;
mod bypass;
mod challenge;
mod cluster;
mod data_key;
mod epoch;
mod membership;
mod merge;
mod pin;
mod radius;
mod recovery;
mod settings;
mod tick;
mod token;
mod user;
mod verify;

use alloc::vec::Vec;

use crate::limits::OUTCOME_AGE_MILLISECONDS_MAX;
use crate::{
    Answer, AuditEvent, AuditRow, Caller, Change, Command, Fingerprint, Proposal, Refusal, Reply,
    Stamp, State, Timestamp,
};

/// What an apply leaves for the disk: changed rows, in order, and new audit events.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Output {
    /// Changed rows. A row may stand here more than once; the last one counts.
    pub changes: Vec<Change>,
    /// New audit events, in order.
    pub events: Vec<AuditEvent>,
}

/// Whether an equal request was answered, and not another with its id.
fn is_same(fingerprint: Fingerprint, proposal: &Proposal) -> bool {
    #[cfg(feature = "planted")]
    if crate::planted::is("fingerprint-ignored") {
        return true;
    }
    fingerprint == proposal.fingerprint
}

impl State {
    /// State time never goes back.
    fn note_time(&mut self, at: Timestamp) {
        #[cfg(feature = "planted")]
        if crate::planted::is("time-goes-back") {
            self.clock = at;
            return;
        }
        self.clock = self.clock.max(at);
    }

    /// Applies one proposal. `out` gathers what all proposals of a log entry leave; it is theirs alone,
    /// since the place of an audit event within its entry follows from it.
    ///
    /// A refusal leaves everything as it was except state time. An equal request of the same caller
    /// within 30 s gets the first answer again.
    pub fn apply(&mut self, stamp: Stamp, proposal: &Proposal, out: &mut Output) -> Answer {
        self.note_time(stamp.at);
        self.replies.expire(self.clock);

        let first = self.remembered(proposal.caller, proposal.request_id);
        #[cfg(feature = "planted")]
        let first = first.filter(|_| !crate::planted::is("first-answer-forgotten"));
        if let Some(first) = first {
            let same = is_same(first.fingerprint, proposal);
            return if same { first.answer } else { refused(stamp, Refusal::FingerprintMismatch) };
        }
        if let Err(refusal) = self.admit(stamp, proposal) {
            return refused(stamp, refusal);
        }
        let context = Context { stamp, proposal };
        let result = match &proposal.command {
            Command::Verify(outcome) => self.verify(&context, outcome, out),
            Command::CreateCluster(command) => self.create_cluster(&context, command, out),
            Command::CreateUser(command) => self.create_user(&context, command, out),
            Command::UpdateUser(command) => self.update_user(&context, command, out),
            Command::BlockUser(command) => self.block_user(&context, command, out),
            Command::UnblockUser(command) => self.unblock_user(&context, command, out),
            Command::SetPin(command) => self.set_pin(&context, command, out),
            Command::GrantBypass(command) => self.grant_bypass(&context, command, out),
            Command::CancelBypass(command) => self.cancel_bypass(&context, command, out),
            Command::CreateRecoveryCodes(command) => self.create_codes(&context, command, out),
            Command::DeleteUser(command) => self.delete_user(&context, command, out),
            Command::EnrollToken(command) => self.enroll_token(&context, command, out),
            Command::ConfirmToken(command) => self.confirm_token(&context, command, out),
            Command::ResyncToken(command) => self.resync_token(&context, command, out),
            Command::RemoveToken(command) => self.remove_token(&context, command, out),
            Command::CreateApplication(command) => self.create_application(&context, command, out),
            Command::UpdateApplication(command) => self.update_application(&context, command, out),
            Command::RotateApplicationKey(command) => self.rotate_api_key(&context, command, out),
            Command::RetireApplicationKey(command) => self.retire_api_key(&context, command, out),
            Command::DeleteApplication(command) => self.delete_application(&context, command, out),
            Command::SetRadiusClient(_)
            | Command::RemoveRadiusClient(_)
            | Command::NoteRadiusSigner(_)
            | Command::TellSession(_) => self.about_radius(&context, out),
            Command::CreateAdministrator(command) => self.create_admin(&context, command, out),
            Command::UpdateAdministrator(command) => self.update_admin(&context, command, out),
            Command::RotateAdministratorToken(command) => self.rotate_token(&context, command, out),
            Command::DeleteAdministrator(command) => self.delete_admin(&context, command, out),
            Command::CreateJoinToken(command) => self.create_join_token(&context, command, out),
            Command::AdmitNode(command) => self.admit_node(&context, command, out),
            Command::SetNodeAddresses(command) => self.set_addresses(&context, command, out),
            Command::StartEpoch(command) => self.start_epoch(&context, command, out),
            Command::ReadmitNode(command) => self.readmit_node(&context, command, out),
            Command::ReleaseRecoveryCodes => self.release_recovery_codes(&context, out),
            Command::MeetEpoch(command) => self.meet_epoch(command, out),
            Command::DiscardEpoch(command) => self.discard_epoch(&context, command, out),
            Command::Merge(command) => self.merge(&context, command, out),
            Command::AcknowledgeDoubles => self.acknowledge_doubles(&context, out),
            Command::ConfirmClock => Ok(self.confirm_clock(&context, out)),
            Command::RemoveNode(command) => self.remove_node(&context, command, out),
            Command::Tick => self.tick(&context, out),
            Command::RotateDataKey(command) => self.rotate_data_key(&context, command, out),
            Command::ConfirmDataKey(command) => self.confirm_data_key(&context, command, out),
            Command::Reseal(command) => self.reseal(command, out),
            Command::RetireDataKey(command) => self.retire_data_key(&context, command, out),
            Command::UpdateSettings(command) => self.update_settings(&context, command, out),
            Command::RecordExport(command) => self.record_export(&context, command, out),
        };
        match result {
            Ok(reply) => Answer { index: stamp.index, reply },
            Err(refusal) => refused(stamp, refusal),
        }
    }

    /// Whether this caller may propose this command at all.
    fn admit(&self, stamp: Stamp, proposal: &Proposal) -> Result<(), Refusal> {
        if let Command::CreateCluster(_) = proposal.command {
            return if self.cluster().is_none() { Ok(()) } else { Err(Refusal::WrongPhase) };
        }
        if self.cluster().is_none() {
            return Err(Refusal::WrongPhase);
        }
        // A node's own commands say nothing that grows old, and who confirms a clock that has jumped says
        // so before the jump, by other clocks.
        let confirms = matches!(proposal.command, Command::ConfirmClock);
        let ages = !confirms && !matches!(proposal.caller, Caller::Node(_));
        if ages && stamp.at.distance(proposal.made_at) > OUTCOME_AGE_MILLISECONDS_MAX {
            return Err(Refusal::Late);
        }
        if !self.caller_is_fresh(proposal.caller, proposal.seen) {
            return Err(Refusal::Stale);
        }
        let permitted = match (&proposal.command, proposal.caller) {
            (command, Caller::Administrator(_) | Caller::Application(_)) => {
                let own = match (command, proposal.caller) {
                    (Command::Verify(outcome), Caller::Application(id)) => {
                        outcome.application == id
                    }
                    // Nobody tells it in the name of a device.
                    (Command::TellSession(report), caller) => {
                        caller == Caller::Application(report.application)
                    }
                    _ => true,
                };
                own && self.rights(proposal.caller).any_of(command.rights())
            }
            (Command::SetNodeAddresses(command), Caller::Node(id)) => command.node == id,
            (Command::ConfirmDataKey(command), Caller::Node(id)) => command.node == id,
            (Command::StartEpoch(command), Caller::Node(id)) => command.node == id,
            (
                Command::AdmitNode(_)
                | Command::ReadmitNode(_)
                | Command::MeetEpoch(_)
                | Command::NoteRadiusSigner(_)
                | Command::Merge(_)
                | Command::Tick
                | Command::Reseal(_)
                | Command::RetireDataKey(_),
                Caller::Node(_),
            ) => true,
            _ => false,
        };
        if !permitted {
            return Err(Refusal::NotPermitted);
        }
        // Somebody else's users are not there.
        if !self.reaches(proposal.caller, &proposal.command) {
            return Err(Refusal::NoSuchUser);
        }
        if self.is_apart() && proposal.command.waits_while_apart() {
            return Err(Refusal::EpochApart);
        }
        Ok(())
    }

    /// Records an event: audit, chain, and the reply for retransmissions.
    fn record(&mut self, context: &Context<'_>, row: AuditRow, out: &mut Output) {
        let last = out.events.last().filter(|last| last.index == context.stamp.index);
        let event = AuditEvent {
            index: context.stamp.index,
            ordinal: last.map_or(0, |last| last.ordinal + 1),
            at: self.clock,
            caller: context.proposal.caller,
            request_id: context.proposal.request_id,
            fingerprint: context.proposal.fingerprint,
            node: context.proposal.node,
            row,
        };
        self.audit_chain = event.link(self.audit_chain);
        self.replies.remember(&event);
        out.events.push(event);
    }
}

/// What every command is applied in.
struct Context<'a> {
    stamp: Stamp,
    proposal: &'a Proposal,
}

const fn refused(stamp: Stamp, refusal: Refusal) -> Answer {
    Answer { index: stamp.index, reply: Reply::Refused(refusal) }
}
