//! Who is let in without a code.

use std::sync::atomic::Ordering;

use symbolon_core::{Denial, ExemptionChange, Exemptions};
use symbolon_service::ApplicationChanges;

use super::bench::{Bench, deadline, question};

impl Bench {
    async fn let_in_unknown(&self, unknown_users: bool) {
        let exempt =
            ExemptionChange { unknown_users: Some(unknown_users), ..ExemptionChange::default() };
        let changes = ApplicationChanges { exempt, ..ApplicationChanges::default() };
        let (service, admin) = (&self.service, &self.admin);
        let name = self.app.name.as_str();
        service.update_application(admin, None, name, &changes, deadline()).await.unwrap();
    }
}

/// Whoever is let in costs as much as whoever is not.
#[tokio::test(start_paused = true)]
async fn a_stranger_who_is_let_in_takes_the_same_path() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.let_in_unknown(true).await;
    for (user, denial, id) in [("alice", Some(Denial::CodeMismatch), 1), ("zelda", None, 2)] {
        let opened = bench.vault.opened.load(Ordering::SeqCst);
        let proposed = bench.ledger.proposals().len();
        let code = bench.code(5);
        let answer = bench.service.verify(&bench.app, question(user, &code, id), deadline());
        assert_eq!(answer.await.unwrap().verdict.denial(), denial);
        assert_eq!(bench.vault.opened.load(Ordering::SeqCst) - opened, 2, "{user}");
        assert_eq!(bench.ledger.proposals().len() - proposed, 1, "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_not_heard_of_the_choice_decides_by_it() {
    let bench = Bench::new().await;
    bench.ledger.freeze_after(async || bench.let_in_unknown(true).await).await;
    assert_eq!(bench.ask("zelda", "000000").await, None);
    bench.ledger.freeze_after(async || bench.let_in_unknown(false).await).await;
    assert_eq!(bench.ask("zelda", "000000").await, Some(Denial::UnknownUser));
}

#[tokio::test(start_paused = true)]
async fn a_new_application_lets_nobody_in_unless_it_is_said() {
    let bench = Bench::new().await;
    assert_eq!(bench.ask("zelda", "000000").await, Some(Denial::UnknownUser));
    let state = bench.ledger.state();
    let all = state.applications_after(None);
    assert!(all.map(|row| row.exempt).all(|exempt| exempt == Exemptions::default()));
    assert_eq!(state.exempting().count(), 0);
}
