//! What lets somebody in whose token is not at hand.

use std::sync::atomic::Ordering;

use symbolon_core::{DataKeyId, Denial, RequestId};
use symbolon_service::ServiceError;

use super::bench::{Bench, deadline, question};

impl Bench {
    async fn codes(&self, user: &str) -> Vec<String> {
        let made = self.service.create_recovery_codes(&self.admin, None, user, deadline());
        made.await.unwrap().codes.iter().map(|code| code.shown().to_string()).collect()
    }

    async fn bypass(&self, user: &str, seconds: u32) -> Result<(), ServiceError> {
        let granted =
            self.service.grant_bypass(&self.admin, None, user, "lost", seconds, deadline());
        granted.await.map(|_| ())
    }
}

#[tokio::test(start_paused = true)]
async fn ten_recovery_codes_are_each_good_once_without_the_pin() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.pin("alice", "4711").await;
    let codes = bench.codes("alice").await;
    assert_eq!(codes.len(), 10);
    let (first, second) = (&codes[0], codes[9].to_lowercase().replace('-', ""));
    assert_eq!(bench.ask("alice", first).await, None);
    assert_eq!(bench.ask("alice", first).await, Some(Denial::CodeAlreadyUsed));
    assert_eq!(bench.ask("alice", &second).await, None);
    assert_eq!(bench.ask("alice", &format!("4711{}", codes[1])).await, Some(Denial::CodeMismatch));
    assert_eq!(bench.ask("alice", "2222-2222-2222").await, Some(Denial::CodeMismatch));
    // Codes of the token go on as they were.
    assert_eq!(bench.ask("alice", &format!("4711{}", bench.code(0))).await, None);

    let next = bench.codes("alice").await;
    assert!(next.iter().all(|code| !codes.contains(code)));
    assert_eq!(bench.ask("alice", &codes[5]).await, Some(Denial::CodeMismatch));
    assert_eq!(bench.ask("alice", &next[5]).await, None);
    let user = bench.ledger.state().users_after(None).next().unwrap().clone();
    assert_eq!(user.recovery_codes.unwrap().left(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_set_is_shown_once_and_by_administrators_alone() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let id = Some(RequestId([9; 16]));
    let make = || bench.service.create_recovery_codes(&bench.admin, id, "alice", deadline());
    let made = make().await.unwrap();
    let shown = format!("{made:?}");
    assert!(!shown.contains(&*made.codes[0].shown()), "{shown}");
    assert_eq!(make().await.unwrap_err(), ServiceError::SecretGone);
    assert_eq!(bench.ask("alice", &made.codes[3].shown()).await, None, "the first set stays");
    // At another node that has not seen it yet, too.
    let id = Some(RequestId([10; 16]));
    let make = || bench.service.create_recovery_codes(&bench.admin, id, "alice", deadline());
    bench.ledger.freeze_after(async || assert!(make().await.is_ok())).await;
    assert_eq!(make().await.unwrap_err(), ServiceError::SecretGone);
    let refused = bench.service.create_recovery_codes(&bench.app, None, "alice", deadline()).await;
    assert_eq!(
        refused.unwrap_err(),
        ServiceError::PermissionDenied(symbolon_core::Operation::CreateRecoveryCodes.rights())
    );
    let refused =
        bench.service.grant_bypass(&bench.app, None, "alice", "lost", 60, deadline()).await;
    assert_eq!(
        refused.unwrap_err(),
        ServiceError::PermissionDenied(symbolon_core::Operation::GrantBypass.rights())
    );
}

/// Time does not tell who has recovery codes, nor whether a name is somebody's.
#[tokio::test(start_paused = true)]
async fn what_looks_like_a_recovery_code_costs_as_much_for_everybody() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.user("bob").await;
    bench.codes("bob").await;
    let mut opened = Vec::new();
    for user in ["alice", "bob", "zelda"] {
        let before = bench.vault.opened.load(Ordering::SeqCst);
        assert!(bench.ask(user, "ABCD-EFGH-JKMN").await.is_some());
        opened.push(bench.vault.opened.load(Ordering::SeqCst) - before);
    }
    assert_eq!(opened, [3, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn recovery_codes_outlive_a_change_of_the_data_key() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.pin("alice", "4711").await;
    let codes = bench.codes("alice").await;
    assert_eq!(bench.ask("alice", &codes[0]).await, None);
    bench.change_data_key().await;
    let user = bench.ledger.state().users_after(None).next().unwrap().clone();
    assert_eq!(user.recovery_codes.unwrap().sealed.key(), Some(DataKeyId(2)));
    assert_eq!(bench.ask("alice", &codes[0]).await, Some(Denial::CodeAlreadyUsed));
    assert_eq!(bench.ask("alice", &codes[1]).await, None);
    assert_eq!(bench.ask("alice", &format!("4711{}", bench.code(0))).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_bypass_is_for_as_long_as_is_asked_and_no_longer_than_is_set() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.bypass("alice", 3600).await.unwrap();
    bench.clock.advance(3_599_000);
    assert_eq!(bench.ask("alice", "").await, None, "whatever the code");
    assert_eq!(bench.ask("alice", "").await, Some(Denial::CodeMismatch), "once");
    bench.bypass("alice", 60).await.unwrap();
    bench.clock.advance(60_000);
    assert_eq!(bench.ask("alice", "").await, Some(Denial::CodeMismatch), "in time");
    bench.bypass("alice", 60).await.unwrap();
    bench.service.cancel_bypass(&bench.admin, None, "alice", "found", deadline()).await.unwrap();
    assert_eq!(bench.ask("alice", "").await, Some(Denial::CodeMismatch), "not taken back");
    for seconds in [0, 3601] {
        let error = bench.bypass("alice", seconds).await.unwrap_err();
        let ServiceError::InvalidArgument { field: "seconds", problem } = &error else {
            panic!("{error}");
        };
        assert!(problem.contains("bypass.longest"), "{problem}");
    }
    bench.set("bypass.longest", 60).await;
    assert!(bench.bypass("alice", 61).await.is_err());
}

/// Sent again, it gets its first answer; another request finds the bypass spent.
#[tokio::test(start_paused = true)]
async fn an_answer_by_bypass_is_kept_for_who_asks_again() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.bypass("alice", 60).await.unwrap();
    bench.ledger.lose_answers(1);
    let ask = |id| bench.service.verify(&bench.app, question("alice", "", id), deadline());
    assert_eq!(ask(200).await.unwrap_err(), ServiceError::NoMaster);
    assert!(ask(200).await.unwrap().verdict.is_allow());
    assert!(!ask(201).await.unwrap().verdict.is_allow());
}
