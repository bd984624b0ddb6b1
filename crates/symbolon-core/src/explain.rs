//! Which rule decides about a sign-in, before any code is looked at.

use crate::{
    Account, Application, ApplicationId, Denial, RecoveryCodes, Setting, Standing, State,
    Timestamp, TokenId, User, UserId, UserName,
};

/// What a rule finds about a user and an application. In the order in which the rules are asked; the
/// first that stands in the way decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finding {
    /// Whether the application may ask at all.
    Application {
        /// It is switched off.
        disabled: bool,
        /// It has the right `verify`.
        verifies: bool,
    },
    /// Whose name it is.
    Name {
        /// The user, if it is one's.
        user: Option<UserId>,
        /// It fits several.
        ambiguous: bool,
        /// The application lets names in that are nobody's.
        exempt: bool,
    },
    /// Whether the account is switched on.
    Enabled {
        /// It is switched off.
        disabled: bool,
        /// The application lets such users in, if nothing else bars them.
        exempt: bool,
    },
    /// Whether the account is blocked.
    Block {
        /// Until when, if it is.
        until: Option<Timestamp>,
    },
    /// Whether failures have locked it.
    Lock {
        /// In a row.
        failures: u32,
        /// From which on it is locked.
        limit: u32,
    },
    /// Whether failures keep it waiting.
    Wait {
        /// In a row.
        failures: u32,
        /// From which on each brings a wait.
        threshold: u32,
        /// Until when, if it waits.
        until: Option<Timestamp>,
    },
    /// Whether the application has brought as many failures as one may.
    Share {
        /// Of these in a row, those by the application.
        failures: u32,
        /// From which on it gets no further.
        share: u32,
    },
    /// Whether the application lets the user in without a code, switched off as the account is.
    Exempt {
        /// It does.
        exempt: bool,
    },
    /// Whether the user is let in once, whatever the code.
    Bypass {
        /// Until when, if there is one.
        until: Option<Timestamp>,
    },
    /// Whether there is a token whose code could be right, or what stands in for one.
    Token {
        /// Proved ones.
        usable: usize,
        /// Those that a code has yet to prove.
        pending: usize,
        /// Recovery codes that are not used.
        recovery_codes: u32,
        /// None of them is taken until an administrator releases those made before a seize.
        held: bool,
    },
    /// Whether a PIN is typed with each code, and whether another must be chosen.
    Pin {
        /// There is one.
        set: bool,
        /// From when on another must be chosen, if ever.
        due_at: Option<Timestamp>,
        /// It must be by now.
        due: bool,
        /// The user may choose it in a sign-in.
        may_change: bool,
        /// Recovery codes that are not used.
        recovery_codes: u32,
    },
}

impl Finding {
    /// Name of the rule in the API and on the command line.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Application { .. } => "application",
            Self::Name { .. } => "name",
            Self::Enabled { .. } => "enabled",
            Self::Block { .. } => "block",
            Self::Lock { .. } => "lock",
            Self::Wait { .. } => "wait",
            Self::Share { .. } => "share",
            Self::Exempt { .. } => "exempt",
            Self::Bypass { .. } => "bypass",
            Self::Token { .. } => "token",
            Self::Pin { .. } => "pin",
        }
    }

    /// Settings that the rule goes by.
    #[must_use]
    pub const fn settings(self) -> &'static [Setting] {
        match self {
            Self::Lock { .. } => &[Setting::LockoutHardLimit, Setting::IslandAllowance],
            Self::Wait { .. } => {
                &[Setting::LockoutThreshold, Setting::LockoutFirstWait, Setting::LockoutLongestWait]
            }
            Self::Share { .. } => &[Setting::LockoutHardLimit],
            Self::Bypass { .. } => &[Setting::BypassLongest],
            Self::Pin { .. } => &[Setting::PinExpirationDays, Setting::PinChangeInSignIn],
            Self::Token { .. } => {
                &[Setting::TotpWindow, Setting::HotpLookAhead, Setting::TotpDriftMemory]
            }
            _ => &[],
        }
    }

    /// How the account stands by this rule, if the rule has something to say.
    #[must_use]
    pub const fn standing(self) -> Option<Standing> {
        match self {
            Self::Enabled { disabled: true, exempt: false } => Some(Standing::Disabled),
            Self::Block { until: Some(_) } => Some(Standing::Blocked),
            Self::Lock { failures, limit } if failures >= limit => Some(Standing::Locked),
            Self::Wait { until: Some(until), .. } => Some(Standing::Waiting(until)),
            Self::Share { failures, share } if failures >= share => Some(Standing::ShareSpent),
            Self::Exempt { exempt: true } => Some(Standing::Exempt),
            Self::Token { usable: 0, .. } => Some(Standing::NoToken),
            Self::Pin { due: true, may_change: false, .. } => Some(Standing::PinExpired),
            _ => None,
        }
    }

    /// Why every code is denied, if the rule stands in the way.
    #[must_use]
    pub const fn denial(self) -> Option<Denial> {
        match self {
            Self::Name { ambiguous: true, .. } => Some(Denial::AmbiguousName),
            Self::Name { user: None, exempt: false, .. } => Some(Denial::UnknownUser),
            // A recovery code is for who has lost the token, and is shown without a PIN.
            Self::Token { recovery_codes: 1.., .. } | Self::Pin { recovery_codes: 1.., .. } => None,
            _ => match self.standing() {
                Some(standing) => standing.denial(),
                None => None,
            },
        }
    }

    /// Whether the next sign-in succeeds for it, whatever the code.
    #[must_use]
    pub const fn lets_in(self) -> bool {
        matches!(
            self,
            Self::Bypass { until: Some(_) }
                | Self::Exempt { exempt: true }
                | Self::Name { user: None, ambiguous: false, exempt: true }
        )
    }

    /// Whether the sign-in goes no further for it.
    #[must_use]
    pub const fn stands_in_the_way(self) -> bool {
        self.refuses() || self.denial().is_some()
    }

    /// Whether the rule refuses the application, so that nothing is decided about anybody.
    #[must_use]
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Application { disabled, verifies } if disabled || !verifies)
    }
}

impl State {
    /// All findings about a name at a time, for one application or for any.
    pub fn explain(
        &self,
        name: &UserName,
        application: Option<&Application>,
        at: Timestamp,
    ) -> impl Iterator<Item = Finding> {
        let account = self.account(name);
        let user = account.user();
        let asks = application.map(|row| Finding::Application {
            disabled: row.disabled,
            verifies: row.rights.any_of(crate::Operation::Verify.rights()),
        });
        let named = Finding::Name {
            user: user.map(|user| user.id),
            ambiguous: account == Account::Ambiguous,
            exempt: application.is_some_and(|row| row.exempt.unknown_users),
        };
        let id = application.map(|row| row.id);
        let stands = user.map(|user| self.findings(user, id, at));
        asks.into_iter().chain([named]).chain(stands.into_iter().flatten())
    }

    /// What the rules about an account find. What an administrator has said comes first.
    pub(crate) fn findings(
        &self,
        user: &User,
        application: Option<ApplicationId>,
        at: Timestamp,
    ) -> [Finding; 9] {
        let lockout = self.lockout();
        let until = lockout.until(user.failures, user.failed_at);
        let usable = |id: &&TokenId| self.token(**id).is_some_and(|token| !token.pending);
        let usable = user.tokens.iter().filter(usable).count();
        let codes = user.recovery_codes.as_deref();
        let recovery_codes = codes.map_or(0, RecoveryCodes::left);
        let block = user.block.as_ref().map(|block| block.until);
        let due_at = self.pin_due_at(user);
        let exempts = |id| self.application(id).is_some_and(|row| row.exempt.disabled_users);
        let exempt = user.disabled && application.is_some_and(exempts);
        [
            Finding::Enabled { disabled: user.disabled, exempt },
            Finding::Block { until: block.filter(|until| at < *until) },
            Finding::Lock { failures: user.failures, limit: lockout.limit },
            Finding::Wait {
                failures: user.failures,
                threshold: lockout.threshold,
                until: Some(until).filter(|until| at < *until),
            },
            Finding::Share {
                failures: application.map_or(0, |id| user.failed_by(id)),
                share: lockout.share,
            },
            Finding::Exempt { exempt },
            Finding::Bypass {
                until: user.bypass.as_ref().map(|bypass| bypass.until).filter(|until| at < *until),
            },
            Finding::Token {
                usable,
                pending: user.tokens.len() - usable,
                recovery_codes,
                held: codes.is_some_and(|codes| self.are_held(codes)),
            },
            Finding::Pin {
                set: user.pin.is_some(),
                due_at,
                due: due_at.is_some_and(|due_at| due_at <= at),
                may_change: self.pin_changes_in_sign_in(),
                recovery_codes,
            },
        ]
    }
}
