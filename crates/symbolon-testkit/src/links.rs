//! The links between nodes, so that a test can cut them. Each node is reached by its peers through a
//! relay of its own, which knows which process a connection comes from. A cut link carries nothing: what
//! was under way waits, as on a wire that is pulled, and goes on when the link is whole again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::files;

/// All links of a cluster, each with the node that makes the connections and the one that takes them.
/// Nodes are counted from 1.
#[derive(Debug, Default)]
pub(crate) struct Links {
    cut: watch::Sender<BTreeSet<(usize, usize)>>,
    pids: Mutex<BTreeMap<usize, u32>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Links {
    /// Cuts what one node sends on connections of its own to the other, and the answers.
    pub(crate) fn cut(&self, from: usize, to: usize) {
        self.cut.send_modify(|cut| {
            cut.insert((from, to));
        });
    }

    pub(crate) fn heal(&self) {
        self.cut.send_modify(BTreeSet::clear);
    }

    /// Takes note of a node's process.
    pub(crate) fn runs(&self, node: usize, pid: u32) {
        lock(&self.pids).insert(node, pid);
    }

    /// Opens the relay of a node, which leads to where `target` says. Where it is.
    pub(crate) fn relay(
        self: &Arc<Self>,
        node: usize,
        target: impl Fn() -> Option<SocketAddr> + Send + Sync + 'static,
    ) -> SocketAddr {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))
            .unwrap_or_else(|error| panic!("no port for a relay: {error}"));
        let address = listener.local_addr();
        let address = address.unwrap_or_else(|error| panic!("a relay has no address: {error}"));
        let ready = listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener));
        let listener = ready.unwrap_or_else(|error| panic!("a relay does not listen: {error}"));
        let links = Arc::clone(self);
        let target = Arc::new(target);
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let (links, target) = (Arc::clone(&links), Arc::clone(&target));
                tokio::spawn(async move {
                    let link = (links.maker(from), node);
                    if let Some(target) = target() {
                        links.carry(link, stream, target).await;
                    }
                });
            }
        });
        address
    }

    /// The node whose process made a connection.
    fn maker(&self, from: SocketAddr) -> Option<usize> {
        let inode = inode_of(from)?;
        let socket = PathBuf::from(format!("socket:[{inode}]"));
        let has = |pid: &u32| files::open_by(*pid).contains(&socket);
        lock(&self.pids).iter().find(|(_, pid)| has(pid)).map(|(node, _)| *node)
    }

    async fn carry(&self, link: (Option<usize>, usize), inbound: TcpStream, target: SocketAddr) {
        let cut = || self.cut.subscribe();
        is_whole(&mut cut(), link).await;
        let Ok(outbound) = TcpStream::connect(target).await else { return };
        let nodelay = inbound.set_nodelay(true).and_then(|()| outbound.set_nodelay(true));
        if nodelay.is_err() {
            return;
        }
        let (mut from, mut back) = inbound.into_split();
        let (mut answers, mut to) = outbound.into_split();
        let (mut there, mut here) = (cut(), cut());
        tokio::select! {
            () = forward(&mut from, &mut to, link, &mut there) => {}
            () = forward(&mut answers, &mut back, link, &mut here) => {}
        }
    }
}

async fn is_whole(
    cut: &mut watch::Receiver<BTreeSet<(usize, usize)>>,
    link: (Option<usize>, usize),
) {
    let (maker, node) = link;
    // Whoever cannot be told is taken for a node that is cut off: on a busy machine the table of sockets
    // does not always show the one that is looked for.
    let is_cut = |(from, to): &(usize, usize)| *to == node && maker.is_none_or(|it| it == *from);
    // Ends only with the test.
    let _ = cut.wait_for(|cut| !cut.iter().any(is_cut)).await;
}

async fn forward(
    from: &mut tokio::net::tcp::OwnedReadHalf,
    to: &mut tokio::net::tcp::OwnedWriteHalf,
    link: (Option<usize>, usize),
    cut: &mut watch::Receiver<BTreeSet<(usize, usize)>>,
) {
    let mut bytes = vec![0; 64 << 10];
    loop {
        let Ok(read @ 1..) = from.read(&mut bytes).await else { return };
        is_whole(cut, link).await;
        let Some(part) = bytes.get(..read) else { return };
        if to.write_all(part).await.is_err() {
            return;
        }
    }
}

/// The inode of the socket that is bound to an address.
fn inode_of(address: SocketAddr) -> Option<u64> {
    let SocketAddr::V4(address) = address else { return None };
    let ip = u32::from_ne_bytes(address.ip().octets());
    let local = format!("{ip:08X}:{:04X}", address.port());
    let table = files::read_if_there(Path::new("/proc/net/tcp"))?;
    let row = table.lines().find(|row| row.split_whitespace().nth(1) == Some(&local))?;
    row.split_whitespace().nth(9)?.parse().ok()
}
