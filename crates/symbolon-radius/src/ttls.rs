//! The server's side of EAP-TTLS (RFC 5281): a tunnel of TLS that the password and the code go
//! through. Sans-I/O: bytes in, bytes out.

use std::sync::Arc;

use rustls::ServerConfig;
use zeroize::Zeroizing;

use crate::eap::{EapCode, EapPacket, EapType, eap_failure, eap_success};

mod avp;
mod failure;
mod fragment;
mod inner;
mod tunnel;

pub use failure::{Discarded, Failure};
pub use fragment::TLS_MESSAGE_BYTES_MAX;
pub use tunnel::{INNER_BYTES_MAX, Keys, ttls_config, ttls_config_of};

use fragment::{Fragment, Incoming, Outgoing};
use inner::{Inner, Said};
use tunnel::{Tunnel, TunnelError};

/// Responses that one conversation takes. A sign-in with TLS 1.2, a chain of three certificates and
/// a prompt takes under twenty.
pub const ROUNDS_MAX: u8 = 50;
/// Bytes of the longest EAP packet that is sent: what a RADIUS packet carries together with the rest,
/// and a frame of any network without being divided again.
pub const EAP_BYTES_MAX: usize = 1400;
/// Bytes of the longest EAP packet when the client does not say what it can take.
const EAP_BYTES_DEFAULT: usize = 1024;
/// A client that says that it can take less gets this: RFC 3748 section 3.1 asks for 1,020.
const EAP_BYTES_MIN: usize = 512;
/// The header of IEEE 802.1X, which Framed-MTU counts (RFC 3579 section 2.4).
const LINK_HEADER_BYTES: usize = 4;
/// Bytes of the longest identity outside of the tunnel: that of User-Name.
const IDENTITY_BYTES_MAX: usize = 253;

/// How the credentials came through the tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum InnerMethod {
    /// A name and a password, once (TTLS/PAP, RFC 5281 section 11.2.5). A code stands behind the
    /// password.
    Pap,
    /// EAP-GTC (RFC 3748 section 5.6): what was answered to a prompt. There may be more prompts.
    Gtc,
}

/// Who wants in, and with what. It has no `Debug`.
pub struct Credentials {
    /// The name within the tunnel, 1 to 253 bytes. The one outside may be anybody's.
    pub identity: String,
    /// The password, or what was answered to the prompt.
    pub password: Zeroizing<Vec<u8>>,
    /// How they came.
    pub method: InnerMethod,
    /// Which answer it is within this conversation, from 1.
    pub answer: u8,
}

/// What has to be done after a response.
pub enum Step {
    /// Send this EAP-Request in an Access-Challenge.
    Send(Vec<u8>),
    /// Decide, then go on with [`Conversation::challenge`] or [`Conversation::finish`].
    Credentials(Credentials),
    /// It is over: send this EAP-Failure in an Access-Reject.
    Failed {
        /// EAP-Failure.
        eap: [u8; 4],
        /// What went wrong; for the log.
        reason: Failure,
    },
    /// The response is to be discarded in silence (RFC 3748 section 4.1). The conversation stays as it
    /// is, and the right response may still come.
    Discard(Discarded),
}

/// How a conversation ended.
pub struct End {
    /// EAP-Success or EAP-Failure.
    pub eap: [u8; 4],
    /// With EAP-Success, and only then: what goes into the Access-Accept.
    pub keys: Option<Keys>,
}

/// What the next response has to be.
enum Phase {
    /// An identity.
    Identity,
    /// A piece of the handshake, or of what goes through the tunnel.
    Tunnel,
    /// None: somebody decides about credentials.
    Deciding,
    /// The word that our alert has come.
    Alerted(Failure),
    /// None, ever.
    Over,
}

/// One sign-in of one client, from its identity to the end.
pub struct Conversation {
    config: Arc<ServerConfig>,
    tunnel: Option<Box<Tunnel>>,
    phase: Phase,
    incoming: Incoming,
    outgoing: Outgoing,
    inner: Inner,
    outer_identity: Vec<u8>,
    /// Of the last request.
    identifier: u8,
    rounds: u8,
    eap_bytes: usize,
}

impl Conversation {
    /// A conversation with a client that has not said anything yet. `config` comes from
    /// [`ttls_config`], `framed_mtu` from the client's first Access-Request, in bytes, and `prompt`
    /// is what EAP-GTC asks first.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, framed_mtu: Option<u32>, prompt: &str) -> Self {
        let stated = framed_mtu.and_then(|mtu| usize::try_from(mtu).ok());
        let eap_bytes = stated.map_or(EAP_BYTES_DEFAULT, |mtu| {
            mtu.saturating_sub(LINK_HEADER_BYTES).clamp(EAP_BYTES_MIN, EAP_BYTES_MAX)
        });
        Self {
            config,
            tunnel: None,
            phase: Phase::Identity,
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            inner: Inner::new(prompt),
            outer_identity: Vec::new(),
            identifier: 0,
            rounds: 0,
            eap_bytes,
        }
    }

    /// What the client calls itself outside of the tunnel, at most 253 bytes: for the log, and to
    /// find a realm. Nobody has proved it.
    #[must_use]
    pub fn outer_identity(&self) -> &[u8] {
        &self.outer_identity
    }

    /// Takes an EAP packet of the client; an empty one asks to begin (RFC 3579 section 2.1).
    pub fn step(&mut self, eap: &[u8]) -> Step {
        if matches!(self.phase, Phase::Deciding | Phase::Over) {
            return Step::Discard(Discarded::NotAsked);
        }
        let begins = matches!(self.phase, Phase::Identity);
        if begins && eap.is_empty() {
            return self.round(Self::ask_identity);
        }
        let packet = match EapPacket::read(eap) {
            Ok(packet) if packet.code == EapCode::Response => packet,
            Ok(_) => return Step::Discard(Discarded::NoResponse),
            Err(malformed) => return Step::Discard(Discarded::Malformed(malformed)),
        };
        match packet.kind {
            // Whoever asked for it may have been the access point: any identifier is right.
            Some(EapType::IDENTITY) if begins => self.round(|it| it.begin(&packet)),
            _ if begins || packet.identifier != self.identifier => {
                Step::Discard(Discarded::NotAsked)
            }
            Some(EapType::TTLS) => self.round(|it| it.take(packet.data)),
            Some(EapType::NAK) => {
                let wanted = packet.wanted().next();
                self.fail(Failure::Unwilling { wanted })
            }
            _ => Step::Discard(Discarded::NotAsked),
        }
    }

    /// Asks for something more, within the tunnel: the next credentials are the answer to `prompt`,
    /// of which at most 1,000 bytes are shown. Only EAP-GTC can be asked, and only while credentials
    /// are being decided; for others there is `None`, and nothing changes.
    pub fn challenge(&mut self, prompt: &str) -> Option<Step> {
        if !matches!(self.phase, Phase::Deciding) {
            return None;
        }
        let request = self.inner.ask(prompt)?;
        self.phase = Phase::Tunnel;
        Some(self.put(&request))
    }

    /// Ends it. Nobody is let in whose credentials are not being decided.
    #[must_use]
    pub fn finish(self, accepted: bool) -> End {
        let keys = match (&self.phase, &self.tunnel) {
            (Phase::Deciding, Some(tunnel)) if accepted => tunnel.keys().ok(),
            _ => None,
        };
        match keys {
            Some(keys) => End { eap: eap_success(self.identifier), keys: Some(keys) },
            None => End { eap: eap_failure(self.identifier), keys: None },
        }
    }

    /// Counts, then does.
    fn round(&mut self, work: impl FnOnce(&mut Self) -> Step) -> Step {
        if self.rounds == ROUNDS_MAX {
            return self.fail(Failure::Rounds);
        }
        self.rounds += 1;
        work(self)
    }

    fn ask_identity(&mut self) -> Step {
        let kind = Some(EapType::IDENTITY);
        let identifier = self.identifier;
        let request = EapPacket { code: EapCode::Request, identifier, kind, data: &[] };
        Step::Send(request.write().unwrap_or_default())
    }

    fn begin(&mut self, identity: &EapPacket<'_>) -> Step {
        self.identifier = identity.identifier;
        if identity.data.len() > IDENTITY_BYTES_MAX {
            return self.fail(Failure::Identity);
        }
        self.outer_identity = identity.data.to_vec();
        self.phase = Phase::Tunnel;
        self.identifier = self.identifier.wrapping_add(1);
        Step::Send(fragment::start(self.identifier))
    }

    /// Takes the data of an EAP-TTLS response.
    fn take(&mut self, data: &[u8]) -> Step {
        let Ok(fragment) = Fragment::read(data) else { return self.fail(Failure::Fragment) };
        if let Phase::Alerted(reason) = core::mem::replace(&mut self.phase, Phase::Tunnel) {
            return self.fail(reason);
        }
        if self.outgoing.is_pending() {
            return match fragment.is_acknowledgement() {
                true => self.send_next(),
                false => self.fail(Failure::Fragment),
            };
        }
        match self.incoming.take(&fragment) {
            Ok(Some(message)) => self.receive(&message),
            Ok(None) => self.send_next(),
            Err(_) => self.fail(Failure::Fragment),
        }
    }

    fn receive(&mut self, message: &[u8]) -> Step {
        match self.tunnel().and_then(|tunnel| tunnel.receive(message)) {
            Ok(plain) if plain.is_empty() => self.send_pending(),
            Ok(plain) => self.hear(&plain),
            Err(error) => self.alert(error.into()),
        }
    }

    /// Takes what came through the tunnel.
    fn hear(&mut self, plain: &[u8]) -> Step {
        match self.inner.hear(plain) {
            Ok(Said::Request(request)) => self.put(&request),
            Ok(Said::Credentials(credentials)) => {
                self.phase = Phase::Deciding;
                Step::Credentials(credentials)
            }
            Err(reason) => self.fail(reason),
        }
    }

    fn tunnel(&mut self) -> Result<&mut Tunnel, TunnelError> {
        let tunnel = match self.tunnel.take() {
            Some(tunnel) => tunnel,
            None => Box::new(Tunnel::new(Arc::clone(&self.config))?),
        };
        Ok(self.tunnel.insert(tunnel))
    }

    /// Sends something through the tunnel.
    fn put(&mut self, plain: &[u8]) -> Step {
        match self.tunnel().and_then(|tunnel| tunnel.put(plain)) {
            Ok(()) => self.send_pending(),
            Err(error) => self.fail(error.into()),
        }
    }

    /// What TLS has to say, or an empty request: the client goes on when it gets one.
    fn send_pending(&mut self) -> Step {
        let pending = self.tunnel.as_mut().map(|tunnel| tunnel.pending()).unwrap_or_default();
        self.outgoing = Outgoing::new(pending);
        self.send_next()
    }

    /// The next piece. Its identifier is new, so that an old response is told from its own.
    fn send_next(&mut self) -> Step {
        self.identifier = self.identifier.wrapping_add(1);
        Step::Send(self.outgoing.next(self.identifier, self.eap_bytes))
    }

    /// Lets the client know by an alert what is wrong, if TLS has one, before it fails.
    fn alert(&mut self, reason: Failure) -> Step {
        let alert = self.tunnel.as_mut().map(|tunnel| tunnel.pending()).unwrap_or_default();
        if alert.is_empty() {
            return self.fail(reason);
        }
        self.phase = Phase::Alerted(reason);
        self.outgoing = Outgoing::new(alert);
        self.send_next()
    }

    fn fail(&mut self, reason: Failure) -> Step {
        self.phase = Phase::Over;
        self.tunnel = None;
        Step::Failed { eap: eap_failure(self.identifier), reason }
    }
}
