//! The rules of the core a second time, in their plainest form: lists that are searched from end to
//! end, and times and limits as the documents tell them. Nothing here is fast, and nothing is kept that
//! can be counted anew. It shares the core's data and none of its decisions.

use symbolon_core::{
    Administrator, Answer, Application, AuditEvent, AuditRow, Caller, Challenge, Cluster, Command,
    DataKeyId, DataKeys, Fingerprint, JoinToken, Journal, LogIndex, Node, Proposal, RadiusClient,
    Refusal, Reply, RequestId, Row, Sealed, Stamp, Timestamp, Token,
};

mod callers;
mod challenges;
mod cluster;
mod epochs;
mod helped;
mod keys;
mod merge;
mod people;
mod radius;
mod settings;
mod tokens;
mod verify;

pub(crate) use callers::is_within;
pub(crate) use people::Person;

/// Milliseconds for which an answer is given again.
const REMEMBERED: u64 = 65_000;
/// Milliseconds by which the time of a proposal may be off.
const OFF_MAX: u64 = 30_000;
/// Milliseconds for which a new secret may be shown again.
const REVEALED: u64 = 30_000;

pub(crate) type Decided = Result<Reply, Refusal>;

#[derive(Clone, Default)]
pub(crate) struct Model {
    /// State time.
    pub(crate) now: u64,
    pub(crate) cluster: Option<Cluster>,
    pub(crate) administrators: Vec<Administrator>,
    pub(crate) applications: Vec<Application>,
    pub(crate) people: Vec<Person>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) join_tokens: Vec<JoinToken>,
    pub(crate) keys: Option<DataKeys>,
    pub(crate) settings: settings::Set,
    pub(crate) challenges: Vec<Challenge>,
    pub(crate) journals: Vec<Journal>,
    pub(crate) radius_clients: Vec<RadiusClient>,
    /// Every answer that was ever to be remembered.
    pub(crate) given: Vec<Given>,
    /// The whole audit.
    pub(crate) events: Vec<AuditEvent>,
    /// Rare things that have happened, by name.
    pub(crate) notes: Vec<&'static str>,
}

#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) caller: Caller,
    pub(crate) id: RequestId,
    fingerprint: Fingerprint,
    at: u64,
    pub(crate) answer: Answer,
}

impl Given {
    /// When it is given for the last time.
    pub(crate) const fn last_at(&self) -> u64 {
        self.at + REMEMBERED
    }
}

/// What a command is carried out in.
#[derive(Clone, Copy)]
struct At<'a> {
    index: LogIndex,
    proposal: &'a Proposal,
}

impl Model {
    pub(crate) fn apply(&mut self, stamp: Stamp, proposal: &Proposal) -> Answer {
        self.now = self.now.max(stamp.at.0);
        let refused = |refusal| Answer { index: stamp.index, reply: Reply::Refused(refusal) };
        if let Some(given) = self.remembered(proposal.caller, proposal.request_id) {
            let (same, at, answer) =
                (given.fingerprint == proposal.fingerprint, given.at, given.answer);
            self.note_if(at + REMEMBERED == self.now, "an answer is repeated for the last time");
            return if same { answer } else { refused(Refusal::FingerprintMismatch) };
        }
        let forgotten = |given: &&Given| {
            (given.caller, given.id) == (proposal.caller, proposal.request_id)
                && given.at + REMEMBERED + 1 == self.now
        };
        let forgotten = self.given.iter().any(|given| forgotten(&given));
        self.note_if(forgotten, "an answer has just been forgotten");

        let before = self.events.len();
        let at = At { index: stamp.index, proposal };
        let reply = match self.may(stamp, proposal) {
            Err(refusal) => Reply::Refused(refusal),
            Ok(()) => self.carry_out(at).unwrap_or_else(Reply::Refused),
        };
        let answer = Answer { index: stamp.index, reply };
        // What a tick ends, nobody has asked for; and a merge counts once by the numbers of its records.
        let asked_for = !matches!(proposal.command, Command::Tick | Command::Merge(_));
        if asked_for && self.events.len() > before {
            let (caller, id) = (proposal.caller, proposal.request_id);
            let fingerprint = proposal.fingerprint;
            self.given.push(Given { caller, id, fingerprint, at: self.now, answer });
        }
        answer
    }

    /// The answer that this request has had already, while it is remembered.
    pub(crate) fn remembered(&self, caller: Caller, id: RequestId) -> Option<&Given> {
        self.remembering().find(|given| given.caller == caller && given.id == id)
    }

    /// All answers that are remembered now.
    pub(crate) fn remembering(&self) -> impl Iterator<Item = &Given> {
        self.given.iter().filter(|given| self.now <= given.at + REMEMBERED)
    }

    /// Who may ask for what, and how old it may be.
    fn may(&mut self, stamp: Stamp, proposal: &Proposal) -> Result<(), Refusal> {
        let founding = matches!(proposal.command, Command::CreateCluster(_));
        if founding == self.cluster.is_some() {
            return Err(Refusal::WrongPhase);
        }
        if founding {
            return Ok(());
        }
        let by_node = matches!(proposal.caller, Caller::Node(_));
        let off = stamp.at.0.abs_diff(proposal.made_at.0);
        let confirms_clock = matches!(proposal.command, Command::ConfirmClock);
        if off > OFF_MAX && !by_node && !confirms_clock {
            self.note_if(off == OFF_MAX + 1, "late by a millisecond");
            return Err(Refusal::Late);
        }
        self.note_if(off == OFF_MAX, "just not late");
        let changed_at = match proposal.caller {
            Caller::Administrator(id) => {
                self.administrators.iter().find(|row| row.id == id).map(|row| row.changed_at)
            }
            Caller::Application(id) => {
                self.applications.iter().find(|row| row.id == id).map(|row| row.changed_at)
            }
            // A node asks for nothing that its own row decides.
            Caller::Node(id) => self.is_member(id).then(LogIndex::default),
        };
        if changed_at.is_none_or(|changed_at| changed_at > proposal.seen) {
            return Err(Refusal::Stale);
        }
        if !self.may_ask(proposal.caller, &proposal.command) {
            return Err(Refusal::NotPermitted);
        }
        if self.is_out_of_sight(proposal.caller, &proposal.command) {
            self.notes.push("a user out of the caller's sight");
            return Err(Refusal::NoSuchUser);
        }
        if self.is_kept_for_one_side(&proposal.command) {
            return Err(Refusal::EpochApart);
        }
        self.note_helper(proposal.caller, &proposal.command);
        Ok(())
    }

    fn carry_out(&mut self, at: At<'_>) -> Decided {
        match &at.proposal.command {
            Command::Verify(outcome) => self.verify(at, outcome),
            Command::CreateCluster(command) => self.create_cluster(at, command),
            Command::CreateUser(command) => self.create_user(at, command),
            Command::UpdateUser(command) => self.update_user(at, command),
            Command::BlockUser(command) => self.block_user(at, command),
            Command::UnblockUser(command) => self.unblock_user(at, command),
            Command::DeleteUser(command) => self.delete_user(at, command),
            Command::SetPin(command) => self.set_pin(at, command),
            Command::GrantBypass(command) => self.grant_bypass(at, command),
            Command::CancelBypass(command) => self.cancel_bypass(at, command),
            Command::CreateRecoveryCodes(command) => self.create_codes(at, command),
            Command::EnrollToken(command) => self.enroll_token(at, command),
            Command::ConfirmToken(command) => self.confirm_token(at, command),
            Command::ResyncToken(command) => self.resync_token(at, command),
            Command::RemoveToken(command) => self.remove_token(at, command),
            Command::CreateApplication(command) => self.create_application(at, command),
            Command::UpdateApplication(command) => self.update_application(at, command),
            Command::RotateApplicationKey(command) => self.rotate_application_key(at, command),
            Command::RetireApplicationKey(command) => self.retire_application_key(at, command),
            Command::DeleteApplication(command) => self.delete_application(at, command),
            Command::SetRadiusClient(command) => self.set_radius_client(at, command),
            Command::RemoveRadiusClient(command) => self.remove_radius_client(at, command),
            Command::NoteRadiusSigner(command) => self.note_radius_signer(at, command),
            Command::TellSession(report) => self.tell_session(at, report),
            Command::CreateAdministrator(command) => self.create_administrator(at, command),
            Command::UpdateAdministrator(command) => self.update_administrator(at, command),
            Command::RotateAdministratorToken(command) => {
                self.rotate_administrator_token(at, command)
            }
            Command::DeleteAdministrator(command) => self.delete_administrator(at, command),
            Command::CreateJoinToken(command) => self.create_join_token(at, command),
            Command::AdmitNode(command) => self.admit_node(at, command),
            Command::SetNodeAddresses(command) => self.set_addresses(at, command),
            Command::StartEpoch(command) => self.start_epoch(at, command),
            Command::ReadmitNode(command) => self.readmit_node(at, command),
            Command::ReleaseRecoveryCodes => self.release_codes(at),
            Command::MeetEpoch(command) => self.meet_epoch(command),
            Command::DiscardEpoch(command) => self.discard_epoch(at, command),
            Command::Merge(command) => self.merge(at, command),
            Command::AcknowledgeDoubles => self.acknowledge_doubles(at),
            Command::ConfirmClock => {
                self.tell(at, AuditRow::ClockConfirmed);
                Ok(Reply::Done)
            }
            Command::RemoveNode(command) => self.remove_node(at, command),
            Command::Tick => self.tick(at),
            Command::RotateDataKey(command) => self.rotate_data_key(at, command),
            Command::ConfirmDataKey(command) => self.confirm_data_key(at, command),
            Command::Reseal(command) => self.reseal(command),
            Command::RetireDataKey(command) => self.retire_data_key(at, command),
            Command::UpdateSettings(command) => self.update_settings(at, command),
            Command::RecordExport(command) => Ok(self.record_export(at, command)),
        }
    }

    /// Puts an event at the end of the audit.
    fn tell(&mut self, at: At<'_>, row: AuditRow) {
        let in_entry = self.events.iter().filter(|event| event.index == at.index).count();
        self.note_if(in_entry > 0, "two events of one entry");
        self.events.push(AuditEvent {
            index: at.index,
            ordinal: u32::try_from(in_entry).unwrap(),
            at: Timestamp(self.now),
            caller: at.proposal.caller,
            request_id: at.proposal.request_id,
            fingerprint: at.proposal.fingerprint,
            node: at.proposal.node,
            row,
        });
    }

    fn note_if(&mut self, happened: bool, what: &'static str) {
        if happened {
            self.notes.push(what);
        }
    }

    /// All rows: kind by kind, each in the order of ids.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        rows.extend(self.cluster.iter().cloned().map(Row::Cluster));
        rows.extend(self.administrators.iter().cloned().map(Row::Administrator));
        rows.extend(self.applications.iter().cloned().map(Row::Application));
        rows.extend(self.people.iter().map(Person::row).map(Row::User));
        rows.extend(self.tokens.iter().cloned().map(Row::Token));
        rows.extend(self.nodes.iter().cloned().map(Row::Node));
        rows.extend(self.join_tokens.iter().cloned().map(Row::JoinToken));
        rows.extend(self.keys.iter().cloned().map(Row::DataKeys));
        rows.extend(self.settings.row().map(Row::Settings));
        rows.extend(self.challenges.iter().cloned().map(Row::Challenge));
        rows.extend(self.journals.iter().copied().map(Row::Journal));
        rows.extend(self.radius_clients.iter().cloned().map(Row::RadiusClient));
        rows.sort_by_key(Row::key_order);
        rows
    }
}

/// The order in which rows are compared.
trait KeyOrder {
    fn key_order(&self) -> (u8, u128);
}

impl KeyOrder for Row {
    fn key_order(&self) -> (u8, u128) {
        let (kind, id) = match self {
            Self::Cluster(_) => (0, 0),
            Self::Administrator(row) => (1, row.id.0),
            Self::Application(row) => (2, row.id.0),
            Self::User(row) => (3, row.id.0),
            Self::Token(row) => (4, row.id.0),
            Self::Node(row) => (5, row.id.0),
            Self::JoinToken(row) => (6, row.id.0),
            Self::DataKeys(_) => (7, 0),
            Self::Settings(_) => (8, 0),
            Self::Challenge(row) => return (9, u128::from_be_bytes(row.id.0)),
            Self::Journal(row) => return (10, u128::from_be_bytes(row.id.0)),
            Self::RadiusClient(row) => (11, row.id.0),
        };
        (kind, id.into())
    }
}

/// The data key that a secret says it is under: a byte 1, and the key's number in four.
pub(crate) fn key_of(sealed: &Sealed) -> Option<DataKeyId> {
    match sealed.as_bytes() {
        [1, a, b, c, d, ..] => Some(DataKeyId(u32::from_be_bytes([*a, *b, *c, *d]))),
        _ => None,
    }
}
