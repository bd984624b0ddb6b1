//! People with tokens, and what they have shown so far.

use std::sync::{Mutex, PoisonError};

use symbolon_check::Rng;
use symbolon_testkit::{Person, step_now};

/// One of them.
pub(crate) struct Holder {
    pub(crate) person: Person,
    /// The highest step whose code was ever shown.
    shown: Mutex<u64>,
}

impl Holder {
    pub(crate) fn new(person: Person) -> Self {
        Self { person, shown: Mutex::new(0) }
    }

    /// A step whose code was never shown, if there is one by now. Few codes are those of a step near by, and
    /// nobody could tell which was shown.
    pub(crate) fn fresh(&self) -> Option<u64> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let next = step_now();
        if next <= *shown {
            return None;
        }
        *shown = next;
        self.is_plain(next).then_some(next)
    }

    fn is_plain(&self, step: u64) -> bool {
        let code = self.person.otp.code_of(step);
        (step - 4..step + 4).all(|near| near == step || self.person.otp.code_of(near) != code)
    }

    /// The last step that was shown; 0: none.
    pub(crate) fn last(&self) -> u64 {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A code that is right at no time that counts, however wrong a clock is.
    pub(crate) fn wrong(&self, rng: &mut Rng) -> String {
        let now = step_now();
        let right: Vec<_> =
            (now - 30..now + 30).map(|step| self.person.otp.code_of(step)).collect();
        loop {
            let code = format!("{:06}", rng.range(0, 1_000_000));
            if !right.contains(&code) {
                return code;
            }
        }
    }
}
