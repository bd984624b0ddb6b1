//! Applications and their API keys.

use std::sync::Arc;

use symbolon_core::limits::KEY_OVERLAP_MILLISECONDS_MAX;
use symbolon_core::{
    Application, ApplicationId, Command, CreateApplication, DeleteApplication, ExemptionChange,
    Exemptions, LogIndex, Name, Operation, Reply, RequestId, RetireApplicationKey, Rights,
    RotateApplicationKey, SourceRange, Sources, State, UpdateApplication,
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::about::{About, Named};
use crate::admin::kind;
use crate::credential::{Credential, CredentialKind};
use crate::names;
use crate::ports::{FieldRef, View};
use crate::principal::Principal;
use crate::read::page_size;
use crate::users::revision;
use crate::{Service, ServiceError};

pub(crate) const fn api_key_field(id: u64) -> FieldRef {
    FieldRef { row: "application", id, field: "api_key" }
}

/// An application to add.
#[derive(Clone, Debug, Default)]
pub struct NewApplication {
    /// Unique.
    pub name: String,
    /// None: `verify` alone.
    pub rights: Rights,
    /// Ranges of addresses as people write them; none: from everywhere.
    pub sources: Vec<String>,
    /// Whom it lets in without a code.
    pub exempt: Exemptions,
}

/// What is to be another than it is; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct ApplicationChanges {
    /// Unique.
    pub name: Option<String>,
    /// What it may do.
    pub rights: Option<Rights>,
    /// Ranges of addresses as people write them; none: from everywhere.
    pub sources: Option<Vec<String>>,
    /// Whether its keys are taken at all.
    pub enabled: Option<bool>,
    /// Whom it lets in without a code.
    pub exempt: ExemptionChange,
    /// Refused unless it is that of the application as it is; empty: whatever it is.
    pub etag: String,
}

/// A page of applications, and the name to continue after.
#[derive(Clone, Debug)]
pub struct ApplicationPage {
    /// In the order of their names.
    pub applications: Vec<Application>,
    /// Last name of this page when there may be more.
    pub next: Option<Name>,
}

impl Named for Application {
    const KIND: &'static str = "application";

    fn by_name<'s>(state: &'s State, name: &Name) -> Option<&'s Self> {
        state.application_by_name(name)
    }
}

impl Service {
    /// Adds an application; answers with its API key.
    ///
    /// # Errors
    /// [`ServiceError::AlreadyExists`] when the name is taken.
    pub async fn create_application(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        new: &NewApplication,
        deadline: Instant,
    ) -> Result<(Application, Zeroizing<String>, LogIndex), ServiceError> {
        Self::may(principal, Operation::CreateApplication)?;
        let _place = self.admission.administration()?;
        let name = names::name("name", &new.name)?;
        let sources = sources(&new.sources)?;
        let rights = if new.rights == Rights::NONE { Rights::VERIFY } else { new.rights };
        let exempt = new.exempt;
        let shape = format!("{rights:?} {sources:?} {exempt:?}");
        let fields = [name.as_str().as_bytes(), shape.as_bytes()];
        let request = self.request(principal, request_id, Operation::CreateApplication, &fields)?;
        let build = |view: &View| {
            let application = ApplicationId(self.draw());
            let (key, secret) = self.new_secret(view, api_key_field(application.0))?;
            Ok(Command::CreateApplication(CreateApplication {
                application,
                name: name.clone(),
                key,
                secret,
                rights,
                sources: sources.clone(),
                exempt,
            }))
        };
        let answered = self.administer(&request, deadline, build).await;
        match answered.map_err(|error| kind(error, Application::KIND))? {
            (Reply::ApplicationCreated(id), index) => {
                let (application, key) = self.with_key(id)?;
                Ok((application, key, index))
            }
            _ => Err(ServiceError::Internal),
        }
    }

    /// Reads an application.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::NoMaster`] unless `allow_stale`.
    pub async fn get_application(
        &self,
        principal: &Principal,
        name: &str,
        allow_stale: bool,
        deadline: Instant,
    ) -> Result<Application, ServiceError> {
        Self::may(principal, Operation::GetApplication)?;
        let _place = self.admission.administration()?;
        let name = names::name("name", name)?;
        self.catch_up(principal, Operation::GetApplication, allow_stale, deadline).await?;
        Application::named(&self.ledger.view().state, &name).cloned()
    }

    /// Reads a page of applications. `asked` 0 means 100.
    ///
    /// # Errors
    /// [`ServiceError`]; [`ServiceError::NoMaster`] unless `allow_stale`.
    pub async fn list_applications(
        &self,
        principal: &Principal,
        asked: u32,
        after: &str,
        allow_stale: bool,
        deadline: Instant,
    ) -> Result<ApplicationPage, ServiceError> {
        Self::may(principal, Operation::ListApplications)?;
        let _place = self.admission.administration()?;
        let size = page_size(asked)?;
        let after = match after {
            "" => None,
            name => Some(names::name("page_token", name)?),
        };
        self.catch_up(principal, Operation::ListApplications, allow_stale, deadline).await?;
        let state: Arc<State> = self.ledger.view().state;
        let found = state.applications_after(after.as_ref());
        let applications: Vec<_> = found.take(size).cloned().collect();
        let last = applications.last().map(|row| row.name.clone());
        let next = last.filter(|_| applications.len() == size);
        Ok(ApplicationPage { applications, next })
    }

    /// Changes an application.
    ///
    /// # Errors
    /// [`ServiceError::EtagChanged`] when it is not as it was, [`ServiceError::AlreadyExists`] when the
    /// new name is another's.
    pub async fn update_application(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        changes: &ApplicationChanges,
        deadline: Instant,
    ) -> Result<(Application, LogIndex), ServiceError> {
        let operation = Operation::UpdateApplication;
        Self::may(principal, operation)?;
        let new_name = changes.name.as_ref().map(|name| names::name("application.name", name));
        let new_name = new_name.transpose()?;
        let sources = changes.sources.as_ref().map(|ranges| sources(ranges)).transpose()?;
        if changes.rights == Some(Rights::NONE) {
            let problem = "there is none; to take all, switch the application off";
            return Err(ServiceError::invalid("application.rights", problem));
        }
        let (rights, disabled) = (changes.rights, changes.enabled.map(|enabled| !enabled));
        let revision = revision(&changes.etag)?;
        let exempt = changes.exempt;
        let fields =
            format!("{new_name:?} {rights:?} {sources:?} {disabled:?} {exempt:?} {revision:?}");
        let about = About { principal, request_id, operation, name, fields, deadline };
        let build = |_: &View, application: &Application| {
            Ok(Command::UpdateApplication(UpdateApplication {
                application: application.id,
                name: new_name.clone(),
                rights,
                sources: sources.clone(),
                disabled,
                exempt,
                revision,
            }))
        };
        let (id, index) = self.about_application(about, build).await?;
        let application = self.ledger.view().state.application(id).cloned();
        Ok((application.ok_or(ServiceError::NotFound { kind: Application::KIND })?, index))
    }

    /// Gives an application another API key. The one before is taken for so many seconds yet.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] for an overlap over 90 days.
    pub async fn rotate_application_key(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        overlap_seconds: u32,
        deadline: Instant,
    ) -> Result<(Application, Zeroizing<String>, LogIndex), ServiceError> {
        let operation = Operation::RotateApplicationKey;
        Self::may(principal, operation)?;
        let overlap_milliseconds = u64::from(overlap_seconds) * 1000;
        if overlap_milliseconds > KEY_OVERLAP_MILLISECONDS_MAX {
            let problem = "it is over 7776000 (90 days)";
            return Err(ServiceError::invalid("overlap_seconds", problem));
        }
        let fields = overlap_seconds.to_string();
        let about = About { principal, request_id, operation, name, fields, deadline };
        let build = |view: &View, application: &Application| {
            let (key, secret) = self.new_secret(view, api_key_field(application.id.0))?;
            Ok(Command::RotateApplicationKey(RotateApplicationKey {
                application: application.id,
                key,
                secret,
                overlap_milliseconds,
            }))
        };
        let (id, index) = self.about_application(about, build).await?;
        let (application, key) = self.with_key(id)?;
        Ok((application, key, index))
    }

    /// Takes the key before the present one no more.
    ///
    /// # Errors
    /// [`ServiceError::NoOldKey`] when there is none.
    pub async fn retire_application_key(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        deadline: Instant,
    ) -> Result<(Application, LogIndex), ServiceError> {
        let operation = Operation::RetireApplicationKey;
        let fields = String::new();
        let about = About { principal, request_id, operation, name, fields, deadline };
        let build = |_: &View, row: &Application| {
            row.old_key.ok_or(ServiceError::NoOldKey)?;
            let application = row.id;
            Ok(Command::RetireApplicationKey(RetireApplicationKey { application }))
        };
        let (id, index) = self.about_application(about, build).await?;
        let application = self.ledger.view().state.application(id).cloned();
        Ok((application.ok_or(ServiceError::NotFound { kind: Application::KIND })?, index))
    }

    /// Removes an application.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`]; [`ServiceError::EtagChanged`] when it is not as it was.
    pub async fn delete_application(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        name: &str,
        etag: &str,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let operation = Operation::DeleteApplication;
        Self::may(principal, operation)?;
        let revision = revision(etag)?;
        let fields = etag.to_owned();
        let about = About { principal, request_id, operation, name, fields, deadline };
        let build = |_: &View, row: &Application| {
            let application = row.id;
            Ok(Command::DeleteApplication(DeleteApplication { application, revision }))
        };
        self.about_application(about, build).await.map(|(_, index)| index)
    }

    async fn about_application(
        &self,
        about: About<'_>,
        build: impl Fn(&View, &Application) -> Result<Command, ServiceError>,
    ) -> Result<(ApplicationId, LogIndex), ServiceError> {
        match self.about(about, build).await? {
            (Reply::ApplicationChanged(id), index) => Ok((id, index)),
            _ => Err(ServiceError::Internal),
        }
    }

    /// An application with the key that it has just got.
    fn with_key(
        &self,
        id: ApplicationId,
    ) -> Result<(Application, Zeroizing<String>), ServiceError> {
        let application = self.ledger.view().state.application(id).cloned();
        let application = application.ok_or(ServiceError::NotFound { kind: Application::KIND })?;
        let secret = self.reveal(api_key_field(id.0), application.reveal.as_ref())?;
        let credential = Credential { kind: CredentialKind::Application, id: id.0, secret };
        Ok((application, credential.to_text()))
    }
}

fn sources(ranges: &[String]) -> Result<Sources, ServiceError> {
    let ranges = ranges.iter().map(|range| SourceRange::parse(range));
    let sources = ranges.collect::<Result<Vec<_>, _>>().and_then(Sources::new);
    sources.map_err(|error| ServiceError::invalid("sources", error.to_string()))
}
