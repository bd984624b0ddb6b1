//! What is drawn while a command is built, to be shown to whoever asked for it.

use std::sync::{Mutex, PoisonError};

/// A command may be built again: the last one drawn counts.
pub(crate) struct Drawn<T>(Mutex<Option<T>>);

impl<T> Drawn<T> {
    pub(crate) const fn nothing() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn keep(&self, drawn: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(drawn);
    }

    pub(crate) fn into_inner(self) -> Option<T> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
