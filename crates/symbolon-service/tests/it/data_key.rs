//! What a change of the data key is to those who ask meanwhile: nothing.

use std::sync::atomic::Ordering;

use symbolon_core::{
    Caller, Command, ConfirmDataKey, DataKeyId, Fingerprint, LogIndex, NodeId, Proposal, Reply,
    RequestId, Reseal, RetireDataKey, SealedPlace,
};
use symbolon_service::{Lane, Ledger as _, NewToken, ServiceError, Vault as _, sealed_field};

use super::bench::{Bench, START, deadline, question};

const SECOND: DataKeyId = DataKeyId(2);

/// What a node proposes in its own name.
pub(crate) async fn propose(bench: &Bench, command: Command) -> Reply {
    let proposal = Proposal {
        caller: Caller::Node(NodeId(1)),
        // Another for each: the number of proposals so far.
        request_id: RequestId([u8::try_from(100 + bench.ledger.proposals().len()).unwrap(); 16]),
        fingerprint: Fingerprint::default(),
        seen: LogIndex(0),
        made_at: START,
        node: NodeId(1),
        command,
    };
    bench.ledger.propose(proposal, Lane::Administration, deadline()).await.unwrap().answer.reply
}

impl Bench {
    /// From the first data key to the second.
    pub(crate) async fn change_data_key(&self) {
        start_and_activate(self).await;
        reseal_and_retire(self).await;
    }
}

async fn start_and_activate(bench: &Bench) {
    bench.service.rotate_data_key(&bench.admin, None, deadline()).await.unwrap();
    bench.vault.held.store(0b11, Ordering::SeqCst);
    let confirm = ConfirmDataKey { node: NodeId(1), id: SECOND };
    assert_eq!(propose(bench, Command::ConfirmDataKey(confirm)).await, Reply::Done);
}

async fn reseal_and_retire(bench: &Bench) {
    let state = bench.ledger.state();
    for (sealed, old) in state.fields_to_reseal(SealedPlace::default()) {
        let field = sealed_field(sealed);
        // The test's CA key is no secret of this vault.
        let secret = bench.vault.open(field, old);
        let new = secret.and_then(|secret| bench.vault.seal(SECOND, field, &secret));
        let new = new.unwrap_or_else(|_| symbolon_core::Sealed::new(vec![1, 0, 0, 0, 2]));
        let reseal = Reseal { row: sealed.row(), old: old.clone(), new };
        assert_eq!(propose(bench, Command::Reseal(reseal)).await, Reply::Done);
    }
    let retire = RetireDataKey { id: DataKeyId::FIRST };
    assert_eq!(propose(bench, Command::RetireDataKey(retire)).await, Reply::Done);
    bench.vault.held.store(0b10, Ordering::SeqCst);
}

#[tokio::test(start_paused = true)]
async fn an_administrator_starts_one_change_at_a_time() {
    let bench = Bench::new().await;
    let refused = bench.service.rotate_data_key(&bench.app, None, deadline()).await;
    assert_eq!(refused, Err(ServiceError::PermissionDenied(symbolon_core::Rights::ADMINISTRATOR)));
    let id = Some(RequestId([7; 16]));
    let first = bench.service.rotate_data_key(&bench.admin, id, deadline()).await.unwrap();
    assert_eq!(first.0, SECOND);
    let again = bench.service.rotate_data_key(&bench.admin, id, deadline()).await;
    assert_eq!(again, Ok(first), "the same request again");
    let other = bench.service.rotate_data_key(&bench.admin, None, deadline()).await;
    assert_eq!(other, Err(ServiceError::RotationUnderWay));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lags_seals_again_under_the_new_key() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.ledger.freeze(true);
    start_and_activate(&bench).await;
    let new = NewToken::default();
    let token = bench.service.enroll_token(&bench.admin, None, "alice", new, deadline()).await;
    let state = bench.ledger.state();
    let seed = &state.token(token.unwrap().token.id).unwrap().seed;
    assert_eq!(seed.key(), Some(SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_view_whose_key_is_gone_is_given_up_for_a_newer_one() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    start_and_activate(&bench).await;
    bench.ledger.freeze(true);
    reseal_and_retire(&bench).await;
    let right = bench.code(0);
    let verdict = bench.service.verify(&bench.app, question("alice", &right, 1), deadline()).await;
    assert!(verdict.unwrap().verdict.is_allow());
    // A name that is nobody's is compared with a seed that opens, too.
    let verdict = bench.service.verify(&bench.app, question("zelda", &right, 2), deadline()).await;
    assert!(!verdict.unwrap().verdict.is_allow());
}
