//! What is asked of a user, in words.

use symbolon_core::Prompt;
use symbolon_core::limits::PIN_DIGITS_MAX;
use symbolon_core::pin::{PinFault, PinRules};

/// What is asked of a user, in English: for the person who signs in, who may know nothing of settings.
#[must_use]
pub fn prompt_text(prompt: Prompt, rules: PinRules) -> String {
    let least = rules.min_length;
    let wanted = format!("Enter a new PIN of {least} to {PIN_DIGITS_MAX} digits.");
    match prompt {
        Prompt::NewPin => format!("Your PIN must be changed. {wanted}"),
        Prompt::NewPinAgain => "Enter the new PIN again.".to_owned(),
        Prompt::PinsDiffer => format!("The two PINs were not the same. {wanted}"),
        Prompt::OtherPin(fault) => format!("{} {wanted}", why(fault)),
    }
}

fn why(fault: PinFault) -> String {
    match fault {
        PinFault::Characters => "A PIN has digits and nothing else.".to_owned(),
        PinFault::Short(least) => format!("That PIN has fewer than {least} digits."),
        PinFault::Sequence => {
            "That PIN is easy to guess: digits in a row count up or down.".to_owned()
        }
        PinFault::Repeated => "That PIN is easy to guess: digits in a row are the same.".to_owned(),
        PinFault::Telephone => {
            "That PIN is easy to guess: it has digits of your telephone number.".to_owned()
        }
        PinFault::Used => "You have, or had, that PIN.".to_owned(),
    }
}
