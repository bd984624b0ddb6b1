//! Giving users PINs, and taking them.

use std::fmt;

use symbolon_core::pin::{Pin, PinFault, PinRecord, PinRules, SALT_BYTES};
use symbolon_core::{
    Command, LogIndex, Operation, Phone, RequestId, Sealed, Secret, SetPin, State, User,
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::drawn::Drawn;
use crate::evaluate::open_pin;
use crate::ports::{FieldRef, VaultError};
use crate::principal::Principal;
use crate::service::NOBODY;
use crate::users::AboutUser;
use crate::{Service, ServiceError};

/// Digits of a PIN that is drawn, unless the settings ask for more.
const DRAWN_DIGITS: usize = 6;
/// How often one is drawn until it breaks no rule. Of the longest ones two in three do not.
const DRAWS_MAX: usize = 1_000;
/// Bytes below this are digits ten at a time, each as often as the others.
const FAIR_BYTES: u8 = 250;

/// What becomes of a user's PIN.
#[derive(Clone, Debug)]
pub enum NewPin {
    /// Somebody has chosen it.
    Chosen(Secret),
    /// It is drawn here.
    Drawn,
    /// There is none any more.
    None,
}

/// What came of it.
pub struct PinDone {
    /// The user as it is now.
    pub user: User,
    /// The PIN, if it was drawn here.
    pub drawn: Option<Pin>,
    /// Where in the log.
    pub index: LogIndex,
}

impl fmt::Debug for PinDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinDone").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// Field of a user's PIN.
pub(crate) const fn pin_field(user: u64) -> FieldRef {
    FieldRef { row: "user", id: user, field: "pin" }
}

impl Service {
    /// Gives a user a PIN, which they must change or not, or takes it away.
    ///
    /// # Errors
    /// [`ServiceError::InvalidArgument`] with the rule that the PIN breaks;
    /// [`ServiceError::SecretGone`] when the same request drew a PIN before.
    pub async fn set_pin(
        &self,
        principal: &Principal,
        request_id: Option<RequestId>,
        username: &str,
        (new, must_change): (&NewPin, bool),
        deadline: Instant,
    ) -> Result<PinDone, ServiceError> {
        let (what, given) = match new {
            NewPin::Chosen(pin) => (&b"chosen"[..], pin.expose()),
            NewPin::Drawn => (&b"drawn"[..], &[][..]),
            NewPin::None => (&b"none"[..], &[][..]),
        };
        let must: &[u8] = if must_change { b"must change" } else { b"" };
        let (operation, fields) = (Operation::SetPin, vec![what, given, must]);
        let about = AboutUser { principal, request_id, operation, username, fields, deadline };
        let drawn = Drawn::nothing();
        let build = |state: &State, user: &User| {
            let pin = match new {
                NewPin::Chosen(pin) => Some(Pin::from_secret(pin).map_err(fault)?),
                NewPin::Drawn => Some(self.draw_pin(state, user)?),
                NewPin::None => None,
            };
            let sealed = pin.as_ref().map(|pin| self.next_record(state, user, pin)).transpose()?;
            if let (NewPin::Drawn, Some(pin)) = (new, pin) {
                drawn.keep(pin);
            }
            Ok(Command::SetPin(SetPin { user: user.id, pin: sealed, must_change }))
        };
        let (user, index) = self.changed_user(self.about_user(about, build).await?)?;
        let mut drawn = drawn.into_inner();
        if let NewPin::Drawn = new {
            // An earlier request of this id may have drawn another, which nobody can be shown again.
            let record = open_pin(&user, &*self.vault).map_err(|_| ServiceError::Internal)?;
            drawn = drawn.filter(|pin| record.is_some_and(|record| record.knows(pin, 0)));
            if drawn.is_none() {
                return Err(ServiceError::SecretGone);
            }
        }
        Ok(PinDone { user, drawn, index })
    }

    /// The record of a user with a new PIN that breaks no rule, sealed.
    fn next_record(&self, state: &State, user: &User, pin: &Pin) -> Result<Sealed, ServiceError> {
        // A view from before a change of the data key: `administer` catches up.
        let sealed = self.judge_pin(state, Some(user), pin).map_err(|_| ServiceError::Internal)?;
        sealed.map_err(fault)
    }

    /// The record of a user with a new PIN, sealed, or the rule that the PIN breaks. For nobody, and
    /// for somebody without a PIN, it takes as long.
    pub(crate) fn judge_pin(
        &self,
        state: &State,
        user: Option<&User>,
        pin: &Pin,
    ) -> Result<Result<Sealed, PinFault>, VaultError> {
        let rules = state.settings().pin_rules();
        let before = user.map(|user| open_pin(user, &*self.vault)).transpose()?.flatten();
        let compared = match &before {
            Some(before) => before.clone(),
            None => {
                self.vault.open(NOBODY, &self.nobody(state.active_data_key()))?;
                PinRecord::nobody()
            }
        };
        let profile = user.map(User::profile);
        let phones = profile.map_or(&[][..], |profile| profile.phones());
        if let Err(fault) = pin.check(rules, phones, Some(&compared)) {
            return Ok(Err(fault));
        }
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt);
        let record = PinRecord::new(pin, salt, before.as_ref(), rules.history);
        let field = pin_field(user.map_or(0, |user| user.id.0));
        self.vault.seal(state.active_data_key(), field, record.as_secret()).map(Ok)
    }

    fn draw_pin(&self, state: &State, user: &User) -> Result<Pin, ServiceError> {
        let rules = state.settings().pin_rules();
        let before = open_pin(user, &*self.vault).map_err(|_| ServiceError::Internal)?;
        let phones = user.profile().phones();
        for _ in 0..DRAWS_MAX {
            let pin = self.draw_digits(rules.min_length.max(DRAWN_DIGITS))?;
            if fits(&pin, rules, phones, before.as_ref()) {
                return Ok(pin);
            }
        }
        Err(ServiceError::Internal)
    }

    fn draw_digits(&self, length: usize) -> Result<Pin, ServiceError> {
        let mut text = Zeroizing::new(String::with_capacity(length));
        let mut byte = Zeroizing::new([0]);
        while text.len() < length {
            self.entropy.fill(&mut *byte);
            let [drawn] = *byte;
            if drawn < FAIR_BYTES {
                text.push(char::from(b'0' + drawn % 10));
            }
        }
        Pin::new(&text).map_err(fault)
    }
}

fn fits(pin: &Pin, rules: PinRules, phones: &[Phone], before: Option<&PinRecord>) -> bool {
    pin.check(rules, phones, before).is_ok()
}

fn fault(fault: PinFault) -> ServiceError {
    ServiceError::invalid("pin", fault.to_string())
}
