//! `symbolon rotate-kek`: another KEK for this node, whether it runs or not.

use std::path::Path;
use std::time::Duration;

use symbolon_cluster::ClusterError;
use symbolon_store::{
    DataDir, Kek, KekError, KekPlace, KeysError, NodeKeys, Store, StoreError, kek_successor,
};
use tokio::time::{Instant, sleep};

use crate::config::{Config, KekSource};
use crate::disk;
use crate::failure::{Failure, chain};
use crate::init::{failed, kek_failed, say};

/// For the running node to take the new key over: it looks once a second.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Takes the keys of a node out of its store, and finishes a change of the KEK that was cut off.
pub(crate) fn open_keys(store: Store, kek: &KekSource) -> Result<NodeKeys, Failure> {
    let mut keys = NodeKeys::open(store, kek.place())
        .map_err(|error| keys_failed("the node does not start", error))?;
    // The key in place opens the header, so the node can start even if this cannot be done now.
    match keys.rotate_kek() {
        Ok(true) => tracing::info!("the KEK of this node is another one now"),
        Ok(false) => {}
        Err(error) => tracing::error!(error = chain(&error), "the new KEK is not taken over yet"),
    }
    Ok(keys)
}

/// Makes a new KEK and sees to it that it takes the place of the old one.
pub(crate) async fn rotate_kek(config: Config) -> Result<(), Failure> {
    let KekPlace::File(path) = config.kek.place() else {
        return Err(Failure::new(
            Failure::CONFIG,
            "the KEK is a systemd credential, which this program cannot replace",
            "Let a new node join with another credential, or keep the KEK in a file.",
        ));
    };
    let data_dir = DataDir::new(&config.data_dir);
    data_dir.header().map_err(|error| {
        failed("there is no node whose KEK could be changed", &ClusterError::Store(error))
    })?;
    match Kek::create_whole(&kek_successor(&path)) {
        Ok(_) => {}
        Err(KekError::Exists { .. }) => say("A change of the KEK that was begun is finished."),
        Err(error) => return Err(kek_failed(&error)),
    }
    let give_up = Instant::now() + TAKEN_OVER_WITHIN;
    while !is_done(&data_dir, &path)? {
        match data_dir.open() {
            Ok(store) => {
                NodeKeys::open(store, config.kek.place())
                    .and_then(|mut keys| keys.rotate_kek())
                    .map_err(|error| keys_failed("the KEK is not changed", error))?;
            }
            // The node runs: the header is its to write.
            Err(StoreError::Locked { .. }) => put_in_place(&data_dir, &path)?,
            Err(error) => {
                return Err(failed("the KEK is not changed", &ClusterError::Store(error)));
            }
        }
        if Instant::now() > give_up {
            return Err(Failure::new(
                Failure::UNAVAILABLE,
                "the running node has not taken the new KEK over yet",
                "See its log; it goes on trying, and at its next start. Run this again to wait.",
            ));
        }
        sleep(LOOK_AGAIN).await;
    }
    say(&format!(
        "The KEK of node {} is a new one, in {}.\n\
         Keep a copy of it off the machine, and destroy the copies of the old one.",
        config.name,
        path.display()
    ));
    Ok(())
}

/// Whether the header opens under the key in place, and under no other.
fn is_done(data_dir: &DataDir, kek: &Path) -> Result<bool, Failure> {
    if disk::exists(&kek_successor(kek)) {
        return Ok(false);
    }
    let header = data_dir
        .header()
        .map_err(|error| failed("the KEK is not changed", &ClusterError::Store(error)))?;
    let kek = Kek::load(kek).map_err(|error| kek_failed(&error))?;
    Ok(header.next_keys.is_none() && header.keys.open(&kek).is_ok())
}

/// Puts the new key in place once the running node's header is ready for it: the folder may be one
/// that the service cannot write to.
fn put_in_place(data_dir: &DataDir, path: &Path) -> Result<(), Failure> {
    let new_path = kek_successor(path);
    let Ok(new) = Kek::load(&new_path) else {
        // The node has just put it in place.
        return Ok(());
    };
    let header = data_dir
        .header()
        .map_err(|error| failed("the KEK is not changed", &ClusterError::Store(error)))?;
    let is_ready = header.next_keys.is_some_and(|keys| keys.open(&new).is_ok());
    if is_ready {
        match disk::rename(&new_path, path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::new(
                    Failure::CONFIG,
                    format!("cannot replace {}: {error}", path.display()),
                    "Run this as a user who may write to that folder.",
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

fn keys_failed(what: &str, error: KeysError) -> Failure {
    match error {
        KeysError::Kek(error) => kek_failed(&error),
        other => failed(what, &ClusterError::from(other)),
    }
}
