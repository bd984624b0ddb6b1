//! What the master does while the data key is changed: seals every field again under the new key,
//! and retires the old one.
//!
//! How far it is stands in the state: which key each field is under. So the next master goes on
//! where this one has stopped.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use symbolon_core::{
    Command, DataKeyId, Refusal, Reply, Reseal, RetireDataKey, Sealed, SealedField, SealedPlace,
    State,
};
use symbolon_service::{Vault as _, VaultError, sealed_field};
use tokio::time::{MissedTickBehavior, interval};

use crate::own_proposals::OwnProposals;
use crate::published::Published;
use crate::raft_types::Raft;
use crate::vault::KeyringVault;

const INTERVAL: Duration = Duration::from_millis(250);
/// Fields that are under way at once: a share of the queue of administration.
const FIELDS_AT_ONCE: usize = 64;

/// See the module.
pub(crate) struct Resealer {
    pub(crate) raft: Raft,
    pub(crate) published: Arc<Published>,
    pub(crate) vault: Arc<KeyringVault>,
    pub(crate) proposals: OwnProposals,
}

/// What a step has come to.
#[derive(PartialEq, Eq)]
enum Step {
    /// There may be more to do at once.
    More,
    /// Nothing can be done now.
    Wait,
}

impl Resealer {
    /// Works for as long as the node runs, whenever it is master.
    pub(crate) async fn run(self) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = None;
        loop {
            ticks.tick().await;
            // Tokens and users up to here are done. A hint: the state has the last word.
            let mut done = SealedPlace::default();
            while self.raft.is_leader() && self.step(&mut done, &mut told).await == Step::More {}
        }
    }

    async fn step(&self, done: &mut SealedPlace, told: &mut Option<DataKeyId>) -> Step {
        let state = self.published.view().state;
        if !state.data_keys().is_resealing() {
            return Step::Wait;
        }
        let active = state.active_data_key();
        if *told != Some(active) {
            *told = Some(active);
            let fields = state.sealed_under_others();
            tracing::info!(
                key = active.0,
                fields,
                "all fields are sealed again under the data key"
            );
        }
        let fields = state.fields_to_reseal(*done).take(FIELDS_AT_ONCE);
        let mut reached = *done;
        let commands: Result<Vec<_>, _> = fields
            .map(|(field, old)| {
                reached.reach(field);
                self.reseal(active, field, old)
            })
            .collect();
        let commands = match commands {
            Ok(commands) => commands,
            Err(error) => {
                tracing::error!(%error, "a field cannot be sealed again under the new data key");
                return Step::Wait;
            }
        };
        if commands.is_empty() {
            let scanned = std::mem::take(done);
            return if scanned == SealedPlace::default() {
                self.retire(&state).await
            } else {
                Step::More
            };
        }
        *done = reached;
        let commands = commands.into_iter().map(Command::Reseal);
        let replies = join_all(commands.map(|command| self.proposals.propose(command))).await;
        // STALE: the field has changed meanwhile, and is looked at again.
        let decided = |reply: &Option<Reply>| {
            matches!(reply, Some(Reply::Done | Reply::Refused(Refusal::Stale)))
        };
        if replies.iter().all(decided) { Step::More } else { Step::Wait }
    }

    fn reseal(
        &self,
        active: DataKeyId,
        field: SealedField,
        old: &Sealed,
    ) -> Result<Reseal, VaultError> {
        let bound = sealed_field(field);
        let secret = self.vault.open(bound, old)?;
        let new = self.vault.seal(active, bound, &secret)?;
        Ok(Reseal { row: field.row(), old: old.clone(), new })
    }

    /// Ends the change once all nodes hold the new key: one may have joined in the middle.
    async fn retire(&self, state: &State) -> Step {
        let active = state.active_data_key();
        if state.nodes_without_next_key().next().is_none() {
            let id = DataKeyId(active.0.saturating_sub(1));
            let reply = self.proposals.propose(Command::RetireDataKey(RetireDataKey { id })).await;
            if reply == Some(Reply::Done) {
                tracing::info!(key = id.0, "nothing is under the old data key any more");
            }
        }
        Step::Wait
    }
}
