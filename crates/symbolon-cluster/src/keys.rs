//! Keys and certificates: a node's own, the cluster CA's, and what the two ports present.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use symbolon_core::{CertificateName, KeyPin, Secret, Timestamp};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
use zeroize::Zeroizing;

use crate::epochs::SCHEME;
use crate::error::ClusterError;
use crate::tls::PEER_NAME;

/// Life of the API port's certificate; renewed after two thirds of it.
pub(crate) const API_CERTIFICATE_DAYS: i64 = 90;
/// Life of the CA, and of peer certificates, whose dates nobody checks.
const CA_DAYS: i64 = 3650;
/// Certificates start this much earlier, for clients whose clock is behind.
const BACKDATED: Duration = Duration::minutes(10);

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) fn bad(what: &'static str) -> impl FnOnce(BoxedError) -> ClusterError {
    move |source| ClusterError::Certificate { what, source }
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo; `None` when it is no certificate.
pub(crate) fn pin_of(certificate: &[u8]) -> Option<KeyPin> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(KeyPin(Sha256::digest(parsed.public_key().raw).into()))
}

/// Names of a device's certificate that are looked at.
const NAMES_MAX: usize = 32;

/// The first 32 names in a certificate's subjectAltName by which a device can be known, in its order. What cannot
/// be read has none.
#[must_use]
pub fn names_of(certificate: &[u8]) -> Vec<CertificateName> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.iter()).into_iter().flatten();
    names.filter_map(name_of).take(NAMES_MAX).collect()
}

fn name_of(name: &GeneralName<'_>) -> Option<CertificateName> {
    match name {
        GeneralName::DNSName(name) => CertificateName::of_dns(name),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(CertificateName::of_address)
        }
        _ => None,
    }
}

/// A private key in PKCS #8 and the pin of its public half.
pub(crate) struct PrivateKey {
    pkcs8: Secret,
    pin: KeyPin,
}

impl PrivateKey {
    /// Draws a key (ECDSA on P-256).
    pub(crate) fn generate() -> Result<Self, ClusterError> {
        let pair = KeyPair::generate().map_err(|error| bad("key")(error.into()))?;
        Ok(Self::of(&Zeroizing::new(pair)))
    }

    /// Takes a key from its PKCS #8 form.
    pub(crate) fn from_pkcs8(pkcs8: &Secret) -> Result<Self, ClusterError> {
        Ok(Self::of(&*pair(pkcs8)?))
    }

    fn of(pair: &KeyPair) -> Self {
        use rcgen::PublicKeyData as _;
        let pin = KeyPin(Sha256::digest(pair.subject_public_key_info()).into());
        Self { pkcs8: Secret::new(pair.serialize_der()), pin }
    }

    pub(crate) const fn pkcs8(&self) -> &Secret {
        &self.pkcs8
    }

    pub(crate) const fn pin(&self) -> KeyPin {
        self.pin
    }

    /// Signs a message (ECDSA on P-256 with SHA-256, ASN.1).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ClusterError> {
        let what = "signature";
        let key = certified(Vec::new(), &self.pkcs8)?;
        let signer = key.key.choose_scheme(&[SCHEME]);
        let signer = signer.ok_or_else(|| bad(what)("the key is of another kind".into()))?;
        signer.sign(message).map_err(|error| bad(what)(error.into()))
    }

    /// Its public half (SubjectPublicKeyInfo, DER).
    pub(crate) fn public_key(&self) -> Result<Vec<u8>, ClusterError> {
        use rcgen::PublicKeyData as _;
        Ok(pair(&self.pkcs8)?.subject_public_key_info())
    }

    /// A certificate that says no more than which key this is.
    pub(crate) fn self_signed(&self, now: Timestamp) -> Result<Arc<CertifiedKey>, ClusterError> {
        let params = peer_params((now, now)).map_err(bad("peer certificate"))?;
        let certificate = params
            .self_signed(&*pair(&self.pkcs8)?)
            .map_err(|error| bad("peer certificate")(error.into()))?;
        certified(vec![certificate.der().clone()], &self.pkcs8)
    }
}

/// Wiped when dropped, but for what ring has of it.
fn pair(pkcs8: &Secret) -> Result<Zeroizing<KeyPair>, ClusterError> {
    let pair = KeyPair::try_from(pkcs8.expose()).map_err(|error| bad("key")(error.into()))?;
    Ok(Zeroizing::new(pair))
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    pkcs8: &Secret,
) -> Result<Arc<CertifiedKey>, ClusterError> {
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.expose().to_vec()));
    let der = Zeroizing::new(der);
    let key = rustls::crypto::ring::sign::any_supported_type(&der)
        .map_err(|error| bad("key")(error.into()))?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

fn moment(at: Timestamp) -> OffsetDateTime {
    i64::try_from(at.seconds())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// In force at two times and in between, and for so many days after.
fn dated(
    mut params: CertificateParams,
    (first, last): (Timestamp, Timestamp),
    days: i64,
) -> CertificateParams {
    params.not_before = moment(first).saturating_sub(BACKDATED);
    params.not_after = moment(last).saturating_add(Duration::days(days));
    params
}

fn peer_params(during: (Timestamp, Timestamp)) -> Result<CertificateParams, BoxedError> {
    let mut params = dated(CertificateParams::new(vec![PEER_NAME.to_owned()])?, during, CA_DAYS);
    params.distinguished_name.push(DnType::CommonName, "symbolon peer");
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// The cluster CA.
pub(crate) struct Authority {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) pkcs8: Secret,
}

impl Authority {
    /// Makes the CA of a new cluster.
    pub(crate) fn generate(cluster: &str, now: Timestamp) -> Result<Self, ClusterError> {
        let what = "cluster CA";
        let pair = KeyPair::generate().map_err(|error| bad(what)(error.into()))?;
        let pair = Zeroizing::new(pair);
        let params = CertificateParams::new(Vec::new());
        let mut params =
            dated(params.map_err(|error| bad(what)(error.into()))?, (now, now), CA_DAYS);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, format!("symbolon CA of {cluster}"));
        let certificate = params.self_signed(&*pair).map_err(|error| bad(what)(error.into()))?;
        Ok(Self {
            certificate: certificate.der().clone(),
            pkcs8: Secret::new(pair.serialize_der()),
        })
    }

    fn issue(
        &self,
        params: &CertificateParams,
        key: &Secret,
        what: &'static str,
    ) -> Result<Arc<CertifiedKey>, ClusterError> {
        let own = pair(&self.pkcs8)?;
        let issuer = Issuer::from_ca_cert_der(&self.certificate, &*own)
            .map_err(|error| bad(what)(error.into()))?;
        let certificate =
            params.signed_by(&*pair(key)?, &issuer).map_err(|error| bad(what)(error.into()))?;
        certified(vec![certificate.der().clone(), self.certificate.clone()], key)
    }
}

/// A certificate as text (RFC 7468).
#[must_use]
pub fn ca_pem(certificate: &[u8]) -> String {
    let body = data_encoding::BASE64.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in body.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// What the two ports present. Until this node knows the CA's key, the peer port presents a
/// certificate of its own making, which is enough for peers, and the API port presents none.
#[derive(Debug)]
pub struct Certificates {
    peer: Arc<Resolver>,
    api: Arc<Resolver>,
}

impl Certificates {
    pub(crate) fn new(key: &PrivateKey, now: Timestamp) -> Result<Self, ClusterError> {
        let peer = Resolver(ArcSwapOption::new(Some(key.self_signed(now)?)));
        Ok(Self { peer: Arc::new(peer), api: Arc::new(Resolver(ArcSwapOption::empty())) })
    }

    /// Has the CA certify both ports, from one time on and until long after another. The API port gets a
    /// fresh key that is never on disk.
    pub(crate) fn issue(
        &self,
        authority: &Authority,
        node_key: &PrivateKey,
        api_names: &[String],
        during: (Timestamp, Timestamp),
    ) -> Result<(), ClusterError> {
        let peer = peer_params(during).map_err(bad("peer certificate"))?;
        let peer = authority.issue(&peer, node_key.pkcs8(), "peer certificate")?;
        let what = "API certificate";
        let params = CertificateParams::new(api_names.to_vec());
        let params = params.map_err(|error| bad(what)(error.into()))?;
        let mut params = dated(params, during, API_CERTIFICATE_DAYS);
        params.distinguished_name.push(DnType::CommonName, "symbolon API");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let api_key = PrivateKey::generate()?;
        let api = authority.issue(&params, api_key.pkcs8(), what)?;
        self.peer.0.store(Some(peer));
        self.api.0.store(Some(api));
        Ok(())
    }

    /// What the API port presents.
    #[must_use]
    pub fn api(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.api) as _
    }

    pub(crate) fn peer(&self) -> Arc<dyn ResolvesServerCert> {
        Arc::clone(&self.peer) as _
    }
}

#[derive(Debug)]
struct Resolver(ArcSwapOption<CertifiedKey>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::SanType;

    use super::*;

    #[test]
    fn a_device_is_known_by_names_of_dns_and_addresses_of_its_certificate_in_their_order() {
        let names = ["VPN.Example.org", "192.0.2.1", "*.example.org", "2001:db8::1", "a.example"];
        let mut params = CertificateParams::new(names.map(str::to_owned)).unwrap();
        params.distinguished_name.push(DnType::CommonName, "common.example.org");
        let email = "root@mail.example.org".try_into().unwrap();
        params.subject_alt_names.insert(0, SanType::Rfc822Name(email));
        // It looks like an address, and is none.
        params.subject_alt_names.push(SanType::DnsName("192.0.2.9".try_into().unwrap()));
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let found = names_of(certificate.der());
        let expected = ["vpn.example.org", "192.0.2.1", "2001:db8::1", "a.example"];
        assert_eq!(found, expected.map(|name| CertificateName::parse(name).unwrap()));
        let nameless = CertificateParams::new(Vec::new()).unwrap();
        let nameless = nameless.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(names_of(nameless.der()), []);
        assert_eq!(names_of(b"no certificate"), []);
    }
}
