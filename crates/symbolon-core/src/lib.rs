//! The domain of Symbolon: users, tokens, and the one function that changes them.
//!
//! This crate owns every rule about users, tokens, applications, nodes and one-time use. Its heart
//! is [`State::apply`]: given the same state and the same stamped proposal it makes the same new
//! state on every node, so a cluster whose logs are equal is equal in every decision (promise P11).
//!
//! It must never know a clock, randomness, a file, a socket, a thread, a wire format or an error of
//! the outside world. Being `no_std` makes most of that a compile error. Whatever needs time,
//! entropy or slow arithmetic is gathered by the service and handed in as part of a [`Proposal`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod account;
mod apply;
mod audit;
mod callers;
mod challenge;
mod check;
mod clocks;
mod command;
mod data_keys;
mod digest;
mod exempt;
mod explain;
mod id;
mod island;
pub mod limits;
mod map;
mod merge;
mod name;
pub mod otp;
pub mod pin;
#[cfg(feature = "planted")]
pub mod planted;
mod profile;
mod radius;
pub mod recovery;
mod replies;
mod reply;
mod retention;
mod rights;
mod row;
mod scope;
mod sealed_fields;
mod secret;
mod session;
mod settings;
mod standing;
mod state;
mod table;
mod time;

pub use account::Account;
pub use apply::Output;
pub use audit::{
    AdministratorBefore, AdministratorUpdated, ApplicationBefore, ApplicationUpdated, AuditEvent,
    AuditRow, LabelChange, Proof, SettingChange, UserChange, Verified,
};
pub use callers::{Administrator, Application, OldKey, Reveal, Strangers};
pub use challenge::{Challenge, Prompt};
pub use check::Violation;
pub use clocks::{
    CLOCK_ASIDE_MILLISECONDS, CLOCK_JUMP_MILLISECONDS, CLOCK_OFF_MILLISECONDS,
    CLOCK_STEP_MILLISECONDS, ClockJump, ClockStanding, Timekeeper, ahead, clock_offset,
};
pub use command::{
    AdmitNode, BlockUser, CancelBypass, ChallengeAnswer, ChosenPin, Command, ConfirmDataKey,
    ConfirmToken, CreateAdministrator, CreateApplication, CreateCluster, CreateJoinToken,
    CreateRecoveryCodes, CreateUser, DeleteAdministrator, DeleteApplication, DeleteUser,
    DiscardEpoch, EnrollToken, FirstFactor, GrantBypass, Match, MeetEpoch, Merge, Method,
    NoteRadiusSigner, Outcome, Proposal, ReadmitNode, RecordExport, RemoveNode, RemoveRadiusClient,
    RemoveToken, Reseal, ResyncToken, RetireApplicationKey, RetireDataKey,
    RotateAdministratorToken, RotateApplicationKey, RotateDataKey, SetNodeAddresses, SetPin,
    SetRadiusClient, Stamp, StartEpoch, UnblockUser, UpdateAdministrator, UpdateApplication,
    UpdateSettings, UpdateUser,
};
pub use data_keys::{DataKeys, Rotation};
pub use digest::{Canonical, CanonicalWriter, Digest};
pub use exempt::{ExemptionChange, Exemptions};
pub use explain::Finding;
pub use id::{
    AdministratorId, ApplicationId, Caller, ChallengeId, ClusterId, DataKeyId, Fingerprint,
    JoinTokenId, JournalId, KeyHash, KeyPin, LineageId, LogIndex, NodeId, RequestId, TokenId,
    UserId,
};
pub use island::{Agreement, Alone, Apart, Hold, Holder, Isolation, NotAlone, RecordId};
pub use merge::{AcceptedTwice, Here, Journal, MergeKind, MergeMark, MergeRecord, Merged, Origin};
pub use name::{DisplayName, Name, NameError, Reason, Serial, UserName};
pub use profile::{
    Phone, PhoneKind, Profile, ProfileChange, ProfileError, ProfileField, is_email, is_language,
};
pub use radius::{
    CertificateName, CertificateNameError, CertificateNames, CodePlace, RadiusClient,
    RadiusDevices, RadiusFault, RadiusPolicy, RadiusTarget, ReplyAttribute, Signed, Unreachable,
};
pub use replies::Remembered;
pub use reply::{Answer, Decision, Denial, Refusal, Reply, Verdict};
pub use retention::Retention;
pub use rights::{Operation, Right, Rights, Role};
pub use row::{
    Block, Bypass, Change, Cluster, Floor, JoinToken, Node, OtherEpoch, RecoveryCodes, Row, RowKey,
    Token, User, UserPin,
};
pub use scope::{Scope, ScopeError, ScopePart, SourceRange, Sources};
pub use sealed_fields::{SealedField, SealedPlace};
pub use secret::{Sealed, Secret};
pub use session::{SessionReport, SessionStatus};
pub use settings::{Bound, Lockout, SETTINGS, Setting, SettingInfo, Settings, SettingsFault, Unit};
pub use standing::Standing;
pub use state::{RestoreError, Scalars, State};
pub use time::{Lasting, Timestamp};
