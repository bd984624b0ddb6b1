//! Proposals that a node makes in its own name.

use std::sync::Arc;
use std::time::Duration;

use symbolon_core::{Caller, Command, Fingerprint, LogIndex, NodeId, Proposal, Reply, RequestId};
use symbolon_service::{Answered, Clock, Entropy, Lane};
use tokio::time::Instant;

use crate::node::NodeSettings;
use crate::proposer::Proposer;
use crate::published::Published;

const TIMEOUT: Duration = Duration::from_secs(5);

/// See the module. What is not decided is proposed again by whoever wants it, since that is seen in
/// the state.
#[derive(Clone)]
pub(crate) struct OwnProposals {
    published: Arc<Published>,
    proposer: Proposer,
    pub(crate) own: NodeId,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl OwnProposals {
    pub(crate) fn new(
        published: &Arc<Published>,
        proposer: &Proposer,
        own: NodeId,
        settings: &NodeSettings,
    ) -> Self {
        Self {
            published: Arc::clone(published),
            proposer: proposer.clone(),
            own,
            clock: Arc::clone(&settings.clock),
            entropy: Arc::clone(&settings.entropy),
        }
    }

    /// A command in this node's name, made from a view.
    pub(crate) fn proposal(&self, seen: LogIndex, command: Command) -> Proposal {
        let mut id = [0; 16];
        self.entropy.fill(&mut id);
        Proposal {
            caller: Caller::Node(self.own),
            request_id: RequestId(id),
            fingerprint: Fingerprint::default(),
            seen,
            made_at: self.clock.now(),
            node: self.own,
            command,
        }
    }

    /// Proposes, and waits until this node has applied it. `None`: nobody knows whether it was
    /// decided.
    pub(crate) async fn propose(&self, command: Command) -> Option<Reply> {
        self.propose_as_of(self.published.view().applied, command).await
    }

    /// The same for what was found out from a view of before.
    pub(crate) async fn propose_as_of(&self, seen: LogIndex, command: Command) -> Option<Reply> {
        let name = command.name();
        let proposal = self.proposal(seen, command);
        let deadline = Instant::now() + TIMEOUT;
        let result = self.proposer.propose(proposal, Lane::Administration, deadline).await;
        match result {
            Ok(Answered { answer, .. }) => {
                let applied = self.published.reached(answer.index, deadline).await;
                applied.then_some(answer.reply)
            }
            Err(error) => {
                tracing::debug!(command = name, %error, "not proposed; tried again");
                None
            }
        }
    }
}
