//! Administrators and applications in JSON.

use serde::Serialize;
use symbolon_proto::v1;

use super::time;
use crate::commands::right_name;

#[derive(Serialize)]
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) rights: Vec<&'static str>,
    /// False: its keys are refused.
    pub(crate) enabled: bool,
    /// Empty: from everywhere.
    pub(crate) sources: Vec<String>,
    pub(crate) created_at: Option<String>,
    /// Null unless the key before the present one is taken too.
    pub(crate) old_key_until: Option<String>,
    /// What becomes of names that are nobody's: allow or deny.
    pub(crate) unknown_users: &'static str,
    /// What becomes of users who are switched off: allow or deny.
    pub(crate) disabled_users: &'static str,
    /// What becomes of decisions of nodes without a quorum: allow or deny.
    pub(crate) islands: &'static str,
    pub(crate) etag: String,
}

impl From<v1::Application> for Application {
    fn from(application: v1::Application) -> Self {
        Self {
            rights: application.rights().map(right_name).collect(),
            created_at: time(application.created_at.as_ref()),
            old_key_until: time(application.old_key_until.as_ref()),
            unknown_users: decision(application.unknown_users()),
            disabled_users: decision(application.disabled_users()),
            islands: decision(application.islands()),
            id: application.id,
            name: application.name,
            enabled: application.enabled,
            sources: application.sources,
            etag: application.etag,
        }
    }
}

/// As it is given on the command line.
pub(crate) const fn decision(decision: v1::Decision) -> &'static str {
    match decision {
        v1::Decision::Allow => "allow",
        v1::Decision::Deny | v1::Decision::Challenge | v1::Decision::Unspecified => "deny",
    }
}

#[derive(Serialize)]
pub(crate) struct Applications {
    pub(crate) applications: Vec<Application>,
}

#[derive(Serialize)]
pub(crate) struct ChangedApplication {
    #[serde(flatten)]
    pub(crate) application: Application,
    /// Null unless it is a new one that was not written to a file.
    pub(crate) api_key: Option<String>,
    /// Null unless a new key was written to a file.
    pub(crate) key_file: Option<String>,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct Administrator {
    pub(crate) id: String,
    pub(crate) name: String,
    /// administrator, help-desk or auditor.
    pub(crate) role: &'static str,
    /// Empty: everybody.
    pub(crate) scope: Vec<String>,
    /// False: the token is refused.
    pub(crate) enabled: bool,
    /// Null: made with the cluster.
    pub(crate) created_at: Option<String>,
    pub(crate) etag: String,
}

impl From<v1::Administrator> for Administrator {
    fn from(administrator: v1::Administrator) -> Self {
        Self {
            role: match administrator.role() {
                v1::AdministratorRole::Administrator => "administrator",
                v1::AdministratorRole::HelpDesk => "help-desk",
                v1::AdministratorRole::Auditor => "auditor",
                v1::AdministratorRole::Unspecified => "unknown",
            },
            created_at: time(administrator.created_at.as_ref()),
            id: administrator.id,
            name: administrator.name,
            scope: administrator.scope,
            enabled: administrator.enabled,
            etag: administrator.etag,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Administrators {
    pub(crate) administrators: Vec<Administrator>,
}

#[derive(Serialize)]
pub(crate) struct ChangedAdministrator {
    #[serde(flatten)]
    pub(crate) administrator: Administrator,
    /// Null unless it is a new one that was not written to a file.
    pub(crate) token: Option<String>,
    /// Null unless a new token was written to a file.
    pub(crate) key_file: Option<String>,
    pub(crate) log_index: u64,
}

/// A row that has a name and a secret, and how it looks once it was changed.
pub(crate) trait Changed {
    /// As people call it, at the beginning of a sentence.
    const KIND: &'static str;
    /// What its secret is.
    const SECRET: &'static str;
    type Json: Serialize;

    fn name(&self) -> &str;
    fn changed(self, secret: NewSecret, log_index: u64) -> Self::Json;
}

/// A secret that is new, or the file that it went to, or neither.
#[derive(Default)]
pub(crate) struct NewSecret {
    pub(crate) shown: Option<String>,
    pub(crate) key_file: Option<String>,
}

impl Changed for Application {
    const KIND: &'static str = "Application";
    const SECRET: &'static str = "API key";
    type Json = ChangedApplication;

    fn name(&self) -> &str {
        &self.name
    }

    fn changed(self, secret: NewSecret, log_index: u64) -> ChangedApplication {
        let NewSecret { shown: api_key, key_file } = secret;
        ChangedApplication { application: self, api_key, key_file, log_index }
    }
}

impl Changed for Administrator {
    const KIND: &'static str = "Administrator";
    const SECRET: &'static str = "bearer token";
    type Json = ChangedAdministrator;

    fn name(&self) -> &str {
        &self.name
    }

    fn changed(self, secret: NewSecret, log_index: u64) -> ChangedAdministrator {
        let NewSecret { shown: token, key_file } = secret;
        ChangedAdministrator { administrator: self, token, key_file, log_index }
    }
}

#[derive(Serialize)]
pub(crate) struct Deleted {
    pub(crate) deleted: bool,
    pub(crate) log_index: u64,
}
