//! Reading users.

use symbolon_core::{State, User, UserName};
use tokio::time::Instant;

use crate::names;
use crate::service::Principal;
use crate::{Service, ServiceError};

/// Users of a page.
const PAGE_SIZE_DEFAULT: usize = 100;
const PAGE_SIZE_MAX: usize = 1000;

/// A page of users, and the name to continue after.
#[derive(Clone, Debug)]
pub struct Page {
    /// In the order of their names.
    pub users: Vec<User>,
    /// Last name of this page when there may be more.
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
        Self::administrator(principal)?;
        let _place = self.admission.administration()?;
        let name = names::user_name(username)?;
        self.catch_up(allow_stale, deadline).await?;
        let state = self.ledger.view().state;
        let user = state.user_by_name(&name).cloned();
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
        allow_stale: bool,
        deadline: Instant,
    ) -> Result<Page, ServiceError> {
        Self::administrator(principal)?;
        let _place = self.admission.administration()?;
        let size = match usize::try_from(page_size) {
            Ok(0) => PAGE_SIZE_DEFAULT,
            Ok(size) if size <= PAGE_SIZE_MAX => size,
            _ => {
                let problem = format!("it is over {PAGE_SIZE_MAX}");
                return Err(ServiceError::invalid("page_size", problem));
            }
        };
        self.catch_up(allow_stale, deadline).await?;
        let state = self.ledger.view().state;
        let users: Vec<_> = state.users_after(after.as_ref()).take(size).cloned().collect();
        let next = (users.len() == size).then(|| users.last().map(|user| user.name.clone()));
        Ok(Page { users, next: next.flatten(), state })
    }

    async fn catch_up(&self, allow_stale: bool, deadline: Instant) -> Result<(), ServiceError> {
        if allow_stale {
            return Ok(());
        }
        Ok(self.ledger.read_barrier(deadline).await?)
    }
}
