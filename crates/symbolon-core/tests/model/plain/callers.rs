//! Administrators and applications: what they may do, and how they come and go.

use symbolon_core::{
    Administrator, AdministratorBefore, AdministratorId, AdministratorUpdated, Application,
    ApplicationBefore, ApplicationId, ApplicationUpdated, AuditRow, Caller, Command,
    CreateAdministrator, CreateApplication, DeleteAdministrator, DeleteApplication,
    ExemptionChange, LogIndex, OldKey, Profile, Refusal, Reply, RetireApplicationKey, Reveal,
    Right, Rights, Role, RotateAdministratorToken, RotateApplicationKey, Scope, ScopePart, Sealed,
    Strangers, Timestamp, TokenId, UpdateAdministrator, UpdateApplication, UserId,
};

use super::{At, Decided, Model, Person, REVEALED};

/// Milliseconds of ninety days.
pub(super) const OVERLAP_MAX: u64 = 90 * 24 * 3600 * 1000;

/// What a command takes.
enum Takes {
    /// Of a node.
    Node,
    /// Of anybody who may ask about codes.
    Verify,
    /// Of an application that may ask about codes.
    Device,
    /// Of anybody who may help people.
    HelpDesk,
    /// Of anybody who may help people, or serve one who is there.
    SelfService,
    Administrator,
}

const fn takes(command: &Command) -> Takes {
    match command {
        Command::Verify(_) => Takes::Verify,
        Command::TellSession(_) => Takes::Device,
        Command::UpdateUser(update)
            if update.display_name.is_none() && update.profile.fields.is_empty() =>
        {
            Takes::HelpDesk
        }
        Command::BlockUser(_)
        | Command::UnblockUser(_)
        | Command::SetPin(_)
        | Command::GrantBypass(_)
        | Command::CancelBypass(_)
        | Command::CreateRecoveryCodes(_)
        | Command::EnrollToken(_)
        | Command::ConfirmToken(_)
        | Command::RemoveToken(_) => Takes::HelpDesk,
        Command::ResyncToken(_) => Takes::SelfService,
        Command::CreateCluster(_)
        | Command::AdmitNode(_)
        | Command::ReadmitNode(_)
        | Command::MeetEpoch(_)
        | Command::NoteRadiusSigner(_)
        | Command::StartEpoch(_)
        | Command::Merge(_)
        | Command::SetNodeAddresses(_)
        | Command::Tick
        | Command::ConfirmDataKey(_)
        | Command::Reseal(_)
        | Command::RetireDataKey(_) => Takes::Node,
        _ => Takes::Administrator,
    }
}

impl Model {
    /// Whether this caller may ask for this at all.
    pub(super) fn may_ask(&self, caller: Caller, command: &Command) -> bool {
        let takes = takes(command);
        match caller {
            Caller::Node(id) => match command {
                Command::SetNodeAddresses(command) => command.node == id,
                Command::ConfirmDataKey(command) => command.node == id,
                Command::StartEpoch(command) => command.node == id,
                _ => matches!(takes, Takes::Node),
            },
            Caller::Administrator(id) => {
                let row = self.administrators.iter().find(|row| row.id == id).unwrap();
                let role_may = match row.role {
                    Role::Administrator => !matches!(takes, Takes::Node | Takes::Device),
                    Role::HelpDesk => matches!(takes, Takes::HelpDesk | Takes::SelfService),
                    // There is nothing to read in commands.
                    Role::Auditor => false,
                };
                role_may && !row.disabled
            }
            Caller::Application(id) => {
                let row = self.applications.iter().find(|row| row.id == id).unwrap();
                let for_another = match command {
                    Command::Verify(it) => it.application != id,
                    Command::TellSession(it) => it.application != id,
                    _ => false,
                };
                let is_whole = row.rights.has(Right::Administrator);
                let has_right = match takes {
                    Takes::Node => false,
                    Takes::Verify | Takes::Device => is_whole || row.rights.has(Right::Verify),
                    Takes::HelpDesk => is_whole || row.rights.has(Right::HelpDesk),
                    Takes::SelfService => {
                        let may_help = row.rights.has(Right::HelpDesk);
                        let serves = row.rights.has(Right::SelfService);
                        is_whole || may_help || serves
                    }
                    Takes::Administrator => is_whole,
                };
                has_right && !for_another && !row.disabled
            }
        }
    }

    /// Whether the user that a command is about is out of the caller's sight.
    pub(super) fn is_out_of_sight(&self, caller: Caller, command: &Command) -> bool {
        let Caller::Administrator(id) = caller else {
            return false;
        };
        let owner = |id: TokenId| self.tokens.iter().find(|token| token.id == id).map(|it| it.user);
        let user: Option<UserId> = match command {
            Command::UpdateUser(command) => Some(command.user),
            Command::BlockUser(command) => Some(command.user),
            Command::UnblockUser(command) => Some(command.user),
            Command::DeleteUser(command) => Some(command.user),
            Command::SetPin(command) => Some(command.user),
            Command::GrantBypass(command) => Some(command.user),
            Command::CancelBypass(command) => Some(command.user),
            Command::CreateRecoveryCodes(command) => Some(command.user),
            Command::EnrollToken(command) => Some(command.user),
            Command::ConfirmToken(command) => owner(command.shown.token),
            Command::ResyncToken(command) => owner(command.shown.token),
            Command::RemoveToken(command) => owner(command.token),
            _ => None,
        };
        let person = self.people.iter().find(|person| Some(person.id) == user);
        let administrator = self.administrators.iter().find(|row| row.id == id).unwrap();
        person.is_some_and(|person| !is_within(&administrator.scope, person))
    }

    pub(super) fn note_helper(&mut self, caller: Caller, command: &Command) {
        let helps = matches!(takes(command), Takes::HelpDesk | Takes::SelfService);
        let scoped = self
            .administrators
            .iter()
            .any(|row| caller == Caller::Administrator(row.id) && row.scope != Scope::default());
        self.note_if(helps && scoped, "a help desk helps within its scope");
        let by_application = matches!(caller, Caller::Application(_));
        self.note_if(helps && by_application, "an application helps");
        let serves = self.applications.iter().any(|row| {
            caller == Caller::Application(row.id)
                && row.rights == Rights::NONE.with(Right::SelfService)
        });
        self.note_if(serves, "a portal serves somebody");
    }

    pub(super) fn revealed(&self, secret: &Sealed) -> Option<Reveal> {
        Some(Reveal { secret: secret.clone(), until: Timestamp(self.now + REVEALED) })
    }

    pub(super) fn create_application(
        &mut self,
        at: At<'_>,
        command: &CreateApplication,
    ) -> Decided {
        if self.applications.iter().any(|row| row.name == command.name) {
            return Err(Refusal::NameTaken);
        }
        if self.applications.iter().any(|row| row.id == command.application) {
            return Err(Refusal::IdTaken);
        }
        self.under_active_key(&command.secret)?;
        self.applications.push(Application {
            id: command.application,
            name: command.name.clone(),
            key: command.key,
            old_key: None,
            reveal: self.revealed(&command.secret),
            rights: command.rights,
            sources: command.sources.clone(),
            disabled: false,
            exempt: command.exempt,
            strangers: Strangers::default(),
            created_at: Timestamp(self.now),
            changed_at: at.index,
        });
        let (application, name) = (command.application, command.name.clone());
        let exempt = command.exempt;
        self.tell(at, AuditRow::ApplicationCreated { application, name, exempt });
        Ok(Reply::ApplicationCreated(application))
    }

    /// The application of an id, as it was when it was looked at.
    fn application(
        &mut self,
        id: ApplicationId,
        revision: Option<LogIndex>,
    ) -> Result<&mut Application, Refusal> {
        let row = self.applications.iter_mut().find(|row| row.id == id);
        let row = row.ok_or(Refusal::NoSuchApplication)?;
        match revision {
            Some(revision) if revision != row.changed_at => Err(Refusal::RevisionChanged),
            _ => Ok(row),
        }
    }

    pub(super) fn update_application(
        &mut self,
        at: At<'_>,
        command: &UpdateApplication,
    ) -> Decided {
        let id = command.application;
        self.application(id, command.revision)?;
        let taken = |row: &Application| row.id != id && Some(&row.name) == command.name.as_ref();
        if self.applications.iter().any(taken) {
            return Err(Refusal::NameTaken);
        }
        let row = self.application(id, None)?;
        let mut told = ApplicationUpdated {
            application: id,
            name: None,
            rights: None,
            sources: None,
            disabled: None,
            exempt: ExemptionChange::default(),
            before: ApplicationBefore::default(),
        };
        if let Some(name) = command.name.clone().filter(|name| *name != row.name) {
            told.before.name = Some(row.name.clone());
            told.name = Some(name.clone());
            row.name = name;
        }
        if let Some(rights) = command.rights.filter(|rights| *rights != row.rights) {
            told.before.rights = Some(row.rights);
            told.rights = Some(rights);
            row.rights = rights;
        }
        if let Some(sources) = command.sources.clone().filter(|sources| *sources != row.sources) {
            told.before.sources = Some(row.sources.clone());
            told.sources = Some(sources.clone());
            row.sources = sources;
        }
        if let Some(disabled) = command.disabled.filter(|disabled| *disabled != row.disabled) {
            told.before.disabled = Some(row.disabled);
            told.disabled = Some(disabled);
            row.disabled = disabled;
        }
        let asked = command.exempt;
        if let Some(unknown_users) =
            asked.unknown_users.filter(|is| *is != row.exempt.unknown_users)
        {
            told.exempt.unknown_users = Some(unknown_users);
            row.exempt.unknown_users = unknown_users;
        }
        if let Some(others) = asked.disabled_users.filter(|is| *is != row.exempt.disabled_users) {
            told.exempt.disabled_users = Some(others);
            row.exempt.disabled_users = others;
        }
        if let Some(islands) = asked.islands.filter(|is| *is != row.exempt.islands) {
            told.exempt.islands = Some(islands);
            row.exempt.islands = islands;
        }
        row.changed_at = at.index;
        self.tell(at, AuditRow::ApplicationUpdated(told));
        Ok(Reply::ApplicationChanged(id))
    }

    pub(super) fn rotate_application_key(
        &mut self,
        at: At<'_>,
        command: &RotateApplicationKey,
    ) -> Decided {
        let id = command.application;
        self.application(id, None)?;
        self.under_active_key(&command.secret)?;
        let old_until = Timestamp(self.now + command.overlap_milliseconds.min(OVERLAP_MAX));
        let reveal = self.revealed(&command.secret);
        let row = self.application(id, None)?;
        let had_two = row.old_key.is_some();
        row.old_key = Some(OldKey { key: row.key, until: old_until });
        if command.overlap_milliseconds == 0 {
            row.old_key = None;
        }
        row.key = command.key;
        row.reveal = reveal;
        row.changed_at = at.index;
        self.note_if(had_two, "a key is changed while the one before is taken");
        self.note_if(command.overlap_milliseconds > OVERLAP_MAX, "the overlap of keys is cut");
        self.tell(at, AuditRow::ApplicationKeyRotated { application: id, old_until });
        Ok(Reply::ApplicationChanged(id))
    }

    pub(super) fn retire_application_key(
        &mut self,
        at: At<'_>,
        command: &RetireApplicationKey,
    ) -> Decided {
        let id = command.application;
        let row = self.application(id, None)?;
        if row.old_key.is_none() {
            return Err(Refusal::WrongPhase);
        }
        row.old_key = None;
        row.changed_at = at.index;
        self.tell(at, AuditRow::ApplicationKeyRetired { application: id });
        Ok(Reply::ApplicationChanged(id))
    }

    pub(super) fn delete_application(
        &mut self,
        at: At<'_>,
        command: &DeleteApplication,
    ) -> Decided {
        let id = command.application;
        let row = self.application(id, command.revision)?;
        let (name, met) = (row.name.clone(), row.strangers);
        self.applications.retain(|row| row.id != id);
        let had_devices = self.radius_clients.iter().any(|row| row.id == id);
        self.note_if(had_devices, "an application goes with its devices");
        self.radius_clients.retain(|row| row.id != id);
        if met.untold > 0 {
            let (names, since) = (met.untold, met.since);
            self.tell(at, AuditRow::NamesNotAudited { application: id, names, since });
        }
        self.note_if(met.untold > 0, "an application goes with names that are not told of");
        self.tell(at, AuditRow::ApplicationDeleted { application: id, name });
        Ok(Reply::ApplicationChanged(id))
    }

    pub(super) fn create_administrator(
        &mut self,
        at: At<'_>,
        command: &CreateAdministrator,
    ) -> Decided {
        if self.administrators.iter().any(|row| row.name == command.name) {
            return Err(Refusal::NameTaken);
        }
        if self.administrators.iter().any(|row| row.id == command.administrator) {
            return Err(Refusal::IdTaken);
        }
        self.under_active_key(&command.secret)?;
        let scope = scope_of(command.role, &command.scope);
        self.administrators.push(Administrator {
            id: command.administrator,
            name: command.name.clone(),
            key: command.key,
            role: command.role,
            scope: scope.clone(),
            disabled: false,
            reveal: self.revealed(&command.secret),
            created_at: Timestamp(self.now),
            changed_at: at.index,
        });
        let row = AuditRow::AdministratorCreated {
            administrator: command.administrator,
            name: command.name.clone(),
            role: command.role,
            scope,
        };
        self.tell(at, row);
        Ok(Reply::AdministratorCreated(command.administrator))
    }

    /// Puts what becomes of an administrator in their place; nothing: they go. One must be left who may
    /// do everything.
    fn change_administrator(
        &mut self,
        at: At<'_>,
        before: &Administrator,
        after: Option<Administrator>,
        told: AuditRow,
    ) -> Decided {
        let mut left = self.administrators.clone();
        left.retain(|row| row.id != before.id);
        left.extend(after.map(|after| Administrator { changed_at: at.index, ..after }));
        if !left.iter().any(|row| row.role == Role::Administrator && !row.disabled) {
            return Err(Refusal::LastAdministrator);
        }
        self.administrators = left;
        self.tell(at, told);
        Ok(Reply::AdministratorChanged(before.id))
    }

    fn administrator(
        &self,
        id: AdministratorId,
        revision: Option<LogIndex>,
    ) -> Result<Administrator, Refusal> {
        let row = self.administrators.iter().find(|row| row.id == id);
        let row = row.ok_or(Refusal::NoSuchAdministrator)?;
        match revision {
            Some(revision) if revision != row.changed_at => Err(Refusal::RevisionChanged),
            _ => Ok(row.clone()),
        }
    }

    pub(super) fn update_administrator(
        &mut self,
        at: At<'_>,
        command: &UpdateAdministrator,
    ) -> Decided {
        let before = self.administrator(command.administrator, command.revision)?;
        let mut after = before.clone();
        if let Some(role) = command.role {
            after.role = role;
        }
        if let Some(disabled) = command.disabled {
            after.disabled = disabled;
        }
        if let Some(scope) = &command.scope {
            after.scope = scope.clone();
        }
        after.scope = scope_of(after.role, &after.scope);
        let lost = after.scope != before.scope && command.scope.is_none();
        self.note_if(lost, "a scope is lost with the role");
        let (is_role, is_scope) = (after.role != before.role, after.scope != before.scope);
        let is_switched = after.disabled != before.disabled;
        let told = AuditRow::AdministratorUpdated(AdministratorUpdated {
            administrator: before.id,
            role: is_role.then_some(after.role),
            scope: is_scope.then(|| after.scope.clone()),
            disabled: is_switched.then_some(after.disabled),
            before: AdministratorBefore {
                role: is_role.then_some(before.role),
                scope: is_scope.then(|| before.scope.clone()),
                disabled: is_switched.then_some(before.disabled),
            },
        });
        self.change_administrator(at, &before, Some(after), told)
    }

    pub(super) fn rotate_administrator_token(
        &mut self,
        at: At<'_>,
        command: &RotateAdministratorToken,
    ) -> Decided {
        let before = self.administrator(command.administrator, None)?;
        self.under_active_key(&command.secret)?;
        let mut after = before.clone();
        after.key = command.key;
        after.reveal = self.revealed(&command.secret);
        let told = AuditRow::AdministratorTokenRotated { administrator: before.id };
        self.change_administrator(at, &before, Some(after), told)
    }

    pub(super) fn delete_administrator(
        &mut self,
        at: At<'_>,
        command: &DeleteAdministrator,
    ) -> Decided {
        let before = self.administrator(command.administrator, command.revision)?;
        let name = before.name.clone();
        let told = AuditRow::AdministratorDeleted { administrator: before.id, name };
        self.change_administrator(at, &before, None, told)
    }
}

/// A scope is for the help desk alone.
fn scope_of(role: Role, scope: &Scope) -> Scope {
    match role {
        Role::HelpDesk => scope.clone(),
        Role::Administrator | Role::Auditor => Scope::default(),
    }
}

/// Nothing in a scope is everybody.
pub(crate) fn is_within(scope: &Scope, person: &Person) -> bool {
    let profile: &Profile = &person.profile;
    let parts: Vec<_> = scope.parts().collect();
    parts.is_empty()
        || parts.into_iter().any(|part| match part {
            ScopePart::Group(group) => profile.groups().contains(group),
            ScopePart::Tag(tag) => profile.tags().contains(tag),
            ScopePart::Domain(domain) => {
                person.name.as_str().ends_with(&format!("@{}", domain.as_str()))
            }
        })
}
