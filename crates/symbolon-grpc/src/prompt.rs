//! What is asked of a user, for programs.

use symbolon_core::Prompt;
use symbolon_proto::v1;

pub(crate) const fn kind(prompt: Prompt) -> v1::Prompt {
    match prompt {
        Prompt::NewPin => v1::Prompt::NewPin,
        Prompt::NewPinAgain => v1::Prompt::NewPinAgain,
        Prompt::PinsDiffer => v1::Prompt::PinsDiffer,
        Prompt::OtherPin(_) => v1::Prompt::OtherPin,
    }
}
