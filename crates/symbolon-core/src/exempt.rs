//! Where an application is exempt from the rule: whom it lets in without a code, and that it does without
//! islands.

use crate::digest::{Canonical, CanonicalWriter};
use crate::{Account, Application, ApplicationId, Denial, Standing, State, Timestamp, UserName};

/// Where an application is exempt from the rule, because an administrator chose so. By default nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exemptions {
    /// Names that are nobody's. A name that fits several users is none of them.
    pub unknown_users: bool,
    /// Users whom an administrator has switched off, unless they are blocked, locked or waiting.
    pub disabled_users: bool,
    /// It is given no decisions of a node that no quorum is in reach of.
    pub islands: bool,
}

/// What of [`Exemptions`] is to be another than it is; `None` leaves it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ExemptionChange {
    /// See [`Exemptions::unknown_users`].
    pub unknown_users: Option<bool>,
    /// See [`Exemptions::disabled_users`].
    pub disabled_users: Option<bool>,
    /// See [`Exemptions::islands`].
    pub islands: Option<bool>,
}

impl Exemptions {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// What of these is another in `after`: of a yes or no, what it was before follows from it.
    pub(crate) fn change_to(self, after: Self) -> ExemptionChange {
        let to = |before: bool, after: bool| (before != after).then_some(after);
        ExemptionChange {
            unknown_users: to(self.unknown_users, after.unknown_users),
            disabled_users: to(self.disabled_users, after.disabled_users),
            islands: to(self.islands, after.islands),
        }
    }

    /// Whether somebody is let in without a code.
    #[must_use]
    pub const fn lets_in(self) -> bool {
        self.unknown_users || self.disabled_users
    }

    /// These with some changed.
    #[must_use]
    pub fn with(self, change: ExemptionChange) -> Self {
        Self {
            unknown_users: change.unknown_users.unwrap_or(self.unknown_users),
            disabled_users: change.disabled_users.unwrap_or(self.disabled_users),
            islands: change.islands.unwrap_or(self.islands),
        }
    }
}

impl State {
    /// Applications that let somebody in without a code, in the order of their ids. Each is worth a
    /// standing warning.
    pub fn exempting(&self) -> impl Iterator<Item = &Application> {
        self.applications.iter().filter(|row| row.exempt.lets_in())
    }

    /// Whether whoever has that name is let in at a time, whatever code they show: by a bypass, or because the
    /// application exempts them.
    #[must_use]
    pub fn needs_no_code(
        &self,
        name: &UserName,
        application: ApplicationId,
        at: Timestamp,
    ) -> bool {
        let exempt = self.application(application).map(|row| row.exempt).unwrap_or_default();
        match self.account(name) {
            Account::Ambiguous => false,
            Account::Nobodys => exempt.unknown_users,
            Account::Of(user) => {
                let standing = self.standing(user, Some(application), at);
                let bypass = user.bypass.as_ref().is_some_and(|bypass| at < bypass.until);
                let helped =
                    matches!(standing.denial(), None | Some(Denial::NoToken | Denial::PinExpired));
                standing == Standing::Exempt || (bypass && helped)
            }
        }
    }
}

// Both came later and count where they say something, islands last: other rows and events keep the hash
// that they had.

impl Canonical for Exemptions {
    fn canonical(&self, w: &mut CanonicalWriter) {
        if !self.is_none() {
            w.number(self.unknown_users.into()).number(self.disabled_users.into());
        }
        if self.islands {
            w.number(1);
        }
    }
}

impl Canonical for ExemptionChange {
    fn canonical(&self, w: &mut CanonicalWriter) {
        let said = |what: Option<bool>| what.map_or(0, |is| 1 + u64::from(is));
        if *self != Self::default() {
            w.number(said(self.unknown_users)).number(said(self.disabled_users));
        }
        if self.islands.is_some() {
            w.number(said(self.islands));
        }
    }
}
