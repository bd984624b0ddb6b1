//! PINs: what one is, which are refused, and how they are kept.
//!
//! A PIN is kept as a salted fast hash in a sealed field: see `docs/adr/0004-pins-as-sealed-fields.md`.

mod record;
pub(crate) mod settings;
mod typed;

pub(crate) use record::{HASH_BYTES, hash};
pub use record::{PinRecord, PinRecordFault, SALT_BYTES};
pub use settings::{PinOrder, PinRules};
pub use typed::Typed;

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use crate::limits::{PIN_DIGITS_MAX, PIN_DIGITS_MIN};
use crate::{Phone, Secret};

/// Digits in a row that make a PIN weak when they count up or down, or are the same.
const RUN_DIGITS: usize = 3;
/// Digits in a row that make a PIN weak when they stand in a telephone number.
const PHONE_RUN_DIGITS: usize = 4;

/// A PIN: 4 to 16 digits. Wiped when it is dropped, and silent in `Debug`.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// Why a PIN is refused: the rule that it breaks. Never repeats the PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PinFault {
    /// No PIN at all.
    #[error("a PIN is {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits and nothing else")]
    Characters,
    /// Fewer digits than are asked for.
    #[error("it has fewer than {0} digits (pin.min_length)")]
    Short(u8),
    /// Digits that count up or down.
    #[error(
        "{RUN_DIGITS} of its digits in a row count up or down, like 123 or 321 (pin.prevent_weak)"
    )]
    Sequence,
    /// Digits that are the same.
    #[error("{RUN_DIGITS} of its digits in a row are the same (pin.prevent_weak)")]
    Repeated,
    /// Digits of a telephone number.
    #[error(
        "{PHONE_RUN_DIGITS} of its digits in a row stand in a telephone number of the user \
         (pin.prevent_weak)"
    )]
    Telephone,
    /// One that was in use.
    #[error("the user has it, or had it not long ago (pin.history)")]
    Used,
}

impl Pin {
    /// Takes a PIN as it was typed.
    ///
    /// # Errors
    /// [`PinFault::Characters`] unless it is 4 to 16 digits and nothing else.
    pub fn new(text: &str) -> Result<Self, PinFault> {
        let is_pin = (PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_pin { Ok(Self(Zeroizing::new(text.into()))) } else { Err(PinFault::Characters) }
    }

    /// Takes a PIN from bytes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn from_secret(secret: &Secret) -> Result<Self, PinFault> {
        let text = core::str::from_utf8(secret.expose()).map_err(|_| PinFault::Characters)?;
        Self::new(text)
    }

    /// The digits, for arithmetic only: never for a log, an error or a reply.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a user may have this PIN next, by all rules. `record`: the PINs that they have and had.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(
        &self,
        rules: PinRules,
        phones: &[Phone],
        record: Option<&PinRecord>,
    ) -> Result<(), PinFault> {
        let digits = self.0.as_bytes();
        if digits.len() < rules.min_length {
            let least = u8::try_from(rules.min_length).unwrap_or(u8::MAX);
            return Err(PinFault::Short(least));
        }
        if rules.prevent_weak {
            let mut runs = digits.windows(RUN_DIGITS);
            if runs.clone().any(counts) {
                return Err(PinFault::Sequence);
            }
            if runs.any(|run| run.windows(2).all(|pair| pair.first() == pair.last())) {
                return Err(PinFault::Repeated);
            }
            let is_phones = |run: &[u8]| {
                let mut numbers = phones.iter().map(|phone| phone.number().as_bytes());
                numbers.any(|number| number.windows(PHONE_RUN_DIGITS).any(|part| part == run))
            };
            if digits.windows(PHONE_RUN_DIGITS).any(is_phones) {
                return Err(PinFault::Telephone);
            }
        }
        if record.is_some_and(|record| record.knows(self, rules.history)) {
            return Err(PinFault::Used);
        }
        Ok(())
    }
}

/// Each digit is one more than the one before it, or each one less.
fn counts(run: &[u8]) -> bool {
    let by = |step: i16| {
        run.windows(2).all(|pair| match pair {
            [a, b] => i16::from(*b) - i16::from(*a) == step,
            _ => false,
        })
    };
    by(1) || by(-1)
}
