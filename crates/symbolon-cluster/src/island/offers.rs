//! Codes on offer: of nodes without a quorum that hear each other, at most one takes a code.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use symbolon_core::{Agreement, Hold, NodeId, RecordId};
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::{offer_from_proto, offer_to_proto};
use symbolon_store::Batch;
use tokio::time::{Instant, timeout};
use tonic::Status;

use super::{Island, shelf};
use crate::committer::BATCH_PROPOSALS_MAX;
use crate::guard::missing;
use crate::hello::REACHABLE;
use crate::peer_client::Purpose;

/// A peer that is silent for longer is asked no more until it has answered a greeting.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Codes that are offered at once.
const OFFERS_MAX: usize = 16 * BATCH_PROPOSALS_MAX;

/// What the peers said.
#[derive(Default)]
pub(super) struct Heard {
    /// One of them knows of a master.
    pub(super) has_quorum: bool,
    /// Records with a code that one of them has given to somebody else.
    held: BTreeSet<RecordId>,
}

impl Heard {
    pub(super) fn is_held(&self, record: RecordId) -> bool {
        self.held.contains(&record)
    }
}

impl Island {
    /// Peers that answer.
    pub(super) fn answering(&self) -> Vec<NodeId> {
        let silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = self.presence.all().into_iter().filter(|(node, heard)| {
            heard.answered.is_some_and(|at| {
                at.elapsed() < REACHABLE && silent.get(node).is_none_or(|since| at > *since)
            })
        });
        heard.map(|(node, _)| node).collect()
    }

    /// Offers codes to peers, and waits until each has answered or is silent.
    pub(super) async fn offer(&self, peers: &[NodeId], offers: &[Hold]) -> Heard {
        if offers.is_empty() {
            return Heard::default();
        }
        let answers = join_all(peers.iter().map(|node| self.offer_to(*node, offers))).await;
        let mut heard = Heard::default();
        for answer in answers.into_iter().flatten() {
            heard.has_quorum |= answer.has_quorum;
            let held = offers.iter().zip(&answer.agreed).filter(|(_, agreed)| !**agreed);
            heard.held.extend(held.map(|(offer, _)| offer.record));
        }
        heard
    }

    /// What a peer says; `None`: nothing.
    async fn offer_to(&self, node: NodeId, offers: &[Hold]) -> Option<peer::OfferResponse> {
        let mut client = self.peers.client(node, Purpose::Presence);
        let offer = offers.iter().map(|hold| offer_to_proto(hold, self.own)).collect();
        let request = self.peers.request(node, peer::OfferRequest { offer });
        let answer = timeout(ANSWER_TIMEOUT, client.offer(request)).await;
        let answer = answer.ok().and_then(Result::ok);
        let answer = answer.and_then(|response| self.peers.accept(node, response).ok());
        let answer = answer.filter(|it| it.has_quorum || it.agreed.len() == offers.len());
        if answer.is_none() {
            let mut silent = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
            silent.insert(node, Instant::now());
            tracing::info!(
                peer = node.0,
                "a peer does not answer an offer of codes: it counts as out of reach"
            );
        }
        answer
    }

    /// Answers a peer that offers codes, once it is durable what it may take.
    ///
    /// # Errors
    /// [`Status`] for what no honest peer asks, and where the disk fails.
    pub(crate) async fn answer(
        &self,
        peer: NodeId,
        has_quorum: bool,
        message: peer::OfferRequest,
    ) -> Result<peer::OfferResponse, Status> {
        if has_quorum {
            return Ok(peer::OfferResponse { has_quorum, agreed: Vec::new() });
        }
        if message.offer.len() > OFFERS_MAX {
            return Err(missing("a smaller number of offers"));
        }
        let offers = message.offer.into_iter().map(|offer| match offer_from_proto(offer) {
            Ok((hold, node)) if node == peer => Ok(hold),
            _ => Err(missing("an offer of the peer's own")),
        });
        let offers = offers.collect::<Result<Vec<_>, _>>()?;
        let (state, now) = (self.published.view().state, self.clock.now());
        let mut batch = Batch::new();
        let agreed = {
            let mut inner = self.lock();
            let agreed = offers.iter().map(|offer| {
                let agreed = inner.apart.agree(&state, now, *offer) == Agreement::Agreed;
                if agreed && state.token(offer.shown.token).is_some() {
                    self.is_idle.store(false, Ordering::Release);
                    inner.agreed.insert(offer.shown.token, (*offer, peer));
                    shelf::put_agreed(&mut batch, offer, peer);
                }
                agreed
            });
            agreed.collect()
        };
        shelf::keep(&self.shelf, batch).await.map_err(|error| {
            tracing::error!(%error, "what a peer may take cannot be kept");
            Status::unavailable("the disk of this node failed")
        })?;
        Ok(peer::OfferResponse { has_quorum: false, agreed })
    }
}
