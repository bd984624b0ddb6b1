//! EAP-TTLS: responses of a client that has proved nothing, and what one sends through the tunnel.

#![no_main]

use std::io::{Read as _, Write as _};
use std::sync::{Arc, LazyLock};

use rustls::crypto::ring;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use symbolon_radius::{Conversation, EAP_BYTES_MAX, EapPacket, Step, ttls_config};

/// The server, and clients of TLS 1.2 and 1.3 that trust it.
static SIDES: LazyLock<(Arc<ServerConfig>, [Arc<ClientConfig>; 2])> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["radius.example.com".to_owned()]);
    let made = made.expect("a certificate");
    let key = made.signing_key.serialize_der().try_into().expect("a key");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a certificate");
    let client = |version| {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(&[version]).expect("a version");
        Arc::new(builder.with_root_certificates(roots.clone()).with_no_client_auth())
    };
    let server = ttls_config(vec![made.cert.der().clone()], key).expect("a key that fits");
    (server, [client(&TLS12), client(&TLS13)])
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind {
        0 => outside(bytes, false),
        1 => outside(bytes, true),
        2 => inside(bytes, &SIDES.1[0]),
        3 => inside(bytes, &SIDES.1[1]),
        _ => (),
    }
});

/// Pieces of the input, each with its length in two bytes before it.
fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (piece, rest) = rest.split_at(length);
        bytes = rest;
        Some(piece)
    })
}

fn conversation() -> Conversation {
    Conversation::new(Arc::clone(&SIDES.0), Some(1500), "Password:")
}

fn check_request(request: &[u8]) -> EapPacket<'_> {
    assert!(request.len() <= EAP_BYTES_MAX);
    EapPacket::read(request).ok().expect("a request of ours")
}

/// Responses as they are, or with the identifier that is asked for.
fn outside(bytes: &[u8], follow: bool) {
    let mut conversation = conversation();
    let mut identifier = 0;
    for piece in pieces(bytes) {
        let mut response = piece.to_vec();
        if let Some(byte) = response.get_mut(1).filter(|_| follow) {
            *byte = identifier;
        }
        match conversation.step(&response) {
            Step::Send(request) => identifier = check_request(&request).identifier,
            Step::Failed { eap, .. } => assert_eq!(eap[0], 4),
            Step::Discard(_) => (),
            Step::Credentials(_) => panic!("nobody has a tunnel"),
        }
    }
    let end = conversation.finish(true);
    assert!(end.eap[0] == 4 && end.keys.is_none());
}

/// An honest handshake, and then these bytes through the tunnel.
fn inside(bytes: &[u8], config: &Arc<ClientConfig>) {
    let name = "radius.example.com".try_into().expect("a name");
    let mut tls = ClientConnection::new(Arc::clone(config), name).expect("a client");
    let mut conversation = conversation();
    let mut pieces = pieces(bytes);
    let mut response = vec![2, 0, 0, 6, 1, b'a'];
    let mut deciding = false;
    loop {
        let request = match conversation.step(&response) {
            Step::Send(request) => request,
            Step::Credentials(credentials) => {
                assert!(!credentials.identity.is_empty() && credentials.identity.len() <= 253);
                match conversation.challenge("Code:") {
                    Some(Step::Send(request)) => request,
                    _ => {
                        deciding = true;
                        break;
                    }
                }
            }
            Step::Failed { eap, .. } => {
                assert_eq!(eap[0], 4);
                break;
            }
            Step::Discard(_) => panic!("the outside is well formed"),
        };
        let request = check_request(&request);
        let (flags, mut data) = request.data.split_first().expect("flags");
        if flags & 0x80 != 0 {
            data = &data[4..];
        }
        while !data.is_empty() {
            tls.read_tls(&mut data).expect("room");
            tls.process_new_packets().expect("an honest server");
        }
        let _ = tls.reader().read_to_end(&mut Vec::new());
        if !tls.is_handshaking() && flags & 0x40 == 0 {
            let Some(piece) = pieces.next() else { break };
            tls.writer().write_all(piece).expect("room");
        }
        let mut out = vec![0];
        while flags & 0x40 == 0 && tls.wants_write() {
            tls.write_tls(&mut out).expect("a vector takes everything");
        }
        let [high, low] = u16::try_from(5 + out.len()).expect("short").to_be_bytes();
        response = [&[2, request.identifier, high, low, 21][..], &out].concat();
    }
    let end = conversation.finish(true);
    assert_eq!(end.keys.is_some(), deciding);
    assert_eq!(end.eap[0] == 3, deciding);
}
