//! Who calls: administrators and applications, with what they may do.

use alloc::string::ToString as _;

use crate::digest::{Canonical, CanonicalWriter};
use crate::limits::STRANGERS_MILLISECONDS;
use crate::{
    AdministratorId, ApplicationId, Caller, Command, Exemptions, KeyHash, LogIndex, Name, Rights,
    Role, RowKey, Scope, Sealed, Sources, State, Timestamp, User,
};

/// Someone who administers, by the role that they have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Administrator {
    /// Which one.
    pub id: AdministratorId,
    /// What others call them; unique.
    pub name: Name,
    /// Hash of the bearer token's secret.
    pub key: KeyHash,
    /// What they may do.
    pub role: Role,
    /// Whom they may deal with. Everybody, unless they are of the help desk.
    pub scope: Scope,
    /// Switched off by another administrator.
    pub disabled: bool,
    /// The bearer token's secret while it may be shown again.
    pub reveal: Option<Reveal>,
    /// When they were added; 0: with the cluster.
    pub created_at: Timestamp,
    /// Log index of the last change; what an update may be bound to.
    pub changed_at: LogIndex,
}

impl Administrator {
    /// The one that comes with the cluster.
    #[must_use]
    pub fn first(id: AdministratorId, name: Name, key: KeyHash) -> Self {
        Self {
            id,
            name,
            key,
            role: Role::Administrator,
            scope: Scope::default(),
            disabled: false,
            reveal: None,
            created_at: Timestamp(0),
            changed_at: LogIndex(0),
        }
    }

    /// Whether they may do everything.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.role == Role::Administrator && !self.disabled
    }
}

/// A new secret that a retransmission may be shown again for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reveal {
    /// The secret, sealed.
    pub secret: Sealed,
    /// Removed by the first tick at or after this time.
    pub until: Timestamp,
}

/// Whoever asks with an API key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Application {
    /// Which one.
    pub id: ApplicationId,
    /// Shown in audit and prompts; unique.
    pub name: Name,
    /// Hash of the API key's secret.
    pub key: KeyHash,
    /// The key before, while it is taken too.
    pub old_key: Option<OldKey>,
    /// The API key's secret while it may be shown again.
    pub reveal: Option<Reveal>,
    /// What it may do.
    pub rights: Rights,
    /// From where it may ask.
    pub sources: Sources,
    /// Switched off by an administrator.
    pub disabled: bool,
    /// Whom it lets in without a code.
    pub exempt: Exemptions,
    /// Names that it asked for lately and that are nobody's.
    pub strangers: Strangers,
    /// When it was created.
    pub created_at: Timestamp,
    /// Log index of the last change by an administrator; what an update may be bound to.
    pub changed_at: LogIndex,
}

/// See [`Application::strangers`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Strangers {
    /// When the first of this minute was asked for.
    pub since: Timestamp,
    /// How many there were.
    pub met: u32,
    /// How many of them no event tells of.
    pub untold: u32,
}

impl Strangers {
    /// When they are counted anew.
    #[must_use]
    pub const fn until(self) -> Timestamp {
        self.since.plus(STRANGERS_MILLISECONDS)
    }
}

/// See [`Application::old_key`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OldKey {
    /// Hash of its secret.
    pub key: KeyHash,
    /// Not taken from this time on, and removed by the first tick then.
    pub until: Timestamp,
}

impl Application {
    /// The hashes of the secrets that are taken at a time.
    pub fn keys(&self, at: Timestamp) -> impl Iterator<Item = KeyHash> {
        let old = self.old_key.filter(|old| at < old.until).map(|old| old.key);
        [self.key].into_iter().chain(old)
    }
}

impl Canonical for Administrator {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.id.0).bytes(self.name.as_str().as_bytes()).bytes(&self.key.0);
        w.number(self.changed_at.0);
        // What came later counts where it says something: others keep the hash that they had.
        let first = Self::first(self.id, self.name.clone(), self.key);
        if (Self { changed_at: LogIndex(0), ..self.clone() }) != first {
            w.number(self.role.number().into()).number(self.disabled.into());
            self.scope.canonical(w);
            self.reveal.canonical(w);
            w.number(self.created_at.0);
        }
    }
}

impl Canonical for Scope {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.parts().len() as u64);
        for part in self.parts() {
            w.bytes(part.to_string().as_bytes());
        }
    }
}

impl Canonical for Sources {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.texts().len() as u64);
        for range in self.texts() {
            w.bytes(range.as_bytes());
        }
    }
}

impl Canonical for Option<Reveal> {
    fn canonical(&self, w: &mut CanonicalWriter) {
        match self {
            None => w.number(0),
            Some(reveal) => w.number(1).bytes(reveal.secret.as_bytes()).number(reveal.until.0),
        };
    }
}

impl Canonical for Application {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.id.0).bytes(self.name.as_str().as_bytes()).bytes(&self.key.0);
        self.reveal.canonical(w);
        w.number(self.created_at.0).number(self.changed_at.0);
        // What came later counts where it says something: others keep the hash that they had.
        let usual = self.rights == Rights::VERIFY && self.sources.is_all();
        let met_nobody = self.strangers == Strangers::default();
        let exempts = !self.exempt.is_none();
        if !usual || self.disabled || self.old_key.is_some() || !met_nobody || exempts {
            w.number(self.rights.bits().into()).number(self.disabled.into());
            self.sources.canonical(w);
            match &self.old_key {
                None => w.number(0),
                Some(old) => w.number(1).bytes(&old.key.0).number(old.until.0),
            };
            if !met_nobody {
                let Strangers { since, met, untold } = self.strangers;
                w.number(since.0).number(met.into()).number(untold.into());
            }
            self.exempt.canonical(w);
        }
    }
}

impl State {
    /// An administrator.
    #[must_use]
    pub fn administrator(&self, id: AdministratorId) -> Option<&Administrator> {
        self.administrators.get(id)
    }

    /// An administrator by name.
    #[must_use]
    pub fn administrator_by_name(&self, name: &Name) -> Option<&Administrator> {
        self.administrators().find(|row| row.name == *name)
    }

    /// All administrators.
    pub fn administrators(&self) -> impl Iterator<Item = &Administrator> {
        self.administrators.iter()
    }

    /// An application.
    #[must_use]
    pub fn application(&self, id: ApplicationId) -> Option<&Application> {
        self.applications.get(id)
    }

    /// An application by name.
    #[must_use]
    pub fn application_by_name(&self, name: &Name) -> Option<&Application> {
        self.application_names.get(name).and_then(|id| self.applications.get(*id))
    }

    /// Applications in the order of their names, from the first name after `after` on.
    pub fn applications_after<'s>(
        &'s self,
        after: Option<&'s Name>,
    ) -> impl Iterator<Item = &'s Application> + 's {
        use core::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        let names = self.application_names.range(from);
        names.filter_map(|(_, id)| self.applications.get(*id))
    }

    /// What a caller may do: nothing, if they are gone or switched off. Nodes have no rights, and
    /// commands of their own.
    #[must_use]
    pub fn rights(&self, caller: Caller) -> Rights {
        let rights = match caller {
            Caller::Administrator(id) => {
                self.administrator(id).filter(|row| !row.disabled).map(|row| row.role.rights())
            }
            Caller::Application(id) => {
                self.application(id).filter(|row| !row.disabled).map(|row| row.rights)
            }
            Caller::Node(_) => None,
        };
        rights.unwrap_or_default()
    }

    /// Whether a user is there for a caller: for those outside of their scope there is none.
    #[must_use]
    pub fn is_in_scope(&self, caller: Caller, user: &User) -> bool {
        match caller {
            Caller::Administrator(id) => {
                self.administrator(id).is_some_and(|row| row.scope.covers(user))
            }
            Caller::Application(_) | Caller::Node(_) => true,
        }
    }

    /// Whether a caller deals with all users, and may know which names are nobody's.
    #[must_use]
    pub fn sees_all(&self, caller: Caller) -> bool {
        match caller {
            Caller::Administrator(id) => {
                self.administrator(id).is_some_and(|row| row.scope.is_all())
            }
            Caller::Application(_) | Caller::Node(_) => true,
        }
    }

    /// Whether nothing that a command is about lies outside of the caller's scope.
    pub(crate) fn reaches(&self, caller: Caller, command: &Command) -> bool {
        let user = match command {
            Command::UpdateUser(command) => self.user(command.user),
            Command::BlockUser(command) => self.user(command.user),
            Command::UnblockUser(command) => self.user(command.user),
            Command::SetPin(command) => self.user(command.user),
            Command::GrantBypass(command) => self.user(command.user),
            Command::CancelBypass(command) => self.user(command.user),
            Command::CreateRecoveryCodes(command) => self.user(command.user),
            Command::DeleteUser(command) => self.user(command.user),
            Command::EnrollToken(command) => self.user(command.user),
            Command::ConfirmToken(command) => self.owner(command.shown.token),
            Command::ResyncToken(command) => self.owner(command.shown.token),
            Command::RemoveToken(command) => self.owner(command.token),
            // About no user who is there. A new command does not compile until somebody has said so.
            Command::Verify(_)
            | Command::CreateUser(_)
            | Command::CreateCluster(_)
            | Command::StartEpoch(_)
            | Command::ReadmitNode(_)
            | Command::ReleaseRecoveryCodes
            | Command::MeetEpoch(_)
            | Command::DiscardEpoch(_)
            | Command::Merge(_)
            | Command::AcknowledgeDoubles
            | Command::ConfirmClock
            | Command::RemoveNode(_)
            | Command::CreateApplication(_)
            | Command::UpdateApplication(_)
            | Command::RotateApplicationKey(_)
            | Command::RetireApplicationKey(_)
            | Command::DeleteApplication(_)
            | Command::SetRadiusClient(_)
            | Command::RemoveRadiusClient(_)
            | Command::NoteRadiusSigner(_)
            | Command::TellSession(_)
            | Command::CreateAdministrator(_)
            | Command::UpdateAdministrator(_)
            | Command::RotateAdministratorToken(_)
            | Command::DeleteAdministrator(_)
            | Command::CreateJoinToken(_)
            | Command::AdmitNode(_)
            | Command::SetNodeAddresses(_)
            | Command::Tick
            | Command::RotateDataKey(_)
            | Command::ConfirmDataKey(_)
            | Command::Reseal(_)
            | Command::RetireDataKey(_)
            | Command::UpdateSettings(_)
            | Command::RecordExport(_) => None,
        };
        user.is_none_or(|user| self.is_in_scope(caller, user))
    }

    fn owner(&self, token: crate::TokenId) -> Option<&User> {
        self.token(token).and_then(|token| self.user(token.user))
    }

    /// Whether the caller exists and has not changed since `seen`.
    pub(crate) fn caller_is_fresh(&self, caller: Caller, seen: LogIndex) -> bool {
        match caller {
            Caller::Administrator(id) => {
                self.administrators.get(id).is_some_and(|row| row.changed_at <= seen)
            }
            Caller::Application(id) => {
                self.applications.get(id).is_some_and(|row| row.changed_at <= seen)
            }
            Caller::Node(id) => self.is_member(id),
        }
    }

    /// When a row wants a tick.
    pub(crate) fn due_at(&self, key: RowKey) -> Option<Timestamp> {
        match key {
            RowKey::Administrator(id) => {
                self.administrators.get(id)?.reveal.as_ref().map(|reveal| reveal.until)
            }
            RowKey::Application(id) => {
                let row = self.applications.get(id)?;
                let reveal = row.reveal.as_ref().map(|reveal| reveal.until);
                let old_key = row.old_key.map(|old| old.until);
                let untold = Some(row.strangers).filter(|met| met.untold > 0).map(Strangers::until);
                reveal.into_iter().chain(old_key).chain(untold).min()
            }
            RowKey::JoinToken(id) => {
                let token = self.join_tokens.get(id)?;
                let reveal = token.reveal.as_ref().map(|reveal| reveal.until);
                Some(reveal.map_or(token.expires_at, |until| until.min(token.expires_at)))
            }
            RowKey::Challenge(id) => self.challenges.get(id).map(|row| row.expires_at),
            RowKey::RadiusClient(id) => self.radius_clients.get(id)?.old_secret_until,
            _ => None,
        }
    }
}
