use std::collections::BTreeMap;
use std::io::ErrorKind;

use super::*;

/// A machine on which everything that is not listed is absent.
#[derive(Default)]
struct Machine {
    credentials: Option<&'static str>,
    there: BTreeMap<PathBuf, Found>,
}

impl Machine {
    fn with(mut self, path: &str, found: Found) -> Self {
        self.there.insert(path.into(), found);
        self
    }
}

impl Probe for Machine {
    fn credentials_directory(&self) -> Option<PathBuf> {
        self.credentials.map(PathBuf::from)
    }

    fn look(&self, path: &Path) -> Found {
        self.there.get(path).copied().unwrap_or(Found::Nothing)
    }
}

const BASE: &str = "/etc/symbolon";

const LEAST: &str = r#"
    [node]
    name = "mfa-1"
    data_dir = "/var/lib/symbolon"
    [keys]
    kek = { file = "/etc/symbolon/kek" }
"#;

fn on(machine: &Machine, text: &str) -> Result<Config, Vec<String>> {
    Config::parse(text, Path::new(BASE), machine)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn good(more: &str) -> Config {
    on(&Machine::default(), &format!("{LEAST}{more}")).unwrap()
}

/// The one mistake in what is added to the least that is needed.
fn mistake(more: &str) -> String {
    let errors = on(&Machine::default(), &format!("{LEAST}{more}")).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors[0].clone()
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = good("");
    assert_eq!(config.name.as_str(), "mfa-1");
    assert_eq!(config.listen.api.to_string(), "127.0.0.1:8443");
    assert_eq!(config.listen.peer.to_string(), "127.0.0.1:8444");
    assert_eq!(config.listen.metrics.to_string(), "127.0.0.1:9464");
    assert_eq!(config.advertise, Advertise::default());
    assert_eq!(config.kek, KekSource::File("/etc/symbolon/kek".into()));
    assert_eq!(config.tls.files, None);
    assert_eq!(config.tls.min_version, TlsVersion::V1_2);
    assert_eq!(config.tls.cipher_suites, None);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.log.filter, "info");
    assert_eq!(config.warnings, []);

    let bound = Addresses {
        api: "127.0.0.1:1".parse().unwrap(),
        peer: "127.0.0.1:2".parse().unwrap(),
        metrics: "127.0.0.1:3".parse().unwrap(),
        radius: Vec::new(),
        radius_accounting: Vec::new(),
        radsec: Vec::new(),
    };
    let told = config.advertised(&bound);
    assert_eq!(told.api.to_string(), "https://127.0.0.1:1");
    assert_eq!(told.peer.to_string(), "127.0.0.1:2");
}

#[test]
fn everything_can_be_set_and_paths_start_at_the_file() {
    let machine =
        Machine { credentials: Some("/run/credentials/symbolon.service"), ..Machine::default() };
    let machine = machine
        .with("/run/credentials/symbolon.service/kek", Found::File)
        .with("/etc/symbolon/tls.crt", Found::File)
        .with("/etc/symbolon/tls.key", Found::File);
    let config = on(
        &machine,
        r#"
        [node]
        name = "mfa-1"
        data_dir = "data"
        [listen]
        api = "0.0.0.0:8443"
        peer = "[::]:8444"
        metrics = "192.0.2.1:9464"
        [advertise]
        api = "https://mfa-1.example.com"
        peer = "mfa-1.example.com:8444"
        [keys]
        kek = { credential = "kek" }
        [tls]
        certificate = "tls.crt"
        key = "tls.key"
        min_version = "1.3"
        cipher_suites = ["TLS_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]
        [log]
        format = "pretty"
        filter = "info,symbolon_cluster=debug"
        "#,
    )
    .unwrap();
    assert_eq!(config.data_dir, Path::new("/etc/symbolon/data"));
    assert_eq!(config.kek.path(), Path::new("/run/credentials/symbolon.service/kek"));
    let files = config.tls.files.clone().unwrap();
    assert_eq!(files.key, Path::new("/etc/symbolon/tls.key"));
    assert_eq!(
        config.tls.cipher_suites,
        Some(vec![
            CipherSuite::TLS13_AES_256_GCM_SHA384,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        ])
    );
    assert_eq!(config.log.format, LogFormat::Pretty);
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["listen.metrics = \"192.0.2.1:9464\" is plain HTTP without authentication and open to \
             the network; keep it on 127.0.0.1, or see that a firewall lets only your monitoring in"]
    );
    let bound = Addresses {
        api: "0.0.0.0:8443".parse().unwrap(),
        peer: "[::]:8444".parse().unwrap(),
        metrics: "192.0.2.1:9464".parse().unwrap(),
        radius: Vec::new(),
        radius_accounting: Vec::new(),
        radsec: Vec::new(),
    };
    let told = config.advertised(&bound);
    assert_eq!(told.api.to_string(), "https://mfa-1.example.com:443");
}

#[test]
fn every_mistake_is_told_at_once() {
    let errors = on(
        &Machine::default().with("/etc/symbolon/data", Found::File),
        r#"
        [node]
        nmae = "mfa-1"
        data_dir = "data"
        [listen]
        api = 8443
        peer = ":8444"
        [keys]
        kek = { file = "kek", credential = "kek" }
        [tls]
        certificate = "tls.crt"
        min_version = "1.1"
        [log]
        format = "xml"
        filter = "inof"
        [radius]
        "#,
    )
    .unwrap_err();
    assert_eq!(
        errors,
        [
            "line 3, column 9: node.nmae: unknown field `nmae`, expected `name` or `data_dir`",
            "line 6, column 15: listen.api: invalid type: integer `8443`, expected a string",
            "line 16, column 10: radius: unknown field `radius`, expected one of `node`, `listen`, \
             `advertise`, `keys`, `tls`, `radsec`, `log`, `storage`",
            "node.name is missing; write name = \"mfa-1\"",
            "node.data_dir: /etc/symbolon/data is not a directory; write the path of a directory for \
             the node's data",
            "listen.peer = \":8444\" is no address; write an IP address and a port, such as \
             \"127.0.0.1:8444\" (\"0.0.0.0:PORT\" for all interfaces)",
            "keys.kek must name one place; write kek = { file = \"/etc/symbolon/kek\" } or kek = { \
             credential = \"kek\" }",
            "tls.certificate needs tls.key; write both, or neither for the cluster's own CA",
            "tls.min_version = \"1.1\" is not known; write \"1.2\" or \"1.3\"",
            "log.format = \"xml\" is not known; write \"json\" or \"pretty\"",
            "log.filter = \"inof\": \"inof\" is no level (off, error, warn, info, debug, trace) and \
             no TARGET=LEVEL; write a level such as \"info\", or \"info,symbolon_cluster=debug\"",
        ]
    );
}

#[test]
fn what_must_be_there_is_asked_for() {
    assert_eq!(
        on(&Machine::default(), "").unwrap_err(),
        [
            "node.name is missing; write name = \"mfa-1\"",
            "node.data_dir is missing; write data_dir = \"/var/lib/symbolon\"",
            "keys.kek is missing; write kek = { file = \"/etc/symbolon/kek\" }",
        ]
    );
}

#[test]
fn an_error_of_syntax_names_its_place() {
    let errors = on(&Machine::default(), "[node]\nname = \"ä\" x\n").unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with("line 2, column 12: this is not TOML: "), "{errors:?}");
    let errors = on(&Machine::default(), "[node]\nname = \"a\"\nname = \"b\"").unwrap_err();
    assert!(errors[0].starts_with("line 3, column 1: "), "{errors:?}");
    let errors = on(&Machine::default(), "a = \nb = [1,\n[x\n").unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].starts_with("line 1, column 5: "), "{errors:?}");
}

#[test]
fn addresses_must_make_sense_together() {
    assert_eq!(
        mistake("[listen]\napi = \"0.0.0.0:8443\""),
        "advertise.api is missing: listen.api is on all interfaces, so others must be told an \
         address; write \"https://mfa-1.example.com:8443\""
    );
    assert_eq!(
        mistake("[listen]\npeer = \"[::]:8444\""),
        "advertise.peer is missing: listen.peer is on all interfaces, so others must be told an \
         address; write \"mfa-1.example.com:8444\""
    );
    assert_eq!(
        mistake("[listen]\npeer = \"127.0.0.1:8443\""),
        "listen.peer = \"127.0.0.1:8443\" overlaps with listen.api; write another port"
    );
    assert_eq!(
        mistake("[listen]\nmetrics = \"0.0.0.0:8444\""),
        "listen.metrics = \"0.0.0.0:8444\" overlaps with listen.peer; write another port"
    );
    assert_eq!(
        mistake("[advertise]\napi = \"http://mfa-1:8443\""),
        "advertise.api = \"http://mfa-1:8443\" cannot be told to others: it does not start with \
         https://; write \"https://mfa-1.example.com:8443\""
    );
    assert_eq!(
        mistake("[advertise]\npeer = \"mfa-1\""),
        "advertise.peer = \"mfa-1\" cannot be told to others: it has no port; write \
         \"mfa-1.example.com:8444\""
    );
    let any = good("[listen]\napi = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"");
    assert_eq!(any.listen.peer.port(), 0);
    let same_port = good("[listen]\napi = \"127.0.0.1:443\"\npeer = \"127.0.0.2:443\"");
    assert_eq!(same_port.listen.peer.port(), 443);
}

#[test]
fn audit_rows_may_be_kept_for_as_long_as_they_must() {
    good("[storage]\naudit_min_hours = 72\naudit_max_days = 3");
    assert_eq!(
        mistake("[storage]\naudit_min_hours = 73\naudit_max_days = 3"),
        "storage.audit_max_days = 3 is less than storage.audit_min_hours = 73; raise the first or \
         lower the second"
    );
}

#[test]
fn the_kek_is_where_it_can_be_and_may_be() {
    let kek = |machine: &Machine, kek: &str| {
        let text = format!(
            "[node]\nname = \"a\"\ndata_dir = \"/var/lib/symbolon\"\n[keys]\nkek = {kek}\n"
        );
        on(machine, &text)
    };
    let machine = Machine::default();
    assert_eq!(
        kek(&machine, "{ file = \"/var/lib/symbolon/kek\" }").unwrap_err(),
        ["keys.kek.file = \"/var/lib/symbolon/kek\" lies in the data directory, whose copies \
             would then hold the key to themselves; write a path outside of it, such as \
             \"/etc/symbolon/kek\""]
    );
    assert_eq!(
        kek(&machine, "{ file = \"\" }").unwrap_err(),
        ["keys.kek.file is empty; write a path"]
    );
    assert_eq!(
        kek(&machine, "{ credential = \"../kek\" }").unwrap_err(),
        ["keys.kek.credential = \"../kek\" is no name of a credential; write one such as \"kek\""]
    );
    assert_eq!(
        kek(&machine, "{ credential = \"kek\" }").unwrap_err(),
        ["keys.kek.credential = \"kek\": the service has been given no credentials; write \
             LoadCredentialEncrypted=kek in its systemd unit, or name a file instead"]
    );
    let machine = Machine { credentials: Some("/run/c"), ..Machine::default() };
    assert_eq!(
        kek(&machine, "{ credential = \"kek\" }").unwrap_err(),
        ["keys.kek.credential: /run/c/kek does not exist; write the path of a credential of the \
             unit"]
    );
    let machine = machine
        .with("/kek", Found::Directory)
        .with("/secret/kek", Found::Unknown(ErrorKind::PermissionDenied));
    assert!(kek(&machine, "{ file = \"/kek\" }").is_err());
    assert_eq!(
        kek(&machine, "{ file = \"/secret/kek\" }").unwrap_err(),
        ["keys.kek.file: /secret/kek cannot be used (permission denied); write the path of a \
             file for the key-encryption key"]
    );
}

#[test]
fn suites_are_chosen_by_their_registered_names() {
    assert_eq!(
        mistake("[tls]\ncipher_suites = []"),
        "tls.cipher_suites is empty; name the suites, or leave the key out for all of them"
    );
    let unknown = mistake("[tls]\ncipher_suites = [\"TLS_RSA_WITH_RC4_128_SHA\"]");
    assert!(unknown.contains("TLS_CHACHA20_POLY1305_SHA256"), "{unknown}");
    assert!(!unknown.contains("TLS13"), "{unknown}");
    let old = "[\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"]";
    let too_old = mistake(&format!("[tls]\nmin_version = \"1.3\"\ncipher_suites = {old}"));
    assert!(too_old.contains("has none for TLS 1.3"), "{too_old}");
    good(&format!("[tls]\ncipher_suites = {old}"));
    let errors = on(&Machine::default(), &format!("{LEAST}[tls]\ncipher_suites = [1, 2]"));
    let errors = errors.unwrap_err();
    assert_eq!(
        errors,
        ["line 8, column 18: tls.cipher_suites: invalid type: integer `1`, expected a string"]
    );
}

#[test]
fn files_of_tls_must_be_there() {
    let errors = on(
        &Machine::default().with("/etc/symbolon/a.crt", Found::Directory),
        &format!("{LEAST}[tls]\ncertificate = \"a.crt\"\nkey = \"a.key\""),
    )
    .unwrap_err();
    assert_eq!(
        errors,
        [
            "tls.certificate: /etc/symbolon/a.crt is a directory; write the path of a PEM file with \
             the chain",
            "tls.key: /etc/symbolon/a.key does not exist; write the path of a PEM file with the \
             private key",
        ]
    );
}

#[test]
fn a_file_is_loaded_from_disk_with_places_that_editors_know() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node.toml");
    let missing = Config::load(&path).unwrap_err();
    assert!(matches!(missing, LoadError::Read { .. }));

    disk::replace(&path, LEAST.as_bytes()).unwrap();
    assert_eq!(Config::load(&path).unwrap().name.as_str(), "mfa-1");

    disk::replace(&path, b"[node]\nnme = 1\n").unwrap();
    let error = Config::load(&path).unwrap_err();
    let lines = error.lines();
    let name = path.display();
    assert_eq!(lines[0], format!("{name} has 4 mistakes"));
    assert!(lines[1].starts_with(&format!("{name}:2:1: node.nme: unknown field")), "{lines:?}");
    assert!(lines[2].starts_with(&format!("{name}: node.name is missing")));
}

#[test]
fn radius_has_no_port_one_or_several() {
    assert!(good("").listen.radius.is_empty());
    let one = good("[listen]\nradius = \"0.0.0.0:1812\"").listen.radius;
    assert_eq!(one, ["0.0.0.0:1812".parse().unwrap()]);
    let two = good("[listen]\nradius = [\"192.0.2.1:1812\", \"[::1]:1645\"]").listen.radius;
    assert_eq!(two.len(), 2);
    assert_eq!(
        mistake("[listen]\nradius = [\"0.0.0.0:1812\", \"127.0.0.1:1812\"]"),
        "listen.radius = \"127.0.0.1:1812\" overlaps with listen.radius; write another port"
    );
    assert_eq!(
        mistake("[listen]\nradius = \"0.0.0.0:1812\"\nradius_accounting = \"0.0.0.0:1812\""),
        "listen.radius_accounting = \"0.0.0.0:1812\" overlaps with listen.radius; write another port"
    );
    let number = mistake("[listen]\nradius = 1812");
    assert!(number.contains("expected a string or an array of strings"), "{number}");
}

#[test]
fn radius_over_tls_has_ports_and_the_ca_of_its_devices_or_neither() {
    assert_eq!((good("").listen.radsec, good("").radsec), (Vec::new(), None));
    let machine = Machine::default().with("/etc/symbolon/ca.pem", Found::File);
    let with = |listen: &str| {
        on(&machine, &format!("{LEAST}[listen]\n{listen}\n[radsec]\nclients_ca = \"ca.pem\""))
    };
    let config = with("radsec = \"0.0.0.0:2083\"").unwrap();
    assert_eq!(config.listen.radsec, ["0.0.0.0:2083".parse().unwrap()]);
    assert_eq!(config.radsec.unwrap().clients_ca, Path::new("/etc/symbolon/ca.pem"));
    let two = with("radsec = [\"192.0.2.1:2083\", \"[::1]:2083\"]").unwrap();
    assert_eq!(two.listen.radsec.len(), 2);
    // The same number of UDP is another port.
    assert!(with("radius = \"0.0.0.0:2083\"\nradsec = \"0.0.0.0:2083\"").is_ok());
    assert_eq!(
        with("radsec = \"0.0.0.0:8443\"").unwrap_err(),
        ["listen.radsec = \"0.0.0.0:8443\" overlaps with listen.api; write another port"]
    );
    assert_eq!(
        mistake("[listen]\nradsec = \"0.0.0.0:2083\""),
        "listen.radsec needs radsec.clients_ca; write both, or neither where RADIUS over TLS is not spoken"
    );
    assert_eq!(
        with("").unwrap_err(),
        [
            "radsec.clients_ca needs listen.radsec; write both, or neither where RADIUS over TLS is not spoken"
        ]
    );
    assert_eq!(
        mistake("[listen]\nradsec = \"0.0.0.0:2083\"\n[radsec]\nclients_ca = \"gone.pem\""),
        "radsec.clients_ca: /etc/symbolon/gone.pem does not exist; write the path of a PEM file with the \
         certificates of the CAs that certify devices"
    );
}
