//! What lies on a node's disk under seal, for whoever has both the data directory and the KEK.

use std::path::Path;

use prost::Message as _;
use symbolon_core::{Command, Row, Sealed};
use symbolon_proto::store::v1::{LogEntry, SnapshotRows, log_entry::Payload};
use symbolon_proto::{batch_decode, row_decode};
use symbolon_store::{DataDir, FieldRef, KekPlace, NodeKeys, Store};

/// Every sealed value in the Raft log of a node that is stopped, opened, one after the other.
pub(crate) fn unsealed_log(data_dir: &Path, kek: &Path) -> Vec<u8> {
    let store = DataDir::new(data_dir).open().unwrap();
    let mut all = Vec::new();
    for (_, bytes) in store.log.read(..).unwrap() {
        let entry = LogEntry::decode(&bytes[..]).unwrap();
        let Some(Payload::Batch(batch)) = entry.payload else { continue };
        all.extend(
            batch_decode(&batch).unwrap().1.iter().filter_map(|one| of_command(&one.command)),
        );
    }
    opened(&store, kek, &all)
}

/// What stands in clear in the Raft log of a node that is stopped: every command, as it was written.
pub(crate) fn log_in_clear(data_dir: &Path) -> Vec<u8> {
    let store = DataDir::new(data_dir).open().unwrap();
    let entries = store.log.read(..).unwrap();
    entries.into_iter().flat_map(|(_, bytes)| bytes.to_vec()).collect()
}

/// The same of its newest snapshot.
pub(crate) fn unsealed_snapshot(data_dir: &Path, kek: &Path) -> Vec<u8> {
    let store = DataDir::new(data_dir).open().unwrap();
    let newest = store.snapshots.latest().unwrap().unwrap();
    let mut chunks = store.snapshots.read(&newest.name).unwrap();
    // The first is the header.
    chunks.next_chunk().unwrap();
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next_chunk().unwrap() {
        for row in SnapshotRows::decode(&chunk[..]).unwrap().row {
            all.extend(of_row(row_decode(&row.encode_to_vec()).unwrap()));
        }
    }
    opened(&store, kek, &all)
}

fn opened(store: &Store, kek: &Path, all: &[(FieldRef, Sealed)]) -> Vec<u8> {
    let keys = NodeKeys::open(store.clone(), KekPlace::File(kek.to_owned())).unwrap();
    let keyring = keys.keyring();
    let open = |(field, sealed): &(_, _)| keyring.open(field, sealed).unwrap().expose().to_vec();
    all.iter().flat_map(open).collect()
}

fn of_command(command: &Command) -> Option<(FieldRef, Sealed)> {
    Some(match command {
        Command::EnrollToken(new) => (seed(new.token.0), new.seed.clone()),
        Command::CreateRecoveryCodes(new) => (recovery(new.user.0), new.codes.clone()),
        Command::SetPin(new) => (pin(new.user.0), new.pin.clone()?),
        Command::CreateApplication(new) => (api_key(new.application.0), new.secret.clone()),
        Command::CreateJoinToken(new) => (join_token(new.join_token.0), new.secret.clone()),
        _ => return None,
    })
}

fn of_row(row: Row) -> Option<(FieldRef, Sealed)> {
    Some(match row {
        Row::Token(row) => (seed(row.id.0), row.seed),
        Row::User(row) => (pin(row.id.0), row.pin.as_ref()?.sealed.clone()),
        Row::Application(row) => (api_key(row.id.0), row.reveal?.secret),
        Row::JoinToken(row) => (join_token(row.id.0), row.reveal?.secret),
        _ => return None,
    })
}

fn seed(token: u64) -> FieldRef {
    FieldRef::new("token", token, "seed")
}

fn pin(user: u64) -> FieldRef {
    FieldRef::new("user", user, "pin")
}

fn recovery(user: u64) -> FieldRef {
    FieldRef::new("user", user, "recovery_codes")
}

fn api_key(application: u64) -> FieldRef {
    FieldRef::new("application", application, "api_key")
}

fn join_token(id: u64) -> FieldRef {
    FieldRef::new("join_token", id, "secret")
}
