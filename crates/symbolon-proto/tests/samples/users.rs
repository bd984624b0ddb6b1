//! Users, as they came later.

use super::*;

/// Commands about users that came later.
pub(crate) fn user_commands() -> Vec<(&'static str, Command)> {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    let update = UpdateUser {
        user,
        display_name: Some(display_name("Zoë Other")),
        disabled: Some(true),
        profile: Default::default(),
        revision: Some(LogIndex(4711)),
    };
    vec![
        ("update-user", Command::UpdateUser(update)),
        (
            "block-user",
            Command::BlockUser(BlockUser { user, reason: reason(), milliseconds: 9_000 }),
        ),
        ("unblock-user", Command::UnblockUser(UnblockUser { user, reason: reason() })),
        ("delete-user", Command::DeleteUser(DeleteUser { user, revision: None })),
        ("record-export", Command::RecordExport(RecordExport { name: user_name("zoë") })),
    ]
}

/// Users as they came later.
pub(crate) fn user_rows() -> Vec<(&'static str, Row)> {
    let block = Block { reason: reason(), since: AT, until: AT.plus(9_000) };
    let user = User { disabled: true, block: Some(block), revision: LogIndex(4710), ..user() };
    vec![("user-blocked", Row::User(user))]
}

/// Events about users that came later.
pub(crate) fn user_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let user = UserId(0xa1a2_a3a4_a5a6_a7a8);
    audit_of(vec![
        AuditRow::UserUpdated {
            user,
            display_name: Some(display_name("Zoë Other")),
            disabled: Some(false),
            profile: Default::default(),
            change: Default::default(),
        },
        AuditRow::UserBlocked { user, reason: reason(), until: AT.plus(9_000) },
        AuditRow::UserUnblocked { user, reason: reason(), failures: 99 },
        AuditRow::UserDeleted { user, name: user_name("zoë"), tokens: 2 },
        AuditRow::Verified(verified(Some(Denial::Disabled))),
        AuditRow::Verified(verified(Some(Denial::Blocked))),
    ])
}

/// Changes with what stood before them.
pub(crate) fn changes_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let labels = |before: &[&str], after: &[&str]| {
        let list = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
        Some(LabelChange { before: list(before), after: list(after) })
    };
    let change = UserChange {
        renamed: true,
        disabled_before: Some(true),
        groups: labels(&["sales", "staff"], &["it", "staff"]),
        tags: labels(&[], &["vip"]),
    };
    let mut rows = vec![AuditRow::UserUpdated {
        user: UserId(0xa1a2_a3a4_a5a6_a7a8),
        display_name: None,
        disabled: Some(false),
        profile: vec![ProfileField::Phones, ProfileField::Groups, ProfileField::Tags],
        change,
    }];
    rows.extend(callers::changes_audit());
    audit_of(rows)
}

/// Reading all that is held about a person.
pub(crate) fn export_audit() -> (LogIndex, Timestamp, Vec<AuditEvent>) {
    let user = Some(UserId(0xa1a2_a3a4_a5a6_a7a8));
    audit_of(vec![
        AuditRow::PersonalDataExported { user, name: user_name("zoë") },
        AuditRow::PersonalDataExported { user: None, name: user_name("zoë") },
    ])
}
