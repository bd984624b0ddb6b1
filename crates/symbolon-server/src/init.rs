//! `symbolon init`: the first node of a new cluster.

use std::path::Path;
use std::sync::Arc;

use symbolon_cluster::{ClusterError, OsEntropy, SystemClock, create_cluster};
use symbolon_core::Name;
use symbolon_store::{DataDir, Kek, KekError};

use crate::addresses;
use crate::config::{Config, KekSource};
use crate::disk;
use crate::failure::{Failure, chain};

/// Where the first administrator's bearer token is left, in the data directory.
const ADMINISTRATOR_FILE: &str = "admin.token";
/// Where the cluster CA's certificate is left, in the data directory.
const CA_FILE: &str = "ca.pem";

/// Makes a cluster of that name with this node in it.
pub(crate) async fn init(config: Config, cluster: Name) -> Result<(), Failure> {
    let kek = kek_or_new(&config.kek)?;
    // Bound for a moment, so that the registry has the real ports from the start.
    let listeners = addresses::bind(&config, None).await?;
    let bound = listeners.addresses;
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
    keep(&config.data_dir, ADMINISTRATOR_FILE, founded.administrator.as_bytes())?;
    keep(&config.data_dir, CA_FILE, founded.ca_pem.as_bytes())?;
    bound.write(&config.data_dir).map_err(|error| unwritten(&config.data_dir, &error))?;
    say(&format!(
        "Cluster {cluster} made; node {node} is its first.\n\
         Administrator's bearer token: {token}\n\
         CA certificate for clients:   {ca}\n\
         Next: symbolon server --config FILE",
        node = config.name,
        token = config.data_dir.join(ADMINISTRATOR_FILE).display(),
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
    let exit = match error {
        ClusterError::Unreachable { .. } => Failure::UNAVAILABLE,
        ClusterError::JoinTokenShape => Failure::USAGE,
        ClusterError::Store(_) | ClusterError::Image(_) | ClusterError::Unwrap { .. } => {
            Failure::CONFIG
        }
        _ => Failure::GENERAL,
    };
    let text = chain(error);
    let (cause, remedy) = text.split_once("; ").unwrap_or((&text, "See the log above."));
    Failure::new(exit, format!("{what}: {cause}"), capitalised(remedy))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    let mut out: String = first.into_iter().flatten().chain(chars).collect();
    if !out.ends_with('.') {
        out.push('.');
    }
    out
}

fn keep(data_dir: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    disk::replace(&data_dir.join(name), bytes).map_err(|error| unwritten(data_dir, &error))
}

pub(crate) fn unwritten(data_dir: &Path, error: &std::io::Error) -> Failure {
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
