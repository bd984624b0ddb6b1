//! `symbolon server --recover`: the node without Raft and without ports, for it to be seized where the server
//! does not start as part of its cluster. What is wrong with addresses or certificates is of no matter here.

use std::sync::Arc;

use symbolon_cluster::{OsEntropy, RecoveryNode, SystemClock};
use symbolon_grpc::{Health, Readiness};
use symbolon_service::{Clock, Service};
use symbolon_store::DataDir;

use crate::config::Config;
use crate::failure::Failure;
use crate::init::{failed, say};
use crate::local_socket;
use crate::node::{internal, open};
use crate::rotate_kek::open_keys;
use crate::stop::Stop;

/// Serves the local socket until a seize is planned, or it is told to stop.
pub(crate) async fn recover(config: Config) -> Result<(), Failure> {
    let stop = Stop::new();
    stop.on_signals().map_err(|error| internal("signals cannot be caught", &error))?;
    let aside = DataDir::new(&config.data_dir).returning();
    if aside.map_err(|error| failed("the node cannot be recovered", &error.into()))?.is_some() {
        return Err(Failure::new(
            Failure::CONFIG,
            "the cluster has gone on without this node, whose data is set aside: nothing is left to seize",
            "Start the server as usual: the node comes back by itself.",
        ));
    }
    let store = open(&config).await?;
    let keys = open_keys(store.clone(), &config.kek)?;
    let socket = local_socket::bind(&config.data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let node = RecoveryNode::start(store, &keys, (&clock, Arc::new(OsEntropy))).await;
    let node = node.map_err(|error| failed("the node cannot be recovered", &error))?;
    let service =
        Service::new(Arc::clone(&node) as _, node.vault(), node.clock(), Arc::new(OsEntropy));
    let service = Arc::new(service.map_err(|error| internal("nothing can be sealed", &error))?);
    let health = Health::default();
    health.set(Readiness::default()).await;
    let served = tokio::spawn(local_socket::serve(socket, &service, &health, &stop)?);
    let socket = local_socket::path(&config.data_dir);
    tracing::warn!(
        node = %config.name,
        socket = %socket.display(),
        "recovering: this node takes part in nothing; ask over the socket"
    );
    let is_planned = tokio::select! {
        () = stop.requested() => false,
        () = node.planned() => true,
    };
    stop.request();
    let _ = served.await;
    if is_planned {
        say(&format!(
            "Node {} goes on without the others once its server is started: start it as usual.",
            config.name
        ));
    }
    Ok(())
}
