//! The second phase: who the client is, within the tunnel (RFC 5281 section 11).

use zeroize::Zeroizing;

use super::avp::{self, Avp, Avps};
use super::{Credentials, Failure, IDENTITY_BYTES_MAX, InnerMethod};
use crate::attribute::{Kind, microsoft, vendor};
use crate::eap::{EapCode, EapPacket, EapType};

/// Bytes of the longest prompt.
const PROMPT_BYTES_MAX: usize = 1000;

/// What comes of what the client said.
pub(super) enum Said {
    /// This goes back through the tunnel.
    Request(Vec<u8>),
    /// This is to be decided.
    Credentials(Credentials),
}

/// How far the second phase is.
pub(super) struct Inner {
    prompt: String,
    /// By EAP within the tunnel: who it is, once it was said.
    identity: Option<String>,
    /// Of the last EAP request within the tunnel.
    identifier: u8,
    answers: u8,
}

/// What the pairs of one message hold. The values borrow from a buffer that is wiped.
#[derive(Default)]
struct Heard<'a> {
    name: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    eap: Option<Zeroizing<Vec<u8>>>,
}

impl Inner {
    pub(super) fn new(prompt: &str) -> Self {
        let prompt = shortened(prompt).to_owned();
        Self { prompt, identity: None, identifier: 0, answers: 0 }
    }

    /// Takes the pairs of one message.
    pub(super) fn hear(&mut self, plain: &[u8]) -> Result<Said, Failure> {
        let heard = Heard::read(plain)?;
        if let Some(eap) = &heard.eap {
            return self.hear_eap(eap);
        }
        // Whoever has begun with EAP does not change over to a password.
        match (heard.name, heard.password, &self.identity) {
            (Some(name), Some(password), None) => {
                let identity = identity(name)?;
                // Filled up with zeros, which hide its length (RFC 5281 section 11.2.5).
                let length =
                    password.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                let password = password.get(..length).unwrap_or_default();
                Ok(Said::Credentials(self.credentials(identity, password, InnerMethod::Pap)))
            }
            _ => Err(Failure::InnerMissing),
        }
    }

    /// The request that shows a prompt, once the client has begun with EAP-GTC.
    pub(super) fn ask(&mut self, prompt: &str) -> Option<Vec<u8>> {
        self.identity.as_ref()?;
        self.identifier = self.identifier.wrapping_add(1);
        let data = shortened(prompt).as_bytes();
        let (identifier, kind) = (self.identifier, Some(EapType::GTC));
        let request = EapPacket { code: EapCode::Request, identifier, kind, data }.write()?;
        Some(avp::write(Kind::EAP_MESSAGE, &request))
    }

    fn hear_eap(&mut self, eap: &[u8]) -> Result<Said, Failure> {
        let packet = EapPacket::read(eap).map_err(|_| Failure::Inner)?;
        if packet.code != EapCode::Response {
            return Err(Failure::Inner);
        }
        match (packet.kind, self.identity.clone()) {
            (Some(EapType::IDENTITY), None) => {
                self.identity = Some(identity(packet.data)?);
                self.identifier = packet.identifier;
                let prompt = core::mem::take(&mut self.prompt);
                self.ask(&prompt).map(Said::Request).ok_or(Failure::Inner)
            }
            (_, Some(_)) if packet.identifier != self.identifier => Err(Failure::Inner),
            (Some(EapType::GTC), Some(identity)) => {
                Ok(Said::Credentials(self.credentials(identity, packet.data, InnerMethod::Gtc)))
            }
            (Some(EapType::NAK), Some(_)) => {
                Err(Failure::InnerUnwilling { wanted: packet.wanted().next() })
            }
            _ => Err(Failure::Inner),
        }
    }

    fn credentials(
        &mut self,
        identity: String,
        password: &[u8],
        method: InnerMethod,
    ) -> Credentials {
        self.answers = self.answers.saturating_add(1);
        let password = Zeroizing::new(password.to_vec());
        Credentials { identity, password, method, answer: self.answers }
    }
}

impl<'a> Heard<'a> {
    fn read(plain: &'a [u8]) -> Result<Self, Failure> {
        let mut heard = Self::default();
        if let Some(method) = Avps::new(plain).flatten().find_map(|avp| other_method(&avp)) {
            return Err(Failure::InnerMethod(method));
        }
        for avp in Avps::new(plain) {
            let avp = avp.map_err(|_| Failure::Inner)?;
            match avp.kind() {
                Some(Kind::USER_NAME) => heard.name = Some(avp.value),
                Some(Kind::USER_PASSWORD) => heard.password = Some(avp.value),
                Some(Kind::EAP_MESSAGE) => {
                    // With its full size from the start: a buffer that grows leaves copies behind.
                    let whole = || Zeroizing::new(Vec::with_capacity(plain.len()));
                    heard.eap.get_or_insert_with(whole).extend(avp.value);
                }
                Some(_) => (),
                None if avp.is_unknown_and_mandatory() => {
                    let (vendor, code) = avp.vendor_and_code();
                    return Err(Failure::InnerAttribute { vendor, code });
                }
                None => (),
            }
        }
        Ok(heard)
    }
}

/// The method of RFC 5281 sections 11.2.2 to 11.2.4 that a pair belongs to. None of them shows the
/// password, so no code can be told from it.
fn other_method(avp: &Avp<'_>) -> Option<&'static str> {
    if avp.kind() == Some(Kind::CHAP_PASSWORD) {
        return Some("CHAP");
    }
    let (of, code) = avp.vendor_and_code();
    match u8::try_from(code).ok().filter(|_| of == vendor::MICROSOFT)? {
        microsoft::CHAP_RESPONSE => Some("MS-CHAP"),
        microsoft::CHAP2_RESPONSE | microsoft::CHAP2_CPW => Some("MS-CHAP-V2"),
        _ => None,
    }
}

fn identity(bytes: &[u8]) -> Result<String, Failure> {
    let text = str::from_utf8(bytes).ok().filter(|text| !text.is_empty());
    let text = text.filter(|text| text.len() <= IDENTITY_BYTES_MAX);
    text.map(str::to_owned).ok_or(Failure::Identity)
}

fn shortened(prompt: &str) -> &str {
    prompt.split_at(prompt.floor_char_boundary(PROMPT_BYTES_MAX)).0
}
