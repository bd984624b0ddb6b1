//! From wishes to commands.

use symbolon_core::otp::{Algorithm, MovingFactor, Parameters};
use symbolon_core::pin::PinFault;
use symbolon_core::{
    Administrator, AdministratorId, AdmitNode, ApplicationId, BlockUser, CancelBypass,
    ChallengeAnswer, ChallengeId, ChosenPin, ClusterId, Command, ConfirmDataKey, ConfirmToken,
    CreateCluster, CreateJoinToken, CreateRecoveryCodes, CreateUser, DataKeyId, DeleteUser,
    DisplayName, EnrollToken, Fingerprint, FirstFactor, GrantBypass, JoinTokenId, KeyHash, KeyPin,
    LineageId, LogIndex, Match, Method, Name, Node, NodeId, Outcome, Phone, PhoneKind, Profile,
    ProfileChange, Reason, RecordExport, RemoveToken, Reseal, ResyncToken, RetireDataKey,
    RotateDataKey, RowKey, Sealed, SealedPlace, Serial, SetNodeAddresses, SetPin, Setting, State,
    Timestamp, TokenId, UnblockUser, UpdateSettings, UpdateUser, UserId, UserName,
};

use crate::script::{Token, Who, Wish};

/// Makes commands at a node that has applied `view`.
pub(super) struct Maker<'a> {
    pub(super) view: &'a State,
    pub(super) made_at: Timestamp,
}

impl Maker<'_> {
    pub(super) fn command(&self, wish: &Wish) -> Command {
        match wish {
            Wish::User { .. }
            | Wish::Update { .. }
            | Wish::Block { .. }
            | Wish::Unblock { .. }
            | Wish::Delete { .. } => self.about_user(wish),
            Wish::Answer { name, application, open, pin, next, key_off } => {
                self.answer((*name, *application), *open, *pin, (*next, *key_off))
            }
            Wish::Pin { .. }
            | Wish::Bypass { .. }
            | Wish::NoBypass { .. }
            | Wish::Export { .. }
            | Wish::RecoveryCodes { .. } => self.about_help(wish),
            Wish::Enroll { .. }
            | Wish::Confirm { .. }
            | Wish::Resync { .. }
            | Wish::Remove { .. } => self.about_token(wish),
            Wish::Rotate { .. }
            | Wish::ConfirmKey { .. }
            | Wish::Reseal { .. }
            | Wish::Retire { .. } => self.about_key(wish),
            Wish::Verify { name, application, shown, without_pin, recovery_code, known, next } => {
                let user_name = user_name(*name);
                let found = self.view.account(&user_name).user();
                let own = found.map_or(&[][..], |user| &user.tokens[..]);
                let user = match known {
                    Who::AsSeen => found.map(|user| user.id),
                    Who::Nobody => None,
                    Who::Another(id) => Some(UserId(*id)),
                };
                let shown = shown.iter().filter_map(|(token, off)| {
                    let token = match token {
                        Token::Own(_) if own.is_empty() => None?,
                        Token::Own(place) => own[place % own.len()],
                        Token::Any(id) => TokenId(*id),
                    };
                    Some(self.shown(token, *off, 0))
                });
                let mut matches: Vec<_> = shown.collect();
                let wrong_pin = matches.split_off(matches.len().saturating_sub(*without_pin));
                Command::Verify(Outcome {
                    user_name,
                    user,
                    application: ApplicationId(*application),
                    method: Method::Otp,
                    client_ip: format!("192.0.2.{name}"),
                    matches,
                    wrong_pin,
                    recovery_code: *recovery_code,
                    challenge: ChallengeId([*next; 16]),
                    answer: None,
                    first_factor: FirstFactor::Good,
                })
            }
            Wish::Application { .. }
            | Wish::UpdateApplication { .. }
            | Wish::RotateApplicationKey { .. }
            | Wish::RetireApplicationKey { .. }
            | Wish::DeleteApplication { .. }
            | Wish::Administrator { .. }
            | Wish::UpdateAdministrator { .. }
            | Wish::RotateAdministratorToken { .. }
            | Wish::DeleteAdministrator { .. } => self.about_caller(wish),
            Wish::Nodes(wish) => self.about_nodes(wish),
            Wish::Settings { changes, bound } => self.settings(changes, *bound),
            _ => self.about_cluster(wish),
        }
    }

    fn settings(&self, changes: &[(Setting, Option<u64>)], bound: bool) -> Command {
        let revision = bound.then(|| self.view.settings().changed_at);
        Command::UpdateSettings(UpdateSettings { changes: changes.to_vec(), revision })
    }

    fn answer(
        &self,
        (name, application): (u64, u64),
        open: Option<usize>,
        pin: Result<u8, PinFault>,
        (next, key_off): (u8, i64),
    ) -> Command {
        let user_name = user_name(name);
        let user = self.view.account(&user_name).user().map(|user| user.id);
        let all = self.view.users_after(None).flat_map(|user| self.view.challenges_of(user.id));
        let all: Vec<ChallengeId> = all.map(|open| open.id).collect();
        let there = open.filter(|_| !all.is_empty()).map(|place| all[place % all.len()]);
        let pin = pin.map(|number| ChosenPin {
            fingerprint: Fingerprint([number; 16]),
            sealed: self.sealed(key_off, 7),
        });
        Command::Verify(Outcome {
            user_name,
            user,
            application: ApplicationId(application),
            method: Method::Otp,
            client_ip: String::new(),
            matches: Vec::new(),
            wrong_pin: Vec::new(),
            recovery_code: None,
            challenge: ChallengeId([next; 16]),
            answer: Some(ChallengeAnswer { challenge: there.unwrap_or_default(), pin }),
            first_factor: FirstFactor::Good,
        })
    }

    fn about_user(&self, wish: &Wish) -> Command {
        let revision = |user: &u64, bound: &bool| {
            let known = self.view.user(UserId(*user)).filter(|_| *bound);
            known.map(|user| user.revision)
        };
        let reason = Reason::new("because").unwrap();
        match wish {
            Wish::User { user, name, profile } => Command::CreateUser(CreateUser {
                user: UserId(*user),
                name: user_name(*name),
                display_name: DisplayName::new(format!("User {user}")).unwrap(),
                profile: profile_of(*profile),
            }),
            Wish::Update { user, named, disabled, fields, profile, bound } => {
                Command::UpdateUser(UpdateUser {
                    user: UserId(*user),
                    display_name: named.then(|| DisplayName::new("Another").unwrap()),
                    disabled: *disabled,
                    profile: ProfileChange { fields: fields.clone(), values: profile_of(*profile) },
                    revision: revision(user, bound),
                })
            }
            Wish::Block { user, milliseconds } => Command::BlockUser(BlockUser {
                user: UserId(*user),
                reason,
                milliseconds: *milliseconds,
            }),
            Wish::Unblock { user } => {
                Command::UnblockUser(UnblockUser { user: UserId(*user), reason })
            }
            Wish::Delete { user, bound } => Command::DeleteUser(DeleteUser {
                user: UserId(*user),
                revision: revision(user, bound),
            }),
            other => unreachable!("{other:?}"),
        }
    }

    fn about_help(&self, wish: &Wish) -> Command {
        let reason = Reason::new("lost").unwrap();
        match wish {
            Wish::Pin { user, set, must_change, key_off } => Command::SetPin(SetPin {
                user: UserId(*user),
                pin: set.then(|| self.sealed(*key_off, 5)),
                must_change: *must_change,
            }),
            Wish::Bypass { user, milliseconds } => Command::GrantBypass(GrantBypass {
                user: UserId(*user),
                reason,
                milliseconds: *milliseconds,
            }),
            Wish::NoBypass { user } => {
                Command::CancelBypass(CancelBypass { user: UserId(*user), reason })
            }
            Wish::Export { name } => Command::RecordExport(RecordExport { name: user_name(*name) }),
            Wish::RecoveryCodes { user, key_off } => {
                let codes = self.sealed(*key_off, 6);
                Command::CreateRecoveryCodes(CreateRecoveryCodes { user: UserId(*user), codes })
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn about_token(&self, wish: &Wish) -> Command {
        match wish {
            Wish::Enroll { user, token, serial, mark, pending, key_off } => {
                Command::EnrollToken(EnrollToken {
                    user: UserId(*user),
                    token: TokenId(*token),
                    parameters: parameters(TokenId(*token)),
                    seed: self.sealed(*key_off, 1),
                    serial: serial.map(|serial| Serial::new(format!("S{serial}")).unwrap()),
                    mark: *mark,
                    pending: *pending,
                })
            }
            Wish::Confirm { token, off } => {
                let pending: Vec<TokenId> = self.pending().collect();
                let token = match token {
                    Token::Own(place) if !pending.is_empty() => pending[place % pending.len()],
                    Token::Own(place) => TokenId(*place as u64),
                    Token::Any(id) => TokenId(*id),
                };
                Command::ConfirmToken(ConfirmToken { shown: self.shown(token, *off, 0) })
            }
            // Looked for around the time itself, however far the clock of the token was off before.
            Wish::Resync { token, off } => {
                let token = TokenId(*token);
                let drift = self.view.token(token).map_or(0, |token| token.drift);
                Command::ResyncToken(ResyncToken { shown: self.shown(token, *off, drift) })
            }
            Wish::Remove { token } => Command::RemoveToken(RemoveToken { token: TokenId(*token) }),
            other => unreachable!("{other:?}"),
        }
    }

    fn pending(&self) -> impl Iterator<Item = TokenId> {
        let tokens = self.view.users_after(None).flat_map(|user| &user.tokens).copied();
        tokens.filter(|id| self.view.token(*id).is_some_and(|token| token.pending))
    }

    /// A code so many steps from where a token stands, less its drift where that is not to count.
    fn shown(&self, token: TokenId, off: i64, without: i32) -> Match {
        let parameters = parameters(token);
        let found = self.view.token(token);
        let drift = found.map_or(0, |token| token.drift) - without;
        let from = match parameters.factor() {
            MovingFactor::Time { .. } => parameters.step(self.made_at, drift),
            MovingFactor::Counter => found.map_or(0, |token| token.mark) + 1,
        };
        Match { token, step: from.saturating_add_signed(off) }
    }

    fn about_cluster(&self, wish: &Wish) -> Command {
        match wish {
            Wish::CreateCluster => create_cluster(),
            Wish::Tick => Command::Tick,
            Wish::Radius(wish) => self.about_radius(wish),
            Wish::JoinToken { join_token, life, key_off } => {
                Command::CreateJoinToken(CreateJoinToken {
                    join_token: JoinTokenId(*join_token),
                    secret_hash: KeyHash([7; 32]),
                    secret: self.sealed(*key_off, 3),
                    life_milliseconds: *life,
                })
            }
            Wish::Join { join_token, secret, name, pin } => Command::AdmitNode(AdmitNode {
                join_token: self.join_token(*join_token),
                secret: KeyHash([if *secret { 7 } else { 8 }; 32]),
                name: named("node", *name),
                pin: KeyPin([u8::try_from(*pin).unwrap(); 32]),
                peer_address: format!("node{name}:8444"),
                api_address: format!("https://node{name}:8443"),
            }),
            Wish::Address { node, peer, api } => Command::SetNodeAddresses(SetNodeAddresses {
                node: NodeId(*node),
                peer_address: format!("host{peer}:8444"),
                api_address: format!("https://host{api}:8443"),
            }),
            other => unreachable!("{other:?}"),
        }
    }

    /// One that there is, if there is one.
    fn join_token(&self, place: u64) -> JoinTokenId {
        let some = [1, 2, 3, 4, 20, 21, 29].map(JoinTokenId);
        let there = some.into_iter().filter(|id| self.view.join_token(*id).is_some());
        let there: Vec<_> = there.collect();
        match usize::try_from(place) {
            Ok(place) if place < 20 && !there.is_empty() => there[place % there.len()],
            _ => JoinTokenId(place),
        }
    }

    fn about_key(&self, wish: &Wish) -> Command {
        let active = self.view.active_data_key();
        match wish {
            Wish::Rotate { id_off, key_off } => Command::RotateDataKey(RotateDataKey {
                id: off(active, 1 + id_off),
                key: self.sealed(*key_off, 4),
            }),
            Wish::ConfirmKey { node, id_off } => {
                let next = self.view.data_keys().rotation.map(|rotation| rotation.id);
                let lacking = self.view.nodes_without_next_key().next().unwrap_or(NodeId(1));
                Command::ConfirmDataKey(ConfirmDataKey {
                    node: node.map_or(lacking, NodeId),
                    id: off(next.unwrap_or(active), *id_off),
                })
            }
            Wish::Reseal { place, spoiled } => self.reseal(*place, *spoiled),
            Wish::Retire { id_off } => {
                Command::RetireDataKey(RetireDataKey { id: off(active, id_off - 1) })
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn reseal(&self, place: Option<usize>, spoiled: Option<u64>) -> Command {
        let nothing = Sealed::new(vec![1; 25]);
        let left = self.view.fields_to_reseal(SealedPlace::default());
        let left: Vec<_> = left.map(|(field, sealed)| (field.row(), sealed)).collect();
        let (row, old) = match place {
            Some(place) if !left.is_empty() => left[place % left.len()],
            Some(_) => (RowKey::Token(TokenId(1)), &nothing),
            None => (RowKey::User(UserId(1)), &nothing),
        };
        let content = old.as_bytes()[5];
        let mut new = self.sealed(0, content);
        let mut old = old.clone();
        match spoiled {
            // Another secret than the row has, a longer one, one under the old key.
            Some(0) => old = self.sealed(-1, content + 1),
            Some(1) => new = Sealed::new([new.as_bytes(), &[0]].concat()),
            Some(_) => new = old.clone(),
            None => {}
        }
        Command::Reseal(Reseal { row, old, new })
    }

    pub(super) fn sealed(&self, key_off: i64, content: u8) -> Sealed {
        sealed(off(self.view.active_data_key(), key_off), content)
    }
}

fn off(key: DataKeyId, by: i64) -> DataKeyId {
    DataKeyId(u32::try_from((i64::from(key.0) + by).max(0)).unwrap())
}

fn sealed(key: DataKeyId, content: u8) -> Sealed {
    Sealed::new([&[1][..], &key.0.to_be_bytes(), &[content; 20]].concat())
}

fn create_cluster() -> Command {
    Command::CreateCluster(CreateCluster {
        cluster: ClusterId([1; 16]),
        name: named("cluster", 1),
        lineage: LineageId([2; 16]),
        ca_certificate: vec![3; 10],
        ca_key: sealed(DataKeyId::FIRST, 4),
        administrator: Box::new(Administrator::first(
            AdministratorId(1),
            named("root", 1),
            KeyHash([5; 32]),
        )),
        node: Node {
            id: NodeId(1),
            name: named("node", 1),
            pin: KeyPin([1; 32]),
            peer_address: "node1:8444".to_owned(),
            api_address: "https://node1:8443".to_owned(),
            superseded: false,
            changed_at: LogIndex(0),
        },
    })
}

pub(super) fn named(kind: &str, number: u64) -> Name {
    Name::new(format!("{kind}{number}")).unwrap()
}

pub(crate) fn user_name(number: u64) -> UserName {
    // Some are of a domain, and some names fit them.
    let name = match number {
        4 => "user4@example.org",
        5 => "user4@sales.example.org",
        6 => "user4@sales.example.net",
        7 => "user4",
        8 => "user4@sales",
        _ => return UserName::new(format!("user{number}")).unwrap(),
    };
    UserName::new(name).unwrap()
}

/// Four profiles that differ in some fields and agree in others.
fn profile_of(number: u64) -> Profile {
    let phone = |digits: &str| Phone::new(PhoneKind::Mobile, digits.to_owned(), String::new());
    let odd = number % 2 == 1;
    let email = if odd { "a@example.org" } else { "" };
    let phones = if number > 1 { vec![phone("+43123456789").unwrap()] } else { vec![] };
    let groups = if number > 0 { vec!["staff".to_owned()] } else { vec![] };
    let tags = if number == 3 { vec!["vip".to_owned()] } else { vec![] };
    let language = if odd { "de" } else { "" };
    Profile::new(email.to_owned(), phones, groups, tags, language.to_owned()).unwrap()
}

/// Of every kind one.
fn parameters(token: TokenId) -> Parameters {
    match token.0 % 4 {
        2 => Parameters::totp(Algorithm::Sha256, 8, 60).unwrap(),
        3 => Parameters::hotp(Algorithm::Sha1, 6).unwrap(),
        _ => Parameters::default(),
    }
}
