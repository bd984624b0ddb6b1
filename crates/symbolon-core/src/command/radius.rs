//! What can be asked about RADIUS clients.

use core::net::IpAddr;

use crate::{ApplicationId, LogIndex, RadiusPolicy, Sealed};

/// See [`Command::SetRadiusClient`](super::Command::SetRadiusClient). What was before is replaced whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetRadiusClient {
    /// As which application.
    pub application: ApplicationId,
    /// What is to stand.
    pub policy: RadiusPolicy,
    /// The shared secrets, sealed for the application.
    pub secrets: Sealed,
    /// Whether any of them is another than before.
    pub new_secrets: bool,
    /// For how long the secret before is taken too, milliseconds from the stamp on; 0: it is not, or there is
    /// none among the secrets.
    pub overlap_milliseconds: u64,
    /// Refused unless the row has not changed since; 0: unless there is none.
    pub revision: Option<LogIndex>,
}

/// See [`Command::RemoveRadiusClient`](super::Command::RemoveRadiusClient).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoveRadiusClient {
    /// As which application.
    pub application: ApplicationId,
    /// Refused unless the row has not changed since.
    pub revision: Option<LogIndex>,
}

/// See [`Command::NoteRadiusSigner`](super::Command::NoteRadiusSigner).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoteRadiusSigner {
    /// As which application it asked.
    pub application: ApplicationId,
    /// The device.
    pub device: IpAddr,
}
