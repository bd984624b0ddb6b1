//! Nodes that leave, nodes that come back, and what is held since a seize.

use std::sync::atomic::Ordering;

use symbolon_core::{
    Command, DataKeyId, Denial, JournalId, KeyPin, LineageId, LogIndex, MeetEpoch, Merge, NodeId,
    Operation, RequestId, StartEpoch, Timestamp,
};
use symbolon_service::{
    JoinCredential, JoinRequest, LeftJournal, NodeRemoval, Quarantine, ServiceError,
};

use super::bench::{Bench, deadline};
use super::data_key::propose;

const PIN: KeyPin = KeyPin([7; 32]);

impl Bench {
    /// A node with the key [`PIN`].
    async fn join(&self, name: &str) -> NodeId {
        let made = self.service.create_join_token(&self.admin, None, 60, deadline()).await;
        let JoinCredential { id, secret, .. } = JoinCredential::parse(&made.unwrap().0).unwrap();
        let (peer_address, api_address) = ("n:1".to_owned(), "https://n:2".to_owned());
        let name = name.to_owned();
        let join =
            JoinRequest { join_token: id, secret, name, pin: PIN, peer_address, api_address };
        self.service.admit_node(join, deadline()).await.unwrap().node
    }

    async fn readmit(
        &self,
        previous: u64,
        name: &str,
        pin: KeyPin,
    ) -> Result<NodeId, ServiceError> {
        let (node, api) = (NodeId(previous), "https://n:3");
        self.service.readmit_node((node, false), name, pin, "n:3", api, deadline()).await
    }

    async fn seize(&self) {
        let start = StartEpoch {
            epoch: 2,
            lineage: LineageId([9; 16]),
            node: NodeId(1),
            administrator: None,
            clock: Timestamp(0),
        };
        propose(self, Command::StartEpoch(start)).await;
    }

    async fn remove(&self, id: Option<RequestId>, name: &str) -> Result<NodeRemoval, ServiceError> {
        self.service.remove_node(&self.admin, id, name, deadline()).await
    }
}

#[tokio::test(start_paused = true)]
async fn who_removes_a_node_changes_the_data_key_and_hears_what_it_could_read() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.user("bob").await;
    bench.join("n2").await;
    let id = Some(RequestId([7; 16]));
    let removal = bench.remove(id, "n2").await.unwrap();
    assert_eq!((removal.key, removal.tokens), (DataKeyId(2), 2));
    let state = bench.ledger.state();
    assert_eq!(state.node(NodeId(2)), None);
    assert_eq!(state.data_keys().rotation.unwrap().id, DataKeyId(2));
    let proposals = bench.ledger.proposals().len();
    assert_eq!(bench.remove(id, "n2").await, Ok(removal), "the same request again");
    assert_eq!(bench.ledger.proposals().len(), proposals, "nothing is proposed twice");
    let gone = bench.remove(None, "n2").await;
    assert_eq!(gone, Err(ServiceError::NotFound { kind: "node" }));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_a_removal_is_made_up_for() {
    let bench = Bench::new().await;
    bench.join("n2").await;
    let id = Some(RequestId([7; 16]));
    bench.ledger.lose_answers(1);
    assert_eq!(bench.remove(id, "n2").await, Err(ServiceError::NoMaster));
    let removal = bench.remove(id, "n2").await.unwrap();
    assert_eq!((removal.key, removal.tokens), (DataKeyId(2), 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_data_key_that_is_under_way_goes_on_after_a_removal() {
    let bench = Bench::new().await;
    bench.join("n2").await;
    bench.service.rotate_data_key(&bench.admin, None, deadline()).await.unwrap();
    assert_eq!(bench.remove(None, "n2").await.unwrap().key, DataKeyId(2));
}

#[tokio::test(start_paused = true)]
async fn neither_the_master_nor_the_last_node_is_removed_nor_by_an_application() {
    let bench = Bench::new().await;
    let refused = bench.remove(None, "n1").await.unwrap_err();
    assert!(refused.to_string().contains("promote another first"), "{refused}");
    bench.join("n2").await;
    // Nor the one that is asked: it could not go on.
    bench.ledger.master.store(2, Ordering::SeqCst);
    let refused = bench.remove(None, "n1").await.unwrap_err();
    assert!(refused.to_string().contains("ask another"), "{refused}");
    let refused = bench.remove(None, "n2").await.unwrap_err();
    assert!(refused.to_string().contains("promote another first"), "{refused}");
    let nobody = bench.remove(None, "n9").await;
    assert_eq!(nobody, Err(ServiceError::NotFound { kind: "node" }));
    let asked = bench.service.remove_node(&bench.app, None, "n2", deadline()).await;
    let needed = Operation::RemoveNode.rights();
    assert_eq!(asked, Err(ServiceError::PermissionDenied(needed)));
    assert!(bench.ledger.state().is_member(NodeId(2)));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_gone_on_without_comes_back_by_its_key_alone() {
    let bench = Bench::new().await;
    assert_eq!(bench.join("n2").await, NodeId(2));
    bench.seize().await;
    let before = bench.ledger.proposals().len();
    let stranger = bench.readmit(2, "n2", KeyPin([8; 32])).await;
    assert_eq!(stranger, Err(ServiceError::NotFound { kind: "node" }));
    assert_eq!(bench.ledger.proposals().len(), before, "nothing is written for strangers");
    let other = bench.readmit(2, "n3", PIN).await;
    assert_eq!(other, Err(ServiceError::AlreadyExists { kind: "node" }));
    for (peer, api) in [("", "a"), ("p", ""), (&*"p".repeat(281), "a")] {
        let node = (NodeId(2), false);
        let node = bench.service.readmit_node(node, "n2", PIN, peer, api, deadline()).await;
        assert!(matches!(node, Err(ServiceError::InvalidArgument { .. })), "{node:?}");
    }
    assert_eq!(bench.readmit(2, "n2", PIN).await, Ok(NodeId(3)));
    assert_eq!(bench.readmit(2, "n2", PIN).await, Ok(NodeId(3)), "once");
    // A member comes back only if its disk went back; else whoever asks is a copy of it.
    assert_eq!(bench.readmit(3, "n2", PIN).await, Err(ServiceError::NodeThere));
    let state = bench.ledger.state();
    assert_eq!(state.node(NodeId(3)).unwrap().peer_address, "n:3");
    assert_eq!(state.nodes_superseded().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn recovery_codes_of_before_a_seize_wait_for_an_administrator() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let made = bench.service.create_recovery_codes(&bench.admin, None, "alice", deadline()).await;
    let code = made.unwrap().codes[0].shown().to_string();
    let release =
        async |id| bench.service.release_recovery_codes(&bench.admin, id, deadline()).await;
    assert_eq!(release(None).await, Err(ServiceError::NoCodesHeld));
    bench.seize().await;
    assert_eq!(bench.ask("alice", &code).await, Some(Denial::RecoveryCodesHeld));
    let asked = bench.service.release_recovery_codes(&bench.app, None, deadline()).await;
    assert!(matches!(asked, Err(ServiceError::PermissionDenied(_))));
    let id = Some(RequestId([7; 16]));
    let first = release(id).await.unwrap();
    assert_eq!(release(id).await, Ok(first), "the same request again");
    assert_eq!(release(None).await, Err(ServiceError::NoCodesHeld));
    assert_eq!(bench.ask("alice", &code).await, None);
}

#[tokio::test(start_paused = true)]
async fn epochs_apart_take_sign_ins_alone_until_one_is_discarded() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let other = (2, LineageId([8; 16]));
    let discard = async |confirm: &str, id| {
        bench.service.discard_epoch(&bench.admin, id, other, confirm, deadline()).await
    };
    let cluster = bench.ledger.state().cluster().unwrap().name.to_string();
    assert_eq!(discard(&cluster, None).await, Err(ServiceError::NotApart));
    let met = MeetEpoch { epoch: other.0, lineage: other.1, word: 0 };
    propose(&bench, Command::MeetEpoch(met)).await;

    let token = bench.service.create_join_token(&bench.admin, None, 0, deadline()).await;
    assert_eq!(token.err(), Some(ServiceError::EpochApart));
    assert_eq!(bench.ask("alice", "000000").await, Some(Denial::CodeMismatch), "it is decided");
    let wrong = discard("other", None).await;
    assert!(matches!(wrong, Err(ServiceError::InvalidArgument { field: "confirm", .. })));
    let asked = bench.service.discard_epoch(&bench.app, None, other, &cluster, deadline()).await;
    assert!(matches!(asked, Err(ServiceError::PermissionDenied(_))));
    let id = Some(RequestId([7; 16]));
    let first = discard(&cluster, id).await.unwrap();
    assert_eq!(discard(&cluster, id).await, Ok(first), "the same request again");
    assert_eq!(discard(&cluster, None).await, Err(ServiceError::NotApart));
    assert!(bench.service.create_join_token(&bench.admin, None, 0, deadline()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_quarantine_is_kept_until_all_of_its_verifications_are_merged() {
    let bench = Bench::new().await;
    let journal = JournalId([5; 16]);
    bench.ledger.quarantines.lock().unwrap().push(Quarantine {
        name: "node-2".to_owned(),
        epoch: 1,
        by: 2,
        fork: LogIndex(7),
        first: LogIndex(8),
        last: LogIndex(9),
        written_at: Timestamp(0),
        journals: vec![LeftJournal { id: journal, first: 1, records: 3 }],
        writes: Vec::new(),
    });
    let discard = async || bench.service.give_up(&bench.admin, "node-2", &[]).await;
    let merge = |first, records| Command::Merge(Merge { journal, first, records });
    assert_eq!(discard().await, Err(ServiceError::NotMerged { merged: 0, all: 3 }));
    propose(&bench, merge(1, vec![None, None])).await;
    assert_eq!(discard().await, Err(ServiceError::NotMerged { merged: 2, all: 3 }));
    propose(&bench, merge(3, vec![None])).await;
    assert_eq!(discard().await, Ok(0));
    assert!(bench.service.quarantines(&bench.admin).await.unwrap().is_empty());

    let known = bench.service.acknowledge_doubles(&bench.admin, None, deadline()).await;
    assert_eq!(known, Err(ServiceError::NoDoubles));
    let asked = bench.service.acknowledge_doubles(&bench.app, None, deadline()).await;
    assert!(matches!(asked, Err(ServiceError::PermissionDenied(_))));
}
