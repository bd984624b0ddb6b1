//! Administration.

use symbolon_core::Secret;
use symbolon_service::{NewToken, ServiceError};

use super::bench::{Bench, deadline};

#[tokio::test(start_paused = true)]
async fn one_name_one_user_whatever_case_or_unicode_form() {
    let bench = Bench::new().await;
    let create = |name: &'static str| {
        bench.service.create_user(&bench.admin, None, name, "", Default::default(), deadline())
    };
    create("r\u{e9}my").await.unwrap();
    for same in ["R\u{c9}MY", "re\u{301}my", "Re\u{301}my"] {
        let error = create(same).await.unwrap_err();
        assert_eq!(error, ServiceError::AlreadyExists { kind: "user" }, "{same}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_lead_through_all_users_in_order_and_end() {
    let bench = Bench::new().await;
    for number in 0..25 {
        let name = format!("user-{:02}", (number * 7) % 25);
        bench
            .service
            .create_user(&bench.admin, None, &name, "", Default::default(), deadline())
            .await
            .unwrap();
    }
    let (mut names, everybody) = (Vec::new(), Default::default());
    let mut after = None;
    loop {
        let page = bench.service.list_users(&bench.admin, 10, after, &everybody, false, deadline());
        let page = page.await.unwrap();
        names.extend(page.users.iter().map(|user| user.name.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..25).map(|number| format!("user-{number:02}")).collect();
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn limits_are_refused_by_name() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let service = &bench.service;
    for seed in [vec![1; 15], vec![1; 65]] {
        let new = NewToken { seed: Some(Secret::new(seed)), ..NewToken::default() };
        let error = service.enroll_token(&bench.admin, None, "alice", new, deadline()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, ServiceError::InvalidArgument { field: "seed", .. }), "{error}");
    }
    for life in [604_801, u32::MAX] {
        let error = service.create_join_token(&bench.admin, None, life, deadline()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, ServiceError::InvalidArgument { field: "life_seconds", .. }));
    }
    for _ in 1..16 {
        let new = NewToken::default();
        service.enroll_token(&bench.admin, None, "alice", new, deadline()).await.unwrap();
    }
    let new = NewToken::default();
    let error = service.enroll_token(&bench.admin, None, "alice", new, deadline()).await;
    assert_eq!(error.unwrap_err(), ServiceError::LimitReached { limit: "16 tokens for a user" });
}

#[tokio::test(start_paused = true)]
async fn an_unknown_user_is_named_to_an_administrator() {
    let bench = Bench::new().await;
    let new = NewToken::default();
    let error = bench.service.enroll_token(&bench.admin, None, "nobody", new, deadline()).await;
    assert_eq!(error.unwrap_err(), ServiceError::NotFound { kind: "user" });
}
