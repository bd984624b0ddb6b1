//! Which account a name stands for.
//!
//! People sign in with more names than their account has: a directory's user is `alice@sales.example`
//! to one front end, `SALES\alice` to another and `alice` to a third.

use alloc::format;
use core::ops::Bound::Included;

use crate::{State, User, UserName};

/// Whose name it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Account<'s> {
    /// This user's.
    Of(&'s User),
    /// It fits several users, and is none's whole name.
    Ambiguous,
    /// Nobody's.
    Nobodys,
}

impl<'s> Account<'s> {
    /// The user, if it is one's.
    #[must_use]
    pub const fn user(self) -> Option<&'s User> {
        match self {
            Self::Of(user) => Some(user),
            Self::Ambiguous | Self::Nobodys => None,
        }
    }
}

impl State {
    /// The account that somebody means who signs in with a name.
    ///
    /// The user of exactly that name comes first: no user who is added later can take a name away.
    /// A name without a domain stands for the one user who has it in some domain, and a domain of a
    /// single label for the one whose domain begins with that label, as short names of Windows
    /// domains usually do.
    #[must_use]
    pub fn account(&self, name: &UserName) -> Account<'_> {
        if let Some(user) = self.user_by_name(name) {
            return Account::Of(user);
        }
        let next = match name.as_str().split_once('@') {
            None => '@',
            Some((_, domain)) if !domain.contains('.') => '.',
            Some(_) => return Account::Nobodys,
        };
        // A name that is too long to go on is nobody's.
        let Ok(begins) = UserName::new(format!("{name}{next}")) else {
            return Account::Nobodys;
        };
        let mut fitting = self
            .user_names
            .range(Included(&begins))
            .take_while(|(longer, _)| longer.as_str().starts_with(begins.as_str()))
            .filter_map(|(_, id)| self.user(*id));
        match (fitting.next(), fitting.next()) {
            (Some(user), None) => Account::Of(user),
            (Some(_), Some(_)) => Account::Ambiguous,
            (None, _) => Account::Nobodys,
        }
    }
}
