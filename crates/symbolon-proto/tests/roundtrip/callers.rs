//! Any administrator and any application.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use symbolon_core::{
    Administrator, AdministratorBefore, AdministratorId, AdministratorUpdated, Application,
    ApplicationBefore, ApplicationId, ApplicationUpdated, AuditRow, Command, CreateAdministrator,
    CreateApplication, DeleteAdministrator, DeleteApplication, ExemptionChange, Exemptions,
    LabelChange, OldKey, ProfileField, RetireApplicationKey, Rights, Role,
    RotateAdministratorToken, RotateApplicationKey, Scope, ScopePart, SourceRange, Sources,
    Strangers, UpdateAdministrator, UpdateApplication, UserChange, UserId,
};

use super::{hash, id, index, name, number, reveal, sealed, time};

fn rights() -> impl Strategy<Value = Rights> {
    (0..32_u8).prop_map(|bits| Rights::from_bits(bits).unwrap())
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Administrator), Just(Role::HelpDesk), Just(Role::Auditor)]
}

fn scope() -> impl Strategy<Value = Scope> {
    let part = prop_oneof!["group:[a-z]{1,9}", "domain:[a-z]{1,9}[.]example"];
    let part = part.prop_map(|text| ScopePart::parse(&text).unwrap());
    vec(part, 0..4).prop_map(|parts| Scope::new(parts).unwrap())
}

pub(super) fn sources() -> impl Strategy<Value = Sources> {
    let v4 = (any::<[u8; 3]>(), Just("/24"))
        .prop_map(|([a, b, c], bits)| format!("{a}.{b}.{c}.0{bits}"));
    let v6 = any::<u16>().prop_map(|part| format!("2001:db8:{part:x}::/48"));
    let range = prop_oneof![v4, v6].prop_map(|text| SourceRange::parse(&text).unwrap());
    vec(range, 0..4).prop_map(|ranges| Sources::new(ranges).unwrap())
}

pub(super) fn administrator() -> impl Strategy<Value = Administrator> {
    let later = (role(), scope(), any::<bool>(), reveal(), time());
    (id(AdministratorId), name(), hash(), index(), later).prop_map(
        |(id, name, key, changed_at, (role, scope, disabled, reveal, created_at))| Administrator {
            id,
            name,
            key,
            role,
            scope,
            disabled,
            reveal,
            created_at,
            changed_at,
        },
    )
}

pub(super) fn application() -> impl Strategy<Value = Application> {
    let old_key = option::of((hash(), time()).prop_map(|(key, until)| OldKey { key, until }));
    let strangers = (time(), any::<u32>(), any::<u32>())
        .prop_map(|(since, met, untold)| Strangers { since, met, untold });
    let later = (rights(), sources(), any::<bool>(), old_key, strangers, exempt());
    (id(ApplicationId), name(), hash(), reveal(), time(), index(), later).prop_map(
        |(
            id,
            name,
            key,
            reveal,
            created_at,
            changed_at,
            (rights, sources, disabled, old_key, strangers, exempt),
        )| {
            Application {
                id,
                name,
                key,
                old_key,
                reveal,
                rights,
                sources,
                disabled,
                exempt,
                strangers,
                created_at,
                changed_at,
            }
        },
    )
}

fn exempt() -> impl Strategy<Value = Exemptions> {
    any::<(bool, bool, bool)>().prop_map(|(unknown_users, disabled_users, islands)| Exemptions {
        unknown_users,
        disabled_users,
        islands,
    })
}

fn exempt_change() -> impl Strategy<Value = ExemptionChange> {
    let all = any::<(Option<bool>, Option<bool>, Option<bool>)>();
    all.prop_map(|(unknown_users, disabled_users, islands)| ExemptionChange {
        unknown_users,
        disabled_users,
        islands,
    })
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    let application = || id(ApplicationId);
    let administrator = || id(AdministratorId);
    let revision = || option::of(index());
    let create = (application(), name(), hash(), sealed(), rights(), sources(), exempt());
    let changes = (option::of(name()), option::of(rights()), option::of(sources()));
    let update = (application(), changes, any::<Option<bool>>(), exempt_change(), revision());
    let admin = (administrator(), name(), hash(), sealed(), role(), scope());
    let whom = (option::of(role()), option::of(scope()), any::<Option<bool>>());
    prop_oneof![
        create.prop_map(|(application, name, key, secret, rights, sources, exempt)| {
            let create =
                CreateApplication { application, name, key, secret, rights, sources, exempt };
            Command::CreateApplication(create)
        }),
        update.prop_map(|(application, (name, rights, sources), disabled, exempt, revision)| {
            Command::UpdateApplication(UpdateApplication {
                application,
                name,
                rights,
                sources,
                disabled,
                exempt,
                revision,
            })
        }),
        (application(), hash(), sealed(), number()).prop_map(
            |(application, key, secret, overlap)| {
                Command::RotateApplicationKey(RotateApplicationKey {
                    application,
                    key,
                    secret,
                    overlap_milliseconds: overlap,
                })
            }
        ),
        application().prop_map(|application| {
            Command::RetireApplicationKey(RetireApplicationKey { application })
        }),
        (application(), revision()).prop_map(|(application, revision)| {
            Command::DeleteApplication(DeleteApplication { application, revision })
        }),
        admin.prop_map(|(administrator, name, key, secret, role, scope)| {
            let create = CreateAdministrator { administrator, name, key, secret, role, scope };
            Command::CreateAdministrator(create)
        }),
        (administrator(), whom, revision()).prop_map(
            |(administrator, (role, scope, disabled), revision)| {
                Command::UpdateAdministrator(UpdateAdministrator {
                    administrator,
                    role,
                    scope,
                    disabled,
                    revision,
                })
            }
        ),
        (administrator(), hash(), sealed()).prop_map(|(administrator, key, secret)| {
            let rotate = RotateAdministratorToken { administrator, key, secret };
            Command::RotateAdministratorToken(rotate)
        }),
        (administrator(), revision()).prop_map(|(administrator, revision)| {
            Command::DeleteAdministrator(DeleteAdministrator { administrator, revision })
        }),
    ]
}

/// A change to a user, with groups and tags in their order.
fn user_updated() -> impl Strategy<Value = AuditRow> {
    let labels = || proptest::collection::btree_set("[a-z]{1,8}", 0..4);
    let change = || {
        option::of((labels(), labels()).prop_map(|(before, after)| LabelChange {
            before: before.into_iter().collect(),
            after: after.into_iter().collect(),
        }))
    };
    let switched = option::of(any::<bool>());
    (id(UserId), any::<bool>(), switched, change(), change()).prop_map(
        |(user, renamed, disabled, groups, tags)| AuditRow::UserUpdated {
            user,
            display_name: None,
            disabled,
            profile: groups.iter().map(|_| ProfileField::Groups).collect(),
            change: UserChange {
                renamed,
                disabled_before: disabled.map(|disabled| !disabled),
                groups,
                tags,
            },
        },
    )
}

pub(super) fn audit_row() -> impl Strategy<Value = AuditRow> {
    prop_oneof![
        user_updated(),
        (option::of((1..=u64::MAX).prop_map(UserId)), super::user_name())
            .prop_map(|(user, name)| AuditRow::PersonalDataExported { user, name }),
        (id(ApplicationId), name(), exempt()).prop_map(|(application, name, exempt)| {
            AuditRow::ApplicationCreated { application, name, exempt }
        }),
        (id(ApplicationId), time()).prop_map(|(application, old_until)| {
            AuditRow::ApplicationKeyRotated { application, old_until }
        }),
        command().prop_filter_map("no event", |command| match command {
            Command::UpdateApplication(it) => {
                Some(AuditRow::ApplicationUpdated(ApplicationUpdated {
                    application: it.application,
                    name: it.name,
                    rights: it.rights,
                    sources: it.sources.clone(),
                    disabled: it.disabled,
                    before: ApplicationBefore {
                        name: None,
                        rights: it.rights,
                        sources: it.sources,
                        disabled: it.disabled.map(|disabled| !disabled),
                    },
                    exempt: it.exempt,
                }))
            }
            Command::UpdateAdministrator(it) => {
                Some(AuditRow::AdministratorUpdated(AdministratorUpdated {
                    administrator: it.administrator,
                    role: it.role,
                    scope: it.scope.clone(),
                    disabled: it.disabled,
                    before: AdministratorBefore {
                        role: it.role,
                        scope: it.scope,
                        disabled: it.disabled.map(|disabled| !disabled),
                    },
                }))
            }
            Command::CreateAdministrator(it) => Some(AuditRow::AdministratorCreated {
                administrator: it.administrator,
                name: it.name,
                role: it.role,
                scope: it.scope,
            }),
            _ => None,
        }),
    ]
}
