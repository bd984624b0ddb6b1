//! A client of EAP-TTLS, written from RFC 5281 and not from the server.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, OnceLock};

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig,
    SupportedProtocolVersion,
};
use symbolon_radius::{Conversation, Credentials, EapPacket, EapType, Failure, Step, ttls_config};

const NAME: &str = "radius.example.com";

/// What the client says within the tunnel.
pub(super) enum Inner {
    Pap {
        name: &'static str,
        password: &'static [u8],
    },
    Gtc {
        name: &'static str,
        answers: Vec<&'static [u8]>,
    },
    Nak {
        name: &'static str,
        wanted: &'static [u8],
    },
    Raw(Vec<u8>),
    /// One after the other.
    Script(Vec<Vec<u8>>),
}

pub(super) enum Outcome {
    Credentials(Box<Conversation>, Credentials),
    Failed(Failure),
}

/// The settings of the server, and its certificate.
pub(super) fn server() -> (Arc<ServerConfig>, CertificateDer<'static>) {
    static SERVER: OnceLock<(Arc<ServerConfig>, CertificateDer<'static>)> = OnceLock::new();
    let made = SERVER.get_or_init(|| {
        let certified = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let certificate = certified.cert.der().clone();
        // Twice the same: a chain that needs more than one piece.
        (ttls_config(vec![certificate.clone(); 3], key).unwrap(), certificate)
    });
    made.clone()
}

pub(super) struct Supplicant {
    config: Arc<ClientConfig>,
    tls: ClientConnection,
    inner: Inner,
    said: bool,
    got: Vec<u8>,
    rest: Vec<u8>,
    first: bool,
    pub(super) eap_bytes: usize,
    pub(super) identifier: u8,
    pub(super) prompts: Vec<String>,
    /// The longest request that came.
    pub(super) longest: usize,
}

fn config(version: &'static SupportedProtocolVersion, trusts: bool) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if trusts {
        roots.add(server().1).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

fn connect(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), NAME.try_into().unwrap()).unwrap()
}

impl Supplicant {
    pub(super) fn new(version: &'static SupportedProtocolVersion, inner: Inner) -> Self {
        let config = config(version, true);
        Self {
            tls: connect(&config),
            config,
            inner,
            said: false,
            got: Vec::new(),
            rest: Vec::new(),
            first: false,
            eap_bytes: 1024,
            identifier: 0,
            prompts: Vec::new(),
            longest: 0,
        }
    }

    /// The same client once more; what it keeps of sessions it still has.
    pub(super) fn restart(&mut self, _version: &'static SupportedProtocolVersion) {
        self.tls = connect(&self.config);
        (self.said, self.first) = (false, false);
        (self.got, self.rest) = (Vec::new(), Vec::new());
    }

    pub(super) fn distrust(&mut self, version: &'static SupportedProtocolVersion) {
        self.config = config(version, false);
        self.tls = connect(&self.config);
    }

    pub(super) fn identity(&self) -> Vec<u8> {
        let name = b"anonymous@example.com";
        [&[2, 77, 0, 5 + u8::try_from(name.len()).unwrap(), 1], &name[..]].concat()
    }

    /// RFC 5281 section 8, and RFC 9427 section 2.1.
    pub(super) fn msk(&self, version: &'static SupportedProtocolVersion) -> Vec<u8> {
        let (label, context) = match version.version {
            rustls::ProtocolVersion::TLSv1_2 => ("ttls keying material", None),
            _ => ("EXPORTER_EAP_TLS_Key_Material", Some(&[21][..])),
        };
        let material = self.tls.export_keying_material([0; 128], label.as_bytes(), context);
        material.unwrap()[..64].to_vec()
    }

    pub(super) fn handshake(&self) -> Option<HandshakeKind> {
        self.tls.handshake_kind()
    }

    /// The response to a request.
    pub(super) fn respond(&mut self, request: &[u8]) -> Vec<u8> {
        self.longest = self.longest.max(request.len());
        let packet = EapPacket::read(request).ok().unwrap();
        self.identifier = packet.identifier;
        assert_eq!(packet.kind, Some(EapType::TTLS));
        let (flags, mut data) = packet.data.split_first().unwrap();
        if flags & 0x80 != 0 {
            data = &data[4..];
        }
        self.got.extend(data);
        if flags & 0x40 != 0 {
            return self.response(0, &[]);
        }
        if self.rest.is_empty() {
            let got = std::mem::take(&mut self.got);
            self.advance(&got);
        } else {
            assert!(data.is_empty(), "the server has to wait for the rest");
        }
        self.next_piece()
    }

    /// Feeds TLS, and says what is to be said.
    fn advance(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes).unwrap();
            // An error leaves an alert to be sent.
            let _ = self.tls.process_new_packets();
        }
        let mut heard = Vec::new();
        let _ = self.tls.reader().read_to_end(&mut heard);
        if !self.tls.is_handshaking() && (!self.said || !heard.is_empty()) {
            let words = self.words(&heard);
            self.tls.writer().write_all(&words).unwrap();
            self.said = true;
        }
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.rest).unwrap();
        }
        self.first = true;
    }

    fn words(&mut self, heard: &[u8]) -> Vec<u8> {
        match &mut self.inner {
            Inner::Raw(bytes) => bytes.clone(),
            Inner::Script(messages) => messages.remove(0),
            Inner::Pap { name, password } => {
                let mut padded = password.to_vec();
                padded.resize(padded.len().next_multiple_of(16), 0);
                [avp(1, 0, name.as_bytes()), avp(2, 0, &padded)].concat()
            }
            Inner::Gtc { name, .. } | Inner::Nak { name, .. } if heard.is_empty() => {
                let name = name.as_bytes();
                let length = u8::try_from(5 + name.len()).unwrap();
                avp(79, 0, &[&[2, 0, 0, length, 1], name].concat())
            }
            Inner::Gtc { answers, .. } => {
                // One pair, an EAP-Request of type 6.
                assert_eq!(heard[..5], [0, 0, 0, 79, 0x40]);
                let request = EapPacket::read(&heard[8..]).ok().unwrap();
                assert_eq!(request.kind, Some(EapType::GTC));
                self.prompts.push(String::from_utf8(request.data.to_vec()).unwrap());
                let answer = answers.remove(0);
                let length = u8::try_from(5 + answer.len()).unwrap();
                avp(79, 0, &[&[2, request.identifier, 0, length, 6], answer].concat())
            }
            Inner::Nak { wanted, .. } => {
                let length = u8::try_from(5 + wanted.len()).unwrap();
                avp(79, 0, &[&[2, heard[9], 0, length, 3], *wanted].concat())
            }
        }
    }

    fn next_piece(&mut self) -> Vec<u8> {
        let size = self.rest.len().min(self.eap_bytes - 10);
        let whole = u32::try_from(self.rest.len()).unwrap();
        let piece: Vec<u8> = self.rest.drain(..size).collect();
        let more = if self.rest.is_empty() { 0 } else { 0x40 };
        match std::mem::take(&mut self.first) && more != 0 {
            true => self.response(0x80 | more, &[&whole.to_be_bytes()[..], &piece].concat()),
            false => self.response(more, &piece),
        }
    }

    fn response(&self, flags: u8, data: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(6 + data.len()).unwrap().to_be_bytes();
        [&[2, self.identifier, high, low, 21, flags], data].concat()
    }
}

/// A mandatory pair.
pub(super) fn avp(code: u8, vendor: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, code, if vendor == 0 { 0x40 } else { 0xc0 }, 0, 0, 0];
    if vendor != 0 {
        bytes.extend(vendor.to_be_bytes());
    }
    bytes.extend(value);
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    bytes[6..8].copy_from_slice(&length);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Goes on until there are credentials, or none will come.
pub(super) fn sign_in(mut conversation: Conversation, supplicant: &mut Supplicant) -> Outcome {
    let mut response = supplicant.identity();
    loop {
        match conversation.step(&response) {
            Step::Send(request) => response = supplicant.respond(&request),
            Step::Credentials(credentials) => {
                return Outcome::Credentials(Box::new(conversation), credentials);
            }
            Step::Failed { reason, .. } => return Outcome::Failed(reason),
            Step::Discard(discarded) => panic!("discarded: {discarded}"),
        }
    }
}
