//! Every field of every event counts in the audit chain: an event that was changed on disk is noticed.

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};
    use std::mem::discriminant;

    use symbolon_core::{
        AdministratorId, AdministratorUpdated, ApplicationId, ApplicationUpdated, AuditEvent,
        AuditRow, Caller, ClusterId, DataKeyId, Denial, Digest, DisplayName, ExemptionChange,
        Exemptions, Fingerprint, JoinTokenId, KeyPin, LogIndex, Match, Method, Name, NodeId,
        ProfileField, Proof, Reason, RequestId, Rights, Role, Scope, ScopePart, Setting,
        SettingChange, SourceRange, Sources, Timestamp, TokenId, UserId, UserName, Verdict,
        Verified,
    };

    fn link(chain: Digest, row: &AuditRow) -> Digest {
        let event = AuditEvent {
            index: LogIndex(1),
            ordinal: 0,
            at: Timestamp(2),
            caller: Caller::Node(NodeId(3)),
            request_id: RequestId([4; 16]),
            fingerprint: Fingerprint([5; 16]),
            node: NodeId(6),
            row: row.clone(),
        };
        event.link(chain)
    }

    /// An event as it is, and again with each field another.
    fn fields<T: Clone>(whole: T, changes: &[fn(&mut T)], row: fn(T) -> AuditRow) -> Vec<AuditRow> {
        let altered = changes.iter().map(|change| {
            let mut altered = whole.clone();
            change(&mut altered);
            row(altered)
        });
        [row(whole.clone())].into_iter().chain(altered).collect()
    }

    fn name(text: &str) -> Name {
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

    fn sources(text: &str) -> Sources {
        Sources::new([SourceRange::parse(text).unwrap()]).unwrap()
    }

    fn of_verifications() -> Vec<AuditRow> {
        let shown = |token, step| Match { token: TokenId(token), step };
        let verified = Verified {
            user_name: user_name("alice"),
            user: Some(UserId(1)),
            application: ApplicationId(2),
            client_ip: "192.0.2.7".to_owned(),
            method: Method::Otp,
            verdict: Verdict { denial: None, failures: 0 },
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
                |it| it.verdict.denial = Some(Denial::CodeMismatch),
                |it| it.verdict.denial = Some(Denial::AmbiguousName),
                |it| it.verdict.failures = 1,
                |it| it.spent.clear(),
                |it| it.spent[0].token = TokenId(9),
                |it| it.spent[0].step = 9,
            ],
            AuditRow::Verified,
        )
    }

    fn of_help() -> Vec<AuditRow> {
        let user = UserId(1);
        let verified = |proof| {
            AuditRow::Verified(Verified {
                user_name: user_name("alice"),
                user: Some(user),
                application: ApplicationId(2),
                client_ip: String::new(),
                method: Method::Otp,
                verdict: Verdict { denial: None, failures: 0 },
                spent: Vec::new(),
                proof,
            })
        };
        vec![
            verified(Proof::Code),
            verified(Proof::Bypass),
            verified(Proof::RecoveryCode(1)),
            verified(Proof::RecoveryCode(2)),
            AuditRow::PinSet { user },
            AuditRow::PinSet { user: UserId(9) },
            AuditRow::PinCleared { user },
            AuditRow::PinCleared { user: UserId(9) },
            AuditRow::RecoveryCodesCreated { user },
            AuditRow::RecoveryCodesCreated { user: UserId(9) },
            AuditRow::BypassGranted { user, reason: reason("lost"), until: Timestamp(7) },
            AuditRow::BypassGranted {
                user: UserId(9),
                reason: reason("lost"),
                until: Timestamp(7),
            },
            AuditRow::BypassGranted { user, reason: reason("left"), until: Timestamp(7) },
            AuditRow::BypassGranted { user, reason: reason("lost"), until: Timestamp(8) },
            AuditRow::BypassCancelled { user, reason: reason("lost") },
            AuditRow::BypassCancelled { user: UserId(9), reason: reason("lost") },
            AuditRow::BypassCancelled { user, reason: reason("left") },
        ]
    }

    fn of_users() -> Vec<AuditRow> {
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
            },
        ));
        rows
    }

    fn of_tokens() -> Vec<AuditRow> {
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

    /// Who is let in without a code.
    fn of_exemptions() -> Vec<AuditRow> {
        let application = ApplicationId(1);
        let created = [(true, false), (false, true), (true, true)].map(|(unknown, disabled)| {
            let exempt = Exemptions { unknown_users: unknown, disabled_users: disabled };
            AuditRow::ApplicationCreated { application, name: name("vpn"), exempt }
        });
        let said = ApplicationUpdated {
            application,
            name: None,
            rights: None,
            sources: None,
            disabled: None,
            exempt: ExemptionChange { unknown_users: Some(false), disabled_users: Some(false) },
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
        rows.push(AuditRow::Verified(Verified {
            user_name: user_name("alice"),
            user: Some(UserId(1)),
            application: ApplicationId(2),
            client_ip: String::new(),
            method: Method::Otp,
            verdict: Verdict { denial: None, failures: 0 },
            spent: Vec::new(),
            proof: Proof::Exempt,
        }));
        rows
    }

    fn of_applications() -> Vec<AuditRow> {
        let mut rows = Vec::new();
        for application in [1, 9].map(ApplicationId) {
            for name in [name("vpn"), name("portal")] {
                let created =
                    |name, exempt| AuditRow::ApplicationCreated { application, name, exempt };
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

    fn of_administrators() -> Vec<AuditRow> {
        let mut rows = Vec::new();
        for administrator in [1, 9].map(AdministratorId) {
            rows.push(AuditRow::AdministratorTokenRotated { administrator });
            for name in [name("helen"), name("hugo")] {
                rows.push(AuditRow::AdministratorDeleted { administrator, name: name.clone() });
                for role in [Role::Administrator, Role::HelpDesk, Role::Auditor] {
                    for scope in [Scope::default(), scope("group:a"), scope("tag:a")] {
                        let name = name.clone();
                        let row =
                            AuditRow::AdministratorCreated { administrator, name, role, scope };
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

    fn of_the_cluster() -> Vec<AuditRow> {
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

    /// What is told of something: its name, the events, and the chain over them.
    fn groups() -> [(&'static str, Vec<AuditRow>, &'static str); 8] {
        [
            (
                "verifications",
                of_verifications(),
                "17f462f0fd94b78dfe1be9872e89323172eb48bafd68f701bfa296e8961930b0",
            ),
            (
                "users",
                of_users(),
                "33f1a0b0e261d87382271df253b76d32e1b66a0dc13a69a5fe8b76236c4f7301",
            ),
            ("help", of_help(), "b65a0399abdedff10c4098129cd946c027f8164c56b5b6e4fdd98135f2f57319"),
            (
                "tokens",
                of_tokens(),
                "75952cc5dd06aa1eebd3214706dc36bf51b144e6048a0e3d741f3043fd3a3405",
            ),
            (
                "applications",
                of_applications(),
                "cb66746a71f577e8a1f7e1295a688efae3c45da6322ede0b3d7d247c0b1241b4",
            ),
            (
                "administrators",
                of_administrators(),
                "64ac4793cd2fd457e8e502e23a7b56981d1d795fcf6ac5dc89785c91e6224edb",
            ),
            (
                "the cluster",
                of_the_cluster(),
                "4b2524c4e4456c053f7c711cbf5443f301631a3d8ebac2efb944ab4847b829ec",
            ),
            (
                "exemptions",
                of_exemptions(),
                "37870fda14bdcfa1f99ff2e53be900dabc688d6075645ab0cdb3a70d7d33e045",
            ),
        ]
    }

    #[test]
    fn events_that_differ_in_one_field_have_other_links() {
        let (mut known, mut kinds) = (BTreeMap::new(), HashSet::new());
        for row in groups().into_iter().flat_map(|(_, rows, _)| rows) {
            kinds.insert(discriminant(&row));
            let link = link(Digest::default(), &row);
            if let Some(other) = known.insert(link, row.clone()) {
                panic!("one link for both of:\n{row:?}\n{other:?}");
            }
        }
        assert_eq!(kinds.len(), 34, "an event of each kind");
    }

    /// Links are stored with the audit: computed otherwise, no audit of before could be checked. A new
    /// kind of event is a new group, or the end of one.
    #[test]
    fn links_are_computed_as_ever() {
        let found = groups()
            .map(|(of, rows, _)| (of, rows.iter().fold(Digest::default(), link).to_string()));
        let expected = groups().map(|(of, _, chain)| (of, chain.to_owned()));
        assert_eq!(found, expected);
    }
}
