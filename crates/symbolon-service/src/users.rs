//! What administrators say about accounts.

use symbolon_core::limits::{BLOCK_MILLISECONDS_DEFAULT, BLOCK_MILLISECONDS_MAX};
use symbolon_core::{
    BlockUser, Command, DeleteUser, DisplayName, LogIndex, Reason, Reply, RequestId, UnblockUser,
    UpdateUser, User, UserId,
};
use tokio::time::Instant;

use crate::names;
use crate::ports::View;
use crate::service::Principal;
use crate::{Service, ServiceError};

/// What is to be another than it is; `None` leaves it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserChanges {
    /// For people to read; may be empty.
    pub display_name: Option<String>,
    /// Whether codes are evaluated at all.
    pub enabled: Option<bool>,
    /// Refused unless it is that of the user as it is; empty: whatever it is.
    pub etag: String,
}

/// Tells one state of a user, as administrators left it, from another.
#[must_use]
pub fn etag(user: &User) -> String {
    user.revision.to_string()
}

impl Service {
    /// Changes a user.
    ///
    /// # Errors
    /// [`ServiceError::EtagChanged`] when the user is not as it was.
    pub async fn update_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        changes: UserChanges,
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        let UserChanges { display_name, enabled, etag } = changes;
        let display_name = display_name.map(DisplayName::new).transpose();
        let display_name = display_name.map_err(|error| names::bad_name("display_name", error))?;
        let revision = revision(&etag)?;
        let disabled = enabled.map(|enabled| !enabled);
        let shape = format!("{display_name:?} {disabled:?} {revision:?}");
        let command = |user| {
            let display_name = display_name.clone();
            Command::UpdateUser(UpdateUser { user, display_name, disabled, revision })
        };
        let fields = [username, &shape];
        self.change_user(principal, request_id, "update_user", &fields, deadline, command).await
    }

    /// Takes no code of a user's for a while. `seconds` 0 means 90 days.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] without a reason, or for more than ten years.
    pub async fn block_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        why: &str,
        seconds: u32,
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        let reason = reason(why)?;
        let milliseconds = match u64::from(seconds) * 1000 {
            0 => BLOCK_MILLISECONDS_DEFAULT,
            time if time <= BLOCK_MILLISECONDS_MAX => time,
            _ => {
                let problem = "it is not within 1 to 315360000 (ten years)";
                return Err(ServiceError::invalid("seconds", problem));
            }
        };
        let command = |user| {
            let reason = reason.clone();
            Command::BlockUser(BlockUser { user, reason, milliseconds })
        };
        let fields = [username, why, &milliseconds.to_string()];
        self.change_user(principal, request_id, "block_user", &fields, deadline, command).await
    }

    /// Lifts a block, and a lock after too many failures.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] without a reason.
    pub async fn unblock_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        why: &str,
        deadline: Instant,
    ) -> Result<(User, LogIndex), ServiceError> {
        let reason = reason(why)?;
        let command = |user| Command::UnblockUser(UnblockUser { user, reason: reason.clone() });
        let fields = [username, why];
        self.change_user(principal, request_id, "unblock_user", &fields, deadline, command).await
    }

    /// Removes a user with all tokens.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is no such user.
    pub async fn delete_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        etag: &str,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let revision = revision(etag)?;
        let command = |user| Command::DeleteUser(DeleteUser { user, revision });
        let fields = [username, etag];
        let kind = "delete_user";
        let done = self.about_user(principal, request_id, kind, &fields, deadline, command).await;
        done.map(|(_, index)| index)
    }

    async fn change_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        kind: &str,
        fields: &[&str],
        deadline: Instant,
        command: impl Fn(UserId) -> Command,
    ) -> Result<(User, LogIndex), ServiceError> {
        let done = self.about_user(principal, request_id, kind, fields, deadline, command).await;
        let (id, index) = done?;
        let user = self.ledger.view().state.user(id).cloned();
        Ok((user.ok_or(ServiceError::NotFound { kind: "user" })?, index))
    }

    /// The first field is the user's name.
    async fn about_user(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        kind: &str,
        fields: &[&str],
        deadline: Instant,
        command: impl Fn(UserId) -> Command,
    ) -> Result<(UserId, LogIndex), ServiceError> {
        let _place = self.admission.administration()?;
        let bytes: Vec<_> = fields.iter().map(|field| field.as_bytes()).collect();
        let request = self.request(principal, request_id, kind, &bytes)?;
        let name = names::user_name(fields.first().copied().unwrap_or_default())?;
        self.know_user(&name, deadline).await?;
        let build = |view: &View| {
            let user = view.state.user_by_name(&name);
            Ok(command(user.ok_or(ServiceError::NotFound { kind: "user" })?.id))
        };
        match self.administer(&request, deadline, build).await? {
            (Reply::UserChanged(id), index) => Ok((id, index)),
            _ => Err(ServiceError::Internal),
        }
    }
}

fn reason(text: &str) -> Result<Reason, ServiceError> {
    Reason::new(text).map_err(|error| names::bad_name("reason", error))
}

fn revision(etag: &str) -> Result<Option<LogIndex>, ServiceError> {
    if etag.is_empty() {
        return Ok(None);
    }
    let parsed = etag.parse().map(LogIndex);
    parsed.map(Some).map_err(|_| ServiceError::invalid("etag", "it is not from an answer"))
}
