//! What lies on a node's disk under seal, for whoever has both the data directory and the KEK.

use std::path::Path;

use prost::Message as _;
use symbolon_core::{Command, Sealed};
use symbolon_proto::batch_decode;
use symbolon_proto::store::v1::{LogEntry, log_entry::Payload};
use symbolon_store::{DataDir, FieldRef, KekPlace, NodeKeys};

/// Every sealed value in the Raft log of a node that is stopped, opened, one after the other.
pub(crate) fn unsealed(data_dir: &Path, kek: &Path) -> Vec<u8> {
    let store = DataDir::new(data_dir).open().unwrap();
    let keys = NodeKeys::open(store.clone(), KekPlace::File(kek.to_owned())).unwrap();
    let keyring = keys.keyring();
    let mut content = Vec::new();
    for (_, bytes) in store.log.read(..).unwrap() {
        let entry = LogEntry::decode(&bytes[..]).unwrap();
        let Some(Payload::Batch(batch)) = entry.payload else { continue };
        for proposal in batch_decode(&batch).unwrap().1 {
            if let Some((field, sealed)) = sealed(&proposal.command) {
                content.extend_from_slice(keyring.open(&field, sealed).unwrap().expose());
            }
        }
    }
    content
}

fn sealed(command: &Command) -> Option<(FieldRef, &Sealed)> {
    Some(match command {
        Command::EnrollToken(new) => (FieldRef::new("token", new.token.0, "seed"), &new.seed),
        Command::CreateApplication(new) => {
            (FieldRef::new("application", new.application.0, "api_key"), &new.secret)
        }
        Command::CreateJoinToken(new) => {
            (FieldRef::new("join_token", new.join_token.0, "secret"), &new.secret)
        }
        _ => return None,
    })
}
