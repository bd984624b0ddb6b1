//! What a change has changed: before and after, of what really differs.

use alloc::string::String;
use alloc::vec::Vec;

use super::{AdministratorUpdated, ApplicationUpdated};
use crate::digest::{Canonical, CanonicalWriter};
use crate::{Administrator, Application, Name, Profile, Rights, Role, Scope, Sources, User};

/// What is told of a change to a user besides the names of fields. Groups and tags decide who may deal
/// with somebody. What else is known of a person stays out: the audit outlives the account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserChange {
    /// The display name is another. Neither is told.
    pub renamed: bool,
    /// Whether the account was switched off before it was switched.
    pub disabled_before: Option<bool>,
    /// Groups, if they are others.
    pub groups: Option<LabelChange>,
    /// Tags, if they are others.
    pub tags: Option<LabelChange>,
}

/// Groups or tags that are others than before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LabelChange {
    /// Those that were.
    pub before: Vec<String>,
    /// Those that are.
    pub after: Vec<String>,
}

/// What stood before a change of an application; `None` for what was left, and of old events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ApplicationBefore {
    /// Its name.
    pub name: Option<Name>,
    /// What it might do.
    pub rights: Option<Rights>,
    /// From where it might ask.
    pub sources: Option<Sources>,
    /// Whether it was switched off.
    pub disabled: Option<bool>,
}

/// What stood before a change of an administrator; `None` for what was left, and of old events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AdministratorBefore {
    /// What they might do.
    pub role: Option<Role>,
    /// Whom they might deal with.
    pub scope: Option<Scope>,
    /// Whether they were switched off.
    pub disabled: Option<bool>,
}

impl UserChange {
    pub(crate) fn between(before: &User, after: &User) -> Self {
        let labels = |part: fn(&Profile) -> &[String]| {
            let (before, after) = (part(before.profile()), part(after.profile()));
            let change = || LabelChange { before: before.to_vec(), after: after.to_vec() };
            (before != after).then(change)
        };
        Self {
            renamed: before.display_name != after.display_name,
            disabled_before: differing(&before.disabled, &after.disabled).0,
            groups: labels(Profile::groups),
            tags: labels(Profile::tags),
        }
    }
}

impl ApplicationUpdated {
    pub(crate) fn between(before: &Application, after: &Application) -> Self {
        let name = differing(&before.name, &after.name);
        let rights = differing(&before.rights, &after.rights);
        let sources = differing(&before.sources, &after.sources);
        let disabled = differing(&before.disabled, &after.disabled);
        Self {
            application: after.id,
            name: name.1,
            rights: rights.1,
            sources: sources.1,
            disabled: disabled.1,
            exempt: before.exempt.change_to(after.exempt),
            before: ApplicationBefore {
                name: name.0,
                rights: rights.0,
                sources: sources.0,
                disabled: disabled.0,
            },
        }
    }
}

impl AdministratorUpdated {
    pub(crate) fn between(before: &Administrator, after: &Administrator) -> Self {
        let role = differing(&before.role, &after.role);
        let scope = differing(&before.scope, &after.scope);
        let disabled = differing(&before.disabled, &after.disabled);
        let was = AdministratorBefore { role: role.0, scope: scope.0, disabled: disabled.0 };
        Self {
            administrator: after.id,
            role: role.1,
            scope: scope.1,
            disabled: disabled.1,
            before: was,
        }
    }
}

/// Both, if they differ.
fn differing<T: Clone + PartialEq>(before: &T, after: &T) -> (Option<T>, Option<T>) {
    if before == after { (None, None) } else { (Some(before.clone()), Some(after.clone())) }
}

// Each part counts where it says something, after a number of its own: older events keep the hash that
// they had.

impl Canonical for UserChange {
    /// The numbers are no profile field's: those stand before it.
    fn canonical(&self, w: &mut CanonicalWriter) {
        if self.renamed {
            w.number(101);
        }
        if let Some(disabled) = self.disabled_before {
            w.number(102).number(disabled.into());
        }
        for (number, change) in [(103, &self.groups), (104, &self.tags)] {
            if let Some(LabelChange { before, after }) = change {
                w.number(number);
                for labels in [before, after] {
                    w.number(labels.len() as u64);
                    labels.iter().for_each(|label| _ = w.bytes(label.as_bytes()));
                }
            }
        }
    }
}

impl Canonical for ApplicationBefore {
    fn canonical(&self, w: &mut CanonicalWriter) {
        if let Some(name) = &self.name {
            w.number(101).bytes(name.as_str().as_bytes());
        }
        if let Some(rights) = self.rights {
            w.number(102).number(rights.bits().into());
        }
        if let Some(sources) = &self.sources {
            w.number(103);
            sources.canonical(w);
        }
        if let Some(disabled) = self.disabled {
            w.number(104).number(disabled.into());
        }
    }
}

impl Canonical for AdministratorBefore {
    fn canonical(&self, w: &mut CanonicalWriter) {
        if let Some(role) = self.role {
            w.number(101).number(role.number().into());
        }
        if let Some(scope) = &self.scope {
            w.number(102);
            scope.canonical(w);
        }
        if let Some(disabled) = self.disabled {
            w.number(103).number(disabled.into());
        }
    }
}
