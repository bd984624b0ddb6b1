//! EAP-TTLS, which ends here: what is typed comes through a tunnel that only this cluster can open.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use symbolon_core::{ApplicationId, ChallengeId};
use symbolon_radius::attribute::{microsoft, vendor};
use symbolon_radius::{
    Code, Conversation, Conversations, Credentials, Kind, Step, Writer, eap_message,
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::sign_in::{Said, SignIn};
use crate::target::Granted;

/// Conversations of a node that wait for a packet at once.
const CONVERSATIONS_MAX: usize = 4_096;
/// For how long one waits: a person may have to look for their token.
const LIFE: Duration = Duration::from_secs(120);
/// What EAP-GTC asks first.
const ASK_FIRST: &str = "Password: ";

/// A State that names a conversation.
type Name = [u8; 16];

/// A conversation, and how far its user has come.
struct Held {
    /// As which application it began: no other goes on with it.
    application: ApplicationId,
    conversation: Conversation,
    /// Once the first credentials held.
    half: Option<Half>,
}

struct Half {
    username: String,
    challenge: Option<ChallengeId>,
    granted: Option<Granted>,
}

/// The conversations of a node. One that is lost with it begins anew.
pub(crate) struct Eap {
    tls: Arc<ServerConfig>,
    waiting: Mutex<Conversations<Name, Held>>,
    began: Instant,
}

/// A reply, and what it comes to, for metrics; no reply: silence.
type Replied = (Option<Vec<u8>>, &'static str);

impl Eap {
    pub(crate) fn new(tls: Arc<ServerConfig>) -> Self {
        let waiting = Mutex::new(Conversations::new(CONVERSATIONS_MAX, LIFE));
        Self { tls, waiting, began: Instant::now() }
    }

    /// Goes on with the conversation that a request belongs to, or begins one.
    pub(crate) async fn reply(&self, sign_in: &SignIn<'_>) -> Replied {
        let packet = sign_in.packet;
        let Some(message) = eap_message(packet) else {
            return (None, "malformed");
        };
        let name = packet.first(Kind::STATE).and_then(|state| Name::try_from(state).ok());
        let mut held = match (packet.first(Kind::STATE), name) {
            (None, _) => {
                let mtu = packet.integer(Kind::FRAMED_MTU);
                let conversation = Conversation::new(Arc::clone(&self.tls), mtu, ASK_FIRST);
                Held { application: sign_in.devices.row.id, conversation, half: None }
            }
            (Some(_), name) => match name.and_then(|name| self.take(&name)) {
                Some(held) if held.application == sign_in.devices.row.id => held,
                // It was another node's, or took too long: whoever asks begins anew.
                _ => return (None, "no_conversation"),
            },
        };
        match held.conversation.step(&message) {
            Step::Send(eap) => self.ask(sign_in, &eap, held),
            Step::Credentials(credentials) => self.decide(sign_in, held, credentials).await,
            Step::Failed { eap, reason } => {
                let application = sign_in.devices.principal.name.as_str();
                let device = sign_in.device;
                tracing::info!(application, %device, %reason, "an EAP conversation failed");
                (reject(sign_in, &eap), "reject")
            }
            Step::Discard(_) => {
                if let Some(name) = name {
                    self.keep(name, held);
                }
                (None, "discarded")
            }
        }
    }

    async fn decide(
        &self,
        sign_in: &SignIn<'_>,
        mut held: Held,
        credentials: Credentials,
    ) -> Replied {
        let Credentials { identity, password, .. } = credentials;
        let Ok(typed) = std::str::from_utf8(&password) else {
            return end(sign_in, held, &identity, &Said::Reject(None));
        };
        let typed = Zeroizing::new(typed.to_owned());
        let said = match held.half.take() {
            None => sign_in.first_half(&identity, &typed).await,
            Some(half) => {
                sign_in.verify(&half.username, &typed, half.challenge, half.granted).await
            }
        };
        let Said::Ask(prompt, challenge, granted) = said else {
            return end(sign_in, held, &identity, &said);
        };
        match held.conversation.challenge(&prompt) {
            Some(Step::Send(eap)) => {
                held.half = Some(Half { username: identity, challenge, granted });
                self.ask(sign_in, &eap, held)
            }
            _ => {
                let application = sign_in.devices.principal.name.as_str();
                tracing::warn!(
                    application,
                    device = %sign_in.device,
                    "TTLS/PAP cannot be asked for a code: have it typed behind the password, or use EAP-GTC"
                );
                end(sign_in, held, &identity, &Said::Reject(None))
            }
        }
    }

    /// Sends an EAP-Request, and keeps the conversation under a new name.
    fn ask(&self, sign_in: &SignIn<'_>, eap: &[u8], held: Held) -> Replied {
        let mut name = [0; 16];
        sign_in.entropy.fill(&mut name);
        let mut writer = Writer::reply(Code::AccessChallenge, sign_in.packet);
        writer.eap_message(eap).attribute(Kind::STATE, &name);
        let reply = sign_in.finish(writer);
        self.keep(name, held);
        (reply, "challenge")
    }

    fn keep(&self, name: Name, held: Held) {
        let now = self.began.elapsed();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        drop(waiting.insert(name, held, now));
    }

    fn take(&self, name: &Name) -> Option<Held> {
        let now = self.began.elapsed();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take(name, now)
    }
}

/// Ends a conversation as was decided.
fn end(sign_in: &SignIn<'_>, held: Held, identity: &str, said: &Said) -> Replied {
    match said {
        Said::Accept(granted) => {
            let ended = held.conversation.finish(true);
            let Some(keys) = ended.keys else {
                return (reject(sign_in, &ended.eap), "reject");
            };
            let mut writer = Writer::reply(Code::AccessAccept, sign_in.packet);
            writer.eap_message(&ended.eap).attribute(Kind::USER_NAME, identity.as_bytes());
            if !sign_in.grant(&mut writer, identity, granted.as_ref()) {
                return (None, "not_granted");
            }
            let secret = &sign_in.believed.secret;
            for (kind, key) in
                [(microsoft::MPPE_RECV_KEY, keys.recv()), (microsoft::MPPE_SEND_KEY, keys.send())]
            {
                // 32 bytes are never too long.
                let hidden = writer.cover(secret).hide_salted(key, sign_in.salt());
                writer.vendor(vendor::MICROSOFT, kind, &hidden.unwrap_or_default());
            }
            (sign_in.finish(writer), "accept")
        }
        Said::Silence(reason) => (None, reason),
        Said::Reject(_) | Said::Ask(..) => {
            (reject(sign_in, &held.conversation.finish(false).eap), "reject")
        }
    }
}

fn reject(sign_in: &SignIn<'_>, eap: &[u8]) -> Option<Vec<u8>> {
    let mut writer = Writer::reply(Code::AccessReject, sign_in.packet);
    writer.eap_message(eap);
    sign_in.finish(writer)
}
