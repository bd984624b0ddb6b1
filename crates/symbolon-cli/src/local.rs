//! A cluster of child processes on this machine, for `dev` and `demo`.
//!
//! It is made and run through the program's public commands, and asked through its public API, so
//! that it shows nothing that is not there for everybody.

use std::{
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use futures_util::future::{join_all, select_all};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    commands::cluster,
    connect,
    context::{BearerToken, Context},
    error::Failure,
    exit::Exit,
    local::{
        node::Node,
        record::{CLUSTER, Record},
    },
    output,
    server_address::ServerAddress,
    signals::Signals,
    view::Status,
};

mod config;
pub(crate) mod node;
pub(crate) mod provision;
mod ready;
mod record;
mod settled;

/// Until all nodes agree on who they are.
const SETTLE_TIME_MAX: Duration = Duration::from_secs(60);
/// Between a request to end and the end.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);
const QUESTION_TIME_MAX: Duration = Duration::from_secs(30);
const JOIN_TOKEN_LIFE_SECONDS: u32 = 600;

pub(crate) struct LocalCluster {
    directory: PathBuf,
    /// Removes the directory at the end.
    temporary: Option<TempDir>,
    /// None: still to be made.
    record: Option<Record>,
    pub(crate) nodes: Vec<Node>,
}

impl LocalCluster {
    /// A new cluster in a directory that is removed at the end.
    pub(crate) fn temporary(nodes: usize) -> Result<Self, Failure> {
        let temporary = crate::files::temporary_directory("symbolon-dev-").map_err(|error| {
            Failure::configuration(
                format!("There is no room for a temporary directory: {error}."),
                "Set TMPDIR, or name a directory with --data-dir.",
            )
        })?;
        let directory = temporary.path().to_owned();
        Ok(Self {
            nodes: Node::numbered(&directory, nodes),
            directory,
            temporary: Some(temporary),
            record: None,
        })
    }

    /// The cluster in the directory, or a new one that stays there.
    pub(crate) fn at(directory: &Path, nodes: Option<usize>) -> Result<Self, Failure> {
        let directory = record::prepare(directory)?;
        let record = Record::read(&directory)?;
        let nodes = match &record {
            Some(record) => record.nodes(&directory, nodes)?,
            None => Node::numbered(&directory, nodes.unwrap_or(super::dev::NODES_DEFAULT)),
        };
        Ok(Self { directory, temporary: None, record, nodes })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    pub(crate) fn is_new(&self) -> bool {
        self.record.is_none()
    }

    /// Where `init` leaves the CA certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        Node::data(&self.directory, 1).join("ca.pem")
    }

    /// Where `init` leaves the first administrator's bearer token.
    pub(crate) fn token_file(&self) -> PathBuf {
        Node::data(&self.directory, 1).with_file_name("admin.token")
    }

    /// Asks all nodes in turn, as the administrator.
    pub(crate) fn administrator(&self) -> Result<Context, Failure> {
        Ok(Context {
            servers: self.servers(),
            tls: Some(connect::tls(&self.ca())?),
            token: Some(BearerToken::read(&self.token_file())?),
            timeout: QUESTION_TIME_MAX,
        })
    }

    /// The APIs of the nodes that have run.
    pub(crate) fn servers(&self) -> Vec<ServerAddress> {
        self.nodes.iter().filter_map(Node::server).collect()
    }

    /// Makes the cluster if it is not there, starts it, and waits until all nodes agree.
    pub(crate) async fn start(&mut self) -> Result<Status, Failure> {
        match self.is_new() {
            true => self.create().await?,
            false => {
                for node in &mut self.nodes {
                    node.start()?;
                }
                for node in &mut self.nodes {
                    node.ready().await?;
                }
            }
        }
        self.settled().await
    }

    async fn create(&mut self) -> Result<(), Failure> {
        let (ca, token_file) = (self.ca(), self.token_file());
        let Some((first, others)) = self.nodes.split_first_mut() else {
            return Ok(());
        };
        output::note(&format!("Making the cluster {CLUSTER} on {} ...", first.name));
        first.init(CLUSTER).await?;
        first.start()?;
        first.ready().await?;
        let (Some(server), Some(peer)) = (first.server(), first.peer()) else {
            return Err(first.failed("told no address"));
        };
        let context = Context {
            servers: vec![server],
            tls: Some(connect::tls(&ca)?),
            token: Some(BearerToken::read(&token_file)?),
            timeout: QUESTION_TIME_MAX,
        };
        for node in others {
            output::note(&format!("{} joins ...", node.name));
            let token = cluster::create_join_token(&context, JOIN_TOKEN_LIFE_SECONDS).await?;
            node.join(&token.join_token, peer).await?;
            node.start()?;
            node.ready().await?;
        }
        Ok(())
    }

    /// Waits until all nodes hear from each other and have the roles they are meant to have.
    async fn settled(&self) -> Result<Status, Failure> {
        let administrator = self.administrator()?;
        let end = Instant::now() + SETTLE_TIME_MAX;
        loop {
            let last = cluster::status(&administrator).await.map(Status::from);
            match last {
                Ok(status) if settled::is_settled(&status, self.nodes.len()) => return Ok(status),
                Err(failure) if Instant::now() >= end => return Err(failure),
                Ok(_) if Instant::now() >= end => {
                    return Err(Failure::new(
                        Exit::Unavailable,
                        "The nodes run, but do not all hear from each other.",
                        format!("Look into the logs below {}.", self.directory.display()),
                    ));
                }
                _ => sleep(POLL).await,
            }
        }
    }

    /// Remembers the cluster, so that it can be started again.
    pub(crate) fn record(&mut self) -> Result<(), Failure> {
        self.record = Some(Record::write(&self.directory, self.nodes.len())?);
        Ok(())
    }

    /// The next node that ends; none while no node runs.
    pub(crate) async fn next_exit(&mut self) -> Option<(String, ExitStatus)> {
        let running: Vec<_> = self
            .nodes
            .iter_mut()
            .filter(|node| node.is_running())
            .map(|node| Box::pin(node.ended()))
            .collect();
        if running.is_empty() {
            return None;
        }
        Some(select_all(running).await.0)
    }

    /// Asks every node to end and waits; whoever takes too long, or when another signal comes, is
    /// killed.
    pub(crate) async fn stop(&mut self, signals: &mut Signals) {
        for node in &mut self.nodes {
            node.ask_to_end();
        }
        let all = join_all(self.nodes.iter_mut().map(Node::wait));
        let in_time = tokio::select! {
            ended = timeout(STOP_TIME_MAX, all) => ended.is_ok(),
            () = signals.next() => false,
        };
        if !in_time {
            for node in self.nodes.iter_mut().filter(|node| node.is_running()) {
                output::note(&format!("{} does not end: killing it.", node.name));
                node.kill().await;
            }
        }
    }

    /// Removes what is to be removed. Every node has ended by then.
    pub(crate) fn remove(self) -> Result<(), Failure> {
        let directory = self.directory;
        match self.temporary.map(TempDir::close) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Failure::new(
                Exit::Software,
                format!("{} cannot be removed: {error}.", directory.display()),
                "Remove it by hand.",
            )),
        }
    }
}
