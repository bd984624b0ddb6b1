//! How an account stands, whatever code is shown: the table of states, as one function.

use crate::{ApplicationId, Denial, Finding, State, Timestamp, User};

/// How an account stands. The first that holds counts, from the end of this list up to *active*.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Standing {
    /// Codes are evaluated.
    Active,
    /// The PIN must be changed, and users may not do so.
    PinExpired,
    /// There is no token whose codes could be right.
    NoToken,
    /// Switched off by an administrator, and the application lets such users in without a code.
    Exempt,
    /// The application has brought as many failures as one may.
    ShareSpent,
    /// After failures in a row, until the wait is over.
    Waiting(Timestamp),
    /// Too many failures in a row: until an administrator acts.
    Locked,
    /// Blocked for a while by an administrator.
    Blocked,
    /// Switched off by an administrator.
    Disabled,
}

impl Standing {
    /// Why no code is evaluated.
    #[must_use]
    pub const fn denial(self) -> Option<Denial> {
        Some(match self {
            Self::Active | Self::Exempt => return None,
            Self::PinExpired => Denial::PinExpired,
            Self::NoToken => Denial::NoToken,
            Self::ShareSpent => Denial::ShareSpent,
            Self::Waiting(_) => Denial::Waiting,
            Self::Locked => Denial::Locked,
            Self::Blocked => Denial::Blocked,
            Self::Disabled => Denial::Disabled,
        })
    }
}

impl State {
    /// How an account stands at a time, for one application or for any. What an administrator has
    /// said comes first.
    #[must_use]
    pub fn standing(
        &self,
        user: &User,
        application: Option<ApplicationId>,
        at: Timestamp,
    ) -> Standing {
        let found = self.findings(user, application, at);
        found.into_iter().find_map(Finding::standing).unwrap_or(Standing::Active)
    }
}

impl User {
    /// Failures in a row that an application has brought.
    #[must_use]
    pub fn failed_by(&self, application: ApplicationId) -> u32 {
        let found = self.failed_by.iter().find(|(known, _)| *known == application);
        found.map_or(0, |(_, failures)| *failures)
    }

    /// Counts a failure.
    pub(crate) fn fail(&mut self, application: ApplicationId, at: Timestamp) {
        self.failures += 1;
        self.failed_at = at;
        match self.failed_by.binary_search_by_key(&application, |(known, _)| *known) {
            Ok(place) => {
                if let Some((_, failures)) = self.failed_by.get_mut(place) {
                    *failures += 1;
                }
            }
            Err(place) => self.failed_by.insert(place, (application, 1)),
        }
    }

    /// Forgets all failures. Returns how many there were.
    pub(crate) fn forgive(&mut self) -> u32 {
        self.failed_at = Timestamp(0);
        self.failed_by.clear();
        core::mem::take(&mut self.failures)
    }
}
