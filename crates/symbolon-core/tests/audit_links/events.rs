//! Each kind of event, and each of its fields with another value.

use symbolon_core::{
    AdministratorBefore, AdministratorId, AdministratorUpdated, ApplicationBefore, ApplicationId,
    ApplicationUpdated, AuditRow, ChallengeId, ClusterId, DataKeyId, Decision, Denial, DisplayName,
    ExemptionChange, Exemptions, JoinTokenId, KeyPin, LabelChange, Match, Method, Name, NodeId,
    ProfileField, Prompt, Proof, Reason, Rights, Role, Scope, ScopePart, Setting, SettingChange,
    SourceRange, Sources, Timestamp, TokenId, UserChange, UserId, UserName, Verdict, Verified,
};

/// An event as it is, and again with each field another.
pub(crate) fn fields<T: Clone>(
    whole: T,
    changes: &[fn(&mut T)],
    row: fn(T) -> AuditRow,
) -> Vec<AuditRow> {
    let altered = changes.iter().map(|change| {
        let mut altered = whole.clone();
        change(&mut altered);
        row(altered)
    });
    [row(whole.clone())].into_iter().chain(altered).collect()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn user_name(text: &str) -> UserName {
    UserName::new(text).unwrap()
}

fn reason(text: &str) -> Reason {
    Reason::new(text).unwrap()
}

fn scope(text: &str) -> Scope {
    Scope::new([ScopePart::parse(text).unwrap()]).unwrap()
}

fn labels(before: &[&str], after: &[&str]) -> Option<LabelChange> {
    let list = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
    Some(LabelChange { before: list(before), after: list(after) })
}

fn sources(text: &str) -> Sources {
    Sources::new([SourceRange::parse(text).unwrap()]).unwrap()
}

pub(crate) fn of_verifications() -> Vec<AuditRow> {
    let shown = |token, step| Match { token: TokenId(token), step };
    let verified = Verified {
        user_name: user_name("alice"),
        user: Some(UserId(1)),
        application: ApplicationId(2),
        client_ip: "192.0.2.7".to_owned(),
        method: Method::Otp,
        verdict: Verdict { decision: Decision::Allow, failures: 0 },
        spent: vec![shown(3, 4)],
        proof: Proof::Code,
    };
    fields(
        verified,
        &[
            |it| it.user_name = user_name("bob"),
            |it| it.user = Some(UserId(9)),
            |it| it.user = None,
            |it| it.application = ApplicationId(9),
            |it| it.client_ip.clear(),
            |it| it.verdict.decision = Decision::Deny(Denial::CodeMismatch),
            |it| it.verdict.decision = Decision::Deny(Denial::AmbiguousName),
            |it| it.verdict.failures = 1,
            |it| it.spent.clear(),
            |it| it.spent[0].token = TokenId(9),
            |it| it.spent[0].step = 9,
        ],
        AuditRow::Verified,
    )
}

pub(crate) fn verified(decision: Decision, proof: Proof) -> AuditRow {
    AuditRow::Verified(Verified {
        user_name: user_name("alice"),
        user: Some(UserId(1)),
        application: ApplicationId(2),
        client_ip: String::new(),
        method: Method::Otp,
        verdict: Verdict { decision, failures: 0 },
        spent: Vec::new(),
        proof,
    })
}

pub(crate) fn of_challenges() -> Vec<AuditRow> {
    let user = UserId(1);
    let asked = |id, prompt| Decision::Challenge { id: ChallengeId([id; 16]), prompt };
    vec![
        verified(asked(1, Prompt::NewPin), Proof::Code),
        verified(asked(2, Prompt::NewPin), Proof::Code),
        verified(asked(1, Prompt::NewPinAgain), Proof::Code),
        verified(asked(1, Prompt::NewPinAgain), Proof::Challenge),
        verified(Decision::Allow, Proof::Challenge),
        AuditRow::PinSet { user, must_change: true },
        AuditRow::PinChanged { user },
        AuditRow::PinChanged { user: UserId(9) },
    ]
}

pub(crate) fn of_help() -> Vec<AuditRow> {
    let user = UserId(1);
    let verified = |proof| verified(Decision::Allow, proof);
    vec![
        verified(Proof::Code),
        verified(Proof::Bypass),
        verified(Proof::RecoveryCode(1)),
        verified(Proof::RecoveryCode(2)),
        AuditRow::PinSet { user, must_change: false },
        AuditRow::PinSet { user: UserId(9), must_change: false },
        AuditRow::PinCleared { user },
        AuditRow::PinCleared { user: UserId(9) },
        AuditRow::RecoveryCodesCreated { user },
        AuditRow::RecoveryCodesCreated { user: UserId(9) },
        AuditRow::BypassGranted { user, reason: reason("lost"), until: Timestamp(7) },
        AuditRow::BypassGranted { user: UserId(9), reason: reason("lost"), until: Timestamp(7) },
        AuditRow::BypassGranted { user, reason: reason("left"), until: Timestamp(7) },
        AuditRow::BypassGranted { user, reason: reason("lost"), until: Timestamp(8) },
        AuditRow::BypassCancelled { user, reason: reason("lost") },
        AuditRow::BypassCancelled { user: UserId(9), reason: reason("lost") },
        AuditRow::BypassCancelled { user, reason: reason("left") },
    ]
}

pub(crate) fn of_users() -> Vec<AuditRow> {
    let (user, name) = (UserId(1), user_name("alice"));
    let mut rows = vec![
        AuditRow::UserCreated { user, name: name.clone() },
        AuditRow::UserCreated { user: UserId(9), name: name.clone() },
        AuditRow::UserCreated { user, name: user_name("bob") },
        AuditRow::UserDeleted { user, name: name.clone(), tokens: 2 },
        AuditRow::UserDeleted { user: UserId(9), name: name.clone(), tokens: 2 },
        AuditRow::UserDeleted { user, name: user_name("bob"), tokens: 2 },
        AuditRow::UserDeleted { user, name, tokens: 3 },
        AuditRow::UserBlocked { user, reason: reason("lost"), until: Timestamp(7) },
        AuditRow::UserBlocked { user: UserId(9), reason: reason("lost"), until: Timestamp(7) },
        AuditRow::UserBlocked { user, reason: reason("left"), until: Timestamp(7) },
        AuditRow::UserBlocked { user, reason: reason("lost"), until: Timestamp(8) },
        AuditRow::UserUnblocked { user, reason: reason("lost"), failures: 7 },
        AuditRow::UserUnblocked { user: UserId(9), reason: reason("lost"), failures: 7 },
        AuditRow::UserUnblocked { user, reason: reason("left"), failures: 7 },
        AuditRow::UserUnblocked { user, reason: reason("lost"), failures: 8 },
    ];
    type Said = (UserId, Option<DisplayName>, Option<bool>, Vec<ProfileField>);
    let said: Said = (user, None, None, Vec::new());
    let display_name = |text: &str| Some(DisplayName::new(text).unwrap());
    rows.extend(fields(
        (said, display_name),
        &[
            |(it, _)| it.0 = UserId(9),
            |(it, name)| it.1 = name(""),
            |(it, name)| it.1 = name("Alice"),
            |(it, _)| it.2 = Some(false),
            |(it, _)| it.2 = Some(true),
            |(it, _)| it.3 = vec![ProfileField::Email],
            |(it, _)| it.3 = vec![ProfileField::Language],
        ],
        |((user, display_name, disabled, profile), _)| AuditRow::UserUpdated {
            user,
            display_name,
            disabled,
            profile,
            change: UserChange::default(),
        },
    ));
    rows
}

pub(crate) fn of_tokens() -> Vec<AuditRow> {
    let mut rows = Vec::new();
    for (user, token) in [(1, 2), (9, 2), (1, 9)] {
        let (user, token) = (UserId(user), TokenId(token));
        rows.push(AuditRow::TokenEnrolled { user, token });
        rows.push(AuditRow::TokenRemoved { user, token });
        for step in [5, 6] {
            rows.push(AuditRow::TokenConfirmed { user, token, step });
            for drift in [-1, 0, 1] {
                rows.push(AuditRow::TokenResynchronised { user, token, step, drift });
            }
        }
    }
    rows
}

/// Who does without islands, and what an island denies for.
pub(crate) fn of_islands() -> Vec<AuditRow> {
    let application = ApplicationId(1);
    let exempt = Exemptions { islands: true, ..Exemptions::default() };
    let said = ApplicationUpdated {
        application,
        name: None,
        rights: None,
        sources: None,
        disabled: None,
        exempt: ExemptionChange { islands: Some(true), ..ExemptionChange::default() },
        before: ApplicationBefore::default(),
    };
    let mut rows = fields(
        said,
        &[|it| it.exempt.islands = Some(false), |it| it.exempt.unknown_users = Some(false)],
        AuditRow::ApplicationUpdated,
    );
    rows.push(AuditRow::ApplicationCreated { application, name: name("vpn"), exempt });
    rows.push(verified(Decision::Deny(Denial::AllowanceSpent), Proof::Code));
    rows
}

/// Who is let in without a code.
pub(crate) fn of_exemptions() -> Vec<AuditRow> {
    let application = ApplicationId(1);
    let created = [(true, false), (false, true), (true, true)].map(|(unknown, disabled)| {
        let exempt =
            Exemptions { unknown_users: unknown, disabled_users: disabled, islands: false };
        AuditRow::ApplicationCreated { application, name: name("vpn"), exempt }
    });
    let said = ApplicationUpdated {
        application,
        name: None,
        rights: None,
        sources: None,
        disabled: None,
        exempt: ExemptionChange {
            unknown_users: Some(false),
            disabled_users: Some(false),
            islands: None,
        },
        before: ApplicationBefore::default(),
    };
    let mut rows = fields(
        said,
        &[
            |it| it.exempt.unknown_users = None,
            |it| it.exempt.unknown_users = Some(true),
            |it| it.exempt.disabled_users = None,
            |it| it.exempt.disabled_users = Some(true),
        ],
        AuditRow::ApplicationUpdated,
    );
    rows.extend(created);
    rows.push(verified(Decision::Allow, Proof::Exempt));
    rows
}

pub(crate) fn of_applications() -> Vec<AuditRow> {
    let mut rows = Vec::new();
    for application in [1, 9].map(ApplicationId) {
        for name in [name("vpn"), name("portal")] {
            let created = |name, exempt| AuditRow::ApplicationCreated { application, name, exempt };
            rows.push(created(name.clone(), Exemptions::default()));
            rows.push(AuditRow::ApplicationDeleted { application, name });
        }
        rows.push(AuditRow::ApplicationKeyRetired { application });
        for at in [5, 6] {
            let (old_until, since) = (Timestamp(at), Timestamp(at));
            rows.push(AuditRow::ApplicationKeyRotated { application, old_until });
            let told = |names| AuditRow::NamesNotAudited { application, names, since };
            rows.extend([1, 2].map(told));
        }
    }
    let said = ApplicationUpdated {
        application: ApplicationId(1),
        name: None,
        rights: None,
        sources: None,
        disabled: None,
        before: ApplicationBefore::default(),
        exempt: ExemptionChange::default(),
    };
    rows.extend(fields(
        said,
        &[
            |it| it.application = ApplicationId(9),
            |it| it.name = Some(name("vpn")),
            |it| it.rights = Some(Rights::NONE),
            |it| it.rights = Some(Rights::VERIFY),
            |it| it.sources = Some(Sources::default()),
            |it| it.sources = Some(sources("192.0.2.0/24")),
            |it| it.sources = Some(sources("192.0.2.0/25")),
            |it| it.disabled = Some(false),
            |it| it.disabled = Some(true),
        ],
        AuditRow::ApplicationUpdated,
    ));
    rows
}

pub(crate) fn of_administrators() -> Vec<AuditRow> {
    let mut rows = Vec::new();
    for administrator in [1, 9].map(AdministratorId) {
        rows.push(AuditRow::AdministratorTokenRotated { administrator });
        for name in [name("helen"), name("hugo")] {
            rows.push(AuditRow::AdministratorDeleted { administrator, name: name.clone() });
            for role in [Role::Administrator, Role::HelpDesk, Role::Auditor] {
                for scope in [Scope::default(), scope("group:a"), scope("tag:a")] {
                    let name = name.clone();
                    let row = AuditRow::AdministratorCreated { administrator, name, role, scope };
                    rows.push(row);
                }
            }
        }
    }
    let said = AdministratorUpdated {
        administrator: AdministratorId(1),
        role: None,
        scope: None,
        disabled: None,
        before: AdministratorBefore::default(),
    };
    rows.extend(fields(
        said,
        &[
            |it| it.administrator = AdministratorId(9),
            |it| it.role = Some(Role::Administrator),
            |it| it.role = Some(Role::HelpDesk),
            |it| it.scope = Some(Scope::default()),
            |it| it.scope = Some(scope("group:a")),
            |it| it.scope = Some(scope("tag:a")),
            |it| it.disabled = Some(false),
            |it| it.disabled = Some(true),
        ],
        AuditRow::AdministratorUpdated,
    ));
    rows
}

pub(crate) fn of_the_cluster() -> Vec<AuditRow> {
    let (cluster, administrator, node) = (ClusterId([1; 16]), AdministratorId(2), NodeId(3));
    let began = (cluster, name("main"), administrator, node);
    let mut rows = fields(
        began,
        &[
            |it| it.0 = ClusterId([9; 16]),
            |it| it.1 = name("test"),
            |it| it.2 = AdministratorId(9),
            |it| it.3 = NodeId(9),
        ],
        |(cluster, name, administrator, node)| AuditRow::ClusterCreated {
            cluster,
            name,
            administrator,
            node,
        },
    );
    let came = (node, name("n3"), KeyPin([4; 32]), JoinTokenId(5));
    rows.extend(fields(
        came,
        &[
            |it| it.0 = NodeId(9),
            |it| it.1 = name("n4"),
            |it| it.2 = KeyPin([9; 32]),
            |it| it.3 = JoinTokenId(9),
        ],
        |(node, name, pin, join_token)| AuditRow::NodeAdmitted { node, name, pin, join_token },
    ));
    let moved = (node, "n3:8444".to_owned(), "https://n3:8443".to_owned());
    rows.extend(fields(
        moved,
        &[|it| it.0 = NodeId(9), |it| it.1.push('1'), |it| it.2.push('1')],
        |(node, peer_address, api_address)| AuditRow::NodeAddressesChanged {
            node,
            peer_address,
            api_address,
        },
    ));
    for join_token in [5, 9].map(JoinTokenId) {
        rows.push(AuditRow::JoinTokenExpired { join_token });
        for expires_at in [6, 7].map(Timestamp) {
            rows.push(AuditRow::JoinTokenCreated { join_token, expires_at });
        }
    }
    for id in [2, 3].map(DataKeyId) {
        rows.push(AuditRow::DataKeyRotationStarted { id });
        rows.push(AuditRow::DataKeyActivated { id });
        rows.push(AuditRow::DataKeyRetired { id });
    }
    let change = SettingChange { setting: Setting::LockoutThreshold, before: 10, after: 5 };
    let other = SettingChange { setting: Setting::BlockDuration, before: 90, after: 60 };
    rows.extend(fields(
        vec![change, other],
        &[
            |it| it.truncate(1),
            |it| it[0].setting = Setting::LockoutHardLimit,
            |it| it[0].before = 11,
            |it| it[0].after = 6,
        ],
        |changes| AuditRow::SettingsChanged { changes },
    ));
    rows
}

/// What was before: later than the events that tell of it.
pub(crate) fn of_changes() -> Vec<AuditRow> {
    let user = |change| AuditRow::UserUpdated {
        user: UserId(1),
        display_name: None,
        disabled: None,
        profile: vec![ProfileField::Groups],
        change,
    };
    let mut rows: Vec<_> = [
        UserChange { renamed: true, ..UserChange::default() },
        UserChange { disabled_before: Some(false), ..UserChange::default() },
        UserChange { disabled_before: Some(true), ..UserChange::default() },
        UserChange { tags: labels(&[], &["a"]), ..UserChange::default() },
        UserChange { tags: labels(&["a"], &[]), ..UserChange::default() },
        UserChange { groups: labels(&[], &["a"]), ..UserChange::default() },
        UserChange { groups: labels(&["a"], &[]), ..UserChange::default() },
        UserChange { groups: labels(&["a", "b"], &[]), ..UserChange::default() },
        UserChange { groups: labels(&["a"], &["b"]), ..UserChange::default() },
        UserChange { groups: labels(&["b"], &["a"]), ..UserChange::default() },
    ]
    .map(user)
    .into();
    rows.extend(of_changed_callers());
    for user in [None, Some(UserId(1)), Some(UserId(9))] {
        for name in ["alice", "bob"].map(user_name) {
            rows.push(AuditRow::PersonalDataExported { user, name });
        }
    }
    rows
}

pub(crate) fn of_changed_callers() -> Vec<AuditRow> {
    let application = |before| {
        AuditRow::ApplicationUpdated(ApplicationUpdated {
            application: ApplicationId(1),
            name: Some(name("vpn")),
            rights: None,
            sources: None,
            disabled: None,
            exempt: ExemptionChange::default(),
            before,
        })
    };
    let none = ApplicationBefore::default;
    let mut rows: Vec<_> = [
        ApplicationBefore { name: Some(name("vpn")), ..none() },
        ApplicationBefore { name: Some(name("mail")), ..none() },
        ApplicationBefore { rights: Some(Rights::NONE), ..none() },
        ApplicationBefore { rights: Some(Rights::VERIFY), ..none() },
        ApplicationBefore { sources: Some(Sources::default()), ..none() },
        ApplicationBefore { sources: Some(sources("192.0.2.0/24")), ..none() },
        ApplicationBefore { disabled: Some(false), ..none() },
        ApplicationBefore { disabled: Some(true), ..none() },
    ]
    .map(application)
    .into();
    let administrator = |before| {
        AuditRow::AdministratorUpdated(AdministratorUpdated {
            administrator: AdministratorId(1),
            role: Some(Role::Auditor),
            scope: None,
            disabled: None,
            before,
        })
    };
    let none = AdministratorBefore::default;
    rows.extend(
        [
            AdministratorBefore { role: Some(Role::Administrator), ..none() },
            AdministratorBefore { role: Some(Role::HelpDesk), ..none() },
            AdministratorBefore { scope: Some(Scope::default()), ..none() },
            AdministratorBefore { scope: Some(scope("group:a")), ..none() },
            AdministratorBefore { disabled: Some(false), ..none() },
            AdministratorBefore { disabled: Some(true), ..none() },
        ]
        .map(administrator),
    );
    rows
}
