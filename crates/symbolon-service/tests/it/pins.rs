//! PINs that are typed with codes.

use symbolon_core::{Command, DataKeyId, Denial, RequestId, Secret, Setting};
use symbolon_service::{NewPin, PinDone, ServiceError, SettingsWanted};

use super::bench::{Bench, deadline, question};

fn chosen(pin: &str) -> NewPin {
    NewPin::Chosen(Secret::new(pin.as_bytes().to_vec()))
}

impl Bench {
    pub(crate) async fn pin(&self, user: &str, pin: &str) {
        self.try_pin(user, &chosen(pin)).await.unwrap();
    }

    async fn try_pin(&self, user: &str, new: &NewPin) -> Result<PinDone, ServiceError> {
        self.service.set_pin(&self.admin, None, user, (new, false), deadline()).await
    }

    pub(crate) async fn set(&self, name: &str, value: u64) {
        let changes = vec![(name.to_owned(), Some(value))];
        let wanted = SettingsWanted { changes, ..SettingsWanted::default() };
        self.service.update_settings(&self.admin, None, &wanted, deadline()).await.unwrap();
    }

    /// Why it is denied.
    pub(crate) async fn ask(&self, user: &str, code: &str) -> Option<Denial> {
        let id = u8::try_from(self.ledger.proposals().len()).unwrap();
        let answer = self.service.verify(&self.app, question(user, code, id), deadline());
        answer.await.unwrap().verdict.denial()
    }
}

/// What a refusal says.
fn problem(result: Result<PinDone, ServiceError>) -> String {
    match result {
        Err(ServiceError::InvalidArgument { field: "pin", problem }) => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_pin_and_a_code_open_only_together() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    assert_eq!(bench.ask("alice", &bench.code(-1)).await, None, "no PIN yet");
    bench.pin("alice", "4711").await;
    let code = bench.code(0);
    assert_eq!(bench.ask("alice", "4711").await, Some(Denial::CodeMismatch));
    assert_eq!(bench.ask("alice", &format!("{code}4711")).await, Some(Denial::CodeMismatch));
    assert_eq!(
        bench.ask("alice", &format!("4711{}", bench.code(5))).await,
        Some(Denial::CodeMismatch)
    );
    assert_eq!(bench.ask("alice", &format!("4711 {code}")).await, None);
    for wrong in ["4712", "471", "47111", ""] {
        bench.clock.advance(30_000);
        let typed = format!("{wrong}{}", bench.code(0));
        assert_eq!(bench.ask("alice", &typed).await, Some(Denial::WrongPin), "{wrong}");
        // One guess with one code, whatever comes next.
        let right = format!("4711{}", bench.code(0));
        assert_eq!(bench.ask("alice", &right).await, Some(Denial::CodeAlreadyUsed), "{wrong}");
    }
    bench.try_pin("alice", &NewPin::None).await.unwrap();
    bench.clock.advance(30_000);
    assert_eq!(
        bench.ask("alice", &format!("4711{}", bench.code(0))).await,
        Some(Denial::CodeMismatch)
    );
    assert_eq!(bench.ask("alice", &bench.code(0)).await, None);
}

#[tokio::test(start_paused = true)]
async fn the_setting_says_where_the_pin_stands() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.pin("alice", "4711").await;
    bench.set("pin.order", 1).await;
    let code = bench.code(0);
    assert_eq!(bench.ask("alice", &format!("4711{code}")).await, Some(Denial::CodeMismatch));
    assert_eq!(bench.ask("alice", &format!("{code}4711")).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_breaks_a_rule_is_refused_with_the_rule() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.set("pin.min_length", 5).await;
    for (pin, rule) in
        [("47a11", "digits"), ("4711", "pin.min_length"), ("47123", "count"), ("47111", "the same")]
    {
        let told = problem(bench.try_pin("alice", &chosen(pin)).await);
        assert!(told.contains(rule) && !told.contains(pin), "{told}");
    }
    bench.pin("alice", "47114").await;
    bench.pin("alice", "47115").await;
    for pin in ["47114", "47115"] {
        let told = problem(bench.try_pin("alice", &chosen(pin)).await);
        assert!(told.contains("pin.history"), "{told}");
    }
    bench.set("pin.history", 0).await;
    bench.pin("alice", "47114").await;
    let told = bench
        .service
        .set_pin(&bench.app, None, "alice", (&chosen("80808"), false), deadline())
        .await;
    assert_eq!(
        told.unwrap_err(),
        ServiceError::PermissionDenied(symbolon_core::Operation::SetPin.rights())
    );
}

#[tokio::test(start_paused = true)]
async fn a_pin_that_the_server_draws_breaks_no_rule_and_is_shown_once() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.set("pin.min_length", 16).await;
    let id = Some(RequestId([9; 16]));
    let draw =
        || bench.service.set_pin(&bench.admin, id, "alice", (&NewPin::Drawn, false), deadline());
    let done = draw().await.unwrap();
    assert!(!format!("{done:?}").contains("drawn"));
    let pin = done.drawn.unwrap();
    assert_eq!(pin.expose().len(), 16);
    assert_eq!(bench.ask("alice", &format!("{}{}", pin.expose(), bench.code(0))).await, None);
    let refused = problem(bench.try_pin("alice", &chosen(pin.expose())).await);
    assert!(refused.contains("pin.history"), "{refused}");
    assert_eq!(draw().await.unwrap_err(), ServiceError::SecretGone);
    bench.set("pin.min_length", 4).await;
    let short = bench.try_pin("alice", &NewPin::Drawn).await.unwrap().drawn.unwrap();
    assert_eq!(short.expose().len(), 6, "no shorter than a code");
    assert_ne!(short.expose().as_bytes(), &pin.expose().as_bytes()[..6]);
}

/// Two nodes were asked by the same request: one PIN counts, and the other is not told to anybody.
#[tokio::test(start_paused = true)]
async fn a_drawn_pin_that_does_not_count_is_not_shown() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let id = Some(RequestId([9; 16]));
    let draw =
        || bench.service.set_pin(&bench.admin, id, "alice", (&NewPin::Drawn, false), deadline());
    bench.ledger.freeze_after(async || assert!(draw().await.is_ok())).await;
    assert_eq!(draw().await.unwrap_err(), ServiceError::SecretGone);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lags_judges_by_the_history_of_the_log() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.pin("alice", "4711").await;
    bench.ledger.freeze_after(async || bench.pin("alice", "4712").await).await;
    let told = problem(bench.try_pin("alice", &chosen("4712")).await);
    assert!(told.contains("pin.history"), "{told}");
    // The right PIN, judged by the old one first.
    bench.ledger.freeze_after(async || bench.pin("alice", "4713").await).await;
    assert_eq!(bench.ask("alice", &format!("4713{}", bench.code(0))).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_data_key_takes_the_pin_along() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.pin("alice", "4711").await;
    bench.change_data_key().await;
    let state = bench.ledger.state();
    let user = state.users_after(None).next().unwrap();
    assert_eq!(user.pin.as_ref().unwrap().sealed.key(), Some(DataKeyId(2)));
    assert_eq!(
        bench.ask("alice", &format!("4712{}", bench.code(-1))).await,
        Some(Denial::WrongPin)
    );
    assert_eq!(bench.ask("alice", &format!("4711{}", bench.code(0))).await, None);
    let last = bench.ledger.proposals().pop().unwrap();
    assert!(matches!(last.command, Command::Verify(outcome) if outcome.wrong_pin.is_empty()));
    assert_eq!(state.setting(Setting::PinHistory), 5);
}
