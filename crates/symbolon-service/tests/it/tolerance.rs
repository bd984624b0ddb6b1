//! How far off a code may be.

use symbolon_core::{Denial, Secret};
use symbolon_service::{NewToken, ServiceError, TokenName};

use super::bench::{Bench, deadline};

#[tokio::test(start_paused = true)]
async fn the_setting_says_how_far_off_a_clock_may_be() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let wrong = Some(Denial::CodeMismatch);
    assert_eq!(bench.ask("alice", &bench.code(-2)).await, wrong);
    bench.set("totp.window", 3).await;
    assert_eq!(bench.ask("alice", &bench.code(-4)).await, wrong);
    assert_eq!(bench.ask("alice", &bench.code(-3)).await, None);
    assert_eq!(bench.ask("alice", &bench.code(3)).await, None);
    bench.set("totp.window", 0).await;
    bench.clock.advance(300_000);
    assert_eq!(bench.ask("alice", &bench.code(1)).await, wrong);
    assert_eq!(bench.ask("alice", &bench.code(0)).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_proved_within_the_same_window() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let seed = Secret::new(b"12345678901234567890".to_vec());
    let pending = NewToken { seed: Some(seed), pending: true, ..NewToken::default() };
    let enrolled = bench.service.enroll_token(&bench.admin, None, "alice", pending, deadline());
    let token =
        TokenName { id: enrolled.await.unwrap().token.id.to_string(), ..Default::default() };
    let prove = async |code: &str| {
        let (service, admin) = (&bench.service, &bench.admin);
        service.confirm_token(admin, None, "alice", &token, code, deadline()).await
    };
    let refused = prove(&bench.code(2)).await;
    assert!(matches!(refused, Err(ServiceError::CodeRefused)), "{refused:?}");
    bench.set("totp.window", 2).await;
    prove(&bench.code(2)).await.unwrap();
}

/// The clock runs ahead by a step in every five minutes.
#[tokio::test(start_paused = true)]
async fn a_clock_that_runs_away_slowly_is_followed() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    bench.set("totp.drift_memory", 1).await;
    for ahead in 1..=5 {
        bench.clock.advance(300_000);
        assert_eq!(bench.ask("alice", &bench.code(ahead)).await, None, "{ahead}");
        assert_eq!(bench.ask("alice", &bench.code(ahead)).await, Some(Denial::CodeAlreadyUsed));
    }
    bench.clock.advance(300_000);
    assert_eq!(bench.ask("alice", &bench.code(0)).await, Some(Denial::CodeMismatch));
    assert_eq!(bench.ask("alice", &bench.code(5)).await, None);
}

/// Nobody is decided by settings that no longer hold, and a stranger is not told by that from a user.
#[tokio::test(start_paused = true)]
async fn a_node_that_has_not_heard_of_a_setting_looks_again() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let mut asked = Vec::new();
    for (window, (user, denial)) in
        (2..).zip([("alice", Denial::CodeMismatch), ("zelda", Denial::UnknownUser)])
    {
        bench.ledger.freeze_after(async || bench.set("totp.window", window).await).await;
        let before = bench.ledger.proposals().len();
        assert_eq!(bench.ask(user, &bench.code(5)).await, Some(denial));
        asked.push(bench.ledger.proposals().len() - before);
    }
    assert_eq!(asked, [2, 2]);
    // Right by the window that was, wrong by the one that is.
    bench.ledger.freeze_after(async || bench.set("totp.window", 0).await).await;
    assert_eq!(bench.ask("alice", &bench.code(1)).await, Some(Denial::CodeMismatch));
}
