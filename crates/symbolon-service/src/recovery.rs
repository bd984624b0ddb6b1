//! Giving users recovery codes.

use std::fmt;

use symbolon_core::pin::SALT_BYTES;
use symbolon_core::recovery::{RECOVERY_CODES, RecoveryCode, RecoverySet};
use symbolon_core::{Command, CreateRecoveryCodes, LogIndex, Operation, RequestId, State, User};
use tokio::time::Instant;

use crate::drawn::Drawn;
use crate::ports::{FieldRef, Vault, VaultError, View};
use crate::principal::Principal;
use crate::users::AboutUser;
use crate::{Service, ServiceError};

/// Of so many random bytes enough pick a character, but for once in a lifetime.
const RANDOM_BYTES: usize = 64;

/// A set that was made.
pub struct NewRecoveryCodes {
    /// The user as it is now.
    pub user: User,
    /// The codes.
    pub codes: [RecoveryCode; RECOVERY_CODES],
    /// Where in the log.
    pub index: LogIndex,
}

impl fmt::Debug for NewRecoveryCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRecoveryCodes").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// Field of a user's recovery codes.
pub(crate) const fn recovery_field(user: u64) -> FieldRef {
    FieldRef { row: "user", id: user, field: "recovery_codes" }
}

/// The recovery codes of a user.
pub(crate) fn open_codes(
    user: &User,
    vault: &dyn Vault,
) -> Result<Option<RecoverySet>, VaultError> {
    let Some(codes) = &user.recovery_codes else { return Ok(None) };
    let secret = vault.open(recovery_field(user.id.0), &codes.sealed)?;
    RecoverySet::from_secret(secret).map(Some).map_err(|_| VaultError)
}

impl Service {
    /// Lets recovery codes be used again that were made before a seize.
    ///
    /// # Errors
    /// [`ServiceError::NoCodesHeld`].
    pub async fn release_recovery_codes(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let build = |view: &View| {
            let floor = view.state.cluster().and_then(|cluster| cluster.floor);
            if floor.is_some_and(|floor| floor.recovery_codes_held) {
                Ok(Command::ReleaseRecoveryCodes)
            } else {
                Err(ServiceError::NoCodesHeld)
            }
        };
        self.order((principal, Operation::ReleaseRecoveryCodes), request_id, deadline, build).await
    }

    /// Gives a user ten recovery codes in place of those before.
    ///
    /// # Errors
    /// [`ServiceError::SecretGone`] when the same request made a set before.
    pub async fn create_recovery_codes(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        deadline: Instant,
    ) -> Result<NewRecoveryCodes, ServiceError> {
        let (operation, fields) = (Operation::CreateRecoveryCodes, Vec::new());
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        let drawn = Drawn::nothing();
        let build = |state: &State, user: &User| {
            let codes = self.draw_codes()?;
            let mut salt = [0; SALT_BYTES];
            self.entropy.fill(&mut salt);
            let set = RecoverySet::new(&codes, salt);
            drawn.keep(codes);
            let (key, field) = (state.active_data_key(), recovery_field(user.id.0));
            let sealed = self.vault.seal(key, field, set.as_secret());
            let codes = sealed.map_err(|_| ServiceError::Internal)?;
            Ok(Command::CreateRecoveryCodes(CreateRecoveryCodes { user: user.id, codes }))
        };
        let (user, index) = self.changed_user(self.about_user(about, build).await?)?;
        // An earlier request of this id may have drawn others, which nobody can be shown again.
        let set = open_codes(&user, &*self.vault).map_err(|_| ServiceError::Internal)?;
        let is_kept = |codes: &[RecoveryCode; RECOVERY_CODES]| {
            let [first, ..] = codes;
            set.is_some_and(|set| set.number(first).is_some())
        };
        let codes = drawn.into_inner().filter(is_kept).ok_or(ServiceError::SecretGone)?;
        Ok(NewRecoveryCodes { user, codes, index })
    }

    fn draw_codes(&self) -> Result<[RecoveryCode; RECOVERY_CODES], ServiceError> {
        let code = |_| RecoveryCode::from_random(self.draw_secret(RANDOM_BYTES).expose());
        let codes: Option<Vec<_>> = (0..RECOVERY_CODES).map(code).collect();
        codes.and_then(|codes| codes.try_into().ok()).ok_or(ServiceError::Internal)
    }
}
