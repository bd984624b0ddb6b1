//! A sign-in: the first factor, then the code, in one request or in two.

use std::net::IpAddr;

use symbolon_core::{
    ChallengeId, CodePlace, Decision, Denial, FirstFactor, RequestId, Unreachable,
};
use symbolon_radius::attribute::vendor;
use symbolon_radius::{
    Attribute, Code, Cover, Key, Kind, Packet, Pair, Salt, VALUE_BYTES_MAX, Writer, carry,
    carry_on, relay,
};
use symbolon_service::{
    Entropy, FirstHalf, Service, ServiceError, VerifyReply, VerifyRequest, prompt_text,
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::devices::Devices;
use crate::request::{Believed, MsChap2, Proof, Typed, client_ip, proof, take_apart};
use crate::target::{Granted, Judged, Question, Shown};

/// What is shown to whom it took too long.
const TOO_LATE: &str = "This took too long. Please sign in again.";
/// How the user is asked for a code.
const ASK_FOR_CODE: &str = "Enter the code of your token:";

/// What comes of a sign-in, or of a part of it.
pub(crate) enum Said {
    /// The user may come in, with what a target grants.
    Accept(Option<Granted>),
    /// The user may not, and what they are shown.
    Reject(Option<&'static str>),
    /// Something is asked: in what words, and what the log knows it by, if it does. A target has granted
    /// something already.
    Ask(String, Option<ChallengeId>, Option<Granted>),
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
    pub(crate) believed: &'s Believed,
    pub(crate) deadline: Instant,
}

impl SignIn<'_> {
    /// Decides about a request with a password in clear.
    pub(crate) async fn run(&self) -> Said {
        let Some(username) = self.username() else {
            return Said::Reject(None);
        };
        let typed = match proof(self.packet, &self.believed.secret) {
            Proof::Password(typed) => typed,
            Proof::MsChap2(proof) => return self.challenge_response(username, proof).await,
            Proof::Other(protocol) => return self.not_taken(protocol),
        };
        let Some(state) = self.packet.first(Kind::STATE) else {
            return self.first_half(username, &typed).await;
        };
        match self.service.open_first_half(self.devices.row.id, username, state) {
            Some(FirstHalf { challenge, granted }) => {
                let granted = Some(Granted::Carried(granted));
                self.verify(username, &typed, challenge, granted).await
            }
            None => Said::Reject(Some(TOO_LATE)),
        }
    }

    fn not_taken(&self, protocol: &'static str) -> Said {
        let application = self.devices.principal.name.as_str();
        tracing::warn!(
            application,
            device = %self.device,
            protocol,
            "it is asked with a protocol that is not taken; `symbolon application radius show` tells which are"
        );
        Said::Reject(None)
    }

    /// Decides about a password that a target alone can judge. No code is in it: it is asked for, and comes as
    /// a password.
    async fn challenge_response(&self, username: &str, proof: MsChap2<'_>) -> Said {
        let policy = &self.devices.row.policy;
        let is_answer = self.packet.first(Kind::STATE).is_some();
        if policy.targets.is_empty() || policy.code != CodePlace::Challenge || is_answer {
            return self.not_taken("MS-CHAPv2");
        }
        if !self.service.could_be_a_name(username) {
            return Said::Reject(None);
        }
        let named = Zeroizing::new(proof.response.iter().map(|it| format!("{it:02x}")).collect());
        self.with_target(username, Shown::MsChap2(proof), &named, None).await
    }

    pub(crate) fn username(&self) -> Option<&str> {
        self.packet.text(Kind::USER_NAME)
    }

    /// Decides about what was typed first: a code, a password, or both.
    pub(crate) async fn first_half(&self, username: &str, typed: &Zeroizing<String>) -> Said {
        let policy = &self.devices.row.policy;
        if !self.service.could_be_a_name(username) {
            return Said::Reject(None);
        }
        if policy.targets.is_empty() {
            return self.verify(username, typed, None, None).await;
        }
        let Some(Typed { password, code }) = take_apart(typed, &policy.code) else {
            return self.first_factor(username, typed, FirstFactor::Denied).await;
        };
        self.with_target(username, Shown::Password(&password), typed, code).await
    }

    /// Has a target judge the first factor, and then the code, or asks for it. `typed`: what the request is
    /// known by.
    async fn with_target(
        &self,
        username: &str,
        shown: Shown<'_>,
        typed: &Zeroizing<String>,
        code: Option<Zeroizing<String>>,
    ) -> Said {
        let deadline = self.deadline;
        let question = Question { username, shown, request: self.packet, deadline };
        let application = self.devices.principal.name.as_str();
        let Devices { targets, secrets, .. } = self.devices;
        let granted = match targets.judge(&question, secrets, self.entropy, application).await {
            Judged::Accepted(granted) => granted,
            Judged::Denied => return self.first_factor(username, typed, FirstFactor::Denied).await,
            Judged::Unreachable => {
                let said = self.first_factor(username, typed, FirstFactor::Unreachable).await;
                return match self.devices.row.policy.unreachable {
                    Unreachable::Reject => said,
                    Unreachable::Silence => Said::Silence("target_unreachable"),
                };
            }
        };
        let id = self.devices.row.id;
        match code {
            Some(code) => self.verify(username, &code, None, Some(granted)).await,
            // Whoever is let in whatever they show is not asked.
            None if self.service.needs_no_code(id, username) => {
                let nothing = Zeroizing::new(String::new());
                self.verify(username, &nothing, None, Some(granted)).await
            }
            None => {
                tracing::info!(application, device = %self.device, username, "asked for a code");
                Said::Ask(ASK_FOR_CODE.to_owned(), None, Some(granted))
            }
        }
    }

    /// Has the code judged.
    pub(crate) async fn verify(
        &self,
        username: &str,
        code: &Zeroizing<String>,
        state: Option<ChallengeId>,
        granted: Option<Granted>,
    ) -> Said {
        let request = VerifyRequest {
            username: username.to_owned(),
            client_ip: client_ip(self.packet),
            code: code.to_string(),
            state,
            request_id: Some(self.request_id(username, code)),
            ..VerifyRequest::default()
        };
        match self.service.verify(&self.devices.principal, request, self.deadline).await {
            Ok(reply) => self.decided(reply, granted),
            Err(error) => self.undecided(&error),
        }
    }

    /// Has it told that the first factor did not hold.
    async fn first_factor(
        &self,
        username: &str,
        typed: &Zeroizing<String>,
        first_factor: FirstFactor,
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
        match self.service.verify(&self.devices.principal, request, self.deadline).await {
            Ok(_) => Said::Reject(None),
            Err(error) => self.undecided(&error),
        }
    }

    fn decided(&self, reply: VerifyReply, granted: Option<Granted>) -> Said {
        match reply.verdict.decision {
            Decision::Allow => Said::Accept(granted),
            Decision::Deny(Denial::CodeAlreadyUsed) => {
                Said::Reject(Some("This code was used before. Please wait for the next one."))
            }
            Decision::Deny(Denial::ChallengeExpired) => Said::Reject(Some(TOO_LATE)),
            Decision::Deny(_) => Said::Reject(None),
            Decision::Challenge { id, prompt } => {
                let settings = self.service.ledger().view().state.settings();
                Said::Ask(prompt_text(prompt, settings.pin_rules()), Some(id), granted)
            }
        }
    }

    /// A refusal is silence, so that the device asks another node; but nobody has a name that cannot be.
    fn undecided(&self, error: &ServiceError) -> Said {
        let application = self.devices.principal.name.as_str();
        // The same request, and another word of a target: nothing is decided anew.
        let is_repeated = |field: &str| field == "request_id";
        if let ServiceError::InvalidArgument { field, .. } = error
            && !is_repeated(field)
        {
            tracing::info!(application, device = %self.device, field, "what was typed cannot be right");
            return Said::Reject(None);
        }
        tracing::warn!(application, device = %self.device, %error, "a sign-in was not decided");
        Said::Silence("not_decided")
    }

    /// The same wherever in the cluster the same packet arrives; with `retry_identity`, wherever another packet
    /// of the same session with the same code does.
    fn request_id(&self, username: &str, code: &Zeroizing<String>) -> RequestId {
        let id = self.devices.row.id.0.to_be_bytes();
        let session =
            self.devices.row.policy.retry_identity.then(|| session(self.packet)).flatten();
        if let Some(session) = session {
            let state = self.packet.first(Kind::STATE).unwrap_or_default();
            let fields = [&id[..], &session, username.as_bytes(), code.as_bytes(), state];
            return self.service.radius_request_id(&fields);
        }
        let packet = self.packet;
        self.service.radius_request_id(&[&id, packet.bytes()])
    }

    /// Writes what a device is told that asked with a password in clear; `None`: nothing.
    pub(crate) fn write(&self, said: &Said) -> Option<Vec<u8>> {
        let username = self.username().unwrap_or_default();
        let writer = match said {
            Said::Silence(_) => return None,
            Said::Accept(granted) => {
                let mut writer = Writer::reply(Code::AccessAccept, self.packet);
                if !self.grant(&mut writer, username, granted.as_ref()) {
                    return self.finish(Writer::reply(Code::AccessReject, self.packet));
                }
                writer
            }
            Said::Reject(shown) => {
                let mut writer = Writer::reply(Code::AccessReject, self.packet);
                writer.reply_message(shown.unwrap_or_default());
                writer
            }
            Said::Ask(prompt, challenge, granted) => {
                let granted = granted.as_ref().map(|it| self.carried(it)).unwrap_or_default();
                let half = FirstHalf { challenge: *challenge, granted };
                let sealed = self.service.seal_first_half(self.devices.row.id, username, &half);
                let state = sealed.inspect_err(|error| _ = self.undecided(error)).ok()?;
                if state.len() > VALUE_BYTES_MAX {
                    let application = self.devices.principal.name.as_str();
                    tracing::error!(
                        application,
                        "a target grants more than can be kept until the code comes: have it grant less, or the \
                         code typed with the password"
                    );
                    return self.finish(Writer::reply(Code::AccessReject, self.packet));
                }
                let mut writer = Writer::reply(Code::AccessChallenge, self.packet);
                writer.reply_message(prompt).attribute(Kind::STATE, &state);
                writer
            }
        };
        self.finish(writer)
    }

    /// Signs a reply.
    pub(crate) fn finish(&self, writer: Writer) -> Option<Vec<u8>> {
        writer
            .finish(&self.believed.secret)
            .inspect_err(|error| {
                let application = self.devices.principal.name.as_str();
                tracing::error!(application, %error, "a reply cannot be written; see its attributes");
            })
            .ok()
    }

    /// What an Access-Accept brings along: what the target grants, but for what the policy says itself. Whether
    /// all of it could be written: a device that is told of no restriction knows none.
    #[must_use]
    pub(crate) fn grant(
        &self,
        writer: &mut Writer,
        username: &str,
        granted: Option<&Granted>,
    ) -> bool {
        let own: Vec<&Pair> = self.own_attributes(username);
        let ends_here = self.packet.first(Kind::EAP_MESSAGE).is_some();
        let is_own = |attribute: &Attribute<'_>| own.iter().any(|pair| is_key_of(pair, attribute));
        let wanted = |attribute: &Attribute<'_>| {
            // With EAP that ends here, name and keys are this cluster's to tell.
            let of_eap = attribute.kind == Kind::USER_NAME
                || attribute.of_vendor(vendor::MICROSOFT).is_some();
            !(is_between_us(attribute) || is_own(attribute) || ends_here && of_eap)
        };
        let secret = &self.believed.secret;
        let relayed = match granted {
            None => Ok(()),
            Some(Granted::Reply { packet, authenticator, secret: theirs }) => {
                let from = Cover::new(theirs, authenticator);
                Packet::read(packet).map_or(Ok(()), |packet| {
                    relay(writer, &packet, &from, secret, wanted, || self.salt())
                })
            }
            Some(Granted::Carried(attributes)) => {
                carry_on(writer, attributes, wanted);
                Ok(())
            }
        };
        if let Err(error) = &relayed {
            let application = self.devices.principal.name.as_str();
            tracing::error!(application, %error, "what a target grants cannot be passed on: nobody is let in");
        }
        for pair in own {
            writer.pair(pair);
        }
        relayed.is_ok()
    }

    /// What a target grants and is not hidden, for when the code comes in another request.
    fn carried(&self, granted: &Granted) -> Vec<u8> {
        let bytes = match granted {
            Granted::Carried(attributes) => return attributes.clone(),
            Granted::Reply { packet, .. } => packet,
        };
        let is_shown = |attribute: &Attribute<'_>| attribute.kind == Kind::REPLY_MESSAGE;
        let wanted = |attribute: &Attribute<'_>| !is_shown(attribute) && !is_between_us(attribute);
        Packet::read(bytes).map(|packet| carry(&packet, wanted)).unwrap_or_default()
    }

    pub(crate) fn salt(&self) -> Salt {
        let mut salt = [0; 2];
        self.entropy.fill(&mut salt);
        salt
    }

    fn own_attributes(&self, username: &str) -> Vec<&Pair> {
        let groups = self.service.groups_of(username);
        let theirs = |group: &String| group.is_empty() || groups.contains(group);
        let attributes = self.devices.attributes.iter();
        attributes.filter(|(group, _)| theirs(group)).map(|(_, pair)| pair).collect()
    }
}

/// What of a target's reply is between the target and this cluster.
const fn is_between_us(attribute: &Attribute<'_>) -> bool {
    matches!(
        attribute.kind,
        Kind::STATE | Kind::EAP_MESSAGE | Kind::PROXY_STATE | Kind::MESSAGE_AUTHENTICATOR
    )
}

/// Whether an attribute is the one that the policy sets itself.
fn is_key_of(pair: &Pair, attribute: &Attribute<'_>) -> bool {
    match pair.key() {
        Key::Standard(kind) => kind == attribute.kind,
        Key::Vendor { vendor, kind } => {
            let mut parts = attribute.of_vendor(vendor).into_iter().flatten();
            parts.any(|part| part.kind == Kind(kind))
        }
    }
}

/// Which session a request is about, if it says so.
fn session(packet: &Packet<'_>) -> Option<Vec<u8>> {
    let said = |kind| packet.first(kind).filter(|value| !value.is_empty());
    let of = [Kind::NAS_IDENTIFIER, Kind::NAS_IP_ADDRESS, Kind::NAS_IPV6_ADDRESS];
    let device = of.map(|kind| said(kind).unwrap_or_default()).join(&0);
    if let Some(id) = said(Kind::ACCT_SESSION_ID) {
        return Some([b"session", &device[..], b"/", id].concat());
    }
    let (port, station) = (said(Kind::NAS_PORT)?, said(Kind::CALLING_STATION_ID)?);
    Some([b"port", &device[..], b"/", port, station].concat())
}
