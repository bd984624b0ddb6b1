//! What can be asked about administrators and applications.

#[cfg(doc)]
use super::Command;
use crate::{
    AdministratorId, ApplicationId, ExemptionChange, Exemptions, KeyHash, LogIndex, Name, Rights,
    Role, Scope, Sealed, Sources,
};

/// See [`Command::CreateApplication`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateApplication {
    /// Drawn by the service.
    pub application: ApplicationId,
    /// Unique.
    pub name: Name,
    /// Hash of the API key's secret.
    pub key: KeyHash,
    /// The API key's secret, sealed for this application.
    pub secret: Sealed,
    /// What it may do.
    pub rights: Rights,
    /// From where it may ask.
    pub sources: Sources,
    /// Whom it lets in without a code.
    pub exempt: Exemptions,
}

/// See [`Command::UpdateApplication`]. `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpdateApplication {
    /// Which one.
    pub application: ApplicationId,
    /// Unique.
    pub name: Option<Name>,
    /// What it may do.
    pub rights: Option<Rights>,
    /// From where it may ask.
    pub sources: Option<Sources>,
    /// Whether it is switched off.
    pub disabled: Option<bool>,
    /// Whom it lets in without a code.
    pub exempt: ExemptionChange,
    /// Refused unless the application has not changed since.
    pub revision: Option<LogIndex>,
}

/// See [`Command::RotateApplicationKey`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RotateApplicationKey {
    /// Whose.
    pub application: ApplicationId,
    /// Hash of the new key's secret.
    pub key: KeyHash,
    /// The new key's secret, sealed for this application.
    pub secret: Sealed,
    /// Milliseconds from the stamp on for which the key before is taken too; 0: not at all.
    pub overlap_milliseconds: u64,
}

/// See [`Command::RetireApplicationKey`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetireApplicationKey {
    /// Whose.
    pub application: ApplicationId,
}

/// See [`Command::DeleteApplication`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteApplication {
    /// Which one.
    pub application: ApplicationId,
    /// Refused unless the application has not changed since.
    pub revision: Option<LogIndex>,
}

/// See [`Command::CreateAdministrator`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateAdministrator {
    /// Drawn by the service.
    pub administrator: AdministratorId,
    /// Unique.
    pub name: Name,
    /// Hash of the bearer token's secret.
    pub key: KeyHash,
    /// The bearer token's secret, sealed for this administrator.
    pub secret: Sealed,
    /// What they may do.
    pub role: Role,
    /// Whom they may deal with. Counts for the help desk alone.
    pub scope: Scope,
}

/// See [`Command::UpdateAdministrator`]. `None` leaves a field as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpdateAdministrator {
    /// Which one.
    pub administrator: AdministratorId,
    /// What they may do.
    pub role: Option<Role>,
    /// Whom they may deal with. Counts for the help desk alone.
    pub scope: Option<Scope>,
    /// Whether they are switched off.
    pub disabled: Option<bool>,
    /// Refused unless the administrator has not changed since.
    pub revision: Option<LogIndex>,
}

/// See [`Command::RotateAdministratorToken`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RotateAdministratorToken {
    /// Whose.
    pub administrator: AdministratorId,
    /// Hash of the new bearer token's secret.
    pub key: KeyHash,
    /// The new bearer token's secret, sealed for this administrator.
    pub secret: Sealed,
}

/// See [`Command::DeleteAdministrator`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteAdministrator {
    /// Which one.
    pub administrator: AdministratorId,
    /// Refused unless the administrator has not changed since.
    pub revision: Option<LogIndex>,
}
