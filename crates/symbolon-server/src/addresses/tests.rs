use std::path::Path;

use super::*;
use crate::config::{Found, Probe};

struct Bare;

impl Probe for Bare {
    fn credentials_directory(&self) -> Option<PathBuf> {
        None
    }

    fn look(&self, _: &Path) -> Found {
        Found::Nothing
    }
}

fn config(api: &str) -> Config {
    let text = format!(
        "[node]\nname = \"a\"\ndata_dir = \"/data\"\n[keys]\nkek = {{ file = \"/kek\" }}\n\
         [listen]\napi = \"{api}\"\npeer = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\n"
    );
    Config::parse(&text, Path::new("/"), &Bare).unwrap()
}

#[tokio::test]
async fn port_0_takes_the_ports_of_the_last_run_again() {
    let config = config("127.0.0.1:0");
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(Addresses::read(directory.path()), None);

    let first = bind(&config, None).unwrap();
    assert_ne!(first.addresses.api.port(), 0);
    first.addresses.write(directory.path()).unwrap();
    let addresses = first.addresses.clone();
    assert_eq!(first.api.local_addr().unwrap(), addresses.api);
    drop(first);

    let read = Addresses::read(directory.path()).unwrap();
    assert_eq!(read, addresses);
    let second = bind(&config, Some(&read)).unwrap();
    assert_eq!(second.addresses, addresses);

    // Somebody else has the ports now.
    let third = bind(&config, Some(&read)).unwrap();
    assert_ne!(third.addresses.api, addresses.api);
    assert_ne!(third.addresses.peer, addresses.peer);
}

#[tokio::test]
async fn a_port_that_is_set_is_never_another_one() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let config = config(&address.to_string());
    let error = bind(&config, None).unwrap_err();
    assert_eq!((error.key, error.address), ("listen.api", address));
    let failure = Failure::from(error);
    assert!(failure.what.starts_with(&format!("cannot listen on {address} (listen.api): ")));
    assert!(failure.remedy.contains("ss -ltnp"), "{failure}");
}

#[tokio::test]
async fn an_address_of_another_machine_is_explained() {
    // 192.0.2.0/24 is for documentation.
    let error = bind(&config("192.0.2.1:0"), None).unwrap_err();
    let failure = Failure::from(error);
    assert!(failure.remedy.contains("No interface of this machine"), "{failure}");
}

#[test]
fn the_file_is_plain_json_and_a_broken_one_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let addresses = Addresses {
        api: "127.0.0.1:1".parse().unwrap(),
        peer: "[::1]:2".parse().unwrap(),
        metrics: "127.0.0.1:3".parse().unwrap(),
        radius: vec!["127.0.0.1:1812".parse().unwrap()],
        radius_accounting: Vec::new(),
        radsec: vec!["127.0.0.1:2083".parse().unwrap()],
    };
    addresses.write(directory.path()).unwrap();
    let path = Addresses::path(directory.path());
    assert!(path.ends_with("run/addresses.json"));
    let text = disk::read_text(&path, 1000).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        value,
        serde_json::json!({
            "api": "127.0.0.1:1",
            "peer": "[::1]:2",
            "metrics": "127.0.0.1:3",
            "radius": ["127.0.0.1:1812"],
            "radsec": ["127.0.0.1:2083"]
        })
    );
    assert_eq!(disk::mode(&path).unwrap(), 0o600);

    disk::replace(&path, b"{").unwrap();
    assert_eq!(Addresses::read(directory.path()), None);
}
