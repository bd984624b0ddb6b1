//! Before and after of what was changed.

use symbolon_core::{
    AdministratorBefore, ApplicationBefore, LabelChange, ProfileField, Right, Rights, Scope,
    Sources, UserChange,
};
use symbolon_proto::v1;

pub(super) fn rights(rights: Rights) -> v1::AuditedList {
    v1::AuditedList { value: rights.iter().map(Right::name).map(str::to_owned).collect() }
}

pub(super) fn scope(scope: &Scope) -> v1::AuditedList {
    v1::AuditedList { value: scope.parts().map(ToString::to_string).collect() }
}

pub(super) fn sources(sources: &Sources) -> v1::AuditedList {
    v1::AuditedList { value: sources.texts().collect() }
}

/// What is told of a user besides who and whether the account is on.
pub(super) fn of_user(profile: &[ProfileField], change: &UserChange) -> v1::UserUpdatedDetails {
    let list = |labels: &Vec<String>| v1::AuditedList { value: labels.clone() };
    let before = |change: &Option<LabelChange>| change.as_ref().map(|it| list(&it.before));
    let after = |change: &Option<LabelChange>| change.as_ref().map(|it| list(&it.after));
    let fields = change.renamed.then_some("display_name").into_iter();
    let fields = fields.chain(profile.iter().map(|field| field.name()));
    v1::UserUpdatedDetails {
        fields: fields.map(str::to_owned).collect(),
        groups: after(&change.groups),
        tags: after(&change.tags),
        before: (*change != UserChange::default()).then(|| v1::UserBefore {
            enabled: change.disabled_before.map(|disabled| !disabled),
            groups: before(&change.groups),
            tags: before(&change.tags),
        }),
        ..v1::UserUpdatedDetails::default()
    }
}

pub(super) fn before_application(before: &ApplicationBefore) -> Option<v1::ApplicationBefore> {
    (*before != ApplicationBefore::default()).then(|| v1::ApplicationBefore {
        name: before.name.as_ref().map(ToString::to_string),
        enabled: before.disabled.map(|disabled| !disabled),
        rights: before.rights.map(rights),
        sources: before.sources.as_ref().map(sources),
    })
}

pub(super) fn before_administrator(
    before: &AdministratorBefore,
) -> Option<v1::AdministratorBefore> {
    (*before != AdministratorBefore::default()).then(|| v1::AdministratorBefore {
        role: before.role.map(|role| role.name().to_owned()),
        enabled: before.disabled.map(|disabled| !disabled),
        scope: before.scope.as_ref().map(scope),
    })
}
