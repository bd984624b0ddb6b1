//! A key of one's own, in the smallest certificate that can carry it.
//!
//! A peer is who holds a key. The certificate is written here byte by byte, so that the tests do not
//! lean on what the product makes its own with.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// `[0] { INTEGER 2 }`: version 3.
const VERSION: &[u8] = &[0xa0, 0x03, 0x02, 0x01, 0x02];
const SERIAL: &[u8] = &[0x02, 0x01, 0x01];
/// `SEQUENCE { OID ecdsa-with-SHA256 }`
const ECDSA_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
/// `SEQUENCE { OID id-ecPublicKey, OID prime256v1 }`
const P256: &[u8] =
    b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
/// An empty name.
const NOBODY: &[u8] = &[SEQUENCE, 0];
/// 2000 to 2049.
const VALIDITY: &[u8] = b"\x30\x1e\x17\x0d000101000000Z\x17\x0d491231235959Z";

impl Identity {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let key = der(SEQUENCE, &[P256, &bits(pair.public_key().as_ref())]);
        let content = [VERSION, SERIAL, ECDSA_SHA256, NOBODY, VALIDITY, NOBODY, &key];
        let content = der(SEQUENCE, &content);
        let signature = pair.sign(&random, &content).unwrap();
        let certificate = der(SEQUENCE, &[&content, ECDSA_SHA256, &bits(signature.as_ref())]);
        Self {
            certificate: certificate.into(),
            key: PrivatePkcs8KeyDer::from(pkcs8.as_ref().to_vec()).into(),
        }
    }
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    der(BIT_STRING, &[&[0], bytes])
}

/// Tag, length, content.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut out = vec![tag];
    match (high, low) {
        (0, 0..0x80) => out.push(low),
        (0, _) => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend(content);
    out
}
