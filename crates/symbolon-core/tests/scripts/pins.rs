//! PINs. What is sealed is told apart by its text; whether a PIN is right, the script says.

use super::*;

/// `pin USER PIN`, `pin USER none`.
pub(super) fn command(user: &str, words: &mut Words) -> Result<Command, String> {
    let user = UserId(number("user", user));
    let pin = words.next("a PIN")?;
    let pin = (pin != "none").then(|| sealed(&format!("sealed {pin}"), words)).transpose()?;
    Ok(Command::SetPin(SetPin { user, pin }))
}

/// `pin wrong`: the serving node finds that the PIN is wrong, whatever the code.
pub(super) fn judged(outcome: Outcome, words: &mut Words) -> Result<Outcome, String> {
    match words.option("pin")?.as_deref() {
        None | Some("right") => Ok(outcome),
        Some("wrong") => Ok(Outcome { wrong_pin: outcome.matches, matches: Vec::new(), ..outcome }),
        Some(odd) => Err(format!("pin {odd}?")),
    }
}
