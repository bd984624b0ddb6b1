//! PINs, bypasses and recovery codes. What is sealed is told apart by its text; whether a PIN is right,
//! and which recovery code was typed, the script says.

use super::*;
use symbolon_core::pin::PinFault;
use symbolon_core::{ChallengeAnswer, ChosenPin};

/// `pin USER PIN`, `pin USER PIN must-change next`, `pin USER none`.
pub(super) fn command(user: &str, words: &mut Words) -> Result<Command, String> {
    let user = UserId(number("user", user));
    let pin = words.next("a PIN")?;
    let pin = (pin != "none").then(|| sealed(&format!("sealed {pin}"), words)).transpose()?;
    let must_change = words.option("must-change")?.is_some();
    Ok(Command::SetPin(SetPin { user, pin, must_change }))
}

/// `bypass USER for TIME`, `no-bypass USER`, `recovery USER SET`.
pub(super) fn help(verb: &str, user: &str, words: &mut Words) -> Result<Command, String> {
    let user = UserId(number("user", user));
    let reason = || Reason::new("because").map_err(|error| error.to_string());
    Ok(match verb {
        "bypass" => {
            let milliseconds = time(&words.option("for")?.ok_or("for how long?")?)?.0;
            Command::GrantBypass(GrantBypass { user, reason: reason()?, milliseconds })
        }
        "no-bypass" => Command::CancelBypass(CancelBypass { user, reason: reason()? }),
        _ => {
            let set = words.next("a set")?;
            let codes = sealed(&format!("sealed {set}"), words)?;
            Command::CreateRecoveryCodes(CreateRecoveryCodes { user, codes })
        }
    })
}

/// `asks NUMBER`: the challenge that comes of it, if one does; `answer NUMBER with PIN`, `answer NUMBER refused
/// FAULT`: what was typed is the answer to one.
pub(super) fn answered(outcome: Outcome, words: &mut Words) -> Result<Outcome, String> {
    let id = |number: String| {
        let number = number.parse().map_err(|_| format!("challenge {number}?"))?;
        Ok::<_, String>(ChallengeId([number; 16]))
    };
    let challenge = words.option("asks")?.map(id).transpose()?.unwrap_or_default();
    let Some(answered) = words.option("answer")? else {
        return Ok(Outcome { challenge, ..outcome });
    };
    let pin = match (words.option("with")?, words.option("refused")?.as_deref()) {
        (Some(pin), None) => {
            let mut bytes = [0; 16];
            bytes[..pin.len()].copy_from_slice(pin.as_bytes());
            Ok(ChosenPin {
                fingerprint: Fingerprint(bytes),
                sealed: sealed(&format!("sealed {pin}"), words)?,
            })
        }
        (None, Some("Used")) => Err(PinFault::Used),
        (None, Some("Short")) => Err(PinFault::Short(6)),
        _ => return Err("with PIN, or refused FAULT".to_owned()),
    };
    let answer = Some(ChallengeAnswer { challenge: id(answered)?, pin });
    Ok(Outcome { challenge, answer, ..outcome })
}

/// `pin wrong`: the serving node finds that the PIN is wrong, whatever the code; `recovery NUMBER`: that a
/// recovery code was typed.
pub(super) fn judged(mut outcome: Outcome, words: &mut Words) -> Result<Outcome, String> {
    if let Some(number) = words.option("recovery")? {
        outcome.recovery_code = Some(number.parse().map_err(|_| "recovery NUMBER")?);
    }
    match words.option("pin")?.as_deref() {
        None | Some("right") => Ok(outcome),
        Some("wrong") => Ok(Outcome { wrong_pin: outcome.matches, matches: Vec::new(), ..outcome }),
        // No node that is in order finds both; one that is not moves no mark back.
        Some("both") => Ok(Outcome { wrong_pin: outcome.matches.clone(), ..outcome }),
        Some(odd) => Err(format!("pin {odd}?")),
    }
}

/// The PIN of a user, or with `field recovery` their recovery codes.
pub(super) fn sealed_of(user: Option<&User>, words: &mut Words) -> Result<Option<Sealed>, String> {
    let (pin, codes) = user.map_or((None, None), |user| {
        let pin = user.pin.as_ref().map(|pin| pin.sealed.clone());
        (pin, user.recovery_codes.as_ref().map(|codes| codes.sealed.clone()))
    });
    Ok(match words.option("field")?.as_deref() {
        Some("recovery") => codes,
        _ => pin,
    })
}
