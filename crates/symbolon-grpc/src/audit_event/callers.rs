//! Events about applications and administrators.

use symbolon_core::{AdministratorId, ApplicationId, AuditRow, Exemptions, Name, State};
use symbolon_proto::v1;

use super::changes;
use crate::application::decision;
use crate::convert::timestamp;
use crate::radius;
use v1::audit_event::Details;

pub(crate) fn application(state: &State, id: ApplicationId) -> Option<v1::AuditedApplication> {
    let row = state.application(id);
    let name = row.map(|row| row.name.to_string()).unwrap_or_default();
    Some(v1::AuditedApplication { id: id.to_string(), name })
}

fn named_application(id: ApplicationId, name: &Name) -> Option<v1::AuditedApplication> {
    Some(v1::AuditedApplication { id: id.to_string(), name: name.to_string() })
}

fn administrator(state: &State, id: AdministratorId) -> Option<v1::AuditedAdministrator> {
    let row = state.administrator(id);
    let name = row.map(|row| row.name.to_string()).unwrap_or_default();
    Some(v1::AuditedAdministrator { id: id.to_string(), name })
}

fn named_administrator(id: AdministratorId, name: &Name) -> Option<v1::AuditedAdministrator> {
    Some(v1::AuditedAdministrator { id: id.to_string(), name: name.to_string() })
}

fn created(id: ApplicationId, name: &Name, exempt: Exemptions) -> v1::ApplicationCreatedDetails {
    let allowed = |is: bool| is.then(|| decision(true).into());
    v1::ApplicationCreatedDetails {
        application: named_application(id, name),
        unknown_users: allowed(exempt.unknown_users),
        disabled_users: allowed(exempt.disabled_users),
        islands: exempt.islands.then(|| decision(false).into()),
    }
}

/// Details of an event about a caller; of any other, those of an application that nobody is.
pub(super) fn about(state: &State, row: &AuditRow) -> Details {
    match row {
        AuditRow::ApplicationCreated { application: id, name, exempt } => {
            Details::ApplicationCreated(created(*id, name, *exempt))
        }
        AuditRow::ApplicationUpdated(it) => {
            Details::ApplicationUpdated(v1::ApplicationUpdatedDetails {
                application: application(state, it.application),
                name: it.name.as_ref().map(ToString::to_string),
                enabled: it.disabled.map(|disabled| !disabled),
                rights: it.rights.map(changes::rights),
                sources: it.sources.as_ref().map(changes::sources),
                before: changes::before_application(&it.before),
                unknown_users: it.exempt.unknown_users.map(|is| decision(is).into()),
                disabled_users: it.exempt.disabled_users.map(|is| decision(is).into()),
                islands: it.exempt.islands.map(|is| decision(!is).into()),
            })
        }
        AuditRow::ApplicationKeyRotated { application: id, old_until } => {
            Details::ApplicationKeyRotated(v1::ApplicationKeyRotatedDetails {
                application: application(state, *id),
                old_until: Some(timestamp(*old_until)),
            })
        }
        AuditRow::ApplicationKeyRetired { application: id } => {
            let application = application(state, *id);
            Details::ApplicationKeyRetired(v1::ApplicationKeyRetiredDetails { application })
        }
        AuditRow::NamesNotAudited { application: id, names, since } => {
            Details::NamesNotAudited(v1::NamesNotAuditedDetails {
                application: application(state, *id),
                verifications: *names,
                since: Some(timestamp(*since)),
            })
        }
        AuditRow::ApplicationDeleted { application: id, name } => {
            let application = named_application(*id, name);
            Details::ApplicationDeleted(v1::ApplicationDeletedDetails { application })
        }
        AuditRow::RadiusClientSet { .. }
        | AuditRow::RadiusClientRemoved { .. }
        | AuditRow::RadiusClientSigns { .. } => about_radius(state, row),
        AuditRow::AdministratorCreated { .. }
        | AuditRow::AdministratorUpdated(_)
        | AuditRow::AdministratorTokenRotated { .. }
        | AuditRow::AdministratorDeleted { .. } => about_administrator(state, row),
        _ => Details::ApplicationCreated(v1::ApplicationCreatedDetails::default()),
    }
}

fn about_radius(state: &State, row: &AuditRow) -> Details {
    match row {
        AuditRow::RadiusClientSet { application: id, before, after, new_secrets } => {
            Details::RadiusClientSet(v1::RadiusClientSetDetails {
                application: application(state, *id),
                before: before.as_deref().map(radius::policy),
                after: Some(radius::policy(after)),
                new_secrets: *new_secrets,
            })
        }
        AuditRow::RadiusClientRemoved { application: id } => {
            let application = application(state, *id);
            Details::RadiusClientRemoved(v1::RadiusClientRemovedDetails { application })
        }
        AuditRow::RadiusClientSigns { application: id, device } => {
            let (application, device) = (application(state, *id), device.to_string());
            Details::RadiusClientSigns(v1::RadiusClientSignsDetails { application, device })
        }
        _ => Details::RadiusClientRemoved(v1::RadiusClientRemovedDetails::default()),
    }
}

fn about_administrator(state: &State, row: &AuditRow) -> Details {
    match row {
        AuditRow::AdministratorCreated { administrator: id, name, role, scope: whom } => {
            Details::AdministratorCreated(v1::AdministratorCreatedDetails {
                administrator: named_administrator(*id, name),
                role: role.name().to_owned(),
                scope: changes::scope(whom).value,
            })
        }
        AuditRow::AdministratorUpdated(it) => {
            Details::AdministratorUpdated(v1::AdministratorUpdatedDetails {
                administrator: administrator(state, it.administrator),
                role: it.role.map(|role| role.name().to_owned()),
                enabled: it.disabled.map(|disabled| !disabled),
                scope: it.scope.as_ref().map(changes::scope),
                before: changes::before_administrator(&it.before),
            })
        }
        AuditRow::AdministratorTokenRotated { administrator: id } => {
            let administrator = administrator(state, *id);
            Details::AdministratorTokenRotated(v1::AdministratorTokenRotatedDetails {
                administrator,
            })
        }
        AuditRow::AdministratorDeleted { administrator: id, name } => {
            let administrator = named_administrator(*id, name);
            Details::AdministratorDeleted(v1::AdministratorDeletedDetails { administrator })
        }
        _ => Details::AdministratorDeleted(v1::AdministratorDeletedDetails::default()),
    }
}
