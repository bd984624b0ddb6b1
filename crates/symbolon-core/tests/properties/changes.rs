//! What administrators and nodes change, as commands.

use std::sync::Arc;

use super::*;
use symbolon_core::{SessionReport, SessionStatus};

/// Low values, so that they are met. An even one is bound to the settings as they were seen.
pub(super) fn set(number: u32, value: u64, view: &State) -> Command {
    let setting = Setting::from_number(number).unwrap();
    let revision = value.is_multiple_of(2).then(|| view.settings().changed_at);
    let mut changes = vec![(setting, Some(value).filter(|value| *value > 0))];
    if setting == Setting::LockoutHardLimit {
        // A low one leaves no room for the others as they are by default.
        let others = [
            (Setting::LockoutThreshold, Some(value / 2)),
            (Setting::LockoutFirstWait, Some(1)),
            (Setting::IslandAllowance, Some(0)),
        ];
        changes.extend(others.into_iter().filter(|_| value > 1));
    }
    Command::UpdateSettings(UpdateSettings { changes, revision })
}

/// What an administrator says about an account. An even one of them sees to it that it is as it was seen.
pub(super) fn change_user(wish: &Wish, view: &State) -> Command {
    let seen = |number: u8| view.user(user_id(number)).map(|user| user.revision);
    let reason = Reason::new("because").unwrap();
    match wish {
        Wish::Disable(user, disabled) => Command::UpdateUser(UpdateUser {
            user: user_id(*user),
            display_name: disabled.then(|| DisplayName::new("Away").unwrap()),
            disabled: Some(*disabled),
            profile: Default::default(),
            revision: seen(*user).filter(|_| user % 2 == 0),
        }),
        Wish::Block(user, milliseconds) => Command::BlockUser(BlockUser {
            user: user_id(*user),
            reason,
            milliseconds: *milliseconds,
        }),
        Wish::Unblock(user) => Command::UnblockUser(UnblockUser { user: user_id(*user), reason }),
        Wish::Pin(user, some) => Command::SetPin(SetPin {
            must_change: false,
            user: user_id(*user),
            pin: some.then(|| sealed(view.active_data_key(), 200 + user)),
        }),
        Wish::Bypass(user, 0) => {
            Command::CancelBypass(CancelBypass { user: user_id(*user), reason })
        }
        Wish::Bypass(user, milliseconds) => Command::GrantBypass(GrantBypass {
            user: user_id(*user),
            reason,
            milliseconds: *milliseconds,
        }),
        Wish::Recovery(user) => Command::CreateRecoveryCodes(CreateRecoveryCodes {
            user: user_id(*user),
            codes: sealed(view.active_data_key(), 210 + user),
        }),
        Wish::Delete(user) => {
            Command::DeleteUser(DeleteUser { user: user_id(*user), revision: seen(*user) })
        }
        _ => Command::Tick,
    }
}

/// Says whom an application lets in without a code.
pub(super) fn exempt(application: u8, unknown_users: bool, disabled_users: bool) -> Command {
    let (unknown_users, disabled_users) = (Some(unknown_users), Some(disabled_users));
    Command::UpdateApplication(UpdateApplication {
        application: application_id(application),
        name: None,
        rights: None,
        sources: None,
        disabled: None,
        exempt: ExemptionChange { unknown_users, disabled_users, islands: None },
        revision: None,
    })
}

/// Devices of an application. Ranges of two applications meet.
pub(super) fn radius(wish: &Wish, view: &State) -> Command {
    match wish {
        Wish::Radius(application, Some((network, overlap_milliseconds))) => {
            let ranges = [SourceRange::parse(&format!("192.0.{network}.0/24")).unwrap()];
            let application = application_id(*application);
            let revision = view.radius_client(application).map(|row| row.changed_at);
            Command::SetRadiusClient(SetRadiusClient {
                application,
                policy: RadiusPolicy {
                    ranges: Sources::new(ranges).unwrap(),
                    ..RadiusPolicy::default()
                },
                secrets: sealed(view.active_data_key(), 220 + network),
                new_secrets: overlap_milliseconds.is_multiple_of(3),
                overlap_milliseconds: *overlap_milliseconds,
                revision: revision.filter(|_| overlap_milliseconds.is_multiple_of(2)),
            })
        }
        Wish::Signs(application, network) => Command::NoteRadiusSigner(NoteRadiusSigner {
            application: application_id(*application),
            device: [192, 0, *network, 7].into(),
        }),
        Wish::Tells(application, user) => Command::TellSession(Arc::new(SessionReport {
            application: application_id(*application),
            device: [192, 0, 2, 7].into(),
            status: SessionStatus::Start,
            user_name: user_name(*user).to_string(),
            name: Some(user_name(*user)),
            session: "s-1".to_owned(),
            station: String::new(),
            seconds: 0,
            octets_in: 0,
            octets_out: 0,
            cause: 0,
        })),
        Wish::Radius(application, None) => Command::RemoveRadiusClient(RemoveRadiusClient {
            application: application_id(*application),
            revision: None,
        }),
        _ => Command::Tick,
    }
}

/// A step of a change of the data key, as somebody sees it who has applied `view`.
pub(super) fn change_key(wish: &Wish, view: &State) -> Command {
    let active = view.active_data_key();
    let next = DataKeyId(active.0 + 1);
    match wish {
        Wish::ConfirmKey(node) => {
            let under_way = view.data_keys().rotation.map_or(next, |rotation| rotation.id);
            let lacking = view.nodes_without_next_key().next();
            let node = lacking.unwrap_or_else(|| NodeId((*node).into()));
            Command::ConfirmDataKey(ConfirmDataKey { node, id: under_way })
        }
        Wish::Reseal(place) => {
            let left = view.fields_to_reseal(SealedPlace::default()).nth((*place).into());
            let (field, old) =
                left.unwrap_or_else(|| (SealedField::CaKey, &view.cluster().unwrap().ca_key));
            let content = old.as_bytes()[5];
            let new = sealed(active, content);
            Command::Reseal(Reseal { row: field.row(), old: old.clone(), new })
        }
        Wish::RetireKey => {
            Command::RetireDataKey(RetireDataKey { id: DataKeyId(active.0.saturating_sub(1)) })
        }
        _ => Command::RotateDataKey(RotateDataKey { id: next, key: sealed(active, 7) }),
    }
}

pub(super) fn create_cluster() -> Command {
    Command::CreateCluster(CreateCluster {
        cluster: ClusterId([1; 16]),
        name: name("cluster", 0),
        lineage: LineageId([2; 16]),
        ca_certificate: vec![3; 10],
        ca_key: sealed(DataKeyId::FIRST, 4),
        administrator: Box::new(Administrator::first(
            AdministratorId(1),
            name("root", 0),
            KeyHash([5; 32]),
        )),
        node: Node {
            id: NodeId(1),
            name: name("node", 9),
            pin: KeyPin([9; 32]),
            peer_address: "node9:8444".to_owned(),
            api_address: "https://node9:8443".to_owned(),
            superseded: false,
            changed_at: LogIndex(0),
        },
    })
}

pub(super) fn name(kind: &str, number: u8) -> Name {
    Name::new(format!("{kind}{number}")).unwrap()
}

pub(super) fn user_name(number: u8) -> UserName {
    UserName::new(format!("user{number}")).unwrap()
}

pub(super) fn user_id(number: u8) -> UserId {
    UserId(100 + u64::from(number))
}

pub(super) fn token_id(number: u8) -> TokenId {
    TokenId(200 + u64::from(number))
}

pub(super) fn application_id(number: u8) -> ApplicationId {
    ApplicationId(300 + u64::from(number))
}

pub(super) fn join_token_id(number: u8) -> JoinTokenId {
    JoinTokenId(400 + u64::from(number))
}
