//! Users: what administrators say of them.

use std::sync::Arc;

use symbolon_core::{
    ApplicationId, AuditRow, Block, BlockUser, Bypass, CreateUser, DeleteUser, DisplayName,
    LabelChange, LogIndex, Profile, ProfileField, RecordExport, RecoveryCodes, Refusal, Reply,
    Timestamp, TokenId, UnblockUser, UpdateUser, User, UserChange, UserId, UserName, UserPin,
};

use super::{At, Decided, Model};

/// The longest block: ten years.
const BLOCK_MAX: u64 = 3_650 * 24 * 3600 * 1000;

/// A user, with every wrong code since the last right one.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) name: UserName,
    display_name: DisplayName,
    pub(crate) profile: Profile,
    pub(crate) disabled: bool,
    pub(crate) block: Option<Block>,
    pub(crate) bypass: Option<Bypass>,
    pub(crate) codes: Option<RecoveryCodes>,
    pub(crate) pin: Option<UserPin>,
    /// Who brought a wrong code, and when.
    pub(crate) wrong: Vec<(ApplicationId, u64)>,
    /// In the order of enrolment.
    pub(crate) tokens: Vec<TokenId>,
    created_at: u64,
    pub(crate) changed_at: LogIndex,
    pub(crate) revision: LogIndex,
}

impl Person {
    /// Wrong codes that came from an application.
    pub(crate) fn wrong_by(&self, application: ApplicationId) -> usize {
        self.wrong.iter().filter(|(by, _)| *by == application).count()
    }

    pub(crate) fn row(&self) -> User {
        let mut failed_by: Vec<_> = self
            .wrong
            .iter()
            .map(|(by, _)| (*by, u32::try_from(self.wrong_by(*by)).unwrap()))
            .collect();
        failed_by.sort_unstable();
        failed_by.dedup();
        let is_known = self.profile != Profile::default();
        User {
            id: self.id,
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            failures: u32::try_from(self.wrong.len()).unwrap(),
            failed_at: Timestamp(self.wrong.last().map_or(0, |(_, at)| *at)),
            failed_by,
            tokens: self.tokens.clone(),
            disabled: self.disabled,
            block: self.block.clone(),
            bypass: self.bypass.clone().map(Arc::new),
            recovery_codes: self.codes.clone().map(Arc::new),
            pin: self.pin.clone().map(Arc::new),
            profile: is_known.then(|| Arc::new(self.profile.clone())),
            created_at: Timestamp(self.created_at),
            changed_at: self.changed_at,
            revision: self.revision,
        }
    }
}

impl Model {
    pub(super) fn person(&mut self, id: UserId) -> Result<&mut Person, Refusal> {
        self.people.iter_mut().find(|person| person.id == id).ok_or(Refusal::NoSuchUser)
    }

    pub(super) fn create_user(&mut self, at: At<'_>, command: &CreateUser) -> Decided {
        if self.people.iter().any(|person| person.name == command.name) {
            return Err(Refusal::NameTaken);
        }
        if command.user.0 == 0 || self.people.iter().any(|person| person.id == command.user) {
            return Err(Refusal::IdTaken);
        }
        self.people.push(Person {
            id: command.user,
            name: command.name.clone(),
            display_name: command.display_name.clone(),
            profile: command.profile.clone(),
            disabled: false,
            block: None,
            bypass: None,
            codes: None,
            pin: None,
            wrong: Vec::new(),
            tokens: Vec::new(),
            created_at: self.now,
            changed_at: at.index,
            revision: at.index,
        });
        self.tell(at, AuditRow::UserCreated { user: command.user, name: command.name.clone() });
        Ok(Reply::UserCreated(command.user))
    }

    pub(super) fn update_user(&mut self, at: At<'_>, command: &UpdateUser) -> Decided {
        let person = self.person(command.user)?;
        if command.revision.is_some_and(|revision| revision != person.revision) {
            return Err(Refusal::RevisionChanged);
        }
        person.revision = at.index;
        let mut change = UserChange::default();
        let mut switched = None;
        if let Some(name) = &command.display_name {
            change.renamed = person.display_name != *name;
            person.display_name = name.clone();
        }
        if let Some(disabled) = command.disabled {
            if person.disabled != disabled {
                person.changed_at = at.index;
                change.disabled_before = Some(person.disabled);
                switched = Some(disabled);
            }
            person.disabled = disabled;
        }
        let mut others = Vec::new();
        let asked = &command.profile;
        let in_order = [
            ProfileField::Email,
            ProfileField::Phones,
            ProfileField::Groups,
            ProfileField::Tags,
            ProfileField::Language,
        ];
        for field in in_order {
            let differs = text(&person.profile, field) != text(&asked.values, field);
            if asked.fields.contains(&field) && differs {
                others.push(field);
            }
        }
        if others.contains(&ProfileField::Groups) {
            let before = person.profile.groups().to_vec();
            let after = asked.values.groups().to_vec();
            change.groups = Some(LabelChange { before, after });
        }
        if others.contains(&ProfileField::Tags) {
            let before = person.profile.tags().to_vec();
            let after = asked.values.tags().to_vec();
            change.tags = Some(LabelChange { before, after });
        }
        let from = |field| if others.contains(&field) { &asked.values } else { &person.profile };
        person.profile = Profile::new(
            from(ProfileField::Email).email().to_owned(),
            from(ProfileField::Phones).phones().to_vec(),
            from(ProfileField::Groups).groups().to_vec(),
            from(ProfileField::Tags).tags().to_vec(),
            from(ProfileField::Language).language().to_owned(),
        )
        .unwrap();
        self.note_if(others.len() > 1, "several fields of a profile change at once");
        let row = AuditRow::UserUpdated {
            user: command.user,
            display_name: None,
            disabled: switched,
            profile: others,
            change,
        };
        self.tell(at, row);
        Ok(Reply::UserChanged(command.user))
    }

    pub(super) fn record_export(&mut self, at: At<'_>, command: &RecordExport) -> Reply {
        let whose = self.people.iter().find(|person| person.name == command.name);
        let user = whose.map(|person| person.id);
        self.note_if(user.is_none(), "what is left of nobody is exported");
        self.note_if(user.is_some(), "what is held about a user is exported");
        self.tell(at, AuditRow::PersonalDataExported { user, name: command.name.clone() });
        Reply::Done
    }

    pub(super) fn block_user(&mut self, at: At<'_>, command: &BlockUser) -> Decided {
        let now = self.now;
        let until = Timestamp(now + command.milliseconds.min(BLOCK_MAX));
        let reason = command.reason.clone();
        let person = self.person(command.user)?;
        person.block = Some(Block { reason: reason.clone(), since: Timestamp(now), until });
        person.changed_at = at.index;
        person.revision = at.index;
        self.note_if(command.milliseconds > BLOCK_MAX, "a block is cut to the longest");
        self.tell(at, AuditRow::UserBlocked { user: command.user, reason, until });
        Ok(Reply::UserChanged(command.user))
    }

    pub(super) fn unblock_user(&mut self, at: At<'_>, command: &UnblockUser) -> Decided {
        let person = self.person(command.user)?;
        let failures = u32::try_from(person.wrong.len()).unwrap();
        person.wrong.clear();
        person.block = None;
        person.changed_at = at.index;
        person.revision = at.index;
        self.note_if(failures > 0, "failures are forgiven by unblocking");
        let reason = command.reason.clone();
        self.tell(at, AuditRow::UserUnblocked { user: command.user, reason, failures });
        Ok(Reply::UserChanged(command.user))
    }

    pub(super) fn delete_user(&mut self, at: At<'_>, command: &DeleteUser) -> Decided {
        let person = self.person(command.user)?.clone();
        if command.revision.is_some_and(|revision| revision != person.revision) {
            return Err(Refusal::RevisionChanged);
        }
        let before = self.tokens.len();
        self.tokens.retain(|token| token.user != command.user);
        let open = self.challenges.iter().any(|open| open.user == command.user);
        self.note_if(open, "a user goes with a challenge");
        self.challenges.retain(|open| open.user != command.user);
        self.people.retain(|other| other.id != command.user);
        let tokens = u32::try_from(before - self.tokens.len()).unwrap();
        self.note_if(tokens > 1, "a user goes with several tokens");
        self.tell(at, AuditRow::UserDeleted { user: command.user, name: person.name, tokens });
        Ok(Reply::UserChanged(command.user))
    }
}

fn text(profile: &Profile, field: ProfileField) -> String {
    match field {
        ProfileField::Email => profile.email().to_owned(),
        ProfileField::Phones => format!("{:?}", profile.phones()),
        ProfileField::Groups => format!("{:?}", profile.groups()),
        ProfileField::Tags => format!("{:?}", profile.tags()),
        ProfileField::Language => profile.language().to_owned(),
    }
}
