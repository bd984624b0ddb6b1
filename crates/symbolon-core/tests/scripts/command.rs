//! From words to proposals. Outcomes are made as a serving node makes them: with the real codes of
//! real seeds, from the state that the node had applied.

use std::collections::BTreeMap;

use symbolon_core::otp::{Algorithm, Code, Parameters, code_at, matching_step, resynchronise};
use symbolon_core::{
    Administrator, AdministratorId, AdmitNode, ApplicationId, BlockUser, Caller, CancelBypass,
    ChallengeId, ClusterId, Command, ConfirmDataKey, ConfirmToken, CreateCluster, CreateJoinToken,
    CreateRecoveryCodes, CreateUser, DataKeyId, DeleteUser, DisplayName, EnrollToken, Fingerprint,
    FirstFactor, GrantBypass, JoinTokenId, KeyHash, KeyPin, LineageId, LogIndex, Match, Method,
    Name, NameError, Node, NodeId, Outcome, Proposal, Reason, RemoveToken, RequestId, Reseal,
    ResyncToken, RetireDataKey, RotateDataKey, RowKey, Sealed, Secret, Serial, SetNodeAddresses,
    SetPin, Setting, State, Timestamp, TokenId, UnblockUser, UpdateSettings, UpdateUser, User,
    UserId, UserName,
};

mod keys;
pub(crate) mod merge;
pub(crate) mod nodes;
mod pins;
pub(crate) mod radius;
mod settings;

use crate::administration;
use crate::language::{Words, time};

/// What only the people in a script know: the seeds of their tokens.
#[derive(Default)]
pub(crate) struct Wallet(BTreeMap<TokenId, Held>);

pub(crate) struct Held {
    pub(crate) name: String,
    seed: Secret,
    parameters: Parameters,
}

impl Wallet {
    pub(crate) fn name(&self, id: TokenId) -> String {
        self.0.get(&id).map_or_else(|| format!("{id:?}"), |held| held.name.clone())
    }

    /// Keeps what an accepted enrolment brought.
    pub(crate) fn keep(&mut self, id: TokenId, held: Held) {
        self.0.insert(id, held);
    }

    fn at(&self, text: &str) -> Result<(TokenId, &Held, u64), String> {
        let (name, step) =
            text.split_once('@').ok_or_else(|| format!("{text} is not TOKEN@STEP"))?;
        let step = step.parse().map_err(|_| format!("{step} is no step"))?;
        let id = TokenId(number("token", name));
        let held = self.0.get(&id).ok_or_else(|| format!("no token {name}"))?;
        Ok((id, held, step))
    }
}

/// A proposal ready for the log, and the token that it enrols.
pub(crate) struct Made {
    pub(crate) proposal: Proposal,
    pub(crate) enrolls: Option<(TokenId, Held)>,
}

/// Where a proposal is made.
pub(crate) struct Place<'a> {
    pub(crate) wallet: &'a Wallet,
    /// States by log index.
    pub(crate) states: &'a [State],
    /// The newest index that is applied everywhere.
    pub(crate) applied: u64,
    /// Unless the script says otherwise.
    pub(crate) made_at: Timestamp,
    /// Differs for every line.
    pub(crate) serial: usize,
}

impl Place<'_> {
    pub(crate) fn make(&self, mut words: Words) -> Result<Made, String> {
        let made_at = match words.option("made")? {
            Some(text) => time(&text)?,
            None => self.made_at,
        };
        let seen = match words.option("seen")? {
            Some(text) => self.seen(&text)?,
            None => self.applied,
        };
        let request_id = words.option("id")?;
        let request_id = request_id.unwrap_or_else(|| format!("line {}", self.serial));
        let caller = caller(&mut words)?;

        let asked = words.text();
        let mut enrolls = None;
        let verb = words.next("a command")?;
        let (command, usual_caller) = match verb.as_str() {
            "verify" => {
                let outcome = self.verify(&mut words, seen, made_at)?;
                let application = Caller::Application(outcome.application);
                (Command::Verify(outcome), application)
            }
            "token" => {
                let (command, held) = enroll(&mut words)?;
                enrolls = Some((command.token, held));
                (Command::EnrollToken(command), root())
            }
            "prove" => {
                let shown = self.shown(&mut words, made_at)?;
                (Command::ConfirmToken(ConfirmToken { shown }), root())
            }
            "resync" => {
                let shown = self.two_shown(&mut words, seen, made_at)?;
                (Command::ResyncToken(ResyncToken { shown }), root())
            }
            "take" => {
                let token = TokenId(number("token", &words.next("a token")?));
                (Command::RemoveToken(RemoveToken { token }), root())
            }
            "merge" => (Command::Merge(self.merge(&mut words, seen)?), node_one()),
            "tick" => (Command::Tick, node_one()),
            "reseal" => (Command::Reseal(self.reseal(&mut words, seen)?), node_one()),
            verb => administer(verb, &mut words)?,
        };
        words.end()?;
        let proposal = Proposal {
            caller: caller.unwrap_or(usual_caller),
            request_id: RequestId(bytes("request", &request_id)),
            fingerprint: Fingerprint(bytes("fingerprint", &asked)),
            seen: LogIndex(seen),
            made_at,
            node: NodeId(1),
            command,
        };
        Ok(Made { proposal, enrolls })
    }

    /// `-2`: two entries behind; `2`: the second entry.
    fn seen(&self, text: &str) -> Result<u64, String> {
        let number: i64 = text.parse().map_err(|_| format!("seen {text}?"))?;
        let from = if text.starts_with('-') { self.applied } else { 0 };
        from.checked_add_signed(number)
            .ok_or_else(|| format!("seen {text} is before the first entry"))
    }

    fn verify(&self, words: &mut Words, seen: u64, made_at: Timestamp) -> Result<Outcome, String> {
        let view = self.states.get(usize::try_from(seen).unwrap());
        let view = view.ok_or("the future cannot be seen")?;
        let user_name = words.next("a user")?;
        let user_name = UserName::new(user_name).map_err(|error| error.to_string())?;
        let application = words.option("by")?.ok_or("by which application?")?;
        let user = view.account(&user_name).user();
        let tokens = user.map_or_else(Vec::new, |user| user.tokens.clone());
        let knows = words.option("knows")?;
        let known = knows.map(|name| UserId(number("user", &name)));
        let matches = match (words.option("claims")?, words.option("code")?) {
            (Some(claims), None) => claims
                .split(',')
                .map(|claim| self.wallet.at(claim).map(|(token, _, step)| Match { token, step }))
                .collect::<Result<_, _>>()?,
            (None, Some(text)) => {
                let code = self.code(view, &text, &tokens, made_at)?;
                self.matches(view, code, &tokens, made_at)
            }
            (None, None) if words.has("answer") => Vec::new(),
            _ => return Err("say either code or claims".to_owned()),
        };
        let outcome = Outcome {
            user: known.or_else(|| user.map(|user| user.id)),
            user_name,
            application: ApplicationId(number("application", &application)),
            method: Method::Otp,
            client_ip: "192.0.2.7".to_owned(),
            matches,
            wrong_pin: Vec::new(),
            recovery_code: None,
            challenge: ChallengeId::default(),
            answer: None,
            first_factor: radius::first_factor(words)?,
        };
        pins::answered(pins::judged(outcome, words)?, words)
    }

    /// `TOKEN@STEP`: the code that the token shows then, as the serving node claims it.
    fn shown(&self, words: &mut Words, _: Timestamp) -> Result<Match, String> {
        let (token, _, step) = self.wallet.at(&words.next("TOKEN@STEP")?)?;
        Ok(Match { token, step })
    }

    /// `TOKEN@STEP`: the codes of that step and the one before, searched for as a serving node does;
    /// `claims TOKEN@STEP`: as it says.
    fn two_shown(&self, words: &mut Words, seen: u64, at: Timestamp) -> Result<Match, String> {
        if let Some(claim) = words.option("claims")? {
            let (token, _, step) = self.wallet.at(&claim)?;
            return Ok(Match { token, step });
        }
        let text = words.next("TOKEN@STEP")?;
        let (id, held, step) = self.wallet.at(&text)?;
        let view = self.states.get(usize::try_from(seen).unwrap());
        let token = view.and_then(|view| view.token(id)).ok_or("no such token")?;
        let code = |step| {
            let digits = usize::from(held.parameters.digits());
            let value = code_at(&held.seed, step, held.parameters);
            Code::parse(&format!("{value:0digits$}")).unwrap_or(Code::NEVER)
        };
        let codes = [code(step - 1), code(step)];
        let position = token.position(view.map_or_else(Default::default, State::tolerance));
        let found = resynchronise(&held.seed, held.parameters, position, codes, at);
        found.map(|step| Match { token: id, step }).ok_or_else(|| "they are not found".to_owned())
    }

    /// `reseal KIND NAME under KEY`, as read at `seen`; with `other` it claims another old secret, with
    /// `longer` the new one is.
    fn reseal(&self, words: &mut Words, seen: u64) -> Result<Reseal, String> {
        let view = self.states.get(usize::try_from(seen).unwrap());
        let view = view.ok_or("the future cannot be seen")?;
        let kind = words.next("a kind of row")?;
        let name = words.next("a name")?;
        let (row, old) = match kind.as_str() {
            "cluster" => (RowKey::Cluster, view.cluster().map(|row| row.ca_key.clone())),
            "token" => {
                let id = TokenId(number("token", &name));
                (RowKey::Token(id), view.token(id).map(|row| row.seed.clone()))
            }
            "application" => {
                let id = ApplicationId(number("application", &name));
                let reveal = view.application(id).and_then(|row| row.reveal.as_ref());
                (RowKey::Application(id), reveal.map(|reveal| reveal.secret.clone()))
            }
            "join-token" => {
                let id = JoinTokenId(number("join token", &name));
                let reveal = view.join_token(id).and_then(|row| row.reveal.as_ref());
                (RowKey::JoinToken(id), reveal.map(|reveal| reveal.secret.clone()))
            }
            "user" => {
                let id = UserId(number("user", &name));
                (RowKey::User(id), pins::sealed_of(view.user(id), words)?)
            }
            "radius" => {
                let id = ApplicationId(number("application", &name));
                (RowKey::RadiusClient(id), view.radius_client(id).map(|row| row.secrets.clone()))
            }
            other => return Err(format!("no row {other}")),
        };
        let mut old = old.unwrap_or_else(|| under(DataKeyId::FIRST, "nothing"));
        let key = data_key(&words.option("under")?.ok_or("under which key?")?)?;
        let content = String::from_utf8_lossy(&old.as_bytes()[5..]).into_owned();
        let mut new = under(key, &content);
        match words.option("with")?.as_deref() {
            Some("other") => old = under(DataKeyId::FIRST, &content.to_uppercase()),
            Some("longer") => new = under(key, &format!("{content}!")),
            Some(odd) => return Err(format!("with {odd}?")),
            None => {}
        }
        Ok(Reseal { row, old, new })
    }

    fn matches(&self, view: &State, code: Code, tokens: &[TokenId], at: Timestamp) -> Vec<Match> {
        let found = |token: &TokenId| {
            let held = self.wallet.0.get(token)?;
            let row = view.token(*token).filter(|row| !row.pending)?;
            let position = row.position(view.tolerance());
            let step = matching_step(&held.seed, held.parameters, position, code, at)?;
            Some(Match { token: *token, step })
        };
        tokens.iter().filter_map(found).collect()
    }

    /// `TOKEN@STEP`: what that token shows then. `wrong`: what none of the tokens shows now.
    fn code(
        &self,
        view: &State,
        text: &str,
        tokens: &[TokenId],
        at: Timestamp,
    ) -> Result<Code, String> {
        if text == "wrong" {
            return (0..1_000_000)
                .filter_map(|value| Code::parse(&format!("{value:06}")))
                .find(|code| self.matches(view, *code, tokens, at).is_empty())
                .ok_or_else(|| "every code is right".to_owned());
        }
        if !text.contains('@') {
            return Ok(Code::parse(text).unwrap_or(Code::NEVER));
        }
        let (_, held, step) = self.wallet.at(text)?;
        let digits = usize::from(held.parameters.digits());
        let value = code_at(&held.seed, step, held.parameters);
        Code::parse(&format!("{value:0digits$}")).ok_or_else(|| format!("{text} is no code"))
    }
}

fn caller(words: &mut Words) -> Result<Option<Caller>, String> {
    let Some(kind) = words.option("as")? else {
        return Ok(None);
    };
    let (kind, name) = kind.split_once(':').unwrap_or((&kind, "root"));
    Ok(Some(match kind {
        "root" => root(),
        "administrator" => Caller::Administrator(AdministratorId(number("administrator", name))),
        "application" => Caller::Application(ApplicationId(number("application", name))),
        "node" => Caller::Node(NodeId(name.parse().map_err(|_| "node:NUMBER")?)),
        other => return Err(format!("as {other}?")),
    }))
}

fn enroll(words: &mut Words) -> Result<(EnrollToken, Held), String> {
    let user = words.next("a user")?;
    let name = words.next("a token")?;
    let (algorithm, seed_bytes) = match words.option("algorithm")?.as_deref() {
        None | Some("sha1") => (Algorithm::Sha1, 20),
        Some("sha256") => (Algorithm::Sha256, 32),
        Some("sha512") => (Algorithm::Sha512, 64),
        Some(other) => return Err(format!("no algorithm {other}")),
    };
    let digits = words.option("digits")?.unwrap_or_else(|| "6".to_owned());
    let digits = digits.parse().map_err(|_| "digits")?;
    let period = words.option("period")?.unwrap_or_else(|| "30".to_owned());
    let counter = words.option("counter")?;
    let parameters = match &counter {
        Some(_) => Parameters::hotp(algorithm, digits),
        None => Parameters::totp(algorithm, digits, period.parse().map_err(|_| "period")?),
    };
    let parameters = parameters.map_err(|error| error.to_string())?;
    let serial = words.option("serial")?.map(Serial::new).transpose();
    let seed = words.option("seed")?.unwrap_or_else(|| name.clone());
    let command = EnrollToken {
        user: UserId(number("user", &user)),
        token: TokenId(drawn("token", &name, words)?),
        parameters,
        serial: serial.map_err(|error| error.to_string())?,
        mark: counter.unwrap_or_default().parse().unwrap_or(0),
        pending: words.option("state")?.as_deref() == Some("pending"),
        seed: sealed(&format!("sealed {seed}"), words)?,
    };
    let held = Held {
        name,
        seed: Secret::new(seed.bytes().cycle().take(seed_bytes).collect()),
        parameters,
    };
    Ok((command, held))
}

fn administer(verb: &str, words: &mut Words) -> Result<(Command, Caller), String> {
    let name = words.next("a name")?;
    Ok(match verb {
        "cluster" => (nodes::create_cluster(&name)?, node_one()),
        "user" => {
            let user = UserId(drawn("user", &name, words)?);
            (create_user(user, name)?, root())
        }
        "pin" => (pins::command(&name, words)?, root()),
        "export" => (administration::export(&name)?, root()),
        "radius" => radius::command(&name, words)?,
        "bypass" | "no-bypass" | "recovery" => (pins::help(verb, &name, words)?, root()),
        "update" | "block" | "unblock" | "delete" => (user_command(verb, &name, words)?, root()),
        "join-token" => {
            let life = words.option("life")?.unwrap_or_else(|| "24h".to_owned());
            let command = CreateJoinToken {
                join_token: JoinTokenId(drawn("join token", &name, words)?),
                secret_hash: KeyHash(hash("secret", &name)),
                secret: sealed(&format!("sealed secret of {name}"), words)?,
                life_milliseconds: time(&life)?.0,
            };
            (Command::CreateJoinToken(command), root())
        }
        "join" => {
            let token = words.option("token")?.ok_or("with which token?")?;
            let secret = words.option("secret")?.unwrap_or_else(|| token.clone());
            let key = words.option("key")?.unwrap_or_else(|| name.clone());
            let command = AdmitNode {
                join_token: JoinTokenId(number("join token", &token)),
                secret: KeyHash(hash("secret", &secret)),
                pin: KeyPin(hash("pin", &key)),
                peer_address: format!("{name}:8444"),
                api_address: format!("https://{name}:8443"),
                name: parse_name(name)?,
            };
            (Command::AdmitNode(command), node_one())
        }
        "address" => {
            let node = NodeId(name.parse().map_err(|_| "address NODE_NUMBER HOST")?);
            let host = words.next("a host")?;
            let command = SetNodeAddresses {
                node,
                peer_address: format!("{host}:8444"),
                api_address: format!("https://{host}:8443"),
            };
            (Command::SetNodeAddresses(command), Caller::Node(node))
        }
        "seize" | "readmit" | "release" | "acknowledge" | "remove-node" | "meet" | "discard"
        | "believe" => nodes::command(verb, &name, words)?,
        "rotate-data-key" | "confirm" | "retire" => keys::command(verb, &name, words)?,
        "set" => (Command::UpdateSettings(settings::command(&name, words)?), root()),
        other => administration::command(other, name, words)?,
    })
}

fn create_user(user: UserId, name: String) -> Result<Command, String> {
    let (name, display_name) = (no_error(UserName::new(name))?, no_error(DisplayName::new(""))?);
    Ok(Command::CreateUser(CreateUser { user, name, display_name, profile: Default::default() }))
}

fn no_error<T>(name: Result<T, NameError>) -> Result<T, String> {
    name.map_err(|error| error.to_string())
}

/// `update USER`, `block USER`, `unblock USER`, `delete USER`, the user as of `knows`.
fn user_command(verb: &str, user: &str, words: &mut Words) -> Result<Command, String> {
    let user = UserId(number("user", user));
    let revision = settings::revision(words)?;
    let reason = |words: &mut Words| {
        let text = words.option("because")?.unwrap_or_else(|| "because".to_owned());
        Reason::new(text).map_err(|error| error.to_string())
    };
    Ok(match verb {
        "update" => {
            let name = words.option("name")?.map(DisplayName::new).transpose();
            let disabled = words.option("disabled")?.map(|text| text == "yes");
            let display_name = name.map_err(|error| error.to_string())?;
            Command::UpdateUser(UpdateUser {
                user,
                display_name,
                disabled,
                profile: administration::profile(words)?,
                revision,
            })
        }
        "block" => {
            let milliseconds = time(&words.option("for")?.ok_or("for how long?")?)?.0;
            Command::BlockUser(BlockUser { user, reason: reason(words)?, milliseconds })
        }
        "unblock" => Command::UnblockUser(UnblockUser { user, reason: reason(words)? }),
        _ => Command::DeleteUser(DeleteUser { user, revision }),
    })
}

fn data_key(text: &str) -> Result<DataKeyId, String> {
    text.parse().map(DataKeyId).map_err(|_| format!("{text} is no data key"))
}

/// A secret under the first data key, or with `under KEY` under another.
pub(crate) fn sealed(content: &str, words: &mut Words) -> Result<Sealed, String> {
    let key = words.option("under")?;
    let key = key.map_or(Ok(DataKeyId::FIRST), |key| data_key(&key))?;
    Ok(under(key, content))
}

fn under(key: DataKeyId, content: &str) -> Sealed {
    Sealed::new([&[1][..], &key.0.to_be_bytes(), content.as_bytes()].concat())
}

pub(crate) fn root() -> Caller {
    Caller::Administrator(AdministratorId(number("administrator", "root")))
}

fn node_one() -> Caller {
    Caller::Node(NodeId(1))
}

pub(crate) fn parse_name(name: String) -> Result<Name, String> {
    Name::new(name).map_err(|error| error.to_string())
}

/// The id drawn for a name, or with `drawn OTHER` the one that was drawn for another.
pub(crate) fn drawn(kind: &str, name: &str, words: &mut Words) -> Result<u64, String> {
    let other = words.option("drawn")?;
    Ok(number(kind, other.as_deref().unwrap_or(name)))
}

/// An id that follows from a name, so that scripts need not spell it (FNV-1a).
pub(crate) fn number(kind: &str, name: &str) -> u64 {
    let text = format!("{kind} {name}");
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn bytes(kind: &str, name: &str) -> [u8; 16] {
    let high = u128::from(number(kind, name));
    let low = u128::from(number(&format!("second {kind}"), name));
    (high << 64 | low).to_be_bytes()
}

pub(crate) fn hash(kind: &str, name: &str) -> [u8; 32] {
    let half = bytes(kind, name);
    std::array::from_fn(|place| half[place % 16])
}
