//! PINs.

use std::sync::Arc;

use super::*;
use symbolon_core::{
    Bypass, CancelBypass, CreateRecoveryCodes, GrantBypass, Proof, RecoveryCodes, SetPin, UserPin,
};

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
            recovery_code: None,
        },
    )
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    let code = (outcome(), option::of(1..=u8::MAX));
    prop_oneof![
        (id(UserId), option::of(sealed()))
            .prop_map(|(user, pin)| Command::SetPin(SetPin { user, pin })),
        (id(UserId), reason(), number()).prop_map(|(user, reason, milliseconds)| {
            Command::GrantBypass(GrantBypass { user, reason, milliseconds })
        }),
        (id(UserId), reason())
            .prop_map(|(user, reason)| Command::CancelBypass(CancelBypass { user, reason })),
        (id(UserId), sealed()).prop_map(|(user, codes)| {
            Command::CreateRecoveryCodes(CreateRecoveryCodes { user, codes })
        }),
        code.prop_map(|(outcome, recovery_code)| {
            Command::Verify(Outcome { recovery_code, ..outcome })
        }),
    ]
}

pub(super) fn proof() -> impl Strategy<Value = Proof> {
    let code = (1..=u8::MAX).prop_map(Proof::RecoveryCode);
    prop_oneof![Just(Proof::Code), Just(Proof::Bypass), Just(Proof::Exempt), code]
}

/// A user with all that lets one in without a token.
pub(super) fn helped(user: User) -> impl Strategy<Value = User> {
    let bypass = (reason(), time(), time());
    let bypass = bypass.prop_map(|(reason, since, until)| Bypass { reason, since, until });
    let codes = (sealed(), any::<u16>(), time());
    let codes =
        codes.prop_map(|(sealed, used, created_at)| RecoveryCodes { sealed, used, created_at });
    (option::of(bypass.prop_map(Arc::new)), option::of(codes.prop_map(Arc::new)))
        .prop_map(move |(bypass, recovery_codes)| User { bypass, recovery_codes, ..user.clone() })
}

pub(super) fn pin() -> impl Strategy<Value = Option<Arc<UserPin>>> {
    let pin = (sealed(), time()).prop_map(|(sealed, set_at)| UserPin { sealed, set_at });
    option::of(pin.prop_map(Arc::new))
}
