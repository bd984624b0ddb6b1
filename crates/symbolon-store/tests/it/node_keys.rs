//! The KEK is changed, and every crash on the way is made good.

use std::fs;
use std::path::PathBuf;

use symbolon_core::{DataKeyId, Secret};
use symbolon_store::{
    DataDir, DataKey, Header, Kek, KekPlace, Keyring, KeysError, NodeKeys, Store, WrappedKeys,
    kek_successor,
};
use tempfile::TempDir;

use crate::support::header;

/// A node's machine: a data directory, and a KEK beside it.
struct Machine {
    _place: TempDir,
    directory: DataDir,
    kek: PathBuf,
    keyring: Keyring,
}

impl Machine {
    fn new() -> Self {
        let place = TempDir::new().unwrap();
        let kek_file = place.path().join("kek");
        let kek = Kek::create(&kek_file).unwrap();
        let keyring = Keyring::new(DataKey::generate().unwrap());
        let keys = WrappedKeys::wrap(&kek, &keyring, &node_key()).unwrap();
        let directory = DataDir::new(place.path().join("data"));
        drop(directory.create(Header { keys, ..header() }).unwrap());
        Self { _place: place, directory, kek: kek_file, keyring }
    }

    fn store(&self) -> Store {
        self.directory.open().unwrap()
    }

    fn open(&self) -> Result<NodeKeys, KeysError> {
        NodeKeys::open(self.store(), KekPlace::File(self.kek.clone()))
    }

    fn new_kek(&self) -> PathBuf {
        kek_successor(&self.kek)
    }

    fn header_file(&self) -> PathBuf {
        self.directory.path().join("header")
    }

    /// That the node has its keys under the KEK in place and that the change is over.
    fn assert_settled(&self) {
        let keys = self.open().unwrap();
        assert_eq!(keys.node_key(), &node_key());
        assert_eq!(keys.keyring().fingerprint(b"a"), self.keyring.fingerprint(b"a"));
        assert!(!keys.wants_rotation());
        assert!(self.directory.header().unwrap().next_keys.is_none());
    }
}

fn node_key() -> Secret {
    Secret::new(b"node key".to_vec())
}

#[test]
fn new_kek_takes_the_place_of_the_old_one_which_opens_nothing_then() {
    let machine = Machine::new();
    let mut keys = machine.open().unwrap();
    assert!(!keys.rotate_kek().unwrap(), "nobody wants it");
    let old = fs::read(&machine.kek).unwrap();
    let old_kek = Kek::load(&machine.kek).unwrap();
    Kek::create_whole(&machine.new_kek()).unwrap();
    assert!(keys.wants_rotation());
    assert!(keys.rotate_kek().unwrap());
    assert!(!keys.wants_rotation() && !machine.new_kek().exists());
    let header = machine.directory.header().unwrap();
    assert!(header.keys.open(&old_kek).is_err());
    drop(keys);
    machine.assert_settled();

    fs::write(&machine.kek, old).unwrap();
    let error = machine.open().unwrap_err();
    assert!(matches!(error, KeysError::Unwrap { what: "data key", .. }), "{error}");
}

#[test]
fn change_that_is_cut_off_anywhere_is_finished() {
    let machine = Machine::new();
    let old_kek = fs::read(&machine.kek).unwrap();
    let first = fs::read(machine.header_file()).unwrap();
    Kek::create_whole(&machine.new_kek()).unwrap();
    let new_kek = fs::read(machine.new_kek()).unwrap();
    // The header as it is between the second and the third step.
    let header = machine.directory.header().unwrap();
    let new = Kek::load(&machine.new_kek()).unwrap();
    let next = WrappedKeys::wrap(&new, &machine.keyring, &node_key()).unwrap();
    let mut store = machine.store();
    store.replace_header(Header { next_keys: Some(next), ..header }).unwrap();
    drop(store);
    let second = fs::read(machine.header_file()).unwrap();
    machine.open().unwrap().rotate_kek().unwrap();
    let last = fs::read(machine.header_file()).unwrap();

    for (step, kek, successor, header) in [
        ("nothing", &old_kek, None, &first),
        ("a new KEK", &old_kek, Some(&new_kek), &first),
        ("a header under both", &old_kek, Some(&new_kek), &second),
        ("a new KEK that was taken away again", &old_kek, None, &second),
        ("the new KEK in place", &new_kek, None, &second),
        ("a header under the new one", &new_kek, None, &last),
    ] {
        fs::write(&machine.kek, kek).unwrap();
        fs::write(machine.header_file(), header).unwrap();
        if let Some(successor) = successor {
            fs::write(machine.new_kek(), successor).unwrap();
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(machine.new_kek(), private).unwrap();
        }
        let mut keys = machine.open().unwrap_or_else(|error| panic!("{step}: {error}"));
        keys.rotate_kek().unwrap_or_else(|error| panic!("{step}: {error}"));
        drop(keys);
        machine.assert_settled();
        let is_new = fs::read(&machine.kek).unwrap() == new_kek;
        assert_eq!(is_new, successor.is_some() || kek == &new_kek, "{step}");
    }
}

#[test]
fn keyring_that_changes_in_the_middle_is_kept_under_both() {
    let machine = Machine::new();
    Kek::create_whole(&machine.new_kek()).unwrap();
    let new = Kek::load(&machine.new_kek()).unwrap();
    let next = WrappedKeys::wrap(&new, &machine.keyring, &node_key()).unwrap();
    let mut store = machine.store();
    let header = Header { next_keys: Some(next), ..store.header.clone() };
    store.replace_header(header).unwrap();
    drop(store);

    let mut keys = machine.open().unwrap();
    let second = DataKey::generate_as(DataKeyId(2)).unwrap();
    keys.set_keyring(machine.keyring.clone().with(second)).unwrap();
    // The command puts the new one in place while the node looks away.
    fs::rename(machine.new_kek(), &machine.kek).unwrap();
    drop(keys);
    let keys = machine.open().unwrap();
    assert!(keys.keyring().holds(DataKeyId(2)) && keys.keyring().holds(DataKeyId::FIRST));
    drop(keys);
    machine.assert_settled();
}

#[test]
fn kek_that_others_could_read_is_not_put_in_place() {
    let machine = Machine::new();
    let mut keys = machine.open().unwrap();
    fs::write(machine.new_kek(), [7; 32]).unwrap();
    let shared = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(machine.new_kek(), shared).unwrap();
    assert!(matches!(keys.rotate_kek(), Err(KeysError::Kek(_))));
    fs::remove_file(machine.new_kek()).unwrap();
    drop(keys);
    machine.assert_settled();
}

#[test]
fn kek_of_somebody_else_is_left_alone() {
    let machine = Machine::new();
    Kek::create_whole(&machine.new_kek()).unwrap();
    let place = KekPlace::Fixed(machine.kek.clone());
    let mut keys = NodeKeys::open(machine.store(), place).unwrap();
    assert!(!keys.wants_rotation() && !keys.rotate_kek().unwrap());
    assert!(machine.new_kek().exists());
}
