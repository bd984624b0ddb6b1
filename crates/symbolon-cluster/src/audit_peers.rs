//! A node that was given a snapshot asks its peers for the audit before it, and looks into its own past
//! for what none of them has.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use symbolon_core::NodeId;
use symbolon_proto::peer::v1 as peer;
use symbolon_store::DiskLevel;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::audit_aside;
use crate::audit_extent::Point;
use crate::audit_log::{AuditLog, Filled};
use crate::off_thread::blocking;
use crate::peer_client::{Peers, Purpose};
use crate::quarantine::{Quarantines, unreadable};
use crate::space::OwnDisk;

/// From one look for a gap to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// For a peer to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// After a round in which nobody had what is missing.
const PAUSE: Duration = Duration::from_secs(5);
/// Rounds in which nobody had what is missing, before this node opens what it has set aside.
const ROUNDS_IN_VAIN: u32 = 3;
/// Questions of peers that are answered at once; each reads the disk.
const ANSWERS_MAX: usize = 2;
static ANSWERS: Semaphore = Semaphore::const_new(ANSWERS_MAX);

/// What a peer is told that asks for audit rows.
pub(crate) async fn answer(
    audit: Arc<AuditLog>,
    applied: u64,
    message: peer::ReadAuditRequest,
) -> Result<peer::ReadAuditResponse, Status> {
    let peer::ReadAuditRequest { from, to } = message;
    let full = |_| Status::resource_exhausted("this node reads its audit for others; ask again");
    let _place = ANSWERS.try_acquire().map_err(full)?;
    let part = blocking(move || audit.part(from, to, applied)).await.map_err(|error| {
        tracing::error!(%error, "the audit cannot be read for a peer");
        Status::data_loss("the audit of this node cannot be read; see its log")
    })?;
    let entry = |(log_index, batch)| peer::AuditEntry { log_index, batch };
    Ok(peer::ReadAuditResponse {
        from: Some(part.from.to_proto()),
        next: part.next,
        entry: part.rows.into_iter().map(entry).collect(),
    })
}

/// What asking a peer came to.
enum Given {
    More,
    Closed,
    /// It has pruned what is missing up to here.
    OnlyFrom(Point),
    Nothing,
    /// What does not fit.
    Unfit,
}

/// Closes the gap.
pub(crate) struct AuditFetcher {
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) disk: Arc<OwnDisk>,
    pub(crate) quarantines: Arc<Quarantines>,
}

impl AuditFetcher {
    /// For as long as the node runs.
    #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
    pub(crate) async fn run(self) {
        let missing = metrics::gauge!("symbolon_audit_missing_entries");
        // Whom to ask first: who gave something goes on giving.
        let mut first = 0;
        let mut in_vain = 0;
        loop {
            let entries = self.audit.extent().missing();
            missing.set(entries as f64);
            if entries == 0 || self.disk.level() != DiskLevel::Ample {
                sleep(INTERVAL).await;
                continue;
            }
            match self.round(&mut first).await {
                Ok(true) => in_vain = 0,
                Ok(false) => {
                    in_vain += 1;
                    // Once: what lies there stays as it is.
                    if in_vain == ROUNDS_IN_VAIN && self.look_aside().await {
                        in_vain = 0;
                    } else {
                        sleep(PAUSE).await;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "audit rows of a peer cannot be written");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Asks one peer after the other; whether one had something.
    async fn round(&self, first: &mut usize) -> io::Result<bool> {
        let own = self.peers.standing.node;
        let peers: Vec<_> =
            self.peers.book.nodes().into_iter().filter(|node| *node != own).collect();
        let mut lowest: Option<Point> = None;
        let (mut only_from, mut unfit) = (0, false);
        for turn in 0..peers.len() {
            let at = (*first + turn) % peers.len();
            let Some(peer) = peers.get(at) else { continue };
            match self.ask(*peer).await? {
                Given::Closed => {
                    tracing::info!("the audit is whole again");
                    return Ok(true);
                }
                Given::More => {
                    *first = at;
                    return Ok(true);
                }
                Given::OnlyFrom(point) => {
                    only_from += 1;
                    let lower = lowest.filter(|lowest| lowest.index <= point.index);
                    lowest = lower.or(Some(point));
                }
                Given::Nothing => {}
                Given::Unfit => unfit = true,
            }
        }
        let audit = Arc::clone(&self.audit);
        if unfit {
            // Somebody gave what is not right, now or before. Another is the first to be asked.
            *first += 1;
            blocking(move || audit.begin_again()).await?;
            return Ok(false);
        }
        // Those who say nothing may have it yet.
        let Some(floor) = lowest.filter(|_| only_from == peers.len()) else { return Ok(false) };
        let given_up = blocking(move || audit.give_up(floor)).await?;
        let from = floor.index;
        if given_up {
            tracing::warn!(from, "no node has the audit from before this entry any more");
        } else {
            tracing::warn!(
                from,
                "no node has all of the audit that this one missed; what it has itself is kept until \
                 it is pruned"
            );
        }
        Ok(given_up)
    }

    /// Whether the quarantines of this node had something.
    async fn look_aside(&self) -> bool {
        let audit = Arc::clone(&self.audit);
        let looked = self.quarantines.work(move |directory| {
            audit_aside::fill(&audit, directory).map_err(|error| unreadable(&*error))
        });
        match looked.await {
            Ok(false) => false,
            Ok(true) => {
                let missing = self.audit.extent().missing();
                tracing::info!(missing, "no other node had audit that lay in quarantine here");
                true
            }
            Err(error) => {
                tracing::error!(%error, "quarantines cannot be read for the audit in them");
                false
            }
        }
    }

    async fn ask(&self, peer: NodeId) -> io::Result<Given> {
        let Some(gap) = self.audit.extent().gap else {
            return Ok(Given::Nothing);
        };
        let (next, to) = (gap.next.index, gap.to.index);
        let message = self.read(peer, next, to).await;
        let given = message.and_then(|message| {
            let from = Point::from_proto(message.from.as_ref());
            Ok((from.map_err(|error| Status::internal(error.to_string()))?, message))
        });
        let (from, message) = match given {
            Ok(given) => given,
            Err(status) => {
                tracing::debug!(peer = peer.0, %status, "a peer gives no audit rows");
                return Ok(Given::Nothing);
            }
        };
        if from.index > to {
            return Ok(Given::Nothing);
        }
        if from.index > next {
            return Ok(Given::OnlyFrom(from));
        }
        if message.next <= next {
            return Ok(Given::Nothing);
        }
        let audit = Arc::clone(&self.audit);
        let rows = message.entry.into_iter().map(|entry| (entry.log_index, entry.batch)).collect();
        let end = message.next;
        let filled = blocking(move || audit.fill(next, end, rows)).await?;
        Ok(match filled {
            Filled::More => Given::More,
            Filled::Closed => Given::Closed,
            Filled::Unfit => {
                tracing::warn!(
                    peer = peer.0,
                    from = next,
                    "audit rows of a peer do not fit those of this node; another is asked"
                );
                Given::Unfit
            }
        })
    }

    async fn read(
        &self,
        peer: NodeId,
        from: u64,
        to: u64,
    ) -> Result<peer::ReadAuditResponse, Status> {
        let mut client = self.peers.client(peer, Purpose::Snapshots);
        let request = self.peers.request(peer, peer::ReadAuditRequest { from, to });
        let late = |_| Status::deadline_exceeded("no answer in time");
        let response = timeout(ANSWER_TIME, client.read_audit(request)).await.map_err(late)??;
        self.peers.accept(peer, response)
    }
}
