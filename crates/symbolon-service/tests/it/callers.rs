//! Callers whose key, role or scope is changed while they ask.

use symbolon_core::{LogIndex, Operation, Right, Rights, Role};
use symbolon_service::{
    AdministratorChanges, ApplicationChanges, NewAdministrator, NewApplication, ServiceError,
};

use super::bench::{Bench, deadline, question};

#[tokio::test(start_paused = true)]
async fn who_was_known_by_a_key_that_is_withdrawn_since_is_nobody() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let (service, admin, app) = (&bench.service, &bench.admin, &bench.app);
    let overlap = 3600;
    service.rotate_application_key(admin, None, "vpn", overlap, deadline()).await.unwrap();
    let decided = service.verify(app, question("alice", &bench.code(0), 1), deadline()).await;
    assert!(decided.unwrap().verdict.is_allow(), "the key before is taken too");
    bench.clock.advance(3_600_000);
    let late = service.verify(app, question("alice", &bench.code(0), 2), deadline()).await;
    assert_eq!(late.unwrap_err(), ServiceError::Unauthenticated, "its time is over");
    let known = service.authenticate(&bench.app_key, None, deadline()).await;
    assert_eq!(known.unwrap_err(), ServiceError::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_carried_out_for_who_is_switched_off_while_they_ask() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let (service, admin) = (&bench.service, &bench.admin);
    let new =
        NewAdministrator { name: "heidi".to_owned(), role: Role::HelpDesk, scope: Vec::new() };
    let (_, token, _) = service.create_administrator(admin, None, &new, deadline()).await.unwrap();
    let heidi = service.authenticate(&token, None, deadline()).await.unwrap();
    let off = AdministratorChanges { enabled: Some(false), ..AdministratorChanges::default() };
    service.update_administrator(admin, None, "heidi", &off, deadline()).await.unwrap();

    let read = service.get_user(&heidi, "alice", false, deadline()).await.map(|_| ());
    assert_eq!(read, Err(ServiceError::Unauthenticated), "a read catches up first");
    let written = service.unblock_user(&heidi, None, "alice", "because", deadline()).await;
    assert_eq!(written.map(|_| ()), Err(ServiceError::Unauthenticated));
}

#[tokio::test(start_paused = true)]
async fn a_scope_hides_users_from_reads_and_writes_alike() {
    let bench = Bench::new().await;
    for name in ["alice@example.com", "bob@other.example"] {
        bench.user(name).await;
    }
    let (service, admin) = (&bench.service, &bench.admin);
    let scope = vec!["domain:EXAMPLE.com".to_owned()];
    let new = NewAdministrator { name: "heidi".to_owned(), role: Role::HelpDesk, scope };
    let (_, token, _) = service.create_administrator(admin, None, &new, deadline()).await.unwrap();
    let heidi = service.authenticate(&token, None, deadline()).await.unwrap();
    let page =
        service.list_users(&heidi, 0, None, &Default::default(), false, deadline()).await.unwrap();
    assert_eq!(page.users.len(), 1);
    for name in ["bob@other.example", "nobody"] {
        let (proposals, barriers) = (bench.ledger.proposals().len(), || {
            bench.ledger.barriers.load(std::sync::atomic::Ordering::SeqCst)
        });
        let before = barriers();
        let read = service.get_user(&heidi, name, false, deadline()).await.map(|_| ());
        assert_eq!(read, Err(ServiceError::NotFound { kind: "user" }), "{name}");
        let done = service.unblock_user(&heidi, None, name, "because", deadline()).await;
        assert_eq!(done.map(|_| ()), Err(ServiceError::NotFound { kind: "user" }), "{name}");
        assert_eq!(bench.ledger.proposals().len(), proposals, "nothing goes into the log");
        assert_eq!(barriers() - before, 2, "{name} is looked for as far as any other");
    }
    let new = NewAdministrator {
        name: "vera".to_owned(),
        role: Role::Auditor,
        scope: vec!["group:sales".to_owned()],
    };
    let refused = service.create_administrator(admin, None, &new, deadline()).await.unwrap_err();
    assert!(matches!(refused, ServiceError::InvalidArgument { field: "scope", .. }));
}

#[tokio::test(start_paused = true)]
async fn a_key_with_sources_is_nobodys_from_elsewhere_or_from_nowhere() {
    let bench = Bench::new().await;
    let (service, admin) = (&bench.service, &bench.admin);
    let new = NewApplication {
        name: "mail".to_owned(),
        rights: Rights::VERIFY.with(Right::HelpDesk),
        sources: vec!["192.0.2.0/24".to_owned()],
        ..NewApplication::default()
    };
    let (_, key, _) = service.create_application(admin, None, &new, deadline()).await.unwrap();
    let from = |ip: &str| Some(ip.parse().unwrap());
    for (source, known) in [
        (from("192.0.2.9"), true),
        (from("::ffff:192.0.2.9"), true),
        (from("192.0.3.9"), false),
        (from("2001:db8::1"), false),
        (None, false),
    ] {
        let found = service.authenticate(&key, source, deadline()).await;
        assert_eq!(found.is_ok(), known, "{source:?}");
        assert!(known || found == Err(ServiceError::Unauthenticated));
    }
    let changes = ApplicationChanges { rights: Some(Rights::NONE), ..Default::default() };
    let none = service.update_application(admin, None, "mail", &changes, deadline()).await;
    assert!(matches!(none, Err(ServiceError::InvalidArgument { .. })));
    let mail = service.authenticate(&key, from("192.0.2.9"), deadline()).await.unwrap();
    let refused = service.delete_application(&mail, None, "vpn", "", deadline()).await;
    let needed = Operation::DeleteApplication.rights();
    assert_eq!(refused, Err::<LogIndex, _>(ServiceError::PermissionDenied(needed)));
}
