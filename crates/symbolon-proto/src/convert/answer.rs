//! Answers between nodes, and denials as clients number them.

use symbolon_core::{
    AdministratorId, Answer, ApplicationId, Denial, JoinTokenId, LogIndex, NodeId, Refusal, Reply,
    TokenId, UserId, Verdict,
};

use super::challenge::{decision_from_proto, decision_to_proto};
use super::{DecodeError, data_key, need};
use crate::peer::v1 as peer;
use crate::v1;

/// The reason for a denial as `symbolon.v1` numbers it.
#[must_use]
pub const fn reason_detail(denial: Denial) -> v1::ReasonDetail {
    match denial {
        Denial::CodeMismatch => v1::ReasonDetail::CodeMismatch,
        Denial::CodeAlreadyUsed => v1::ReasonDetail::CodeReplayed,
        Denial::UnknownUser => v1::ReasonDetail::UnknownUser,
        Denial::NoToken => v1::ReasonDetail::NoToken,
        Denial::Locked => v1::ReasonDetail::Locked,
        Denial::Disabled => v1::ReasonDetail::Disabled,
        Denial::Blocked => v1::ReasonDetail::Blocked,
        Denial::Waiting => v1::ReasonDetail::Waiting,
        Denial::ShareSpent => v1::ReasonDetail::ShareSpent,
        Denial::PinExpired => v1::ReasonDetail::PinExpired,
        Denial::ChallengeExpired => v1::ReasonDetail::ChallengeOver,
        Denial::NewPinRefused => v1::ReasonDetail::NewPinRefused,
        Denial::WrongPin => v1::ReasonDetail::WrongPin,
        Denial::AmbiguousName => v1::ReasonDetail::AmbiguousName,
        Denial::SecondCodeNeeded => v1::ReasonDetail::SecondCodeNeeded,
        Denial::RecoveryCodesHeld => v1::ReasonDetail::RecoveryCodesHeld,
        Denial::AllowanceSpent => v1::ReasonDetail::AllowanceSpent,
        Denial::FirstFactorDenied => v1::ReasonDetail::FirstFactorDenied,
        Denial::FirstFactorUnreachable => v1::ReasonDetail::FirstFactorUnreachable,
    }
}

pub(crate) fn denial_number(denial: Option<Denial>) -> u32 {
    denial.map_or(0, Denial::number)
}

pub(crate) fn denial_from_number(number: u32) -> Result<Option<Denial>, DecodeError> {
    use v1::ReasonDetail as Detail;
    let detail = i32::try_from(number).ok().and_then(|number| Detail::try_from(number).ok());
    Ok(match need(detail, "denial")? {
        Detail::Unspecified => None,
        Detail::CodeMismatch => Some(Denial::CodeMismatch),
        Detail::CodeReplayed => Some(Denial::CodeAlreadyUsed),
        Detail::UnknownUser => Some(Denial::UnknownUser),
        Detail::NoToken => Some(Denial::NoToken),
        Detail::Locked => Some(Denial::Locked),
        Detail::Disabled => Some(Denial::Disabled),
        Detail::Blocked => Some(Denial::Blocked),
        Detail::Waiting => Some(Denial::Waiting),
        Detail::ShareSpent => Some(Denial::ShareSpent),
        Detail::WrongPin => Some(Denial::WrongPin),
        Detail::PinExpired => Some(Denial::PinExpired),
        Detail::ChallengeOver => Some(Denial::ChallengeExpired),
        Detail::NewPinRefused => Some(Denial::NewPinRefused),
        Detail::AmbiguousName => Some(Denial::AmbiguousName),
        Detail::SecondCodeNeeded => Some(Denial::SecondCodeNeeded),
        Detail::RecoveryCodesHeld => Some(Denial::RecoveryCodesHeld),
        Detail::AllowanceSpent => Some(Denial::AllowanceSpent),
        Detail::FirstFactorDenied => Some(Denial::FirstFactorDenied),
        Detail::FirstFactorUnreachable => Some(Denial::FirstFactorUnreachable),
    })
}

const REFUSALS: [Refusal; 26] = [
    Refusal::Stale,
    Refusal::Late,
    Refusal::FingerprintMismatch,
    Refusal::IdTaken,
    Refusal::NameTaken,
    Refusal::NoSuchUser,
    Refusal::LimitReached,
    Refusal::JoinTokenUnknown,
    Refusal::JoinTokenUsed,
    Refusal::JoinTokenExpired,
    Refusal::NotPermitted,
    Refusal::WrongPhase,
    Refusal::RotationUnderWay,
    Refusal::NoSuchToken,
    Refusal::SerialTaken,
    Refusal::StepRefused,
    Refusal::RevisionChanged,
    Refusal::SettingRefused,
    Refusal::GuessingUnbounded,
    Refusal::NoSuchApplication,
    Refusal::NoSuchAdministrator,
    Refusal::LastAdministrator,
    Refusal::NodeUnknown,
    Refusal::EpochApart,
    Refusal::NoSuchRadiusClient,
    Refusal::RangeTaken,
];

/// An answer as nodes send it.
#[must_use]
pub fn answer_to_proto(answer: &Answer) -> peer::Answer {
    use peer::answer::Reply as Message;
    let reply = match answer.reply {
        Reply::Verified(verdict) => {
            let (denial, challenge, prompt) = decision_to_proto(verdict.decision);
            let failures = verdict.failures;
            Message::Verified(peer::Verdict { denial, failures, challenge, prompt })
        }
        Reply::ClusterCreated => Message::ClusterCreated(true),
        Reply::UserCreated(id) => Message::UserCreated(id.0),
        Reply::TokenEnrolled(id) => Message::TokenEnrolled(id.0),
        Reply::UserChanged(id) => Message::UserChanged(id.0),
        Reply::TokenChanged(id) => Message::TokenChanged(id.0),
        Reply::ApplicationCreated(id) => Message::ApplicationCreated(id.0),
        Reply::ApplicationChanged(id) => Message::ApplicationChanged(id.0),
        Reply::AdministratorCreated(id) => Message::AdministratorCreated(id.0),
        Reply::AdministratorChanged(id) => Message::AdministratorChanged(id.0),
        Reply::JoinTokenCreated(id) => Message::JoinTokenCreated(id.0),
        Reply::NodeAdmitted(id) => Message::NodeAdmitted(id.0),
        Reply::DataKeyRotationStarted(id) => Message::DataKeyRotationStarted(id.0),
        Reply::SettingsChanged => Message::SettingsChanged(true),
        Reply::Done => Message::Done(true),
        Reply::Refused(refusal) => Message::Refused(
            REFUSALS.iter().zip(1_u32..).find(|(r, _)| **r == refusal).map_or(0, |(_, n)| n),
        ),
    };
    peer::Answer { log_index: answer.index.0, reply: Some(reply) }
}

/// Reads an answer.
///
/// # Errors
/// [`DecodeError`] when it is of a newer release.
pub fn answer_from_proto(message: peer::Answer) -> Result<Answer, DecodeError> {
    use peer::answer::Reply as Message;
    let reply = match need(message.reply, "reply")? {
        Message::Verified(m) => {
            let decision = decision_from_proto(m.denial, &m.challenge, m.prompt)?;
            Reply::Verified(Verdict { decision, failures: m.failures })
        }
        Message::ClusterCreated(_) => Reply::ClusterCreated,
        Message::UserCreated(id) => Reply::UserCreated(UserId(id)),
        Message::TokenEnrolled(id) => Reply::TokenEnrolled(TokenId(id)),
        Message::UserChanged(id) => Reply::UserChanged(UserId(id)),
        Message::TokenChanged(id) => Reply::TokenChanged(TokenId(id)),
        Message::ApplicationCreated(id) => Reply::ApplicationCreated(ApplicationId(id)),
        Message::ApplicationChanged(id) => Reply::ApplicationChanged(ApplicationId(id)),
        Message::AdministratorCreated(id) => Reply::AdministratorCreated(AdministratorId(id)),
        Message::AdministratorChanged(id) => Reply::AdministratorChanged(AdministratorId(id)),
        Message::JoinTokenCreated(id) => Reply::JoinTokenCreated(JoinTokenId(id)),
        Message::NodeAdmitted(id) => Reply::NodeAdmitted(NodeId(id)),
        Message::DataKeyRotationStarted(id) => Reply::DataKeyRotationStarted(data_key(id)?),
        Message::SettingsChanged(_) => Reply::SettingsChanged,
        Message::Done(_) => Reply::Done,
        Message::Refused(number) => {
            let place = (number as usize).checked_sub(1);
            let refusal = place.and_then(|place| REFUSALS.get(place));
            Reply::Refused(*need(refusal, "refused")?)
        }
    };
    Ok(Answer { index: LogIndex(message.log_index), reply })
}
