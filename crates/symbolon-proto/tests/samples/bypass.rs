//! What lets a user in without a token.

use std::sync::Arc;

use super::*;
use symbolon_core::{Bypass, CancelBypass, CreateRecoveryCodes, GrantBypass, Proof, RecoveryCodes};

/// Commands about it.
pub(crate) fn bypass_commands() -> Vec<(&'static str, Command)> {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    let codes = Sealed::new(vec![0x47; 9]);
    let outcome = Outcome { matches: Vec::new(), recovery_code: Some(10), ..outcome() };
    let grant = GrantBypass { user, reason: reason(), milliseconds: 9_000 };
    vec![
        ("verify-recovery-code", Command::Verify(outcome)),
        ("grant-bypass", Command::GrantBypass(grant)),
        ("cancel-bypass", Command::CancelBypass(CancelBypass { user, reason: reason() })),
        (
            "create-recovery-codes",
            Command::CreateRecoveryCodes(CreateRecoveryCodes { user, codes }),
        ),
    ]
}

/// A user with all of it.
pub(crate) fn bypass_rows() -> Vec<(&'static str, Row)> {
    let bypass = Bypass { reason: reason(), since: AT, until: AT.plus(9_000) };
    let sealed = Sealed::new(vec![0x48; 9]);
    let codes = RecoveryCodes { sealed, used: 0b10_0000_0101, created_at: AT };
    let (bypass, recovery_codes) = (Some(Arc::new(bypass)), Some(Arc::new(codes)));
    vec![("user-bypass", Row::User(User { bypass, recovery_codes, ..user() }))]
}

/// Events about it.
pub(crate) fn bypass_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    let proved = |proof| AuditRow::Verified(Verified { proof, ..verified(None) });
    audit_of(vec![
        AuditRow::BypassGranted { user, reason: reason(), until: AT.plus(9_000) },
        AuditRow::BypassCancelled { user, reason: reason() },
        AuditRow::RecoveryCodesCreated { user },
        proved(Proof::Bypass),
        proved(Proof::RecoveryCode(10)),
    ])
}
