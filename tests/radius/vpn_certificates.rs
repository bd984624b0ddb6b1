//! What a VPN server shows its clients.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::machine::write;

/// Of the server, in its certificate.
pub(crate) const SERVER_NAME: &str = "vpn.example";

/// A CA in `ca.pem`, and what it has certified for the server: `server.pem`, with its key in
/// `server.key`.
pub(crate) fn write_to(directory: &Path) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "a CA");
    let ca_certificate = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let mut server = CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap();
    server.distinguished_name.push(DnType::CommonName, SERVER_NAME);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyAgreement];
    let server = server.signed_by(&key, &issuer).unwrap();
    write(&directory.join("ca.pem"), &ca_certificate.pem());
    write(&directory.join("server.pem"), &server.pem());
    write(&directory.join("server.key"), &key.serialize_pem());
}
