//! What lies between a device and a node: packets go through it, and some are lost.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::net::UdpSocket;
use tokio::task::{AbortHandle, JoinSet};

/// See the module.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    loses_replies: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Relay {
    /// Passes packets on to a server, from a port of the system's choice or from one of these.
    pub(crate) async fn to(server: SocketAddr, ports: impl IntoIterator<Item = u16>) -> Self {
        let mut bound = None;
        for port in ports {
            if let Ok(socket) = UdpSocket::bind(("127.0.0.1", port)).await {
                bound = Some(socket);
                break;
            }
        }
        let outside = Arc::new(bound.unwrap());
        let loses_replies = Arc::new(AtomicBool::new(false));
        let lost = Arc::new(AtomicU64::new(0));
        let address = outside.local_addr().unwrap();
        let (loses, counts) = (Arc::clone(&loses_replies), Arc::clone(&lost));
        let task = tokio::spawn(pass_on(outside, server, loses, counts)).abort_handle();
        Self { address, loses_replies, lost, task }
    }

    /// Whether replies are lost from now on.
    pub(crate) fn lose_replies(&self, lose: bool) {
        self.loses_replies.store(lose, Ordering::SeqCst);
    }

    /// How many were.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Each sender has a socket of its own toward the server.
async fn pass_on(
    outside: Arc<UdpSocket>,
    server: SocketAddr,
    loses: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
) {
    let mut senders: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut back = JoinSet::new();
    let mut packet = vec![0; 4096];
    while let Ok((length, from)) = outside.recv_from(&mut packet).await {
        let inside = match senders.get(&from) {
            Some(inside) => Arc::clone(inside),
            None => {
                let inside = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
                inside.connect(server).await.unwrap();
                senders.insert(from, Arc::clone(&inside));
                let (inside, outside) = (Arc::clone(&inside), Arc::clone(&outside));
                let (loses, lost) = (Arc::clone(&loses), Arc::clone(&lost));
                back.spawn(async move {
                    let mut reply = vec![0; 4096];
                    // An error is that nobody listens just now.
                    loop {
                        let Ok(length) = inside.recv(&mut reply).await else { continue };
                        if loses.load(Ordering::SeqCst) {
                            lost.fetch_add(1, Ordering::SeqCst);
                        } else {
                            _ = outside.send_to(&reply[..length], from).await;
                        }
                    }
                });
                Arc::clone(&senders[&from])
            }
        };
        _ = inside.send(&packet[..length]).await;
    }
}
