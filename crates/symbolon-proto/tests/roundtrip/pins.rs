//! PINs.

use std::sync::Arc;

use super::*;
use symbolon_core::{SetPin, UserPin};

pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    let found = (vec(shown(), 0..17), vec(shown(), 0..3));
    (user_name(), option::of(id(UserId)), id(ApplicationId), "\\PC{0,45}", found).prop_map(
        |(user_name, user, application, client_ip, (matches, wrong_pin))| Outcome {
            user_name,
            user,
            application,
            method: Method::Otp,
            client_ip,
            matches,
            wrong_pin,
        },
    )
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    (id(UserId), option::of(sealed())).prop_map(|(user, pin)| Command::SetPin(SetPin { user, pin }))
}

pub(super) fn pin() -> impl Strategy<Value = Option<Arc<UserPin>>> {
    let pin = (sealed(), time()).prop_map(|(sealed, set_at)| UserPin { sealed, set_at });
    option::of(pin.prop_map(Arc::new))
}
