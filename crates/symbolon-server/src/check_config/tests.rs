use std::path::PathBuf;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use super::*;

struct Machine {
    directory: TempDir,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        disk::replace(&self.path(name), bytes).unwrap();
    }

    fn certify(&self, name: &str) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        self.write(&format!("{name}.crt"), cert.pem().as_bytes());
        self.write(&format!("{name}.key"), signing_key.serialize_pem().as_bytes());
    }

    fn config(&self, more: &str) -> Config {
        let text = format!(
            "[node]\nname = \"mfa-1\"\ndata_dir = \"data/node\"\n\
             [keys]\nkek = {{ file = \"kek\" }}\n{more}"
        );
        self.write("node.toml", text.as_bytes());
        Config::load(&self.path("node.toml")).unwrap()
    }

    /// The mistakes, with the directory left out.
    fn mistakes(&self, more: &str) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        let findings = look(&self.config(more));
        let mistakes = findings.mistakes.iter();
        mistakes.map(|text| text.replace(&directory, "")).collect()
    }
}

#[test]
fn a_machine_that_is_ready_has_nothing_to_tell() {
    let machine = Machine::new();
    assert!(machine.mistakes("").is_empty());
    let text = summary(&machine.config(""));
    assert!(text.contains("kek, which init or join will make"), "{text}");

    Kek::create(&machine.path("kek")).unwrap();
    machine.certify("tls");
    let tls = "[tls]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\nmin_version = \"1.3\"";
    assert!(machine.mistakes(tls).is_empty());
    let text = summary(&machine.config(tls));
    assert!(text.contains("1.3 and newer, cipher suites: all"), "{text}");
    assert!(text.contains("127.0.0.1:8443, told to others as bound"), "{text}");
}

#[test]
fn a_kek_that_is_no_key_is_told() {
    let machine = Machine::new();
    machine.write("kek", b"too short");
    assert_eq!(
        machine.mistakes(""),
        ["keys.kek: kek does not hold a key: it must have exactly 32 bytes"]
    );
}

#[test]
fn a_key_of_another_certificate_is_told() {
    let machine = Machine::new();
    machine.certify("a");
    machine.certify("b");
    let found = machine.mistakes("[tls]\ncertificate = \"a.crt\"\nkey = \"b.key\"");
    assert_eq!(found.len(), 1);
    let start = "tls.key = b.key does not go with tls.certificate = a.crt: ";
    assert!(found[0].starts_with(start), "{found:?}");
}

#[test]
fn files_with_something_else_in_them_are_told() {
    let machine = Machine::new();
    machine.certify("a");
    let found = machine.mistakes("[tls]\ncertificate = \"a.key\"\nkey = \"a.key\"");
    let start = "tls.certificate = a.key is not a certificate chain in PEM: ";
    assert!(found[0].starts_with(start), "{found:?}");
    let found = machine.mistakes("[tls]\ncertificate = \"a.crt\"\nkey = \"a.crt\"");
    let start = "tls.key = a.crt is not an unencrypted private key in PEM: ";
    assert!(found[0].starts_with(start), "{found:?}");
}

#[test]
fn a_file_without_cas_of_devices_is_told() {
    let machine = Machine::new();
    machine.certify("a");
    let with = |file: &str| {
        let listen = "[listen]\nradsec = \"127.0.0.1:0\"\n";
        machine.mistakes(&format!("{listen}[radsec]\nclients_ca = \"{file}\""))
    };
    assert_eq!(with("a.crt"), Vec::<String>::new());
    let found = with("a.key");
    let start = "radsec.clients_ca = a.key is not certificates of CAs in PEM: ";
    assert!(found[0].starts_with(start), "{found:?}");
}

#[test]
fn a_data_directory_below_a_file_is_told() {
    let machine = Machine::new();
    machine.write("data", b"");
    // Whether it is seen with the settings or only here depends on how the system says so.
    let path = machine.path("node.toml");
    let text = "[node]\nname = \"a\"\ndata_dir = \"data/node\"\n[keys]\nkek = { file = \"kek\" }";
    machine.write("node.toml", text.as_bytes());
    let told = match Config::load(&path) {
        Ok(config) => look(&config).mistakes,
        Err(error) => error.lines(),
    };
    assert!(told.iter().any(|line| line.contains("node.data_dir: ")), "{told:?}");
}
