//! `symbolon join`: one more node for a cluster that runs.

use crate::args::TokenText;
use crate::config::{Config, HostPort};
use crate::failure::Failure;

/// Joins the cluster that made the token, by the node at `peer`.
pub(crate) async fn join(
    _config: Config,
    _token: TokenText,
    peer: HostPort,
) -> Result<(), Failure> {
    Err(Failure::new(
        Failure::UNAVAILABLE,
        format!("joining by {peer} is not built yet"),
        "Wait for a later version.",
    ))
}
