//! `symbolon join`: one more node for a cluster that runs.

use std::path::Path;

use symbolon_cluster::{ClusterError, JoinTarget, SystemClock, Tcp, ca_pem, join_cluster};
use symbolon_core::Secret;
use symbolon_store::{DataDir, Kek, StoreError, WrapPurpose};

use crate::addresses;
use crate::args::TokenText;
use crate::config::{Config, HostPort};
use crate::disk;
use crate::failure::Failure;
use crate::init::{failed, keep_ca, kek_or_new, say, unwritten};

/// The node's key while the join is under way, under the KEK: a join that was cut off goes on as the
/// same one.
const KEY_FILE: &str = "join.key";
const KEY_BYTES_MAX: u64 = 4096;

/// Joins the cluster that made the token, by the node at `peer`.
pub(crate) async fn join(config: Config, token: TokenText, peer: HostPort) -> Result<(), Failure> {
    let kek = kek_or_new(&config.kek)?;
    let data_dir = DataDir::new(&config.data_dir);
    match data_dir.header() {
        Err(StoreError::HeaderMissing { .. }) => {}
        Err(error) => return Err(failed("this node does not join", &error.into())),
        Ok(header) => {
            return Err(Failure::new(
                Failure::CONFIG,
                format!(
                    "{} holds node {} of a cluster already",
                    config.data_dir.display(),
                    header.node_name
                ),
                "Name another data directory, or run `symbolon server`.",
            ));
        }
    }
    let bound = addresses::bind(&config, None)?.addresses;
    let advertised = config.advertised(&bound);
    let key_file = config.data_dir.join(KEY_FILE);
    let peer = peer.to_string();
    let target = JoinTarget {
        token: token.expose(),
        peer: &peer,
        name: config.name.as_str(),
        peer_address: &advertised.peer.to_string(),
        api_address: &advertised.api.to_string(),
        key: kept_key(&key_file, &kek)?,
    };
    let keep = |key: &Secret| {
        let wrapped = kek
            .wrap(WrapPurpose::NodeKey, key)
            .map_err(|source| ClusterError::Unwrap { what: "node key", source })?;
        disk::replace(&key_file, &wrapped).map_err(|source| ClusterError::Certificate {
            what: "file join.key",
            source: source.into(),
        })
    };
    let header = join_cluster(&data_dir, &kek, (&SystemClock, &Tcp), target, keep)
        .await
        .map_err(|error| failed("this node has not joined", &error))?;
    remove(&key_file).map_err(|error| unwritten(&config.data_dir, &error))?;
    keep_ca(&config.data_dir, &ca_pem(&header.ca_certificate))?;
    bound.write(&config.data_dir).map_err(|error| unwritten(&config.data_dir, &error))?;
    say(&format!(
        "Node {} joined as number {}.\nNext: symbolon server --config FILE",
        config.name, header.node
    ));
    Ok(())
}

fn kept_key(path: &Path, kek: &Kek) -> Result<Option<Secret>, Failure> {
    match disk::read(path, KEY_BYTES_MAX) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unwritten(path, &error)),
        Ok(wrapped) => match kek.unwrap(WrapPurpose::NodeKey, &wrapped) {
            Ok(key) => Ok(Some(key)),
            Err(source) => Err(failed(
                "this node has not joined",
                &ClusterError::Unwrap { what: "key of the join that was cut off", source },
            )),
        },
    }
}

#[expect(clippy::disallowed_methods, reason = "removes the one file that only a join needs")]
fn remove(path: &Path) -> std::io::Result<()> {
    std::fs::remove_file(path)
}
