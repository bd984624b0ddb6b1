//! The use cases of Symbolon: verify, enrol, administer.
//!
//! This crate owns what surrounds a decision: it normalises names, authenticates callers, reads the
//! local state, opens seeds and does the arithmetic, gathers time and entropy, proposes, and tries
//! again when the log says that what it saw was stale. It must never know a wire format, a socket,
//! Raft, sled or a configuration file: those are behind the ports of [`ports`].

mod about;
mod admin;
mod administrators;
mod admission;
mod answer;
mod applications;
pub mod audit;
mod barrier;
mod bypass;
mod credential;
mod data_key;
mod doubles;
mod drawn;
mod error;
mod evaluate;
mod explain;
mod fingerprint;
mod import;
mod join;
mod names;
mod otpauth;
mod personal;
mod pins;
pub mod ports;
mod principal;
mod promotion;
mod prompt;
mod quarantine;
mod radius;
mod read;
mod recovery;
mod removal;
mod service;
mod session;
mod settings;
mod sign_in;
mod tokens;
mod users;
mod verify;

pub use administrators::{AdministratorChanges, NewAdministrator};
pub use admission::{
    ADMINISTRATION_QUEUE_MAX, APPLICATION_SHARE_MAX, Admission, VERIFICATION_QUEUE_MAX,
};
pub use applications::{ApplicationChanges, ApplicationPage, NewApplication};
pub use credential::{Credential, CredentialKind, JoinCredential, hash_secret};
pub use data_key::{CA_KEY, sealed_field};
pub use error::ServiceError;
pub use explain::Explained;
pub use import::{Fate, IMPORT_ROWS_MAX, Import, TokenRow, UserRow};
pub use join::{JoinRequest, Joined};
pub use personal::PersonalData;
pub use pins::{NewPin, PinDone};
pub use ports::{
    Answered, BoxFuture, Clock, ClusterStatus, DataKeyStatus, Entropy, FieldRef, Identity, Lane,
    Ledger, NodeStatus, NotPromoted, Pairing, ProposeError, Role, SeizedBy, Seizure, Vault,
    VaultError, View,
};
pub use principal::Principal;
pub use prompt::prompt_text;
pub use quarantine::{
    Judge, LeftJournal, LeftWrite, Quarantine, QuarantineUnreadable, Reapplied, Settled, WriteId,
    WriteState,
};
pub use radius::{RADIUS_SECRET_BYTES_WANTED, RadiusSecrets, RadiusShown, RadiusWanted};
pub use read::{Page, UserFilter};
pub use recovery::NewRecoveryCodes;
pub use removal::NodeRemoval;
pub use service::Service;
pub use session::{
    DeviceTold, SESSIONS_AT_ONCE_MAX, SESSIONS_PER_SECOND_MAX, SESSIONS_UNDER_WAY_MAX,
};
pub use settings::{SettingsDone, SettingsWanted};
pub use sign_in::FirstHalf;
pub use tokens::{Enrollment, NewToken, TokenName};
pub use users::{UserChanges, etag, etag_of};
pub use verify::{VerifyReply, VerifyRequest};
