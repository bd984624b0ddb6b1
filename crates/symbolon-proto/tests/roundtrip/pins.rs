//! PINs.

use std::sync::Arc;

use super::*;
use symbolon_core::pin::PinFault;
use symbolon_core::{
    Bypass, CancelBypass, Challenge, ChallengeAnswer, ChallengeId, ChosenPin, CreateRecoveryCodes,
    Decision, Fingerprint, GrantBypass, Prompt, Proof, RecordExport, RecoveryCodes, SetPin,
    UserPin,
};

pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    let found = (vec(shown(), 0..17), vec(shown(), 0..3), radius::first_factor());
    (user_name(), option::of(id(UserId)), id(ApplicationId), "\\PC{0,45}", found).prop_map(
        |(user_name, user, application, client_ip, (matches, wrong_pin, first_factor))| Outcome {
            user_name,
            user,
            application,
            method: Method::Otp,
            client_ip,
            matches,
            wrong_pin,
            recovery_code: None,
            challenge: ChallengeId::default(),
            answer: None,
            first_factor,
        },
    )
}

fn challenge_id() -> impl Strategy<Value = ChallengeId> {
    any::<[u8; 16]>().prop_map(ChallengeId)
}

fn fault() -> impl Strategy<Value = PinFault> {
    prop_oneof![
        Just(PinFault::Characters),
        any::<u8>().prop_map(PinFault::Short),
        Just(PinFault::Sequence),
        Just(PinFault::Repeated),
        Just(PinFault::Telephone),
        Just(PinFault::Used),
    ]
}

fn answer() -> impl Strategy<Value = ChallengeAnswer> {
    let fingerprint = any::<[u8; 16]>().prop_map(Fingerprint);
    let chosen = (fingerprint, sealed());
    let chosen = chosen.prop_map(|(fingerprint, sealed)| Ok(ChosenPin { fingerprint, sealed }));
    let pin = prop_oneof![chosen, fault().prop_map(Err)];
    (challenge_id(), pin).prop_map(|(challenge, pin)| ChallengeAnswer { challenge, pin })
}

/// What is decided, other than a denial.
pub(super) fn decision() -> impl Strategy<Value = Decision> {
    let prompt = prop_oneof![
        Just(Prompt::NewPin),
        Just(Prompt::NewPinAgain),
        Just(Prompt::PinsDiffer),
        fault().prop_map(Prompt::OtherPin),
    ];
    let asked = (challenge_id(), prompt);
    let asked = asked.prop_map(|(id, prompt)| Decision::Challenge { id, prompt });
    prop_oneof![Just(Decision::Allow), asked]
}

pub(super) fn challenge() -> impl Strategy<Value = Challenge> {
    let chosen = option::of(any::<[u8; 16]>().prop_map(Fingerprint));
    (challenge_id(), id(UserId), id(ApplicationId), chosen, any::<u8>(), time()).prop_map(
        |(id, user, application, chosen, tries, expires_at)| Challenge {
            id,
            user,
            application,
            chosen,
            tries,
            expires_at,
        },
    )
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    let code = (outcome(), option::of(1..=u8::MAX));
    prop_oneof![
        (id(UserId), option::of(sealed()), any::<bool>()).prop_map(|(user, pin, must_change)| {
            Command::SetPin(SetPin { user, pin, must_change })
        }),
        (outcome(), challenge_id(), option::of(answer())).prop_map(
            |(outcome, challenge, answer)| {
                Command::Verify(Outcome { challenge, answer, ..outcome })
            }
        ),
        (id(UserId), reason(), number()).prop_map(|(user, reason, milliseconds)| {
            Command::GrantBypass(GrantBypass { user, reason, milliseconds })
        }),
        (id(UserId), reason())
            .prop_map(|(user, reason)| Command::CancelBypass(CancelBypass { user, reason })),
        (id(UserId), sealed()).prop_map(|(user, codes)| {
            Command::CreateRecoveryCodes(CreateRecoveryCodes { user, codes })
        }),
        user_name().prop_map(|name| Command::RecordExport(RecordExport { name })),
        code.prop_map(|(outcome, recovery_code)| {
            Command::Verify(Outcome { recovery_code, ..outcome })
        }),
    ]
}

pub(super) fn proof() -> impl Strategy<Value = Proof> {
    let code = (1..=u8::MAX).prop_map(Proof::RecoveryCode);
    prop_oneof![
        Just(Proof::Code),
        Just(Proof::Bypass),
        Just(Proof::Challenge),
        Just(Proof::Exempt),
        code
    ]
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
    let pin = (sealed(), time(), any::<bool>());
    let pin = pin.prop_map(|(sealed, set_at, must_change)| UserPin { sealed, set_at, must_change });
    option::of(pin.prop_map(Arc::new))
}
