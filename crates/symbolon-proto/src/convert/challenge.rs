//! Challenges, and the decisions that they come of.

use symbolon_core::{
    ApplicationId, Challenge, ChallengeAnswer, ChallengeId, ChosenPin, Decision, Fingerprint,
    Prompt, Sealed, Timestamp, UserId,
};

use super::answer::{denial_from_number, denial_number};
use super::{DecodeError, fingerprint, need};
use crate::store::v1 as store;

/// A decision as the numbers of its denial and of its prompt, and the id of its challenge.
pub(super) fn decision_to_proto(decision: Decision) -> (u32, Vec<u8>, u32) {
    match decision {
        Decision::Allow => (0, Vec::new(), 0),
        Decision::Deny(denial) => (denial_number(Some(denial)), Vec::new(), 0),
        Decision::Challenge { id, prompt } => (0, id.0.to_vec(), prompt.number()),
    }
}

pub(super) fn decision_from_proto(
    denial: u32,
    challenge: &[u8],
    prompt: u32,
) -> Result<Decision, DecodeError> {
    let denial = denial_from_number(denial)?;
    Ok(match (denial, challenge, prompt) {
        (None, [], 0) => Decision::Allow,
        (Some(denial), [], 0) => Decision::Deny(denial),
        (None, id, number) => Decision::Challenge {
            id: challenge_id(id)?,
            prompt: need(Prompt::from_number(number), "prompt")?,
        },
        (Some(_), ..) => return Err(DecodeError::Field("prompt")),
    })
}

pub(super) fn challenge_id(bytes: &[u8]) -> Result<ChallengeId, DecodeError> {
    need(ChallengeId::from_slice(bytes), "challenge")
}

/// The first builds drew none.
pub(super) fn challenge_bytes(id: ChallengeId) -> Vec<u8> {
    if id == ChallengeId::default() { Vec::new() } else { id.0.to_vec() }
}

pub(super) fn challenge_or_none(bytes: &[u8]) -> Result<ChallengeId, DecodeError> {
    if bytes.is_empty() { Ok(ChallengeId::default()) } else { challenge_id(bytes) }
}

pub(super) fn row_to_proto(row: &Challenge) -> store::ChallengeRow {
    store::ChallengeRow {
        id: row.id.0.to_vec(),
        user: row.user.0,
        application: row.application.0,
        chosen: row.chosen.map(|chosen| chosen.0.to_vec()).unwrap_or_default(),
        tries: row.tries.into(),
        expires_at: row.expires_at.0,
    }
}

pub(super) fn row_from_proto(m: store::ChallengeRow) -> Result<Challenge, DecodeError> {
    let chosen = (!m.chosen.is_empty()).then_some(m.chosen);
    Ok(Challenge {
        id: challenge_id(&m.id)?,
        user: UserId(m.user),
        application: ApplicationId(m.application),
        chosen: chosen.map(|chosen| fingerprint(&chosen)).transpose()?,
        tries: u8::try_from(m.tries).map_err(|_| DecodeError::Field("tries"))?,
        expires_at: Timestamp(m.expires_at),
    })
}

pub(super) fn answer_to_proto(answer: &ChallengeAnswer) -> store::ChallengeAnswer {
    let challenge = answer.challenge.0.to_vec();
    match &answer.pin {
        Ok(chosen) => store::ChallengeAnswer {
            challenge,
            fingerprint: chosen.fingerprint.0.to_vec(),
            pin: chosen.sealed.as_bytes().to_vec(),
            fault: 0,
        },
        Err(fault) => store::ChallengeAnswer {
            challenge,
            fault: Prompt::OtherPin(*fault).number(),
            ..store::ChallengeAnswer::default()
        },
    }
}

pub(super) fn answer_from_proto(m: store::ChallengeAnswer) -> Result<ChallengeAnswer, DecodeError> {
    let challenge = challenge_id(&m.challenge)?;
    let pin = match (m.fault, Prompt::from_number(m.fault)) {
        (0, _) => {
            let fingerprint: Fingerprint = fingerprint(&m.fingerprint)?;
            Ok(ChosenPin { fingerprint, sealed: Sealed::new(m.pin) })
        }
        (_, Some(Prompt::OtherPin(fault))) => Err(fault),
        (..) => return Err(DecodeError::Field("fault")),
    };
    Ok(ChallengeAnswer { challenge, pin })
}
