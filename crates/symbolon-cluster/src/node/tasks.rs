//! The tasks of a node.

use std::sync::Arc;
use std::time::Duration;

use symbolon_store::{Framed, Reserve};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::NodeSettings;
use crate::audit_keeper::AuditKeeper;
use crate::audit_log::AuditLog;
use crate::audit_peers::AuditFetcher;
use crate::committer::Committer;
use crate::hello::Greeter;
use crate::image_writer;
use crate::island::Island;
use crate::key_keeper::KeyKeeper;
use crate::lead::LeadWatch;
use crate::members::Steward;
use crate::merger::Merger;
use crate::own_proposals::OwnProposals;
use crate::peer_header::Standing;
use crate::proposer::Master;
use crate::resealer::Resealer;
use crate::space::DiskWatch;

/// What a node does without being asked to.
pub(super) fn spawn_own_tasks(
    tasks: &mut JoinSet<()>,
    keeper: KeyKeeper,
    (standing, committer, greeter): (Standing, &Committer, &Greeter),
    settings: NodeSettings,
) {
    let proposals = keeper.proposals.clone();
    let published = Arc::clone(&keeper.published);
    let resealer = Resealer {
        raft: keeper.raft.clone(),
        published: Arc::clone(&published),
        vault: Arc::clone(&keeper.vault),
        proposals: proposals.clone(),
    };
    let raft = keeper.raft.clone();
    let own = proposals.own;
    let (committer, fence) = (committer.clone(), Arc::clone(&greeter.fence));
    let steward = Steward { raft, published, own, proposals, settings, standing, committer, fence };
    tasks.spawn(steward.run());
    tasks.spawn(keeper.run());
    tasks.spawn(resealer.run());
}

/// From one look at the store to the next.
const STORE_LOOKS: Duration = Duration::from_millis(100);

/// Ends with the store, and the node with it. The log notices by itself when it is written to, and without a
/// quorum it is not: a node that decides alone would be of no use, and stay.
async fn until_store_fails(kv: Framed) {
    while kv.failure().is_none() {
        sleep(STORE_LOOKS).await;
    }
}

/// What looks after this node and the others.
pub(super) fn spawn_watches(
    tasks: &mut JoinSet<()>,
    greeter: &Arc<Greeter>,
    master: &Master,
    reserve: Option<Reserve>,
) {
    let (raft, store) = (&greeter.raft, &greeter.store);
    tasks.spawn(until_store_fails(store.kv.clone()));
    tasks.spawn(DiskWatch::new(greeter).run(reserve));
    tasks.spawn(LeadWatch::new(greeter, master.clone()).run());
    tasks.spawn(Arc::clone(&greeter.halt).watch(raft.clone(), store.clone()));
    tasks.spawn(Arc::clone(greeter).run(master.clone()));
    tasks.spawn(Arc::clone(&greeter.pair).follow(raft.clone(), Arc::clone(&greeter.published)));
}

/// What keeps the image near the log, and the audit whole and small.
pub(super) fn spawn_store_tasks(
    tasks: &mut JoinSet<()>,
    audit: &Arc<AuditLog>,
    greeter: &Greeter,
    (settings, (island, proposals)): (&NodeSettings, (&Arc<Island>, OwnProposals)),
) {
    let keeper = AuditKeeper {
        audit: Arc::clone(audit),
        published: Arc::clone(&greeter.published),
        disk: Arc::clone(&greeter.disk),
        retention: settings.audit,
        clock: Arc::clone(&settings.clock),
    };
    let fetcher = AuditFetcher {
        audit: Arc::clone(audit),
        peers: Arc::clone(&greeter.peers),
        disk: Arc::clone(&greeter.disk),
        quarantines: Arc::clone(&greeter.quarantines),
    };
    let merger = Merger {
        quarantines: Arc::clone(&greeter.quarantines),
        audit: Arc::clone(audit),
        published: Arc::clone(&greeter.published),
        island: Arc::clone(island),
        proposals,
    };
    tasks.spawn(merger.run());
    tasks.spawn(image_writer::run(greeter.store.image.clone(), Arc::clone(&greeter.published)));
    tasks.spawn(keeper.run());
    tasks.spawn(fetcher.run());
}
