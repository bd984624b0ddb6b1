//! What lets a user in without a token.

use std::sync::Arc;

use symbolon_core::{
    AuditRow, Bypass, CancelBypass, Command, CreateRecoveryCodes, GrantBypass, Proof, Reason,
    RecoveryCodes, Sealed, Timestamp, UserId,
};

use super::{DecodeError, need, reason};
use crate::store::v1 as store;
use crate::store::v1::audit_row::Event;

pub(super) fn bypass_to_proto(bypass: &Bypass) -> store::Bypass {
    let Bypass { reason, since, until } = bypass;
    store::Bypass { reason: reason.to_string(), since: since.0, until: until.0 }
}

pub(super) fn bypass_from_proto(m: store::Bypass) -> Result<Arc<Bypass>, DecodeError> {
    let (since, until) = (Timestamp(m.since), Timestamp(m.until));
    Ok(Arc::new(Bypass { reason: reason(m.reason)?, since, until }))
}

pub(super) fn codes_to_proto(codes: &RecoveryCodes) -> store::RecoveryCodes {
    store::RecoveryCodes {
        sealed: codes.sealed.as_bytes().to_vec(),
        used: codes.used.into(),
        created_at: codes.created_at.0,
    }
}

pub(super) fn codes_from_proto(m: store::RecoveryCodes) -> Result<Arc<RecoveryCodes>, DecodeError> {
    Ok(Arc::new(RecoveryCodes {
        sealed: Sealed::new(m.sealed),
        used: need(m.used.try_into().ok(), "used")?,
        created_at: Timestamp(m.created_at),
    }))
}

/// The number of a recovery code; 0 is none.
pub(super) fn number(number: u32) -> Result<Option<u8>, DecodeError> {
    let number: u8 = need(number.try_into().ok(), "recovery_code")?;
    Ok((number != 0).then_some(number))
}

/// Whether it is a bypass, the number of the recovery code, and whether it is an answer or an exemption.
pub(super) const fn proof_to_proto(proof: Proof) -> (bool, u32, bool, bool) {
    match proof {
        Proof::Code => (false, 0, false, false),
        Proof::Bypass => (true, 0, false, false),
        Proof::RecoveryCode(number) => (false, number as u32, false, false),
        Proof::Challenge => (false, 0, true, false),
        Proof::Exempt => (false, 0, false, true),
    }
}

pub(super) fn proof_from_proto(
    bypassed: bool,
    code: u32,
    answered: bool,
    exempt: bool,
) -> Result<Proof, DecodeError> {
    Ok(match (bypassed, number(code)?, answered, exempt) {
        (false, None, false, false) => Proof::Code,
        (true, None, false, false) => Proof::Bypass,
        (false, Some(number), false, false) => Proof::RecoveryCode(number),
        (false, None, true, false) => Proof::Challenge,
        (false, None, false, true) => Proof::Exempt,
        (true, Some(_), ..) => return Err(DecodeError::Field("recovery_code")),
        _ => return Err(DecodeError::Field("proof")),
    })
}

pub(super) fn grant_to_proto(c: &GrantBypass) -> store::GrantBypass {
    let (reason, milliseconds) = (c.reason.to_string(), c.milliseconds);
    store::GrantBypass { user: c.user.0, reason, milliseconds }
}

pub(super) fn grant_from_proto(m: store::GrantBypass) -> Result<Command, DecodeError> {
    let (user, milliseconds) = (UserId(m.user), m.milliseconds);
    Ok(Command::GrantBypass(GrantBypass { user, reason: reason(m.reason)?, milliseconds }))
}

pub(super) fn cancel_to_proto(c: &CancelBypass) -> store::CancelBypass {
    store::CancelBypass { user: c.user.0, reason: c.reason.to_string() }
}

pub(super) fn cancel_from_proto(m: store::CancelBypass) -> Result<Command, DecodeError> {
    let user = UserId(m.user);
    Ok(Command::CancelBypass(CancelBypass { user, reason: reason(m.reason)? }))
}

pub(super) fn create_codes_to_proto(c: &CreateRecoveryCodes) -> store::CreateRecoveryCodes {
    store::CreateRecoveryCodes { user: c.user.0, codes: c.codes.as_bytes().to_vec() }
}

pub(super) fn create_codes_from_proto(m: store::CreateRecoveryCodes) -> Command {
    let (user, codes) = (UserId(m.user), Sealed::new(m.codes));
    Command::CreateRecoveryCodes(CreateRecoveryCodes { user, codes })
}

pub(super) fn granted_to_proto(user: UserId, reason: &Reason, until: Timestamp) -> Event {
    let reason = reason.to_string();
    Event::BypassGranted(store::BypassGranted { user: user.0, reason, until: until.0 })
}

pub(super) fn cancelled_to_proto(user: UserId, reason: &Reason) -> Event {
    let reason = reason.to_string();
    Event::BypassCancelled(store::BypassCancelled { user: user.0, reason })
}

pub(super) const fn codes_created_to_proto(user: UserId) -> Event {
    Event::RecoveryCodesCreated(store::RecoveryCodesCreated { user: user.0 })
}

pub(super) fn granted_from_proto(m: store::BypassGranted) -> Result<AuditRow, DecodeError> {
    let (user, until) = (UserId(m.user), Timestamp(m.until));
    Ok(AuditRow::BypassGranted { user, reason: reason(m.reason)?, until })
}

pub(super) fn cancelled_from_proto(m: store::BypassCancelled) -> Result<AuditRow, DecodeError> {
    Ok(AuditRow::BypassCancelled { user: UserId(m.user), reason: reason(m.reason)? })
}
