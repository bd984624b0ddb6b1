//! PINs, and what came with them.

use std::sync::Arc;

use super::*;
use symbolon_core::{SetPin, UserPin};

/// Commands about PINs.
pub(crate) fn pin_commands() -> Vec<(&'static str, Command)> {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    let wrong_pin = vec![Match { token: TokenId(0xd1d2_d3d4_d5d6_d7d8), step: 60_000_002 }];
    let outcome = Outcome { matches: Vec::new(), wrong_pin, ..outcome() };
    let pin = Some(Sealed::new(vec![0x45; 9]));
    vec![
        ("verify-wrong-pin", Command::Verify(outcome)),
        ("set-pin", Command::SetPin(SetPin { user, pin })),
        ("clear-pin", Command::SetPin(SetPin { user, pin: None })),
    ]
}

/// A user with a PIN.
pub(crate) fn pin_rows() -> Vec<(&'static str, Row)> {
    let pin = UserPin { sealed: Sealed::new(vec![0x46; 9]), set_at: AT };
    vec![("user-pin", Row::User(User { pin: Some(Arc::new(pin)), ..user() }))]
}

/// Events about PINs.
pub(crate) fn pin_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    audit_of(vec![
        AuditRow::PinSet { user },
        AuditRow::PinCleared { user },
        AuditRow::Verified(verified(Some(Denial::WrongPin))),
    ])
}
