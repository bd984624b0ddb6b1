//! People who administer, and their bearer tokens.

use symbolon_core::{
    Administrator, AdministratorId, Command, CreateAdministrator, DeleteAdministrator, LogIndex,
    Name, Operation, Reply, RequestId, Role, RotateAdministratorToken, Scope, ScopePart, State,
    UpdateAdministrator, UserName,
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::about::{About, Named};
use crate::admin::kind;
use crate::credential::{Credential, CredentialKind};
use crate::names;
use crate::ports::{FieldRef, View};
use crate::principal::Principal;
use crate::users::revision;
use crate::{Service, ServiceError};

pub(crate) const fn token_field(id: u64) -> FieldRef {
    FieldRef { row: "administrator", id, field: "token" }
}

/// An administrator to add.
#[derive(Clone, Debug)]
pub struct NewAdministrator {
    /// Unique.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whom they may deal with, as people write it; none: everybody.
    pub scope: Vec<String>,
}

/// What is to be another than it is; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct AdministratorChanges {
    /// What they may do.
    pub role: Option<Role>,
    /// Whom they may deal with, as people write it; none: everybody.
    pub scope: Option<Vec<String>>,
    /// Whether their token is taken at all.
    pub enabled: Option<bool>,
    /// Refused unless it is that of the administrator as they are; empty: whatever it is.
    pub etag: String,
}

impl Named for Administrator {
    const KIND: &'static str = "administrator";

    fn by_name<'s>(state: &'s State, name: &Name) -> Option<&'s Self> {
        state.administrator_by_name(name)
    }
}

impl Service {
    /// Adds an administrator; answers with the bearer token.
    ///
    /// # Errors
    /// [`ServiceError::AlreadyExists`] when the name is taken.
    pub async fn create_administrator(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        new: &NewAdministrator,
        deadline: Instant,
    ) -> Result<(Administrator, Zeroizing<String>, LogIndex), ServiceError> {
        let operation = Operation::CreateAdministrator;
        Self::may(principal, operation)?;
        let _place = self.admission.administration()?;
        let name = names::name("name", &new.name)?;
        let (role, scope) = (new.role, scope(&new.scope)?);
        of_help_desk(role, &scope)?;
        let shape = format!("{role:?} {scope:?}");
        let fields = [name.as_str().as_bytes(), shape.as_bytes()];
        let request = self.request(principal, request_id, operation, &fields)?;
        let build = |view: &View| {
            let administrator = AdministratorId(self.draw());
            let (key, secret) = self.new_secret(view, token_field(administrator.0))?;
            Ok(Command::CreateAdministrator(CreateAdministrator {
                administrator,
                name: name.clone(),
                key,
                secret,
                role,
                scope: scope.clone(),
            }))
        };
        let answered = self.administer(&request, deadline, build).await;
        match answered.map_err(|error| kind(error, Administrator::KIND))? {
            (Reply::AdministratorCreated(id), index) => {
                let (administrator, token) = self.with_token(id)?;
                Ok((administrator, token, index))
            }
            _ => Err(ServiceError::Internal),
        }
    }

    /// Reads an administrator.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::NoMaster`] unless `allow_stale`.
    pub async fn get_administrator(
        &self,
        principal: &Principal,
        name: &str,
        allow_stale: bool,
        deadline: Instant,
    ) -> Result<Administrator, ServiceError> {
        Self::may(principal, Operation::GetAdministrator)?;
        let _place = self.admission.administration()?;
        let name = names::name("name", name)?;
        self.catch_up(principal, Operation::GetAdministrator, allow_stale, deadline).await?;
        Administrator::named(&self.ledger.view().state, &name).cloned()
    }

    /// Reads all administrators, by name.
    ///
    /// # Errors
    /// [`ServiceError`]; [`ServiceError::NoMaster`] unless `allow_stale`.
    pub async fn list_administrators(
        &self,
        principal: &Principal,
        allow_stale: bool,
        deadline: Instant,
    ) -> Result<Vec<Administrator>, ServiceError> {
        Self::may(principal, Operation::ListAdministrators)?;
        let _place = self.admission.administration()?;
        self.catch_up(principal, Operation::ListAdministrators, allow_stale, deadline).await?;
        let mut all: Vec<_> = self.ledger.view().state.administrators().cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }

    /// Changes an administrator.
    ///
    /// # Errors
    /// [`ServiceError::EtagChanged`] when they are not as they were;
    /// [`ServiceError::LastAdministrator`] when nobody would be left who may do everything.
    pub async fn update_administrator(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        changes: &AdministratorChanges,
        deadline: Instant,
    ) -> Result<(Administrator, LogIndex), ServiceError> {
        let operation = Operation::UpdateAdministrator;
        Self::may(principal, operation)?;
        let (role, disabled) = (changes.role, changes.enabled.map(|enabled| !enabled));
        let scope = changes.scope.as_ref().map(|parts| scope(parts)).transpose()?;
        let revision = revision(&changes.etag)?;
        let fields = format!("{role:?} {scope:?} {disabled:?} {revision:?}");
        let about = About { principal, request_id, operation, name, fields, deadline };
        let build = |_: &View, row: &Administrator| {
            if let Some(scope) = &scope {
                of_help_desk(role.unwrap_or(row.role), scope)?;
            }
            Ok(Command::UpdateAdministrator(UpdateAdministrator {
                administrator: row.id,
                role,
                scope: scope.clone(),
                disabled,
                revision,
            }))
        };
        let (id, index) = self.about_administrator(about, build).await?;
        let administrator = self.ledger.view().state.administrator(id).cloned();
        Ok((administrator.ok_or(ServiceError::NotFound { kind: Administrator::KIND })?, index))
    }

    /// Gives an administrator another bearer token; the one before is taken no more.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is none of that name.
    pub async fn rotate_administrator_token(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        deadline: Instant,
    ) -> Result<(Administrator, Zeroizing<String>, LogIndex), ServiceError> {
        let operation = Operation::RotateAdministratorToken;
        let fields = String::new();
        let about = About { principal, request_id, operation, name, fields, deadline };
        let build = |view: &View, row: &Administrator| {
            let administrator = row.id;
            let (key, secret) = self.new_secret(view, token_field(administrator.0))?;
            let rotate = RotateAdministratorToken { administrator, key, secret };
            Ok(Command::RotateAdministratorToken(rotate))
        };
        let (id, index) = self.about_administrator(about, build).await?;
        let (administrator, token) = self.with_token(id)?;
        Ok((administrator, token, index))
    }

    /// Removes an administrator.
    ///
    /// # Errors
    /// [`ServiceError::LastAdministrator`] when nobody would be left who may do everything.
    pub async fn delete_administrator(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        etag: &str,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let operation = Operation::DeleteAdministrator;
        Self::may(principal, operation)?;
        let revision = revision(etag)?;
        let fields = etag.to_owned();
        let about = About { principal, request_id, operation, name, fields, deadline };
        let build = |_: &View, row: &Administrator| {
            let administrator = row.id;
            Ok(Command::DeleteAdministrator(DeleteAdministrator { administrator, revision }))
        };
        self.about_administrator(about, build).await.map(|(_, index)| index)
    }

    async fn about_administrator(
        &self,
        about: About<'_>,
        build: impl Fn(&View, &Administrator) -> Result<Command, ServiceError>,
    ) -> Result<(AdministratorId, LogIndex), ServiceError> {
        match self.about(about, build).await? {
            (Reply::AdministratorChanged(id), index) => Ok((id, index)),
            _ => Err(ServiceError::Internal),
        }
    }

    /// An administrator with the token that they have just got.
    fn with_token(
        &self,
        id: AdministratorId,
    ) -> Result<(Administrator, Zeroizing<String>), ServiceError> {
        let row = self.ledger.view().state.administrator(id).cloned();
        let row = row.ok_or(ServiceError::NotFound { kind: Administrator::KIND })?;
        let secret = self.reveal(token_field(id.0), row.reveal.as_ref())?;
        let credential = Credential { kind: CredentialKind::Administrator, id: id.0, secret };
        Ok((row, credential.to_text()))
    }
}

/// A domain is brought into the form in which it stands in user names.
fn scope(parts: &[String]) -> Result<Scope, ServiceError> {
    let normal = |part: &String| -> Result<ScopePart, ServiceError> {
        let part = ScopePart::parse(part)
            .map_err(|error| ServiceError::invalid("scope", error.to_string()))?;
        let ScopePart::Domain(domain) = part else {
            return Ok(part);
        };
        let domain: UserName = names::user_name(domain.as_str()).map_err(|_| {
            ServiceError::invalid("scope", "the domain is none that a user name can end in")
        })?;
        Ok(ScopePart::Domain(domain))
    };
    let parts = parts.iter().map(normal).collect::<Result<Vec<_>, _>>()?;
    Scope::new(parts).map_err(|error| ServiceError::invalid("scope", error.to_string()))
}

fn of_help_desk(role: Role, scope: &Scope) -> Result<(), ServiceError> {
    if role == Role::HelpDesk || scope.is_all() {
        return Ok(());
    }
    Err(ServiceError::invalid("scope", "a help desk alone can have one; other roles are whole"))
}
