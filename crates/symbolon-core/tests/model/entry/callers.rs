//! What is asked about administrators and applications.

use symbolon_core::{
    AdministratorId, ApplicationId, Command, CreateAdministrator, CreateApplication,
    DeleteAdministrator, DeleteApplication, KeyHash, LogIndex, RetireApplicationKey, Right, Rights,
    RotateAdministratorToken, RotateApplicationKey, Scope, ScopePart, SourceRange, Sources,
    UpdateAdministrator, UpdateApplication,
};

use super::make::{Maker, named};
use crate::script::Wish;

impl Maker<'_> {
    pub(super) fn about_caller(&self, wish: &Wish) -> Command {
        match wish {
            Wish::Application { application, name, rights, sources, exempt, key_off } => {
                Command::CreateApplication(CreateApplication {
                    application: ApplicationId(*application),
                    name: named("app", *name),
                    key: KeyHash([3; 32]),
                    secret: self.sealed(*key_off, 2),
                    rights: rights_of(*rights),
                    sources: sources_of(*sources),
                    exempt: *exempt,
                })
            }
            Wish::UpdateApplication {
                application,
                name,
                rights,
                sources,
                disabled,
                exempt,
                bound,
            } => Command::UpdateApplication(UpdateApplication {
                exempt: *exempt,
                application: ApplicationId(*application),
                name: name.map(|name| named("app", name)),
                rights: rights.map(rights_of),
                sources: sources.map(sources_of),
                disabled: *disabled,
                revision: self.application_revision(*application, *bound),
            }),
            Wish::RotateApplicationKey { application, overlap, key_off } => {
                Command::RotateApplicationKey(RotateApplicationKey {
                    application: ApplicationId(*application),
                    key: self.another_key(),
                    secret: self.sealed(*key_off, 6),
                    overlap_milliseconds: *overlap,
                })
            }
            Wish::RetireApplicationKey { application } => {
                let application = ApplicationId(*application);
                Command::RetireApplicationKey(RetireApplicationKey { application })
            }
            Wish::DeleteApplication { application, bound } => {
                Command::DeleteApplication(DeleteApplication {
                    application: ApplicationId(*application),
                    revision: self.application_revision(*application, *bound),
                })
            }
            other => self.about_administrator(other),
        }
    }

    fn about_administrator(&self, wish: &Wish) -> Command {
        match wish {
            Wish::Administrator { administrator, name, role, scope, key_off } => {
                Command::CreateAdministrator(CreateAdministrator {
                    administrator: AdministratorId(*administrator),
                    name: named("root", *name),
                    key: self.another_key(),
                    secret: self.sealed(*key_off, 7),
                    role: *role,
                    scope: scope_of(*scope),
                })
            }
            Wish::UpdateAdministrator { administrator, role, scope, disabled, bound } => {
                Command::UpdateAdministrator(UpdateAdministrator {
                    administrator: AdministratorId(*administrator),
                    role: *role,
                    scope: scope.map(scope_of),
                    disabled: *disabled,
                    revision: self.administrator_revision(*administrator, *bound),
                })
            }
            Wish::RotateAdministratorToken { administrator, key_off } => {
                Command::RotateAdministratorToken(RotateAdministratorToken {
                    administrator: AdministratorId(*administrator),
                    key: self.another_key(),
                    secret: self.sealed(*key_off, 8),
                })
            }
            Wish::DeleteAdministrator { administrator, bound } => {
                Command::DeleteAdministrator(DeleteAdministrator {
                    administrator: AdministratorId(*administrator),
                    revision: self.administrator_revision(*administrator, *bound),
                })
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn application_revision(&self, id: u64, bound: bool) -> Option<LogIndex> {
        let row = self.view.application(ApplicationId(id)).filter(|_| bound);
        row.map(|row| row.changed_at)
    }

    fn administrator_revision(&self, id: u64, bound: bool) -> Option<LogIndex> {
        let row = self.view.administrator(AdministratorId(id)).filter(|_| bound);
        row.map(|row| row.changed_at)
    }

    /// Differs with the time, as keys that are drawn do.
    fn another_key(&self) -> KeyHash {
        KeyHash([self.made_at.0.to_be_bytes()[7]; 32])
    }
}

fn rights_of(number: u64) -> Rights {
    match number {
        0 => Rights::NONE,
        1 => Rights::VERIFY,
        2 => Rights::NONE.with(Right::HelpDesk),
        3 => Rights::VERIFY.with(Right::HelpDesk).with(Right::Auditor),
        5 => Rights::NONE.with(Right::SelfService),
        _ => Rights::ADMINISTRATOR,
    }
}

/// Everybody, or some of the users that there are.
fn scope_of(number: u64) -> Scope {
    let parts: &[&str] = match number {
        0 => &[],
        1 => &["group:staff"],
        2 => &["tag:vip"],
        3 => &["domain:example.org"],
        _ => &["tag:vip", "domain:example.org"],
    };
    Scope::new(parts.iter().map(|part| ScopePart::parse(part).unwrap())).unwrap()
}

fn sources_of(number: u64) -> Sources {
    let ranges: &[&str] = match number {
        0 => &[],
        1 => &["192.0.2.0/24"],
        _ => &["192.0.2.0/24", "2001:db8::/32"],
    };
    Sources::new(ranges.iter().map(|range| SourceRange::parse(range).unwrap())).unwrap()
}
