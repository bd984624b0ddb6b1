//! Letting a user in once without a code.

use symbolon_core::{
    CancelBypass, Command, GrantBypass, LogIndex, Operation, RequestId, Setting, User,
};
use tokio::time::Instant;

use crate::principal::Principal;
use crate::users::{AboutUser, reason};
use crate::{Service, ServiceError};

impl Service {
    /// Lets a user in once, whatever the code, for so many seconds from now on.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] without a reason, or for longer than is set.
    pub async fn grant_bypass(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        why: &str,
        seconds: u32,
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        let reason = reason(why)?;
        let longest = self.ledger.view().state.setting(Setting::BypassLongest);
        if !(1..=longest).contains(&u64::from(seconds)) {
            let problem = format!("it is not within 1 to {longest} (bypass.longest)");
            return Err(ServiceError::invalid("seconds", problem));
        }
        let milliseconds = u64::from(seconds) * 1000;
        let command = |user| {
            let reason = reason.clone();
            Command::GrantBypass(GrantBypass { user, reason, milliseconds })
        };
        let time = milliseconds.to_be_bytes();
        let (operation, fields) = (Operation::GrantBypass, vec![why.as_bytes(), &time]);
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        self.change_user(about, command).await
    }

    /// Takes a bypass back.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] without a reason.
    pub async fn cancel_bypass(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        why: &str,
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        let reason = reason(why)?;
        let command = |user| Command::CancelBypass(CancelBypass { user, reason: reason.clone() });
        let (operation, fields) = (Operation::CancelBypass, vec![why.as_bytes()]);
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        self.change_user(about, command).await
    }
}
