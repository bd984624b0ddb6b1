//! Administrators and applications: their rows, and the commands and events about them.

use symbolon_core::{
    Administrator, AdministratorBefore, AdministratorId, AdministratorUpdated, Application,
    ApplicationBefore, ApplicationId, ApplicationUpdated, AuditRow, Command, CreateAdministrator,
    CreateApplication, DeleteAdministrator, DeleteApplication, ExemptionChange, Exemptions,
    KeyHash, LogIndex, OldKey, RetireApplicationKey, Rights, Role, RotateAdministratorToken,
    RotateApplicationKey, Scope, ScopePart, Sealed, SourceRange, Sources, Strangers, Timestamp,
    UpdateAdministrator, UpdateApplication,
};

use super::row::{reveal_from_proto, reveal_to_proto};
use super::{DecodeError, name, need};
use crate::store::v1 as store;
use crate::store::v1::audit_row::Event;
use crate::store::v1::proposal::Command as Message;

fn rights_to_proto(rights: Rights) -> Option<u32> {
    // The first releases wrote none.
    (rights != Rights::VERIFY).then(|| rights.bits().into())
}

fn rights_from_proto(bits: Option<u32>) -> Result<Rights, DecodeError> {
    bits.map_or(Ok(Rights::VERIFY), rights)
}

fn rights(bits: u32) -> Result<Rights, DecodeError> {
    need(u8::try_from(bits).ok().and_then(Rights::from_bits), "rights")
}

fn role(number: u32) -> Result<Role, DecodeError> {
    need(Role::from_number(number), "role")
}

fn scope_to_proto(scope: &Scope) -> Vec<String> {
    scope.parts().map(ToString::to_string).collect()
}

fn scope_from_proto(parts: Vec<String>) -> Result<Scope, DecodeError> {
    let parts = parts.iter().map(|part| ScopePart::parse(part));
    let parts = parts.collect::<Result<Vec<_>, _>>().and_then(Scope::new);
    parts.map_err(|_| DecodeError::Field("scope"))
}

pub(super) fn sources_from_proto(ranges: Vec<String>) -> Result<Sources, DecodeError> {
    let ranges = ranges.iter().map(|range| SourceRange::parse(range));
    let ranges = ranges.collect::<Result<Vec<_>, _>>().and_then(Sources::new);
    ranges.map_err(|_| DecodeError::Field("source"))
}

fn source_list(sources: &Sources) -> store::SourceList {
    store::SourceList { range: sources.texts().collect() }
}

fn scope_list(scope: &Scope) -> store::ScopeList {
    store::ScopeList { part: scope_to_proto(scope) }
}

fn key_hash(bytes: &[u8]) -> Result<KeyHash, DecodeError> {
    need(KeyHash::from_slice(bytes), "key_hash")
}

const fn exempt(unknown_users: bool, disabled_users: bool, islands: bool) -> Exemptions {
    Exemptions { unknown_users, disabled_users, islands }
}

const fn exempt_change(
    unknown_users: Option<bool>,
    disabled_users: Option<bool>,
    islands: Option<bool>,
) -> ExemptionChange {
    ExemptionChange { unknown_users, disabled_users, islands }
}

pub(crate) fn administrator_to_proto(row: &Administrator) -> store::AdministratorRow {
    let (token, reveal_until) = reveal_to_proto(row.reveal.as_ref());
    store::AdministratorRow {
        id: row.id.0,
        name: row.name.to_string(),
        key_hash: row.key.0.to_vec(),
        changed_at: row.changed_at.0,
        role: row.role.number().into(),
        scope: scope_to_proto(&row.scope),
        disabled: row.disabled,
        token,
        reveal_until,
        created_at: row.created_at.0,
    }
}

pub(crate) fn administrator_from_proto(
    m: store::AdministratorRow,
) -> Result<Administrator, DecodeError> {
    Ok(Administrator {
        id: AdministratorId(m.id),
        name: name(m.name, "name")?,
        key: key_hash(&m.key_hash)?,
        role: role(m.role)?,
        scope: scope_from_proto(m.scope)?,
        disabled: m.disabled,
        reveal: reveal_from_proto(m.token, m.reveal_until),
        created_at: Timestamp(m.created_at),
        changed_at: LogIndex(m.changed_at),
    })
}

pub(crate) fn application_to_proto(row: &Application) -> store::ApplicationRow {
    let (key, reveal_until) = reveal_to_proto(row.reveal.as_ref());
    let old = row.old_key;
    store::ApplicationRow {
        id: row.id.0,
        name: row.name.to_string(),
        key_hash: row.key.0.to_vec(),
        key,
        reveal_until,
        created_at: row.created_at.0,
        changed_at: row.changed_at.0,
        rights: rights_to_proto(row.rights),
        source: row.sources.texts().collect(),
        disabled: row.disabled,
        old_key_hash: old.map(|old| old.key.0.to_vec()).unwrap_or_default(),
        old_key_until: old.map_or(0, |old| old.until.0),
        strangers_since: row.strangers.since.0,
        strangers_met: row.strangers.met,
        strangers_untold: row.strangers.untold,
        exempt_unknown_users: row.exempt.unknown_users,
        exempt_disabled_users: row.exempt.disabled_users,
        exempt_islands: row.exempt.islands,
    }
}

pub(crate) fn application_from_proto(m: store::ApplicationRow) -> Result<Application, DecodeError> {
    let until = Timestamp(m.old_key_until);
    let old_key = match &m.old_key_hash[..] {
        [] => None,
        hash => Some(OldKey { key: key_hash(hash)?, until }),
    };
    Ok(Application {
        id: ApplicationId(m.id),
        name: name(m.name, "name")?,
        key: key_hash(&m.key_hash)?,
        old_key,
        reveal: reveal_from_proto(m.key, m.reveal_until),
        rights: rights_from_proto(m.rights)?,
        sources: sources_from_proto(m.source)?,
        disabled: m.disabled,
        strangers: Strangers {
            since: Timestamp(m.strangers_since),
            met: m.strangers_met,
            untold: m.strangers_untold,
        },
        exempt: exempt(m.exempt_unknown_users, m.exempt_disabled_users, m.exempt_islands),
        created_at: Timestamp(m.created_at),
        changed_at: LogIndex(m.changed_at),
    })
}

/// A command about an administrator or an application; `None` for any other.
pub(crate) fn command_to_proto(command: &Command) -> Option<Message> {
    Some(match command {
        Command::CreateApplication(c) => Message::CreateApplication(store::CreateApplication {
            application: c.application.0,
            name: c.name.to_string(),
            key_hash: c.key.0.to_vec(),
            key: c.secret.as_bytes().to_vec(),
            rights: rights_to_proto(c.rights),
            source: c.sources.texts().collect(),
            exempt_unknown_users: c.exempt.unknown_users,
            exempt_disabled_users: c.exempt.disabled_users,
            exempt_islands: c.exempt.islands,
        }),
        Command::UpdateApplication(c) => Message::UpdateApplication(update_to_proto(c)),
        Command::RotateApplicationKey(c) => {
            Message::RotateApplicationKey(store::RotateApplicationKey {
                application: c.application.0,
                key_hash: c.key.0.to_vec(),
                key: c.secret.as_bytes().to_vec(),
                overlap_milliseconds: c.overlap_milliseconds,
            })
        }
        Command::RetireApplicationKey(c) => {
            let application = c.application.0;
            Message::RetireApplicationKey(store::RetireApplicationKey { application })
        }
        Command::DeleteApplication(c) => Message::DeleteApplication(store::DeleteApplication {
            application: c.application.0,
            revision: c.revision.map(|revision| revision.0),
        }),
        Command::CreateAdministrator(c) => {
            Message::CreateAdministrator(store::CreateAdministrator {
                administrator: c.administrator.0,
                name: c.name.to_string(),
                key_hash: c.key.0.to_vec(),
                token: c.secret.as_bytes().to_vec(),
                role: c.role.number().into(),
                scope: scope_to_proto(&c.scope),
            })
        }
        Command::UpdateAdministrator(c) => {
            Message::UpdateAdministrator(store::UpdateAdministrator {
                administrator: c.administrator.0,
                role: c.role.map(|role| role.number().into()),
                disabled: c.disabled,
                scope: c.scope.as_ref().map(scope_list),
                revision: c.revision.map(|revision| revision.0),
            })
        }
        Command::RotateAdministratorToken(c) => {
            Message::RotateAdministratorToken(store::RotateAdministratorToken {
                administrator: c.administrator.0,
                key_hash: c.key.0.to_vec(),
                token: c.secret.as_bytes().to_vec(),
            })
        }
        Command::DeleteAdministrator(c) => {
            Message::DeleteAdministrator(store::DeleteAdministrator {
                administrator: c.administrator.0,
                revision: c.revision.map(|revision| revision.0),
            })
        }
        _ => return None,
    })
}

fn update_to_proto(c: &UpdateApplication) -> store::UpdateApplication {
    store::UpdateApplication {
        application: c.application.0,
        name: c.name.as_ref().map(ToString::to_string),
        rights: c.rights.map(|rights| rights.bits().into()),
        disabled: c.disabled,
        sources: c.sources.as_ref().map(source_list),
        revision: c.revision.map(|revision| revision.0),
        exempt_unknown_users: c.exempt.unknown_users,
        exempt_disabled_users: c.exempt.disabled_users,
        exempt_islands: c.exempt.islands,
    }
}

pub(crate) fn create_application(m: store::CreateApplication) -> Result<Command, DecodeError> {
    Ok(Command::CreateApplication(CreateApplication {
        application: ApplicationId(m.application),
        name: name(m.name, "name")?,
        key: key_hash(&m.key_hash)?,
        secret: Sealed::new(m.key),
        rights: rights_from_proto(m.rights)?,
        sources: sources_from_proto(m.source)?,
        exempt: exempt(m.exempt_unknown_users, m.exempt_disabled_users, m.exempt_islands),
    }))
}

pub(crate) fn update_application(m: store::UpdateApplication) -> Result<Command, DecodeError> {
    Ok(Command::UpdateApplication(UpdateApplication {
        application: ApplicationId(m.application),
        name: m.name.map(|text| name(text, "name")).transpose()?,
        rights: m.rights.map(rights).transpose()?,
        sources: m.sources.map(|list| sources_from_proto(list.range)).transpose()?,
        disabled: m.disabled,
        exempt: exempt_change(m.exempt_unknown_users, m.exempt_disabled_users, m.exempt_islands),
        revision: m.revision.map(LogIndex),
    }))
}

pub(crate) fn rotate_api_key(m: &store::RotateApplicationKey) -> Result<Command, DecodeError> {
    Ok(Command::RotateApplicationKey(RotateApplicationKey {
        application: ApplicationId(m.application),
        key: key_hash(&m.key_hash)?,
        secret: Sealed::new(m.key.clone()),
        overlap_milliseconds: m.overlap_milliseconds,
    }))
}

pub(crate) const fn retire_api_key(m: store::RetireApplicationKey) -> Command {
    let application = ApplicationId(m.application);
    Command::RetireApplicationKey(RetireApplicationKey { application })
}

pub(crate) fn delete_application(m: store::DeleteApplication) -> Command {
    let (application, revision) = (ApplicationId(m.application), m.revision.map(LogIndex));
    Command::DeleteApplication(DeleteApplication { application, revision })
}

pub(crate) fn create_administrator(m: store::CreateAdministrator) -> Result<Command, DecodeError> {
    Ok(Command::CreateAdministrator(CreateAdministrator {
        administrator: AdministratorId(m.administrator),
        name: name(m.name, "name")?,
        key: key_hash(&m.key_hash)?,
        secret: Sealed::new(m.token),
        role: role(m.role)?,
        scope: scope_from_proto(m.scope)?,
    }))
}

pub(crate) fn update_administrator(m: store::UpdateAdministrator) -> Result<Command, DecodeError> {
    Ok(Command::UpdateAdministrator(UpdateAdministrator {
        administrator: AdministratorId(m.administrator),
        role: m.role.map(role).transpose()?,
        scope: m.scope.map(|list| scope_from_proto(list.part)).transpose()?,
        disabled: m.disabled,
        revision: m.revision.map(LogIndex),
    }))
}

pub(crate) fn rotate_token(m: &store::RotateAdministratorToken) -> Result<Command, DecodeError> {
    Ok(Command::RotateAdministratorToken(RotateAdministratorToken {
        administrator: AdministratorId(m.administrator),
        key: key_hash(&m.key_hash)?,
        secret: Sealed::new(m.token.clone()),
    }))
}

pub(crate) fn delete_administrator(m: store::DeleteAdministrator) -> Command {
    let (administrator, revision) = (AdministratorId(m.administrator), m.revision.map(LogIndex));
    Command::DeleteAdministrator(DeleteAdministrator { administrator, revision })
}

/// An event about an administrator or an application; `None` for any other.
pub(crate) fn event_to_proto(row: &AuditRow) -> Option<Event> {
    Some(match row {
        AuditRow::ApplicationCreated { application, name, exempt } => {
            Event::ApplicationCreated(store::ApplicationCreated {
                application: application.0,
                name: name.to_string(),
                exempt_unknown_users: exempt.unknown_users,
                exempt_disabled_users: exempt.disabled_users,
                exempt_islands: exempt.islands,
            })
        }
        AuditRow::ApplicationUpdated(it) => Event::ApplicationUpdated(store::ApplicationUpdated {
            application: it.application.0,
            name: it.name.as_ref().map(ToString::to_string),
            rights: it.rights.map(|rights| rights.bits().into()),
            disabled: it.disabled,
            sources: it.sources.as_ref().map(source_list),
            before: application_before(&it.before),
            exempt_unknown_users: it.exempt.unknown_users,
            exempt_disabled_users: it.exempt.disabled_users,
            exempt_islands: it.exempt.islands,
        }),
        AuditRow::ApplicationKeyRotated { application, old_until } => {
            let (application, old_until) = (application.0, old_until.0);
            Event::ApplicationKeyRotated(store::ApplicationKeyRotated { application, old_until })
        }
        AuditRow::ApplicationKeyRetired { application } => {
            let application = application.0;
            Event::ApplicationKeyRetired(store::ApplicationKeyRetired { application })
        }
        AuditRow::NamesNotAudited { application, names, since } => {
            let (application, names, since) = (application.0, *names, since.0);
            Event::NamesNotAudited(store::NamesNotAudited { application, names, since })
        }
        AuditRow::ApplicationDeleted { application, name } => {
            let (application, name) = (application.0, name.to_string());
            Event::ApplicationDeleted(store::ApplicationDeleted { application, name })
        }
        AuditRow::AdministratorCreated { administrator, name, role, scope } => {
            Event::AdministratorCreated(store::AdministratorCreated {
                administrator: administrator.0,
                name: name.to_string(),
                role: role.number().into(),
                scope: scope_to_proto(scope),
            })
        }
        AuditRow::AdministratorUpdated(it) => {
            Event::AdministratorUpdated(store::AdministratorUpdated {
                administrator: it.administrator.0,
                role: it.role.map(|role| role.number().into()),
                disabled: it.disabled,
                scope: it.scope.as_ref().map(scope_list),
                before: administrator_before(&it.before),
            })
        }
        AuditRow::AdministratorTokenRotated { administrator } => {
            let administrator = administrator.0;
            Event::AdministratorTokenRotated(store::AdministratorTokenRotated { administrator })
        }
        AuditRow::AdministratorDeleted { administrator, name } => {
            let (administrator, name) = (administrator.0, name.to_string());
            Event::AdministratorDeleted(store::AdministratorDeleted { administrator, name })
        }
        _ => return None,
    })
}

fn application_updated(m: store::ApplicationUpdated) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::ApplicationUpdated(ApplicationUpdated {
        application: ApplicationId(m.application),
        name: m.name.map(|text| name(text, "name")).transpose()?,
        rights: m.rights.map(rights).transpose()?,
        sources: m.sources.map(|list| sources_from_proto(list.range)).transpose()?,
        disabled: m.disabled,
        before: application_before_from_proto(m.before)?,
        exempt: exempt_change(m.exempt_unknown_users, m.exempt_disabled_users, m.exempt_islands),
    }))
}

/// Nothing, when nothing has changed.
fn application_before(it: &ApplicationBefore) -> Option<store::ApplicationBefore> {
    (*it != ApplicationBefore::default()).then(|| store::ApplicationBefore {
        name: it.name.as_ref().map(ToString::to_string),
        rights: it.rights.map(|rights| rights.bits().into()),
        disabled: it.disabled,
        sources: it.sources.as_ref().map(source_list),
    })
}

fn application_before_from_proto(
    m: Option<store::ApplicationBefore>,
) -> Result<ApplicationBefore, DecodeError> {
    let m = m.unwrap_or_default();
    Ok(ApplicationBefore {
        name: m.name.map(|text| name(text, "name")).transpose()?,
        rights: m.rights.map(rights).transpose()?,
        sources: m.sources.map(|list| sources_from_proto(list.range)).transpose()?,
        disabled: m.disabled,
    })
}

fn administrator_before(it: &AdministratorBefore) -> Option<store::AdministratorBefore> {
    (*it != AdministratorBefore::default()).then(|| store::AdministratorBefore {
        role: it.role.map(|role| role.number().into()),
        disabled: it.disabled,
        scope: it.scope.as_ref().map(scope_list),
    })
}

fn administrator_before_from_proto(
    m: Option<store::AdministratorBefore>,
) -> Result<AdministratorBefore, DecodeError> {
    let m = m.unwrap_or_default();
    Ok(AdministratorBefore {
        role: m.role.map(role).transpose()?,
        scope: m.scope.map(|list| scope_from_proto(list.part)).transpose()?,
        disabled: m.disabled,
    })
}

fn administrator_created(m: store::AdministratorCreated) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::AdministratorCreated {
        administrator: AdministratorId(m.administrator),
        name: name(m.name, "name")?,
        role: role(m.role)?,
        scope: scope_from_proto(m.scope)?,
    })
}

fn administrator_updated(m: store::AdministratorUpdated) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::AdministratorUpdated(AdministratorUpdated {
        administrator: AdministratorId(m.administrator),
        role: m.role.map(role).transpose()?,
        scope: m.scope.map(|list| scope_from_proto(list.part)).transpose()?,
        disabled: m.disabled,
        before: administrator_before_from_proto(m.before)?,
    }))
}

/// An event about an administrator or an application.
pub(crate) fn event_from_proto(event: Event) -> Result<AuditRow, DecodeError> {
    let application = ApplicationId;
    let administrator = AdministratorId;
    Ok(match event {
        Event::ApplicationCreated(m) => AuditRow::ApplicationCreated {
            application: application(m.application),
            name: name(m.name, "name")?,
            exempt: exempt(m.exempt_unknown_users, m.exempt_disabled_users, m.exempt_islands),
        },
        Event::ApplicationUpdated(m) => application_updated(m)?,
        Event::ApplicationKeyRotated(m) => AuditRow::ApplicationKeyRotated {
            application: application(m.application),
            old_until: Timestamp(m.old_until),
        },
        Event::ApplicationKeyRetired(m) => {
            AuditRow::ApplicationKeyRetired { application: application(m.application) }
        }
        Event::NamesNotAudited(m) => AuditRow::NamesNotAudited {
            application: application(m.application),
            names: m.names,
            since: Timestamp(m.since),
        },
        Event::ApplicationDeleted(m) => AuditRow::ApplicationDeleted {
            application: application(m.application),
            name: name(m.name, "name")?,
        },
        Event::AdministratorCreated(m) => administrator_created(m)?,
        Event::AdministratorUpdated(m) => administrator_updated(m)?,
        Event::AdministratorTokenRotated(m) => {
            AuditRow::AdministratorTokenRotated { administrator: administrator(m.administrator) }
        }
        Event::AdministratorDeleted(m) => AuditRow::AdministratorDeleted {
            administrator: administrator(m.administrator),
            name: name(m.name, "name")?,
        },
        _ => return Err(DecodeError::Field("event")),
    })
}
