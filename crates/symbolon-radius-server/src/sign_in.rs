//! A sign-in: the first factor, then the code, in one request or in two.

use std::net::IpAddr;
use std::time::Duration;

use symbolon_core::{ChallengeId, Decision, Denial, FirstFactor, RequestId, Unreachable};
use symbolon_radius::attribute::{microsoft, vendor};
use symbolon_radius::{Code, Cover, Key, Kind, Packet, Pair, Writer};
use symbolon_service::{
    Entropy, FirstHalf, Service, ServiceError, VerifyReply, VerifyRequest, prompt_text,
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::devices::Devices;
use crate::request::{Believed, Proof, Typed, client_ip, proof, take_apart};
use crate::target::{Granted, Judged, Question};

/// For how long a device is kept waiting: its own patience is seldom longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How the user is asked for a code.
const ASK_FOR_CODE: &str = "Enter the code of your token:";

/// What a device is told.
pub(crate) enum Said {
    /// The user may come in, with what a target grants.
    Accept(Option<Granted>),
    /// The user may not, and what they are shown.
    Reject(Option<&'static str>),
    /// Something is asked, and the State that the answer must bring.
    Ask(String, Vec<u8>),
    /// Nothing, and why, for metrics: the device asks another server.
    Silence(&'static str),
}

/// Who signs in, from where, by which packet.
pub(crate) struct SignIn<'s> {
    pub(crate) service: &'s Service,
    pub(crate) entropy: &'s dyn Entropy,
    pub(crate) devices: &'s Devices,
    pub(crate) device: IpAddr,
    pub(crate) packet: &'s Packet<'s>,
    pub(crate) believed: Believed<'s>,
}

impl SignIn<'_> {
    /// Decides what the device is told.
    pub(crate) async fn run(&self) -> Said {
        let deadline = Instant::now() + PATIENCE;
        let Some(username) = self.packet.text(Kind::USER_NAME) else {
            return Said::Reject(None);
        };
        let typed = match proof(self.packet, self.believed.secret) {
            Proof::Password(typed) => typed,
            Proof::Other(protocol) => {
                let application = self.devices.principal.name.as_str();
                tracing::warn!(application, device = %self.device, protocol, "it is asked with a protocol that is not taken");
                return Said::Reject(None);
            }
        };
        match self.packet.first(Kind::STATE) {
            Some(state) => self.second_half(username, &typed, state, deadline).await,
            None => self.first_half(username, &typed, deadline).await,
        }
    }

    async fn first_half(
        &self,
        username: &str,
        typed: &Zeroizing<String>,
        deadline: Instant,
    ) -> Said {
        let policy = &self.devices.row.policy;
        if policy.targets.is_empty() {
            return self.verify(username, typed, None, None, deadline).await;
        }
        let Some(Typed { password, code }) = take_apart(typed, &policy.code) else {
            return self.first_factor(username, typed, FirstFactor::Denied, deadline).await;
        };
        let question = Question { username, password: &password, request: self.packet, deadline };
        let application = self.devices.principal.name.as_str();
        let Devices { targets, secrets, .. } = self.devices;
        let granted = match targets.judge(&question, secrets, self.entropy, application).await {
            Judged::Accepted(granted) => granted,
            Judged::Denied => {
                return self.first_factor(username, typed, FirstFactor::Denied, deadline).await;
            }
            Judged::Unreachable => {
                let first_factor = FirstFactor::Unreachable;
                let said = self.first_factor(username, typed, first_factor, deadline).await;
                return match policy.unreachable {
                    Unreachable::Reject => said,
                    Unreachable::Silence => Said::Silence("target_unreachable"),
                };
            }
        };
        let id = self.devices.row.id;
        match code {
            Some(code) => self.verify(username, &code, None, Some(granted), deadline).await,
            // Whoever is let in whatever they show is not asked.
            None if self.service.needs_no_code(id, username) => {
                let nothing = Zeroizing::new(String::new());
                self.verify(username, &nothing, None, Some(granted), deadline).await
            }
            None => self.ask(username, None, ASK_FOR_CODE.to_owned()),
        }
    }

    async fn second_half(
        &self,
        username: &str,
        typed: &Zeroizing<String>,
        state: &[u8],
        deadline: Instant,
    ) -> Said {
        let id = self.devices.row.id;
        match self.service.open_first_half(id, username, state) {
            Some(half) => self.verify(username, typed, half.challenge, None, deadline).await,
            None => Said::Reject(Some("This took too long. Please sign in again.")),
        }
    }

    /// Has the code judged.
    async fn verify(
        &self,
        username: &str,
        code: &Zeroizing<String>,
        state: Option<ChallengeId>,
        granted: Option<Granted>,
        deadline: Instant,
    ) -> Said {
        let request = VerifyRequest {
            username: username.to_owned(),
            client_ip: client_ip(self.packet),
            code: code.to_string(),
            state,
            request_id: Some(self.request_id(username, code)),
            ..VerifyRequest::default()
        };
        match self.service.verify(&self.devices.principal, request, deadline).await {
            Ok(reply) => self.decided(username, reply, granted),
            Err(error) => self.undecided(&error),
        }
    }

    /// Has it told that the first factor did not hold.
    async fn first_factor(
        &self,
        username: &str,
        typed: &Zeroizing<String>,
        first_factor: FirstFactor,
        deadline: Instant,
    ) -> Said {
        // That nobody could be asked is no answer: the same request may find somebody a moment later.
        let id = (first_factor == FirstFactor::Denied).then(|| self.request_id(username, typed));
        let request = VerifyRequest {
            username: username.to_owned(),
            client_ip: client_ip(self.packet),
            request_id: id,
            first_factor,
            ..VerifyRequest::default()
        };
        match self.service.verify(&self.devices.principal, request, deadline).await {
            Ok(_) => Said::Reject(None),
            Err(error) => self.undecided(&error),
        }
    }

    fn decided(&self, username: &str, reply: VerifyReply, granted: Option<Granted>) -> Said {
        match reply.verdict.decision {
            Decision::Allow => Said::Accept(granted),
            Decision::Deny(Denial::CodeAlreadyUsed) => {
                Said::Reject(Some("This code was used before. Please wait for the next one."))
            }
            Decision::Deny(Denial::ChallengeExpired) => {
                Said::Reject(Some("This took too long. Please sign in again."))
            }
            Decision::Deny(_) => Said::Reject(None),
            Decision::Challenge { id, prompt } => {
                let settings = self.service.ledger().view().state.settings();
                self.ask(username, Some(id), prompt_text(prompt, settings.pin_rules()))
            }
        }
    }

    /// A refusal is silence, so that the device asks another node; but nobody has a name that cannot be.
    fn undecided(&self, error: &ServiceError) -> Said {
        let application = self.devices.principal.name.as_str();
        if let ServiceError::InvalidArgument { field, .. } = error {
            tracing::info!(application, device = %self.device, field, "what was typed cannot be right");
            return Said::Reject(None);
        }
        tracing::warn!(application, device = %self.device, %error, "a sign-in was not decided");
        Said::Silence("not_decided")
    }

    fn ask(&self, username: &str, challenge: Option<ChallengeId>, prompt: String) -> Said {
        let half = FirstHalf { challenge };
        match self.service.seal_first_half(self.devices.row.id, username, half) {
            Ok(state) => Said::Ask(prompt, state),
            Err(error) => self.undecided(&error),
        }
    }

    /// The same wherever in the cluster the same packet arrives; with `retry_identity`, wherever another packet
    /// of the same session with the same code does.
    fn request_id(&self, username: &str, code: &Zeroizing<String>) -> RequestId {
        let id = self.devices.row.id.0.to_be_bytes();
        let session = self.devices.row.policy.retry_identity.then(|| session(self.packet)).flatten();
        if let Some(session) = session {
            let state = self.packet.first(Kind::STATE).unwrap_or_default();
            let fields = [&id[..], &session, username.as_bytes(), code.as_bytes(), state];
            return self.service.radius_request_id(&fields);
        }
        let packet = self.packet;
        self.service.radius_request_id(&[&id, packet.bytes()])
    }

    /// Writes what the device is told; `None`: nothing.
    pub(crate) fn write(&self, said: &Said) -> Option<Vec<u8>> {
        let (packet, secret) = (self.packet, self.believed.secret);
        let writer = match said {
            Said::Silence(_) => return None,
            Said::Accept(granted) => {
                let mut writer = Writer::reply(Code::AccessAccept, packet);
                self.grant(&mut writer, granted.as_ref());
                writer
            }
            Said::Reject(shown) => {
                let mut writer = Writer::reply(Code::AccessReject, packet);
                writer.reply_message(shown.unwrap_or_default());
                writer
            }
            Said::Ask(prompt, state) => {
                let mut writer = Writer::reply(Code::AccessChallenge, packet);
                writer.reply_message(prompt).attribute(Kind::STATE, state);
                writer
            }
        };
        writer
            .finish(secret)
            .inspect_err(|error| {
                let application = self.devices.principal.name.as_str();
                tracing::error!(application, %error, "a reply cannot be written; see its attributes");
            })
            .ok()
    }

    /// What an Access-Accept brings along: what the target grants, but for what the policy says itself.
    fn grant(&self, writer: &mut Writer, granted: Option<&Granted>) {
        let own: Vec<&Pair> = self.own_attributes();
        if let Some(granted) = granted
            && let Ok(packet) = Packet::read(&granted.packet)
        {
            let is_own = |key: Key| own.iter().any(|pair| pair.key() == key);
            for attribute in packet.attributes() {
                if passes_on(attribute.kind) && !is_own(Key::Standard(attribute.kind)) {
                    writer.attribute(attribute.kind, attribute.value);
                }
            }
            self.pass_keys_on(writer, &packet, granted);
        }
        for pair in own {
            writer.pair(pair);
        }
    }

    fn own_attributes(&self) -> Vec<&Pair> {
        let username = self.packet.text(Kind::USER_NAME).unwrap_or_default();
        let groups = self.service.groups_of(username);
        let theirs = |group: &String| group.is_empty() || groups.contains(group);
        let attributes = self.devices.attributes.iter();
        attributes.filter(|(group, _)| theirs(group)).map(|(_, pair)| pair).collect()
    }

    /// Keys are hidden with the secret of who sends them.
    fn pass_keys_on(&self, writer: &mut Writer, packet: &Packet<'_>, granted: &Granted) {
        let Some(theirs) = self.devices.secrets.targets.get(granted.target) else {
            return;
        };
        let from = Cover::new(theirs, &granted.authenticator);
        let to = Cover::new(self.believed.secret, self.packet.authenticator());
        for kind in [microsoft::MPPE_SEND_KEY, microsoft::MPPE_RECV_KEY] {
            for hidden in packet.vendor(vendor::MICROSOFT, kind) {
                let mut salt = [0; 2];
                self.entropy.fill(&mut salt);
                match from.carry_over(hidden, &to, salt) {
                    Ok(key) => _ = writer.vendor(vendor::MICROSOFT, kind, &key),
                    Err(error) => tracing::warn!(%error, "a key that a target grants is left out"),
                }
            }
        }
    }
}

/// Which session a request is about, if it says so.
fn session(packet: &Packet<'_>) -> Option<Vec<u8>> {
    if let Some(id) = packet.first(Kind::ACCT_SESSION_ID) {
        return Some([b"session", id].concat());
    }
    let port = packet.first(Kind::NAS_PORT)?;
    let station = packet.first(Kind::CALLING_STATION_ID)?;
    Some([b"port", port, station].concat())
}

/// What of a target's reply is for the device. The rest is between the target and this cluster, or hidden.
fn passes_on(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::STATE
            | Kind::PROXY_STATE
            | Kind::MESSAGE_AUTHENTICATOR
            | Kind::EAP_MESSAGE
            | Kind::TUNNEL_PASSWORD
            | Kind::VENDOR_SPECIFIC
    )
}
