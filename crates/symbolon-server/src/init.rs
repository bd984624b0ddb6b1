//! `symbolon init`: the first node of a new cluster.

use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use symbolon_cluster::{
    ClusterError, OsEntropy, SystemClock, create_cluster, is_for_want_of_space,
};
use symbolon_core::Name;
use symbolon_store::{DataDir, Kek, KekError};

use crate::addresses;
use crate::config::{Config, KekSource};
use crate::disk;
use crate::failure::{Failure, chain};

/// Where the cluster CA's certificate is left, in the data directory.
const CA_FILE: &str = "ca.pem";

/// Makes a cluster of that name with this node in it, and leaves its first administrator's bearer
/// token in a file.
pub(crate) async fn init(
    config: Config,
    cluster: Name,
    token_file: PathBuf,
) -> Result<(), Failure> {
    let refuse = |why: String| {
        let remedy = "Name another file with --admin-token-file, outside of the data directory.";
        Failure::new(Failure::CONFIG, why, remedy)
    };
    let shown = token_file.display();
    if absolute(&token_file).is_ok_and(|path| path.starts_with(&config.data_dir)) {
        return Err(refuse(format!("{shown} lies in the data directory, where no secret may be")));
    }
    // Before anything is made: a cluster whose administrator cannot get in is of no use.
    disk::reserve(&token_file).map_err(|error| refuse(format!("cannot make {shown}: {error}")))?;
    let made = make(config, cluster, &token_file).await;
    if made.is_err() {
        disk::give_up(&token_file);
    }
    made
}

async fn make(config: Config, cluster: Name, token_file: &Path) -> Result<(), Failure> {
    let kek = kek_or_new(&config.kek)?;
    // Bound for a moment, so that the registry has the real ports from the start.
    let listeners = addresses::bind(&config, None)?;
    let bound = listeners.addresses.clone();
    drop(listeners);
    let advertised = config.advertised(&bound);
    let data_dir = DataDir::new(&config.data_dir);
    let founded = create_cluster(
        &data_dir,
        &kek,
        Arc::new(SystemClock),
        Arc::new(OsEntropy),
        cluster.clone(),
        config.name.clone(),
        (advertised.peer.to_string(), advertised.api.to_string()),
    )
    .await
    .map_err(|error| failed("the cluster is not made", &error))?;
    disk::replace(token_file, founded.administrator.as_bytes())
        .map_err(|error| unwritten(token_file, &error))?;
    keep_ca(&config.data_dir, &founded.ca_pem)?;
    bound.write(&config.data_dir).map_err(|error| unwritten(&config.data_dir, &error))?;
    say(&format!(
        "Cluster {cluster} made; node {node} is its first.\n\
         Administrator's bearer token: {token}\n\
         CA certificate for clients:   {ca}\n\
         Next: symbolon server --config FILE",
        node = config.name,
        token = token_file.display(),
        ca = config.data_dir.join(CA_FILE).display(),
    ));
    Ok(())
}

/// Loads the KEK; makes one where the settings name a file that is not there.
pub(crate) fn kek_or_new(source: &KekSource) -> Result<Kek, Failure> {
    let made = match source {
        KekSource::File(path) => match Kek::create(path) {
            Err(KekError::Exists { .. }) => Kek::load(path),
            made => made,
        },
        KekSource::Credential { path, .. } => Kek::load(path),
    };
    made.map_err(|error| kek_failed(&error))
}

pub(crate) fn kek_failed(error: &KekError) -> Failure {
    Failure::new(
        Failure::CONFIG,
        format!("the key encryption key cannot be used: {}", chain(error)),
        "See `keys.kek` in the settings.",
    )
}

/// A failure of the cluster crate, whose messages end in what to do.
pub(crate) fn failed(what: &str, error: &ClusterError) -> Failure {
    if is_for_want_of_space(error) {
        return full(format!("{what}: {}", chain(error)));
    }
    let exit = match error {
        ClusterError::Unreachable { .. } | ClusterError::Unavailable { .. } => Failure::UNAVAILABLE,
        ClusterError::JoinTokenShape => Failure::USAGE,
        ClusterError::Store(_)
        | ClusterError::Image { .. }
        | ClusterError::RolledBack { .. }
        | ClusterError::NotTakenBack { .. }
        | ClusterError::Succession
        | ClusterError::SeizeMisfit { .. }
        | ClusterError::Log { .. }
        | ClusterError::Snapshot { .. }
        | ClusterError::Unwrap { .. } => Failure::CONFIG,
        _ => Failure::GENERAL,
    };
    let text = chain(error);
    let (cause, remedy) =
        text.split_once("; ").unwrap_or((&text, "see the log of the node that answered"));
    Failure::new(exit, format!("{what}: {cause}"), capitalised(remedy))
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    let mut out: String = first.into_iter().flatten().chain(chars).collect();
    if !out.ends_with('.') {
        out.push('.');
    }
    out
}

/// Leaves the cluster CA's certificate where clients of this machine can be given it.
pub(crate) fn keep_ca(data_dir: &Path, pem: &str) -> Result<(), Failure> {
    disk::replace(&data_dir.join(CA_FILE), pem.as_bytes())
        .map_err(|error| unwritten(data_dir, &error))
}

/// A disk is full. Whoever starts this again does right.
pub(crate) fn full(what: String) -> Failure {
    let remedy = "Give the disk space; the service is started again until it has some.";
    Failure::new(Failure::NO_SPACE, what, remedy)
}

pub(crate) fn unwritten(data_dir: &Path, error: &std::io::Error) -> Failure {
    if is_for_want_of_space(error) {
        return full(format!("cannot write to {}: {error}", data_dir.display()));
    }
    Failure::new(
        Failure::CONFIG,
        format!("cannot write to {}: {error}", data_dir.display()),
        "See that the directory belongs to the service's user and has room.",
    )
}

#[expect(clippy::print_stdout, reason = "what a command has done is its output")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}
