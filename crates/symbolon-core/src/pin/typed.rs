//! What somebody typed into the field of the code.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use super::PinOrder;
use crate::limits::{CODE_DIGITS_MAX, PIN_DIGITS_MAX};
use crate::otp::Code;

const DIGITS_MAX: usize = PIN_DIGITS_MAX + CODE_DIGITS_MAX as usize;

/// A code, or a PIN and a code in one string. Wiped when it is dropped, and silent in `Debug`.
#[derive(Clone)]
pub struct Typed(Zeroizing<String>);

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(..)")
    }
}

impl Typed {
    /// Takes what was typed. Spaces, which people type, do not count; anything else but digits, or more
    /// of them than a PIN and a code have, is as good as nothing.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // In one piece: a string that grows leaves copies behind.
        let mut digits = Zeroizing::new(String::with_capacity(DIGITS_MAX));
        for c in text.chars().filter(|c| *c != ' ') {
            if !c.is_ascii_digit() || digits.len() == DIGITS_MAX {
                digits.clear();
                break;
            }
            digits.push(c);
        }
        Self(digits)
    }

    /// The whole of it as a code; one that never matches if it is none.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::parse(&self.0).unwrap_or(Code::NEVER)
    }

    /// The code of a token of so many digits, and the PIN: what is left of it, which may be nothing.
    #[must_use]
    pub fn split(&self, digits: u8, order: PinOrder) -> (Code, &[u8]) {
        let digits = usize::from(digits);
        let parts = match order {
            PinOrder::Before => {
                let at = self.0.len().checked_sub(digits);
                at.and_then(|at| self.0.split_at_checked(at)).map(|(pin, code)| (code, pin))
            }
            PinOrder::After => self.0.split_at_checked(digits),
        };
        let (code, pin) = parts.unwrap_or_default();
        (Code::parse(code).unwrap_or(Code::NEVER), pin.as_bytes())
    }
}
