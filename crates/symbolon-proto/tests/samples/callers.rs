//! Administrators and applications.

use symbolon_core::{
    Administrator, AdministratorBefore, AdministratorId, AdministratorUpdated, Application,
    ApplicationBefore, ApplicationId, ApplicationUpdated, AuditEvent, AuditRow, Command,
    CreateAdministrator, CreateApplication, DeleteAdministrator, DeleteApplication, Denial,
    ExemptionChange, Exemptions, KeyHash, LogIndex, OldKey, Proof, RetireApplicationKey, Reveal,
    Right, Rights, Role, RotateAdministratorToken, RotateApplicationKey, Row, Scope, ScopePart,
    Sealed, SourceRange, Sources, Strangers, Timestamp, UpdateAdministrator, UpdateApplication,
    Verified,
};

use super::{AT, audit_of, name, reveal, verified};

const APPLICATION: ApplicationId = ApplicationId(0x0102_0304_0506_0708);
const ADMINISTRATOR: AdministratorId = AdministratorId(0x1112_1314_1516_1718);

pub(crate) fn create_application() -> CreateApplication {
    CreateApplication {
        application: ApplicationId(0x0102_0304_0506_0708),
        name: name("vpn-1"),
        key: KeyHash([0x51; 32]),
        secret: Sealed::new(vec![0x52; 8]),
        rights: Rights::VERIFY,
        sources: Sources::default(),
        exempt: Exemptions::default(),
    }
}

pub(crate) fn administrator() -> Administrator {
    Administrator {
        changed_at: LogIndex(1),
        ..Administrator::first(
            AdministratorId(0x1112_1314_1516_1718),
            name("root"),
            KeyHash([0x81; 32]),
        )
    }
}

pub(crate) fn application(reveal: Option<Reveal>) -> Application {
    Application {
        id: ApplicationId(0x0102_0304_0506_0708),
        name: name("vpn-1"),
        key: KeyHash([0x51; 32]),
        old_key: None,
        reveal,
        rights: Rights::VERIFY,
        sources: Sources::default(),
        disabled: false,
        exempt: Exemptions::default(),
        strangers: Strangers::default(),
        created_at: AT,
        changed_at: LogIndex(300),
    }
}

fn rights() -> Rights {
    Rights::VERIFY.with(Right::HelpDesk)
}

fn sources() -> Sources {
    let ranges = ["192.0.2.0/24", "2001:db8::/32"].map(|range| SourceRange::parse(range).unwrap());
    Sources::new(ranges).unwrap()
}

fn scope() -> Scope {
    let parts = ["group:sales", "domain:example.com"].map(|part| ScopePart::parse(part).unwrap());
    Scope::new(parts).unwrap()
}

/// Commands that came later.
pub(crate) fn commands() -> Vec<(&'static str, Command)> {
    let (application, administrator) = (APPLICATION, ADMINISTRATOR);
    let (key, secret) = (KeyHash([0x53; 32]), Sealed::new(vec![0x54; 8]));
    let (rights, revision) = (rights(), Some(LogIndex(4711)));
    let create = CreateApplication { rights, sources: sources(), ..create_application() };
    let update = UpdateApplication {
        application,
        name: Some(name("vpn-2")),
        rights: Some(rights),
        sources: Some(sources()),
        disabled: Some(true),
        exempt: ExemptionChange::default(),
        revision,
    };
    let rotate = RotateApplicationKey {
        application,
        key,
        secret: secret.clone(),
        overlap_milliseconds: 9_000,
    };
    let create_administrator = CreateAdministrator {
        administrator,
        name: name("heidi"),
        key,
        secret: secret.clone(),
        role: Role::HelpDesk,
        scope: scope(),
    };
    let update_administrator = UpdateAdministrator {
        administrator,
        role: Some(Role::Auditor),
        scope: Some(scope()),
        disabled: Some(false),
        revision: None,
    };
    let rotate_token = RotateAdministratorToken { administrator, key, secret };
    let commands = [
        ("create-application-whole", Command::CreateApplication(create)),
        ("update-application", Command::UpdateApplication(update)),
        ("rotate-application-key", Command::RotateApplicationKey(rotate)),
        (
            "retire-application-key",
            Command::RetireApplicationKey(RetireApplicationKey { application }),
        ),
        (
            "delete-application",
            Command::DeleteApplication(DeleteApplication { application, revision }),
        ),
        ("create-administrator", Command::CreateAdministrator(create_administrator)),
        ("update-administrator", Command::UpdateAdministrator(update_administrator)),
        ("rotate-administrator-token", Command::RotateAdministratorToken(rotate_token)),
        (
            "delete-administrator",
            Command::DeleteAdministrator(DeleteAdministrator { administrator, revision }),
        ),
    ];
    commands.into_iter().chain(exempt_commands()).collect()
}

/// Rows as they came later.
pub(crate) fn rows() -> Vec<(&'static str, Row)> {
    let old_key = Some(OldKey { key: KeyHash([0x55; 32]), until: AT.plus(9_000) });
    let application = Application {
        old_key,
        rights: rights(),
        sources: sources(),
        disabled: true,
        ..application(None)
    };
    let administrator = Administrator {
        role: Role::HelpDesk,
        scope: scope(),
        disabled: true,
        reveal: reveal(),
        created_at: AT,
        ..administrator()
    };
    let strangers = Strangers { since: AT, met: 100, untold: 40 };
    let met = Application { strangers, ..self::application(None) };
    let exempt = Application { exempt: EXEMPT, ..self::application(None) };
    let without = Application { exempt: NO_ISLANDS, ..self::application(None) };
    vec![
        ("application-exempt", Row::Application(exempt)),
        ("application-islands", Row::Application(without)),
        ("application-strangers", Row::Application(met)),
        ("application-whole", Row::Application(application)),
        ("administrator-whole", Row::Administrator(administrator)),
    ]
}

/// Events that came later.
pub(crate) fn audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let (application, administrator) = (APPLICATION, ADMINISTRATOR);
    audit_of(vec![
        AuditRow::ApplicationUpdated(ApplicationUpdated {
            application,
            name: Some(name("vpn-2")),
            rights: Some(rights()),
            sources: Some(sources()),
            disabled: Some(false),
            before: ApplicationBefore::default(),
            exempt: ExemptionChange::default(),
        }),
        AuditRow::ApplicationKeyRotated { application, old_until: AT.plus(9_000) },
        AuditRow::ApplicationKeyRetired { application },
        AuditRow::ApplicationDeleted { application, name: name("vpn-2") },
        AuditRow::AdministratorCreated {
            administrator,
            name: name("heidi"),
            role: Role::HelpDesk,
            scope: scope(),
        },
        AuditRow::AdministratorUpdated(AdministratorUpdated {
            administrator,
            role: Some(Role::Administrator),
            scope: Some(scope()),
            disabled: Some(true),
            before: AdministratorBefore::default(),
        }),
        AuditRow::AdministratorTokenRotated { administrator },
        AuditRow::AdministratorDeleted { administrator, name: name("heidi") },
    ])
}

const EXEMPT: Exemptions = Exemptions { unknown_users: true, disabled_users: true, islands: false };
const CHANGE: ExemptionChange =
    ExemptionChange { unknown_users: Some(false), disabled_users: Some(true), islands: None };

const NO_ISLANDS: Exemptions =
    Exemptions { unknown_users: false, disabled_users: false, islands: true };
const WITHOUT_ISLANDS: ExemptionChange =
    ExemptionChange { unknown_users: None, disabled_users: None, islands: Some(true) };

fn update(exempt: ExemptionChange) -> UpdateApplication {
    UpdateApplication {
        application: APPLICATION,
        name: None,
        rights: None,
        sources: None,
        disabled: None,
        exempt,
        revision: None,
    }
}

/// Commands about who is let in without a code.
fn exempt_commands() -> [(&'static str, Command); 4] {
    let create = CreateApplication { exempt: EXEMPT, ..create_application() };
    let without = CreateApplication { exempt: NO_ISLANDS, ..create_application() };
    [
        ("create-application-exempt", Command::CreateApplication(create)),
        ("update-application-exempt", Command::UpdateApplication(update(CHANGE))),
        ("create-application-islands", Command::CreateApplication(without)),
        ("update-application-islands", Command::UpdateApplication(update(WITHOUT_ISLANDS))),
    ]
}

/// Events about it.
pub(crate) fn exempt_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let UpdateApplication { application, name, rights, sources, disabled, exempt, .. } =
        update(CHANGE);
    let before = ApplicationBefore::default();
    let updated =
        ApplicationUpdated { application, name, rights, sources, disabled, exempt, before };
    audit_of(vec![
        AuditRow::ApplicationCreated { application, name: super::name("vpn-1"), exempt: EXEMPT },
        AuditRow::ApplicationUpdated(updated),
        AuditRow::Verified(Verified { user: None, proof: Proof::Exempt, ..verified(None) }),
    ])
}

/// Events about islands. The denial is for what the log knows nothing of, so no log has it yet.
pub(crate) fn island_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let UpdateApplication { application, name, rights, sources, disabled, exempt, .. } =
        update(WITHOUT_ISLANDS);
    let before = ApplicationBefore::default();
    let updated =
        ApplicationUpdated { application, name, rights, sources, disabled, exempt, before };
    audit_of(vec![
        AuditRow::ApplicationCreated {
            application,
            name: super::name("vpn-2"),
            exempt: NO_ISLANDS,
        },
        AuditRow::ApplicationUpdated(updated),
        AuditRow::Verified(verified(Some(Denial::AllowanceSpent))),
    ])
}

/// Events that came after those.
pub(crate) fn later_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let ambiguous = Verified { user: None, ..verified(Some(Denial::AmbiguousName)) };
    audit_of(vec![
        AuditRow::NamesNotAudited { application: APPLICATION, names: 40, since: AT },
        AuditRow::Verified(ambiguous),
    ])
}

/// Changes with what stood before them.
pub(crate) fn changes_audit() -> Vec<AuditRow> {
    vec![
        AuditRow::ApplicationUpdated(ApplicationUpdated {
            application: APPLICATION,
            name: Some(name("vpn-2")),
            rights: Some(rights()),
            sources: Some(sources()),
            disabled: Some(false),
            exempt: ExemptionChange::default(),
            before: ApplicationBefore {
                name: Some(name("vpn-1")),
                rights: Some(Rights::VERIFY),
                sources: Some(Sources::default()),
                disabled: Some(true),
            },
        }),
        AuditRow::AdministratorUpdated(AdministratorUpdated {
            administrator: ADMINISTRATOR,
            role: Some(Role::Auditor),
            scope: Some(Scope::default()),
            disabled: Some(true),
            before: AdministratorBefore {
                role: Some(Role::HelpDesk),
                scope: Some(scope()),
                disabled: Some(false),
            },
        }),
    ]
}
