//! From the raw file to settings that hold.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bytesize::ByteSize;
use rustls::{CipherSuite, ProtocolVersion};
use symbolon_core::{Name, Retention};

use super::{
    AddressError, Advertise, Config, ConfigError, ConfigWarning, Found, KekSource, Listen, Log,
    LogFormat, OneOrMany, Probe, Radsec, RawAdvertise, RawConfig, RawKek, RawListen, RawLog,
    RawRadsec, RawStorage, RawTls, Storage, Tls, TlsFiles, TlsVersion, error::PathProblem,
};
use crate::{logs, tls};

const API: &str = "127.0.0.1:8443";
const PEER: &str = "127.0.0.1:8444";
const METRICS: &str = "127.0.0.1:9464";
const RADIUS: &str = "0.0.0.0:1812";
const RADIUS_ACCOUNTING: &str = "0.0.0.0:1813";
const RADSEC: &str = "0.0.0.0:2083";
const API_URL: &str = "\"https://mfa-1.example.com:8443\"";
const PEER_ADDRESS: &str = "\"mfa-1.example.com:8444\"";
const FILTER: &str = "info";
const DISK_RESERVE: &str = "1GiB";
const SNAPSHOT_ENTRIES: u64 = 100_000;
/// Fewer would be snapshots all the time, more a log that takes long to follow.
const SNAPSHOT_ENTRIES_ALLOWED: RangeInclusive<u64> = 1_000..=1_000_000;
const AUDIT_ROWS: u64 = 2_000_000;
const AUDIT_ROWS_ALLOWED: RangeInclusive<u64> = 1_000..=1_000_000_000;
const AUDIT_MIN_HOURS: u64 = 72;
const AUDIT_MIN_HOURS_ALLOWED: RangeInclusive<u64> = 0..=8_760;
const AUDIT_MAX_DAYS: u64 = 400;
const AUDIT_MAX_DAYS_ALLOWED: RangeInclusive<u64> = 1..=3_650;
const HOUR_MILLISECONDS: u64 = 3_600_000;

pub(super) fn check(
    raw: RawConfig,
    base: &Path,
    files: &dyn Probe,
) -> Result<Config, Vec<ConfigError>> {
    let mut checker = Checker { base, files, errors: Vec::new() };
    let name = checker.name(raw.node.name);
    let data_dir = checker.data_dir(raw.node.data_dir);
    let is_radsec = raw.listen.radsec.is_some();
    let listen = checker.listen(raw.listen);
    let advertise = checker.advertise(raw.advertise, listen.as_ref());
    let kek = checker.kek(raw.keys.kek, data_dir.as_deref());
    let tls = checker.tls(raw.tls);
    let radsec = checker.radsec(raw.radsec, is_radsec);
    let log = checker.log(raw.log);
    let storage = checker.storage(raw.storage);
    match (name, data_dir, listen, advertise, kek, tls, radsec, log, storage) {
        (
            Some(name),
            Some(data_dir),
            Some(listen),
            Some(advertise),
            Some(kek),
            Some(tls),
            Some(radsec),
            Some(log),
            Some(storage),
        ) if checker.errors.is_empty() => Ok(Config {
            name,
            data_dir,
            warnings: warnings(&listen, &storage),
            listen,
            advertise,
            kek,
            tls,
            radsec,
            log,
            storage,
        }),
        _ => Err(checker.errors),
    }
}

fn warnings(listen: &Listen, storage: &Storage) -> Vec<ConfigWarning> {
    let exposed = ConfigWarning::MetricsExposed { address: listen.metrics };
    let exposed = (!listen.metrics.ip().is_loopback()).then_some(exposed);
    let hours = storage.audit.at_least_milliseconds / HOUR_MILLISECONDS;
    let short = (hours < AUDIT_MIN_HOURS).then_some(ConfigWarning::AuditShort { hours });
    exposed.into_iter().chain(short).collect()
}

/// Collects mistakes. A check returns `None` only after it has told one.
struct Checker<'a> {
    base: &'a Path,
    files: &'a dyn Probe,
    errors: Vec<ConfigError>,
}

impl Checker<'_> {
    fn name(&mut self, raw: Option<String>) -> Option<Name> {
        let key = "node.name";
        let value = self.required(raw, key, "name = \"mfa-1\"")?;
        match Name::new(value.as_str()) {
            Ok(name) => Some(name),
            Err(reason) => self.fail(ConfigError::Name { key, value, reason }),
        }
    }

    fn data_dir(&mut self, raw: Option<PathBuf>) -> Option<PathBuf> {
        let key = "node.data_dir";
        let raw = self.required(raw, key, "data_dir = \"/var/lib/symbolon\"")?;
        let path = self.path(key, &raw)?;
        let problem = match self.files.look(&path) {
            // Made when the node is.
            Found::Nothing | Found::Directory => return Some(path),
            Found::File => PathProblem::NoDirectory,
            Found::Unknown(kind) => PathProblem::Unusable(kind),
        };
        self.fail(ConfigError::Path {
            key,
            path,
            problem,
            wanted: "a directory for the node's data",
        })
    }

    fn listen(&mut self, raw: RawListen) -> Option<Listen> {
        let api = self.address("listen.api", raw.api, API);
        let peer = self.address("listen.peer", raw.peer, PEER);
        let metrics = self.address("listen.metrics", raw.metrics, METRICS);
        let named = [("listen.api", api), ("listen.peer", peer), ("listen.metrics", metrics)];
        for (at, (key, address)) in named.iter().enumerate() {
            for (other, earlier) in named.iter().take(at) {
                if let (Some(address), Some(earlier)) = (*address, *earlier)
                    && overlap(address, earlier)
                {
                    self.errors.push(ConfigError::SamePort { key, other, address });
                }
            }
        }
        // Ports of UDP overlap with each other alone.
        let mut taken = Vec::new();
        let radius = self.several("listen.radius", raw.radius, RADIUS, &mut taken);
        let accounting = ("listen.radius_accounting", raw.radius_accounting, RADIUS_ACCOUNTING);
        let radius_accounting = self.several(accounting.0, accounting.1, accounting.2, &mut taken);
        let taken = named.into_iter().filter_map(|(key, address)| Some((key, address?)));
        let radsec = self.several("listen.radsec", raw.radsec, RADSEC, &mut taken.collect());
        let (api, peer, metrics) = (api?, peer?, metrics?);
        Some(Listen { api, peer, metrics, radius, radius_accounting, radsec })
    }

    /// Addresses that overlap with none that is taken, and are taken then.
    fn several(
        &mut self,
        key: &'static str,
        raw: Option<OneOrMany>,
        example: &'static str,
        taken: &mut Vec<(&'static str, SocketAddr)>,
    ) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        for value in raw.map(Vec::from).unwrap_or_default() {
            let Some(address) = self.address(key, Some(value), example) else {
                continue;
            };
            if let Some((other, _)) = taken.iter().find(|(_, earlier)| overlap(address, *earlier)) {
                self.errors.push(ConfigError::SamePort { key, other, address });
            }
            taken.push((key, address));
            addresses.push(address);
        }
        addresses
    }

    fn address(
        &mut self,
        key: &'static str,
        raw: Option<String>,
        default: &'static str,
    ) -> Option<SocketAddr> {
        let value = raw.unwrap_or_else(|| default.to_owned());
        match value.parse() {
            Ok(address) => Some(address),
            Err(_) => self.fail(ConfigError::Listen { key, value, example: default }),
        }
    }

    fn advertise(&mut self, raw: RawAdvertise, listen: Option<&Listen>) -> Option<Advertise> {
        // What failed to parse was told already; loopback needs no telling.
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let bound = |pick: fn(&Listen) -> SocketAddr| listen.map_or(loopback, |l| pick(l).ip());
        let api = self.told("advertise.api", raw.api, API_URL, bound(|l| l.api), "listen.api");
        let peer =
            self.told("advertise.peer", raw.peer, PEER_ADDRESS, bound(|l| l.peer), "listen.peer");
        Some(Advertise { api: api?, peer: peer? })
    }

    fn told<A: FromStr<Err = AddressError>>(
        &mut self,
        key: &'static str,
        raw: Option<String>,
        example: &'static str,
        bound: IpAddr,
        listen: &'static str,
    ) -> Option<Option<A>> {
        match raw {
            None if bound.is_unspecified() => {
                self.fail(ConfigError::AdvertiseMissing { missing: key, listen, example })
            }
            None => Some(None),
            Some(value) => match value.parse() {
                Ok(address) => Some(Some(address)),
                Err(reason) => self.fail(ConfigError::Advertise { key, value, reason, example }),
            },
        }
    }

    fn kek(&mut self, raw: Option<RawKek>, data_dir: Option<&Path>) -> Option<KekSource> {
        let example = "kek = { file = \"/etc/symbolon/kek\" }";
        let raw = self.required(raw, "keys.kek", example)?;
        match (raw.file, raw.credential) {
            (Some(file), None) => self.kek_file(&file, data_dir),
            (None, Some(name)) => self.kek_credential(name),
            _ => self.fail(ConfigError::Kek),
        }
    }

    fn kek_file(&mut self, raw: &Path, data_dir: Option<&Path>) -> Option<KekSource> {
        let key = "keys.kek.file";
        let path = self.path(key, raw)?;
        if data_dir.is_some_and(|data_dir| path.starts_with(data_dir)) {
            return self.fail(ConfigError::KekWithData { path });
        }
        let problem = match self.files.look(&path) {
            // `init` and `join` make it.
            Found::Nothing | Found::File => return Some(KekSource::File(path)),
            Found::Directory => PathProblem::Directory,
            Found::Unknown(kind) => PathProblem::Unusable(kind),
        };
        self.fail(ConfigError::Path {
            key,
            path,
            problem,
            wanted: "a file for the key-encryption key",
        })
    }

    fn kek_credential(&mut self, name: String) -> Option<KekSource> {
        let is_file_name =
            !name.is_empty() && !name.contains(['/', '\0']) && !name.starts_with('.');
        if !is_file_name {
            return self.fail(ConfigError::CredentialName { value: name });
        }
        let Some(directory) = self.files.credentials_directory() else {
            return self.fail(ConfigError::NoCredentials { name });
        };
        let path = directory.join(&name);
        self.file("keys.kek.credential", path, "a credential of the unit")
            .map(|path| KekSource::Credential { name, path })
    }

    fn tls(&mut self, raw: RawTls) -> Option<Tls> {
        let files = self.tls_files(raw.certificate, raw.key);
        let min_version = match raw.min_version.as_deref() {
            None => Some(TlsVersion::default()),
            Some("1.2") => Some(TlsVersion::V1_2),
            Some("1.3") => Some(TlsVersion::V1_3),
            Some(value) => self.fail(ConfigError::Choice {
                key: "tls.min_version",
                value: value.to_owned(),
                known: "\"1.2\" or \"1.3\"".to_owned(),
            }),
        };
        let cipher_suites = match raw.cipher_suites {
            None => Some(None),
            Some(names) => self.suites(&names, min_version.unwrap_or_default()).map(Some),
        };
        Some(Tls { files: files?, min_version: min_version?, cipher_suites: cipher_suites? })
    }

    fn tls_files(
        &mut self,
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
    ) -> Option<Option<TlsFiles>> {
        let half = |present, absent| ConfigError::TlsHalf { present, absent };
        let (certificate, key) = match (certificate, key) {
            (None, None) => return Some(None),
            (Some(_), None) => return self.fail(half("certificate", "key")),
            (None, Some(_)) => return self.fail(half("key", "certificate")),
            (Some(certificate), Some(key)) => (certificate, key),
        };
        let certificate = self
            .path("tls.certificate", &certificate)
            .and_then(|path| self.file("tls.certificate", path, "a PEM file with the chain"));
        let key = self
            .path("tls.key", &key)
            .and_then(|path| self.file("tls.key", path, "a PEM file with the private key"));
        Some(Some(TlsFiles { certificate: certificate?, key: key? }))
    }

    fn radsec(&mut self, raw: RawRadsec, is_spoken: bool) -> Option<Option<Radsec>> {
        let half = |present, absent| ConfigError::Half { present, absent };
        let clients_ca = match (raw.clients_ca, is_spoken) {
            (None, false) => return Some(None),
            (None, true) => return self.fail(half("listen.radsec", "radsec.clients_ca")),
            (Some(_), false) => return self.fail(half("radsec.clients_ca", "listen.radsec")),
            (Some(path), true) => path,
        };
        let wanted = "a PEM file with the certificates of the CAs that certify devices";
        let path = self.path("radsec.clients_ca", &clients_ca);
        let clients_ca = path.and_then(|path| self.file("radsec.clients_ca", path, wanted))?;
        Some(Some(Radsec { clients_ca }))
    }

    fn suites(&mut self, names: &[String], min_version: TlsVersion) -> Option<Vec<CipherSuite>> {
        if names.is_empty() {
            return self.fail(ConfigError::NoSuites);
        }
        let known = tls::suites();
        let listed = |all: &mut dyn Iterator<Item = &tls::Suite>| {
            all.map(|suite| suite.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let mut chosen = Vec::new();
        for name in names {
            match known.iter().find(|suite| suite.name == *name) {
                Some(suite) => chosen.push(suite),
                None => self.errors.push(ConfigError::Choice {
                    key: "tls.cipher_suites",
                    value: name.clone(),
                    known: format!("some of {}", listed(&mut known.iter())),
                }),
            }
        }
        if chosen.len() < names.len() {
            return None;
        }
        let is_new = |suite: &&tls::Suite| suite.version == ProtocolVersion::TLSv1_3;
        if min_version == TlsVersion::V1_3 && !chosen.iter().any(is_new) {
            return self.fail(ConfigError::NoSuitesForVersion {
                known: listed(&mut known.iter().filter(is_new)),
            });
        }
        Some(chosen.iter().map(|suite| suite.id).collect())
    }

    fn log(&mut self, raw: RawLog) -> Option<Log> {
        let format = match raw.format.as_deref() {
            None => Some(LogFormat::default()),
            Some("json") => Some(LogFormat::Json),
            Some("pretty") => Some(LogFormat::Pretty),
            Some(value) => self.fail(ConfigError::Choice {
                key: "log.format",
                value: value.to_owned(),
                known: "\"json\" or \"pretty\"".to_owned(),
            }),
        };
        let value = raw.filter.unwrap_or_else(|| FILTER.to_owned());
        let filter = match logs::filter(&value) {
            Ok(_) => Some(value),
            Err(reason) => self.fail(ConfigError::Filter { value, reason }),
        };
        Some(Log { format: format?, filter: filter? })
    }

    fn storage(&mut self, raw: RawStorage) -> Option<Storage> {
        let value = raw.disk_reserve.unwrap_or_else(|| DISK_RESERVE.to_owned());
        let disk_reserve_bytes = match ByteSize::from_str(&value) {
            Ok(size) => Some(size.as_u64()),
            Err(_) => self.fail(ConfigError::Size { key: "storage.disk_reserve", value }),
        };
        let snapshot_entries = self.number(
            "storage.snapshot_entries",
            raw.snapshot_entries.unwrap_or(SNAPSHOT_ENTRIES),
            &SNAPSHOT_ENTRIES_ALLOWED,
        );
        let rows = self.number(
            "storage.audit_rows",
            raw.audit_rows.unwrap_or(AUDIT_ROWS),
            &AUDIT_ROWS_ALLOWED,
        );
        let hours = self.number(
            "storage.audit_min_hours",
            raw.audit_min_hours.unwrap_or(AUDIT_MIN_HOURS),
            &AUDIT_MIN_HOURS_ALLOWED,
        );
        let days = self.number(
            "storage.audit_max_days",
            raw.audit_max_days.unwrap_or(AUDIT_MAX_DAYS),
            &AUDIT_MAX_DAYS_ALLOWED,
        );
        let (hours, days) = (hours?, days?);
        if days.saturating_mul(24) < hours {
            return self.fail(ConfigError::AuditSpan { days, hours });
        }
        let audit = Retention {
            rows: rows?,
            at_least_milliseconds: hours.saturating_mul(HOUR_MILLISECONDS),
            at_most_milliseconds: days.saturating_mul(24 * HOUR_MILLISECONDS),
        };
        Some(Storage {
            disk_reserve_bytes: disk_reserve_bytes?,
            snapshot_entries: snapshot_entries?,
            audit,
        })
    }

    fn number(
        &mut self,
        key: &'static str,
        value: u64,
        allowed: &RangeInclusive<u64>,
    ) -> Option<u64> {
        if allowed.contains(&value) {
            return Some(value);
        }
        self.fail(ConfigError::Number { key, value, from: *allowed.start(), to: *allowed.end() })
    }

    fn required<T>(
        &mut self,
        raw: Option<T>,
        key: &'static str,
        example: &'static str,
    ) -> Option<T> {
        if raw.is_none() {
            self.errors.push(ConfigError::Missing { key, example });
        }
        raw
    }

    fn path(&mut self, key: &'static str, raw: &Path) -> Option<PathBuf> {
        if raw.as_os_str().is_empty() {
            return self.fail(ConfigError::EmptyPath { key });
        }
        Some(self.base.join(raw))
    }

    fn file(&mut self, key: &'static str, path: PathBuf, wanted: &'static str) -> Option<PathBuf> {
        let problem = match self.files.look(&path) {
            Found::File => return Some(path),
            Found::Nothing => PathProblem::Nothing,
            Found::Directory => PathProblem::Directory,
            Found::Unknown(kind) => PathProblem::Unusable(kind),
        };
        self.fail(ConfigError::Path { key, path, problem, wanted })
    }

    fn fail<T>(&mut self, error: ConfigError) -> Option<T> {
        self.errors.push(error);
        None
    }
}

/// Whether two sockets cannot listen at once. A wildcard of IPv6 takes IPv4 too.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let wildcard = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (wildcard || a.ip() == b.ip())
}
