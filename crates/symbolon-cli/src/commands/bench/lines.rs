//! Connections that stay: a benchmark measures answers, not handshakes.

use std::sync::atomic::{AtomicUsize, Ordering};

use tonic::{Request, transport::Channel};

use crate::{
    call::bearing,
    connect,
    context::{BearerToken, Context},
    error::Failure,
    exit::Exit,
    retry::Miss,
};

/// As many to each server.
pub(super) struct Lines {
    pub(super) channels: Vec<Channel>,
    next: AtomicUsize,
    servers: usize,
    token: Option<BearerToken>,
}

impl Lines {
    /// Connects to every server that is named: a benchmark that leaves one out measures another cluster.
    pub(super) async fn connect(context: &Context, each: u32) -> Result<Self, Failure> {
        let channels = channels(context, each).await?;
        let (servers, token) = (context.servers.len(), context.token.clone());
        Ok(Self { channels, next: AtomicUsize::new(0), servers, token })
    }

    /// How many servers there are.
    pub(super) const fn len(&self) -> usize {
        self.servers
    }

    /// The next one in turn.
    pub(super) fn channel(&self) -> Result<Channel, Failure> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let channel = self.channels.get(turn % self.channels.len().max(1)).cloned();
        channel.ok_or_else(|| {
            Failure::new(Exit::Software, "There is no connection.", "Report this as a defect.")
        })
    }

    /// A request of the administrator.
    pub(super) fn request<Q>(&self, question: Q) -> Request<Q> {
        bearing(question, self.token.as_ref())
    }
}

/// As many to each server, in turn.
pub(super) async fn channels(context: &Context, each: u32) -> Result<Vec<Channel>, Failure> {
    let mut channels = Vec::new();
    for _ in 0..each {
        for server in &context.servers {
            let channel = connect::channel(server, context.tls.as_ref(), context.timeout).await;
            channels.push(channel.map_err(|miss| match miss {
                Miss::Next { failure, .. } | Miss::Final(failure) => failure,
            })?);
        }
    }
    if channels.is_empty() {
        return Err(Failure::usage("No server is named.", "Name one with --server."));
    }
    Ok(channels)
}
