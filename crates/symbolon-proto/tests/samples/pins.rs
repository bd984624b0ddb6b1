//! PINs, and what came with them.

use std::sync::Arc;

use super::*;
use symbolon_core::pin::PinFault;
use symbolon_core::{Challenge, ChallengeAnswer, ChosenPin, Prompt, Proof, SetPin, UserPin};

/// Commands about PINs.
pub(crate) fn pin_commands() -> Vec<(&'static str, Command)> {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    let wrong_pin = vec![Match { token: TokenId(0xd1d2_d3d4_d5d6_d7d8), step: 60_000_002 }];
    let outcome = Outcome { matches: Vec::new(), wrong_pin, ..outcome() };
    let pin = Some(Sealed::new(vec![0x45; 9]));
    vec![
        ("verify-wrong-pin", Command::Verify(outcome)),
        ("set-pin", Command::SetPin(SetPin { user, pin, must_change: false })),
        ("clear-pin", Command::SetPin(SetPin { user, pin: None, must_change: false })),
    ]
}

/// A user with a PIN.
pub(crate) fn pin_rows() -> Vec<(&'static str, Row)> {
    let pin = UserPin { sealed: Sealed::new(vec![0x46; 9]), set_at: AT, must_change: false };
    vec![("user-pin", Row::User(User { pin: Some(Arc::new(pin)), ..user() }))]
}

/// Events about PINs.
pub(crate) fn pin_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    audit_of(vec![
        AuditRow::PinSet { user, must_change: false },
        AuditRow::PinCleared { user },
        AuditRow::Verified(verified(Some(Denial::WrongPin))),
    ])
}

const CHALLENGE: ChallengeId = ChallengeId([0x91; 16]);

/// Commands of sign-ins in which something is asked.
pub(crate) fn challenge_commands() -> Vec<(&'static str, Command)> {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    let asking = Outcome { challenge: CHALLENGE, ..outcome() };
    let answering = |pin| {
        let answer = Some(ChallengeAnswer { challenge: ChallengeId([0x92; 16]), pin });
        let nothing = Outcome { matches: Vec::new(), ..asking.clone() };
        Command::Verify(Outcome { answer, ..nothing })
    };
    let sealed = Sealed::new(vec![0x47; 9]);
    let chosen = ChosenPin { fingerprint: Fingerprint([0x93; 16]), sealed: sealed.clone() };
    let must_change = SetPin { user, pin: Some(sealed), must_change: true };
    vec![
        ("set-pin-must-change", Command::SetPin(must_change)),
        ("verify-asking", Command::Verify(asking.clone())),
        ("verify-answer", answering(Ok(chosen))),
        ("verify-answer-refused", answering(Err(PinFault::Short(6)))),
    ]
}

/// Open challenges, and a user to whom one may be put.
pub(crate) fn challenge_rows() -> Vec<(&'static str, Row)> {
    let pin = UserPin { sealed: Sealed::new(vec![0x46; 9]), set_at: AT, must_change: true };
    let asks = Challenge {
        id: CHALLENGE,
        user: UserId(0xa1a2_a3a4_a5a6_a7a8),
        application: ApplicationId(0x0102_0304_0506_0708),
        chosen: None,
        tries: 2,
        expires_at: AT.plus(300_000),
    };
    let again = Challenge { chosen: Some(Fingerprint([0x94; 16])), tries: 0, ..asks.clone() };
    vec![
        ("user-pin-must-change", Row::User(User { pin: Some(Arc::new(pin)), ..user() })),
        ("challenge", Row::Challenge(asks)),
        ("challenge-again", Row::Challenge(again)),
    ]
}

/// Events of sign-ins in which something was asked.
pub(crate) fn challenge_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    let of = |decision, proof| {
        let verdict = Verdict { decision, failures: 0 };
        AuditRow::Verified(Verified { verdict, proof, ..verified(None) })
    };
    let asked = |prompt| Decision::Challenge { id: CHALLENGE, prompt };
    audit_of(vec![
        AuditRow::PinSet { user, must_change: true },
        of(asked(Prompt::NewPin), Proof::Code),
        of(asked(Prompt::OtherPin(PinFault::Short(6))), Proof::Challenge),
        of(Decision::Allow, Proof::Challenge),
        AuditRow::PinChanged { user },
        AuditRow::Verified(verified(Some(Denial::PinExpired))),
        AuditRow::Verified(verified(Some(Denial::ChallengeExpired))),
        AuditRow::Verified(verified(Some(Denial::NewPinRefused))),
    ])
}
