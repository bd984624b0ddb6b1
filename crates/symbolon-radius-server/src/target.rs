//! Asking the RADIUS servers that judge the first factor, in their order, with fail-over.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use symbolon_core::{RadiusTarget, Secret};
use symbolon_radius::attribute::{microsoft, vendor};
use symbolon_radius::{BadReply, Code, Kind, Packet, Sent, Writer, check_reply};
use symbolon_service::{Entropy, RadiusSecrets};
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::request::{MsChap2, OWN_PROXY_STATE};

/// How often a request is sent to a target within its time.
const TRIES: u32 = 3;
/// For how long a target that did not answer is asked last.
const ASIDE: Duration = Duration::from_secs(30);
/// Bytes of a datagram that could be a reply.
const DATAGRAM_BYTES_MAX: usize = 4_096;

/// What of the device's request a target is told besides the name and the password.
const TOLD: [Kind; 9] = [
    Kind::NAS_IP_ADDRESS,
    Kind::NAS_PORT,
    Kind::SERVICE_TYPE,
    Kind::CALLED_STATION_ID,
    Kind::CALLING_STATION_ID,
    Kind::NAS_IDENTIFIER,
    Kind::NAS_PORT_TYPE,
    Kind::CONNECT_INFO,
    Kind::NAS_IPV6_ADDRESS,
];

/// What a target says.
pub(crate) enum Judged {
    /// The password is right. What it grants, as a packet that was checked, with the request's authenticator.
    Accepted(Granted),
    /// It is not; or the target asks something of its own, which nobody could answer here.
    Denied,
    /// None of them answered.
    Unreachable,
}

/// What a target grants.
#[derive(Clone)]
pub(crate) enum Granted {
    /// Its reply.
    Reply {
        packet: Vec<u8>,
        /// Of the request that it answers: keys in it are hidden with that.
        authenticator: [u8; 16],
        /// What they are hidden with.
        secret: Secret,
    },
    /// Attributes of a reply to an earlier request, one behind the other, none of them hidden.
    Carried(Vec<u8>),
}

/// What a target is to judge.
#[derive(Clone, Copy)]
pub(crate) enum Shown<'q> {
    Password(&'q Zeroizing<String>),
    MsChap2(MsChap2<'q>),
}

/// What is asked.
pub(crate) struct Question<'q> {
    pub(crate) username: &'q str,
    pub(crate) shown: Shown<'q>,
    pub(crate) request: &'q Packet<'q>,
    pub(crate) deadline: Instant,
}

/// The targets of one application, and which of them did not answer lately.
#[derive(Clone)]
pub(crate) struct Targets {
    rows: Arc<[RadiusTarget]>,
    known: Arc<Mutex<Vec<Known>>>,
}

/// What a node has found out about a target.
#[derive(Clone, Copy, Default)]
struct Known {
    /// It did not answer, and is asked last until then.
    aside_until: Option<Instant>,
    /// It has signed a reply. Whoever takes the signature off is found out from then on (CVE-2024-3596).
    signs: bool,
}

/// Why a target did not judge.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("its name has no address: {0}")]
    Name(std::io::Error),
    #[error("its name has no address")]
    NoAddress,
    #[error("the network: {0}")]
    Network(#[from] std::io::Error),
    #[error("nothing came in time")]
    Silence,
    #[error("what came was no reply of its: {0}")]
    Reply(BadReply),
    #[error("what came has no Message-Authenticator, and the target is known to send it")]
    Unsigned,
    #[error("the request cannot be written: {0}")]
    Write(#[from] symbolon_radius::WriteError),
}

impl Targets {
    pub(crate) fn new(rows: &[RadiusTarget]) -> Self {
        let known = Arc::new(Mutex::new(vec![Known::default(); rows.len()]));
        Self { rows: rows.into(), known }
    }

    /// Whether they are these.
    pub(crate) fn are(&self, rows: &[RadiusTarget]) -> bool {
        *self.rows == *rows
    }

    /// Those that answer first, each in its place; then those that did not lately.
    fn order(&self, now: Instant) -> Vec<usize> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_aside = |place: &usize| {
            let until = known.get(*place).and_then(|known| known.aside_until);
            until.is_some_and(|until| now < until)
        };
        let (last, mut first): (Vec<_>, Vec<_>) = (0..self.rows.len()).partition(is_aside);
        first.extend(last);
        first
    }

    fn note(&self, place: usize, until: Option<Instant>, has_signed: bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = known.get_mut(place) {
            kept.aside_until = until;
            kept.signs |= has_signed;
        }
    }

    fn signs(&self, place: usize) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(place).is_some_and(|known| known.signs)
    }

    /// Has a password judged by the first target that answers.
    pub(crate) async fn judge(
        &self,
        question: &Question<'_>,
        secrets: &RadiusSecrets,
        entropy: &dyn Entropy,
        application: &str,
    ) -> Judged {
        for place in self.order(Instant::now()) {
            let (Some(target), Some(secret)) = (self.rows.get(place), secrets.targets.get(place))
            else {
                continue;
            };
            match ask(target, secret, question, entropy, self.signs(place)).await {
                Ok(Answer { code: Code::AccessAccept, packet, authenticator, is_signed }) => {
                    self.note(place, None, is_signed);
                    let secret = secret.clone();
                    return Judged::Accepted(Granted::Reply { packet, authenticator, secret });
                }
                Ok(Answer { code, is_signed, .. }) => {
                    self.note(place, None, is_signed);
                    if code == Code::AccessChallenge {
                        let target = &*target.address;
                        tracing::warn!(
                            application,
                            target,
                            "a target asks something: it is taken for no"
                        );
                    }
                    return Judged::Denied;
                }
                // It is no fault of the target.
                Err(Fault::Write(error)) => {
                    tracing::info!(application, %error, "what was typed fits into no request");
                    return Judged::Denied;
                }
                Err(fault) => {
                    self.note(place, Some(Instant::now() + ASIDE), false);
                    metrics::counter!("symbolon_radius_target_faults_total").increment(1);
                    tracing::warn!(
                        application,
                        target = &*target.address,
                        %fault,
                        "a target does not judge; asking the next one"
                    );
                }
            }
            if Instant::now() >= question.deadline {
                break;
            }
        }
        Judged::Unreachable
    }
}

/// A reply that was checked.
struct Answer {
    code: Code,
    packet: Vec<u8>,
    /// Of the request.
    authenticator: [u8; 16],
    is_signed: bool,
}

async fn ask(
    target: &RadiusTarget,
    secret: &Secret,
    question: &Question<'_>,
    entropy: &dyn Entropy,
    must_sign: bool,
) -> Result<Answer, Fault> {
    let waits = Duration::from_millis(target.timeout_milliseconds.into());
    let deadline = question.deadline.min(Instant::now() + waits);
    let address = match target.address.parse() {
        Ok(address) => address,
        Err(_) => {
            let looked_up = timeout_at(deadline, lookup_host(&target.address)).await;
            let mut addresses = looked_up.map_err(|_| Fault::Silence)?.map_err(Fault::Name)?;
            addresses.next().ok_or(Fault::NoAddress)?
        }
    };
    // A socket for each request: the port is one more thing that who wants to forge a reply must guess.
    let any: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    let (bytes, sent) = request(question, secret, entropy)?;
    let mut fault = Fault::Silence;
    for attempt in 1..=TRIES {
        socket.send(&bytes).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        let until = deadline.min(Instant::now() + left / (TRIES + 1 - attempt));
        match receive(&socket, &sent, (secret, must_sign), until).await {
            Ok(answer) => return Ok(answer),
            Err(why) => fault = why,
        }
    }
    Err(fault)
}

fn request(
    question: &Question<'_>,
    secret: &Secret,
    entropy: &dyn Entropy,
) -> Result<(Vec<u8>, Sent), Fault> {
    let (mut authenticator, mut identifier) = ([0; 16], [0; 1]);
    entropy.fill(&mut authenticator);
    entropy.fill(&mut identifier);
    let [identifier] = identifier;
    let mut writer = Writer::request(Code::AccessRequest, identifier, authenticator);
    writer.attribute(Kind::USER_NAME, question.username.as_bytes());
    match question.shown {
        Shown::Password(password) => writer.user_password(password.as_bytes(), secret),
        Shown::MsChap2(MsChap2 { challenge, response }) => writer
            .vendor(vendor::MICROSOFT, microsoft::CHAP_CHALLENGE, challenge)
            .vendor(vendor::MICROSOFT, microsoft::CHAP2_RESPONSE, response),
    };
    for kind in TOLD {
        for value in question.request.all(kind) {
            writer.attribute(kind, value);
        }
    }
    writer.attribute(Kind::PROXY_STATE, OWN_PROXY_STATE);
    let bytes = writer.finish(secret)?;
    Ok((bytes, Sent { code: Code::AccessRequest, identifier, authenticator }))
}

/// Waits for the reply. What is none is passed over: anybody can send something.
async fn receive(
    socket: &UdpSocket,
    sent: &Sent,
    (secret, must_sign): (&Secret, bool),
    until: Instant,
) -> Result<Answer, Fault> {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut fault = Fault::Silence;
    loop {
        let Ok(received) = timeout_at(until, socket.recv(&mut buffer)).await else {
            return Err(fault);
        };
        let bytes = buffer.get(..received?).unwrap_or_default();
        match check_reply(bytes, sent, secret) {
            Ok(packet) => {
                let is_signed = packet.first(Kind::MESSAGE_AUTHENTICATOR).is_some();
                if must_sign && !is_signed {
                    fault = Fault::Unsigned;
                    continue;
                }
                let (code, authenticator) = (packet.code(), sent.authenticator);
                let packet = packet.bytes().to_vec();
                return Ok(Answer { code, packet, authenticator, is_signed });
            }
            Err(bad) => fault = Fault::Reply(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_did_not_answer_is_asked_last_until_its_time_is_over() {
        let target = |port| RadiusTarget {
            address: format!("127.0.0.1:{port}"),
            timeout_milliseconds: 1000,
        };
        let targets = Targets::new(&[target(1), target(2), target(3)]);
        let now = Instant::now();
        assert_eq!(targets.order(now), [0, 1, 2]);
        targets.note(0, Some(now + ASIDE), false);
        assert_eq!(targets.order(now), [1, 2, 0]);
        assert_eq!(targets.order(now + ASIDE), [0, 1, 2]);
        targets.note(0, None, true);
        assert_eq!(targets.order(now), [0, 1, 2]);
        targets.note(0, None, false);
        assert!(targets.signs(0) && !targets.signs(1), "what it has done once it can do");
    }
}
