//! The way back of a node that its cluster has gone on without.

use std::time::Duration;

use symbolon_cluster::{ClusterError, Member, SystemClock, Tcp, away, come_back};
use symbolon_store::{DataDir, Kek};
use tokio::time::sleep;

use crate::addresses::{self, Addresses};
use crate::config::Config;
use crate::failure::{Failure, chain};
use crate::init::{failed, kek_failed};
use crate::stop::Stop;

/// Pause before the others are asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Brings the node back if its cluster has gone on without it, however long that takes. Whether it can be
/// started: not when it was told to stop before it was back.
pub(crate) async fn is_back(config: &Config, stop: &Stop) -> Result<bool, Failure> {
    let data_dir = DataDir::new(&config.data_dir);
    let lost = |error: &_| failed("the node does not start", error);
    let Some(aside) = away(&data_dir).map_err(|error| lost(&error))? else {
        return Ok(true);
    };
    let kek = Kek::load(config.kek.place().path()).map_err(|error| kek_failed(&error))?;
    // Bound for a moment, so that the cluster is told the ports that will be bound again.
    let previous = Addresses::read(&config.data_dir);
    let bound = addresses::bind(config, previous.as_ref())?.addresses;
    let advertised = config.advertised(&bound);
    let member = Member {
        name: config.name.as_str(),
        peer_address: &advertised.peer.to_string(),
        api_address: &advertised.api.to_string(),
    };
    let mut told = String::new();
    loop {
        let attempt = come_back(&data_dir, &aside, &kek, (&SystemClock, &Tcp), member);
        let error = tokio::select! {
            () = stop.requested() => return Ok(false),
            done = attempt => match done {
                Ok(_) => return Ok(true),
                Err(error @ ClusterError::NotTakenBack { .. }) => return Err(lost(&error)),
                Err(error) => chain(&error),
            },
        };
        if error != told {
            tracing::warn!(
                reason = error,
                "this node is not back in its cluster yet; it goes on asking"
            );
            told = error;
        }
        tokio::select! {
            () = stop.requested() => return Ok(false),
            () = sleep(RETRY) => {}
        }
    }
}
