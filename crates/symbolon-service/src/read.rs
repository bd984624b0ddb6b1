//! Reading users.

use symbolon_core::{Operation, State, User, UserName};
use tokio::time::Instant;

use crate::names;
use crate::principal::Principal;
use crate::{Service, ServiceError};

/// Rows of a page.
const PAGE_SIZE_DEFAULT: usize = 100;
const PAGE_SIZE_MAX: usize = 1000;

/// How many rows a page has. 0 means 100.
pub(crate) fn page_size(asked: u32) -> Result<usize, ServiceError> {
    match usize::try_from(asked) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) if size <= PAGE_SIZE_MAX => Ok(size),
        _ => Err(ServiceError::invalid("page_size", format!("it is over {PAGE_SIZE_MAX}"))),
    }
}

/// Users looked at for a page: where few are wanted of many, a page has fewer than it could.
const LOOKED_AT_MAX: usize = 20_000;

/// Which users a list is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserFilter {
    /// Only those in this group; empty: whichever.
    pub group: String,
    /// Only those with this tag; empty: whichever.
    pub tag: String,
}

impl UserFilter {
    fn fits(&self, user: &User) -> bool {
        let has = |all: &[String], one: &String| one.is_empty() || all.contains(one);
        has(user.profile().groups(), &self.group) && has(user.profile().tags(), &self.tag)
    }
}

/// A page of users, and the name to continue after.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of their names.
    pub users: Vec<User>,
    /// Last name that was looked at when there may be more.
    pub next: Option<UserName>,
    /// The state they were read from.
    pub state: std::sync::Arc<State>,
}

impl Service {
    /// Reads a user.
    ///
    /// # Errors
    /// [`ServiceError`]; [`ServiceError::NoMaster`] unless `allow_stale`.
    pub async fn get_user(
        &self,
        principal: &Principal,
        username: &str,
        allow_stale: bool,
        deadline: Instant,
    ) -> Result<(User, std::sync::Arc<State>), ServiceError> {
        Self::may(principal, Operation::GetUser)?;
        let _place = self.admission.administration()?;
        let name = names::user_name(username)?;
        self.catch_up(principal, Operation::GetUser, allow_stale, deadline).await?;
        let state = self.ledger.view().state;
        let user = self.user_within(&state, principal, &name).cloned();
        Ok((user.ok_or(ServiceError::NotFound { kind: "user" })?, state))
    }

    /// Reads a page of users. `page_size` 0 means 100.
    ///
    /// # Errors
    /// [`ServiceError`]; [`ServiceError::NoMaster`] unless `allow_stale`.
    pub async fn list_users(
        &self,
        principal: &Principal,
        page_size: u32,
        after: Option<UserName>,
        filter: &UserFilter,
        allow_stale: bool,
        deadline: Instant,
    ) -> Result<Page, ServiceError> {
        Self::may(principal, Operation::ListUsers)?;
        let _place = self.admission.administration()?;
        let size = self::page_size(page_size)?;
        self.catch_up(principal, Operation::ListUsers, allow_stale, deadline).await?;
        let state = self.ledger.view().state;
        let (mut users, mut next) = (Vec::new(), None);
        for (looked_at, user) in (1..).zip(state.users_after(after.as_ref())) {
            if filter.fits(user) && state.is_in_scope(principal.caller, user) {
                users.push(user.clone());
            }
            if users.len() == size || looked_at == LOOKED_AT_MAX {
                next = Some(user.name.clone());
                break;
            }
        }
        Ok(Page { users, next, state })
    }

    /// The user of that name, if there is one for this caller. Whoever looks for somebody else's is
    /// told of in the log alone.
    pub(crate) fn user_within<'s>(
        &self,
        state: &'s State,
        principal: &Principal,
        name: &UserName,
    ) -> Option<&'s User> {
        let user = state.user_by_name(name)?;
        if state.is_in_scope(principal.caller, user) {
            return Some(user);
        }
        let (caller, node) = (principal.name.as_str(), self.ledger.identity().name.as_str());
        tracing::warn!(caller, user = %user.id, node, "asked for a user outside of their scope");
        None
    }

    /// Reads what was committed when it began, for who may still read it then.
    pub(crate) async fn catch_up(
        &self,
        principal: &Principal,
        operation: Operation,
        allow_stale: bool,
        deadline: Instant,
    ) -> Result<(), ServiceError> {
        #[cfg(feature = "planted")]
        let allow_stale = allow_stale || symbolon_core::planted::is("read-without-barrier");
        if allow_stale {
            return Ok(());
        }
        self.ledger.read_barrier(deadline).await?;
        self.still_may(principal, operation)
    }
}
