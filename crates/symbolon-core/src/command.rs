//! What can be asked of a state.

mod again;
mod callers;
mod cluster;
mod keys;
mod merge;
mod outcome;
mod personal;
mod radius;

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::otp::Parameters;
use crate::{
    Caller, DisplayName, Fingerprint, LogIndex, NodeId, Operation, Profile, ProfileChange, Reason,
    RequestId, Rights, Sealed, Serial, SessionReport, Setting, Timestamp, TokenId, UserId,
    UserName,
};

pub use callers::{
    CreateAdministrator, CreateApplication, DeleteAdministrator, DeleteApplication,
    RetireApplicationKey, RotateAdministratorToken, RotateApplicationKey, UpdateAdministrator,
    UpdateApplication,
};
pub use cluster::{
    AdmitNode, CreateCluster, CreateJoinToken, DiscardEpoch, MeetEpoch, ReadmitNode, RemoveNode,
    SetNodeAddresses, StartEpoch,
};
pub use keys::{ConfirmDataKey, Reseal, RetireDataKey, RotateDataKey};
pub use merge::Merge;
pub use outcome::{ChallengeAnswer, ChosenPin, FirstFactor, Match, Outcome};
pub use personal::RecordExport;
pub use radius::{NoteRadiusSigner, RemoveRadiusClient, SetRadiusClient};

/// Where and when the log took a proposal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Index of the log entry.
    pub index: LogIndex,
    /// The master's time.
    pub at: Timestamp,
}

/// A command with everything that `apply` needs to judge it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Who asks.
    pub caller: Caller,
    /// The caller's name for this request.
    pub request_id: RequestId,
    /// What is asked, as a keyed hash.
    pub fingerprint: Fingerprint,
    /// Log index that the proposing node had applied when it read the state.
    pub seen: LogIndex,
    /// When the proposing node made this, by its clock.
    pub made_at: Timestamp,
    /// The proposing node.
    pub node: NodeId,
    /// What to do.
    pub command: Command,
}

/// The closed list of commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Decide a verification.
    Verify(Outcome),
    /// First command of every cluster.
    CreateCluster(CreateCluster),
    /// Add a user.
    CreateUser(CreateUser),
    /// Change what administrators say about a user.
    UpdateUser(UpdateUser),
    /// Take no code of a user's for a while.
    BlockUser(BlockUser),
    /// Lift a block, and a lock after too many failures.
    UnblockUser(UnblockUser),
    /// Give a user another PIN, or none.
    SetPin(SetPin),
    /// Let a user in once without a code.
    GrantBypass(GrantBypass),
    /// Take that back.
    CancelBypass(CancelBypass),
    /// Give a user a new set of recovery codes.
    CreateRecoveryCodes(CreateRecoveryCodes),
    /// Remove a user with all tokens.
    DeleteUser(DeleteUser),
    /// Give a user a token.
    EnrollToken(EnrollToken),
    /// Somebody has shown that they hold a token.
    ConfirmToken(ConfirmToken),
    /// A token's clock or counter has run away.
    ResyncToken(ResyncToken),
    /// Take a token from its user.
    RemoveToken(RemoveToken),
    /// Add an application with its API key.
    CreateApplication(CreateApplication),
    /// Change what administrators say about an application.
    UpdateApplication(UpdateApplication),
    /// Give an application another API key.
    RotateApplicationKey(RotateApplicationKey),
    /// Take an application's old API key no more.
    RetireApplicationKey(RetireApplicationKey),
    /// Remove an application.
    DeleteApplication(DeleteApplication),
    /// Say how devices ask as an application by RADIUS.
    SetRadiusClient(SetRadiusClient),
    /// Let no device ask as an application any more.
    RemoveRadiusClient(RemoveRadiusClient),
    /// A device has signed a request.
    NoteRadiusSigner(NoteRadiusSigner),
    /// A device tells of a session.
    TellSession(Arc<SessionReport>),
    /// Add an administrator with a bearer token.
    CreateAdministrator(CreateAdministrator),
    /// Change what an administrator may do.
    UpdateAdministrator(UpdateAdministrator),
    /// Give an administrator another bearer token.
    RotateAdministratorToken(RotateAdministratorToken),
    /// Remove an administrator.
    DeleteAdministrator(DeleteAdministrator),
    /// Make a join token.
    CreateJoinToken(CreateJoinToken),
    /// Register a node that came with a join token.
    AdmitNode(AdmitNode),
    /// A node is reached at other addresses than before.
    SetNodeAddresses(SetNodeAddresses),
    /// A node goes on without the others.
    StartEpoch(StartEpoch),
    /// A node that was gone on without comes back, under another id.
    ReadmitNode(ReadmitNode),
    /// Recovery codes that were made before a seize are taken again.
    ReleaseRecoveryCodes,
    /// A node has met an epoch apart.
    MeetEpoch(MeetEpoch),
    /// An epoch apart is to come back to this one.
    DiscardEpoch(DiscardEpoch),
    /// What a node decided apart from the log counts here too.
    Merge(Merge),
    /// An administrator knows of the codes that were accepted twice.
    AcknowledgeDoubles,
    /// The master's clock is right, however far it has jumped.
    ConfirmClock,
    /// A node is a member no more.
    RemoveNode(RemoveNode),
    /// Let state time pass and expire what is due.
    Tick,
    /// Begin to change the data key.
    RotateDataKey(RotateDataKey),
    /// A node has the next data key on its disk.
    ConfirmDataKey(ConfirmDataKey),
    /// A sealed field is under the new data key.
    Reseal(Reseal),
    /// Nothing is under the old data key any more.
    RetireDataKey(RetireDataKey),
    /// Change settings.
    UpdateSettings(UpdateSettings),
    /// Everything that is held about a person is read: nothing changes, and the audit tells it.
    RecordExport(RecordExport),
}

impl Command {
    /// Name for logs and metrics; never holds content.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Verify(_) => "verify",
            Self::CreateCluster(_) => "create_cluster",
            Self::CreateUser(_) => "create_user",
            Self::UpdateUser(_) => "update_user",
            Self::BlockUser(_) => "block_user",
            Self::UnblockUser(_) => "unblock_user",
            Self::SetPin(_) => "set_pin",
            Self::GrantBypass(_) => "grant_bypass",
            Self::CancelBypass(_) => "cancel_bypass",
            Self::CreateRecoveryCodes(_) => "create_recovery_codes",
            Self::DeleteUser(_) => "delete_user",
            Self::EnrollToken(_) => "enroll_token",
            Self::ConfirmToken(_) => "confirm_token",
            Self::ResyncToken(_) => "resync_token",
            Self::RemoveToken(_) => "remove_token",
            Self::CreateApplication(_) => "create_application",
            Self::UpdateApplication(_) => "update_application",
            Self::RotateApplicationKey(_) => "rotate_application_key",
            Self::RetireApplicationKey(_) => "retire_application_key",
            Self::DeleteApplication(_) => "delete_application",
            Self::SetRadiusClient(_) => "set_radius_client",
            Self::RemoveRadiusClient(_) => "remove_radius_client",
            Self::NoteRadiusSigner(_) => "note_radius_signer",
            Self::TellSession(_) => "tell_session",
            Self::CreateAdministrator(_) => "create_administrator",
            Self::UpdateAdministrator(_) => "update_administrator",
            Self::RotateAdministratorToken(_) => "rotate_administrator_token",
            Self::DeleteAdministrator(_) => "delete_administrator",
            Self::CreateJoinToken(_) => "create_join_token",
            Self::AdmitNode(_) => "admit_node",
            Self::SetNodeAddresses(_) => "set_node_addresses",
            Self::StartEpoch(_) => "start_epoch",
            Self::ReadmitNode(_) => "readmit_node",
            Self::ReleaseRecoveryCodes => "release_recovery_codes",
            Self::MeetEpoch(_) => "meet_epoch",
            Self::DiscardEpoch(_) => "discard_epoch",
            Self::Merge(_) => "merge",
            Self::AcknowledgeDoubles => "acknowledge_doubles",
            Self::ConfirmClock => "confirm_clock",
            Self::RemoveNode(_) => "remove_node",
            Self::Tick => "tick",
            Self::RotateDataKey(_) => "rotate_data_key",
            Self::ConfirmDataKey(_) => "confirm_data_key",
            Self::Reseal(_) => "reseal",
            Self::RetireDataKey(_) => "retire_data_key",
            Self::UpdateSettings(_) => "update_settings",
            Self::RecordExport(_) => "record_export",
        }
    }

    /// What a caller asks for with this; `None` for what nodes do by themselves, and for what devices tell.
    #[must_use]
    pub const fn operation(&self) -> Option<Operation> {
        Some(match self {
            Self::Verify(_) => Operation::Verify,
            Self::CreateUser(_) => Operation::CreateUser,
            Self::UpdateUser(_) => Operation::UpdateUser,
            Self::BlockUser(_) => Operation::BlockUser,
            Self::UnblockUser(_) => Operation::UnblockUser,
            Self::SetPin(_) => Operation::SetPin,
            Self::GrantBypass(_) => Operation::GrantBypass,
            Self::CancelBypass(_) => Operation::CancelBypass,
            Self::CreateRecoveryCodes(_) => Operation::CreateRecoveryCodes,
            Self::DeleteUser(_) => Operation::DeleteUser,
            Self::EnrollToken(_) => Operation::EnrollToken,
            Self::ConfirmToken(_) => Operation::ConfirmToken,
            Self::ResyncToken(_) => Operation::ResyncToken,
            Self::RemoveToken(_) => Operation::RemoveToken,
            Self::CreateApplication(_) => Operation::CreateApplication,
            Self::UpdateApplication(_) => Operation::UpdateApplication,
            Self::RotateApplicationKey(_) => Operation::RotateApplicationKey,
            Self::RetireApplicationKey(_) => Operation::RetireApplicationKey,
            Self::DeleteApplication(_) => Operation::DeleteApplication,
            Self::SetRadiusClient(_) => Operation::SetRadiusClient,
            Self::RemoveRadiusClient(_) => Operation::RemoveRadiusClient,
            Self::CreateAdministrator(_) => Operation::CreateAdministrator,
            Self::UpdateAdministrator(_) => Operation::UpdateAdministrator,
            Self::RotateAdministratorToken(_) => Operation::RotateAdministratorToken,
            Self::DeleteAdministrator(_) => Operation::DeleteAdministrator,
            Self::CreateJoinToken(_) => Operation::CreateJoinToken,
            Self::ReleaseRecoveryCodes => Operation::ReleaseRecoveryCodes,
            Self::DiscardEpoch(_) => Operation::DiscardEpoch,
            Self::AcknowledgeDoubles => Operation::AcknowledgeDoubles,
            Self::ConfirmClock => Operation::ConfirmClock,
            Self::RemoveNode(_) => Operation::RemoveNode,
            Self::RotateDataKey(_) => Operation::RotateDataKey,
            Self::UpdateSettings(_) => Operation::UpdateSettings,
            Self::RecordExport(_) => Operation::ExportPersonalData,
            Self::CreateCluster(_)
            | Self::AdmitNode(_)
            | Self::SetNodeAddresses(_)
            | Self::StartEpoch(_)
            | Self::ReadmitNode(_)
            | Self::MeetEpoch(_)
            | Self::NoteRadiusSigner(_)
            | Self::TellSession(_)
            | Self::Merge(_)
            | Self::Tick
            | Self::ConfirmDataKey(_)
            | Self::Reseal(_)
            | Self::RetireDataKey(_) => return None,
        })
    }

    /// Whether it waits while an epoch is apart: of two states that both go on, one is given up. What is
    /// read, decides about a sign-in, or is about nodes and their clocks does not, and nor does what an
    /// administrator only says that they know of, nor what a device tells of a session.
    #[must_use]
    pub const fn waits_while_apart(&self) -> bool {
        let goes_on = matches!(
            self,
            Self::Verify(_)
                | Self::RecordExport(_)
                | Self::DiscardEpoch(_)
                | Self::RemoveNode(_)
                | Self::RotateDataKey(_)
                | Self::ConfirmClock
                | Self::AcknowledgeDoubles
        );
        self.operation().is_some() && !goes_on
    }

    /// Any of these rights is enough for it; none is for what nodes do by themselves.
    #[must_use]
    pub fn rights(&self) -> Rights {
        match self {
            // A help desk switches accounts on and off. What a user is called is not theirs.
            Self::UpdateUser(update) if update.describes() => Rights::ADMINISTRATOR,
            // Whoever may ask about sign-ins may tell what came of them.
            Self::TellSession(_) => Operation::Verify.rights(),
            _ => self.operation().map_or(Rights::NONE, Operation::rights),
        }
    }
}

/// A way to prove a second factor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Method {
    /// A one-time password of a token, RFC 6238 or RFC 4226.
    Otp,
}

/// See [`Command::CreateUser`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateUser {
    /// Drawn by the service.
    pub user: UserId,
    /// Normalised.
    pub name: UserName,
    /// May be empty.
    pub display_name: DisplayName,
    /// What else is known.
    pub profile: Profile,
}

/// See [`Command::UpdateUser`]. `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpdateUser {
    /// Whose account.
    pub user: UserId,
    /// May be empty.
    pub display_name: Option<DisplayName>,
    /// Whether the account is switched off.
    pub disabled: Option<bool>,
    /// What else is to be another.
    pub profile: ProfileChange,
    /// Refused unless this is still the user's revision.
    pub revision: Option<LogIndex>,
}

impl UpdateUser {
    /// Whether it says who somebody is, besides whether the account is on.
    #[must_use]
    pub const fn describes(&self) -> bool {
        self.display_name.is_some() || !self.profile.fields.is_empty()
    }
}

/// See [`Command::UpdateSettings`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpdateSettings {
    /// What is to stand; `None` is the default again.
    pub changes: Vec<(Setting, Option<u64>)>,
    /// Refused unless the settings were last changed then.
    pub revision: Option<LogIndex>,
}

/// See [`Command::BlockUser`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockUser {
    /// Whose account.
    pub user: UserId,
    /// Why.
    pub reason: Reason,
    /// For how long, milliseconds from the stamp on.
    pub milliseconds: u64,
}

/// See [`Command::UnblockUser`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnblockUser {
    /// Whose account.
    pub user: UserId,
    /// Why.
    pub reason: Reason,
}

/// See [`Command::SetPin`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetPin {
    /// Whose.
    pub user: UserId,
    /// The new PIN with those before it, sealed for this user; `None`: no PIN any more.
    pub pin: Option<Sealed>,
    /// Whether the user must choose another at the next sign-in.
    pub must_change: bool,
}

/// See [`Command::GrantBypass`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrantBypass {
    /// Who.
    pub user: UserId,
    /// Why.
    pub reason: Reason,
    /// For how long, milliseconds from the stamp on; no longer than is set.
    pub milliseconds: u64,
}

/// See [`Command::CancelBypass`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CancelBypass {
    /// Who.
    pub user: UserId,
    /// Why.
    pub reason: Reason,
}

/// See [`Command::CreateRecoveryCodes`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateRecoveryCodes {
    /// Whose.
    pub user: UserId,
    /// The set, sealed for this user: see [`crate::recovery::RecoverySet`].
    pub codes: Sealed,
}

/// See [`Command::DeleteUser`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteUser {
    /// Whose account.
    pub user: UserId,
    /// Refused unless this is still the user's revision.
    pub revision: Option<LogIndex>,
}

/// See [`Command::EnrollToken`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnrollToken {
    /// Whose.
    pub user: UserId,
    /// Drawn by the service.
    pub token: TokenId,
    /// How the token makes codes.
    pub parameters: Parameters,
    /// The seed, sealed for this token.
    pub seed: Sealed,
    /// What is printed on it.
    pub serial: Option<Serial>,
    /// Highest step that counts as accepted already; 0 for none. Of HOTP its next counter.
    pub mark: u64,
    /// Whether a code must prove it first.
    pub pending: bool,
}

/// See [`Command::ConfirmToken`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfirmToken {
    /// Which token, and the step of the code that was shown.
    pub shown: Match,
}

/// See [`Command::ResyncToken`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResyncToken {
    /// Which token, and the step of the second of two codes that were shown.
    pub shown: Match,
}

/// See [`Command::RemoveToken`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoveToken {
    /// Which token.
    pub token: TokenId,
}
