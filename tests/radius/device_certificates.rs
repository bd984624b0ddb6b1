//! Certificates of devices that come over TLS, and their CA.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;

use crate::machine::write;

/// A CA that certifies devices, in a directory of its own.
pub(crate) struct DeviceCa {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// A device's certificate and its key, as files.
#[derive(Clone)]
pub(crate) struct DeviceFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl DeviceCa {
    pub(crate) fn new() -> Self {
        Self::called("a CA of devices")
    }

    pub(crate) fn called(name: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, name);
        let certificate = ca.self_signed(&key).unwrap();
        write(&directory.path().join("ca.pem"), &certificate.pem());
        Self { directory, issuer: Issuer::new(ca, key) }
    }

    /// Its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("ca.pem")
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Certifies a device by these names, of DNS or addresses.
    pub(crate) fn device(&self, names: &[&str]) -> DeviceFiles {
        self.certify("device", names, |_| {})
    }

    /// One whose time was over long ago.
    pub(crate) fn expired(&self, names: &[&str]) -> DeviceFiles {
        self.certify("expired", names, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    fn certify(
        &self,
        kind: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> DeviceFiles {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "a device");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let name = names.join("-");
        let path = |end: &str| self.path().join(format!("{kind}-{name}.{end}"));
        let files = DeviceFiles { certificate: path("pem"), key: path("key") };
        write(&files.certificate, &certificate.pem());
        write(&files.key, &key.serialize_pem());
        files
    }
}
