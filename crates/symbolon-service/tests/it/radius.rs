//! Devices that ask by RADIUS, and the first factor that they bring.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use symbolon_core::{
    ApplicationId, CodePlace, Denial, ExemptionChange, FirstFactor, Operation, RadiusClient,
    RadiusPolicy, RadiusTarget, RequestId, Secret, Signed,
};
use symbolon_service::{
    ApplicationChanges, FirstHalf, RadiusSecrets, RadiusShown, RadiusWanted, ServiceError,
    UserChanges, VerifyRequest,
};

use super::bench::{Bench, application, deadline, question};

const LONG: &str = "a secret that is long enough";
const OTHER: &str = "another one that is long enough";

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn target(address: &str) -> RadiusTarget {
    RadiusTarget { address: address.to_owned(), timeout_milliseconds: 1_000 }
}

/// As devices of 192.0.2.0/24 ask, with nothing to judge a password.
fn wanted(secret: Option<&str>) -> RadiusWanted {
    RadiusWanted {
        policy: RadiusPolicy::default(),
        ranges: vec!["192.0.2.0/24".to_owned()],
        certificates: Vec::new(),
        secret: secret.map(self::secret),
        target_secrets: Vec::new(),
        overlap_seconds: 0,
        etag: String::new(),
    }
}

fn with_targets(targets: &[(&str, Option<&str>)]) -> RadiusWanted {
    let policy = RadiusPolicy {
        targets: targets.iter().map(|(address, _)| target(address)).collect(),
        ..RadiusPolicy::default()
    };
    let target_secrets = targets.iter().map(|(_, it)| it.map(secret)).collect();
    RadiusWanted { policy, target_secrets, ..wanted(None) }
}

impl Bench {
    async fn set_radius(&self, wanted: RadiusWanted) -> Result<RadiusShown, ServiceError> {
        let set = self.service.set_radius_client(&self.admin, None, "vpn", wanted, deadline());
        set.await.map(|(shown, _)| shown)
    }

    fn vpn(&self) -> ApplicationId {
        self.ledger.state().application_by_name(&self.app.name).unwrap().id
    }

    fn client(&self) -> RadiusClient {
        self.ledger.state().radius_client(self.vpn()).unwrap().clone()
    }

    fn secrets(&self) -> RadiusSecrets {
        self.service.radius_secrets(&self.client()).unwrap()
    }

    async fn ask_after(&self, user: &str, code: &str, first: FirstFactor) -> Option<Denial> {
        let id = RequestId(rand_id(self.ledger.proposals().len()));
        let asked =
            VerifyRequest { request_id: Some(id), first_factor: first, ..question(user, code, 0) };
        let answer = self.service.verify(&self.app, asked, deadline()).await;
        answer.unwrap().verdict.denial()
    }
}

fn rand_id(number: usize) -> [u8; 16] {
    (u128::MAX - number as u128).to_be_bytes()
}

fn field<T>(refused: Result<T, ServiceError>) -> &'static str {
    match refused.err() {
        Some(ServiceError::InvalidArgument { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn devices_have_one_secret_that_stays_until_another_is_given() {
    let bench = Bench::new().await;
    assert_eq!(field(bench.set_radius(wanted(None)).await), "secret", "there is none yet");
    let shown = bench.set_radius(wanted(Some(LONG))).await.unwrap();
    assert_eq!(shown.application.as_str(), "vpn");
    assert_eq!(
        bench.secrets(),
        RadiusSecrets { current: secret(LONG), old: None, targets: vec![] }
    );
    bench.set_radius(wanted(None)).await.unwrap();
    bench.set_radius(wanted(Some(LONG))).await.unwrap();
    assert_eq!(bench.secrets().current, secret(LONG));
    assert_eq!(bench.secrets().old, None, "it is the same");
    assert_eq!(bench.client().old_secret_until, None);

    let changed = RadiusWanted { overlap_seconds: 60, ..wanted(Some(OTHER)) };
    bench.set_radius(changed).await.unwrap();
    let old = Some(secret(LONG));
    assert_eq!(bench.secrets(), RadiusSecrets { current: secret(OTHER), old, targets: vec![] });
    let until = bench.client().old_secret_until.unwrap();
    assert_eq!(until.0 - bench.ledger.state().clock().0, 60_000);
    // A change of something else takes nothing of it back.
    let policy = RadiusPolicy { signed: Signed::Always, ..RadiusPolicy::default() };
    bench.set_radius(RadiusWanted { policy, ..wanted(None) }).await.unwrap();
    assert_eq!(bench.client().old_secret_until, Some(until));
    assert_eq!(bench.secrets().old, Some(secret(LONG)));
    assert_eq!(bench.client().policy.signed, Signed::Always);
}

/// As devices ask that come over TLS alone.
fn certified(name: &str) -> RadiusWanted {
    let certificates = vec![name.to_owned()];
    RadiusWanted { ranges: Vec::new(), certificates, ..wanted(None) }
}

#[tokio::test(start_paused = true)]
async fn devices_that_come_over_tls_alone_need_no_secret_and_leave_none_to_others() {
    let bench = Bench::new().await;
    let shown = bench.set_radius(certified("VPN.example.org.")).await.unwrap();
    let names: Vec<_> = shown.client.policy.certificates.texts().collect();
    assert_eq!(names, ["vpn.example.org"]);
    assert_eq!(shown.warnings, Vec::<String>::new());
    let drawn = bench.secrets().current;
    assert_eq!(drawn.expose().len(), 16);
    bench.set_radius(certified("vpn.example.com")).await.unwrap();
    assert_eq!(bench.secrets().current, drawn, "it stays");
    let both = || RadiusWanted { certificates: vec!["vpn.example".to_owned()], ..wanted(None) };
    assert_eq!(field(bench.set_radius(both()).await), "secret", "no device knows that one");
    let given = RadiusWanted { secret: Some(secret("short")), ..both() };
    let warnings = bench.set_radius(given).await.unwrap().warnings.join(" ");
    assert!(warnings.contains("fewer than 16 bytes"), "{warnings}");
    bench.set_radius(both()).await.unwrap();
    assert_eq!(bench.secrets().current, secret("short"), "by UDP it stays");
    let warnings = bench.set_radius(certified("vpn.example")).await.unwrap().warnings;
    assert_eq!(warnings, Vec::<String>::new(), "nobody uses it");
}

#[tokio::test(start_paused = true)]
async fn a_target_keeps_its_secret_wherever_it_stands_in_the_list() {
    let bench = Bench::new().await;
    bench.set_radius(wanted(Some(LONG))).await.unwrap();
    let missing = bench.set_radius(with_targets(&[("r1:1812", None)])).await;
    assert_eq!(field(missing), "policy.targets");
    let both = [("r1:1812", Some("one")), ("r2:1812", Some("two"))];
    bench.set_radius(with_targets(&both)).await.unwrap();
    assert_eq!(bench.secrets().targets, [secret("one"), secret("two")]);
    bench.set_radius(with_targets(&[("r2:1812", None), ("r1:1812", None)])).await.unwrap();
    assert_eq!(bench.secrets().targets, [secret("two"), secret("one")]);
    bench.set_radius(with_targets(&[("r1:1812", Some("three"))])).await.unwrap();
    assert_eq!(bench.secrets().targets, [secret("three")]);
    let gone = bench.set_radius(with_targets(&[("r2:1812", None)])).await;
    assert_eq!(field(gone), "policy.targets", "one that was taken out is forgotten");
    assert_eq!(bench.secrets().current, secret(LONG));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_stand_is_refused_before_anything_is_done() {
    let bench = Bench::new().await;
    let proposed = bench.ledger.proposals().len();
    let long = "x".repeat(129);
    let nowhere = RadiusWanted { ranges: Vec::new(), ..wanted(Some(LONG)) };
    let odd = RadiusWanted { ranges: vec!["here".to_owned()], ..wanted(Some(LONG)) };
    let before = CodePlace::Before(String::new());
    let policy = RadiusPolicy { code: before, ..RadiusPolicy::default() };
    let starred = certified("*.example.org");
    let many = (0..33).map(|number| format!("vpn-{number}.example")).collect();
    let many = RadiusWanted { certificates: many, ..certified("") };
    let unseparated = RadiusWanted { policy, ..wanted(Some(LONG)) };
    let ever = RadiusWanted { overlap_seconds: 7_776_001, ..wanted(Some(LONG)) };
    for (bad, what) in [
        (wanted(Some("")), "secret"),
        (wanted(Some(&long)), "secret"),
        (with_targets(&[("r1:1812", Some(""))]), "policy.targets"),
        (nowhere, "policy"),
        (odd, "policy.ranges"),
        (starred, "policy.certificates"),
        (many, "policy.certificates"),
        (unseparated, "policy"),
        (ever, "overlap_seconds"),
    ] {
        assert_eq!(field(bench.set_radius(bad).await), what);
    }
    let of_nobody =
        bench.service.set_radius_client(&bench.admin, None, "wiki", wanted(Some(LONG)), deadline());
    let missing = ServiceError::NotFound { kind: "application" };
    assert_eq!(of_nobody.await.map(|_| ()), Err(missing));
    let denied =
        bench.service.set_radius_client(&bench.app, None, "vpn", wanted(Some(LONG)), deadline());
    let needed = ServiceError::PermissionDenied(Operation::SetRadiusClient.rights());
    assert_eq!(denied.await.map(|_| ()), Err(needed));
    assert_eq!(bench.ledger.proposals().len(), proposed);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_read_bound_to_what_was_read_and_removed() {
    let bench = Bench::new().await;
    let (service, admin) = (&bench.service, &bench.admin);
    let get = || service.get_radius_client(admin, "vpn", false, deadline());
    let missing = ServiceError::NotFound { kind: "RADIUS client" };
    assert_eq!(get().await.map(|_| ()), Err(missing.clone()));
    bench.set_radius(wanted(Some("short"))).await.unwrap();
    let shown = get().await.unwrap();
    let told = shown.warnings.join("\n");
    assert!(told.contains("fewer than 16 bytes") && told.contains("signed"), "{told}");
    let debug = format!("{shown:?} {:?}", bench.secrets());
    assert!(!debug.contains("short\"") && !debug.contains("115, 104"), "{debug}");

    let other = "mail";
    service.create_application(admin, None, &application(other), deadline()).await.unwrap();
    let taken = service.set_radius_client(admin, None, other, wanted(Some(LONG)), deadline()).await;
    assert_eq!(taken.map(|_| ()), Err(ServiceError::RangeTaken));

    let etag = symbolon_service::etag_of(bench.client().changed_at);
    bench.set_radius(RadiusWanted { etag: etag.clone(), ..wanted(None) }).await.unwrap();
    let stale = bench.set_radius(RadiusWanted { etag: etag.clone(), ..wanted(None) }).await;
    assert_eq!(stale.map(|_| ()), Err(ServiceError::EtagChanged));
    let remove = |etag: String| async move {
        service.remove_radius_client(admin, None, "vpn", &etag, deadline()).await.map(|_| ())
    };
    assert_eq!(remove(etag).await, Err(ServiceError::EtagChanged));
    assert_eq!(remove(String::new()).await, Ok(()));
    assert_eq!(remove(String::new()).await, Err(missing.clone()));
    assert_eq!(get().await.map(|_| ()), Err(missing));
}

#[tokio::test(start_paused = true)]
async fn the_same_request_sets_once() {
    let bench = Bench::new().await;
    let set = |text: &'static str| {
        let (id, wanted) = (Some(RequestId([9; 16])), wanted(Some(text)));
        bench.service.set_radius_client(&bench.admin, id, "vpn", wanted, deadline())
    };
    let (_, first) = set(LONG).await.unwrap();
    let (_, again) = set(LONG).await.unwrap();
    assert_eq!(first, again);
    // Another secret under the same id is another request.
    assert_eq!(field(set(OTHER).await.map(|(shown, _)| shown)), "request_id");
    assert_eq!(bench.secrets().current, secret(LONG));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_signs_is_noted_once() {
    let bench = Bench::new().await;
    bench.set_radius(wanted(Some(LONG))).await.unwrap();
    let device: IpAddr = "192.0.2.9".parse().unwrap();
    for _ in 0..2 {
        bench.service.note_radius_signer(bench.vpn(), device, deadline()).await.unwrap();
    }
    assert_eq!(bench.client().signers, [device]);
    assert!(bench.client().must_sign(device));
}

#[tokio::test(start_paused = true)]
async fn devices_ask_as_an_application_that_is_there_and_on() {
    let bench = Bench::new().await;
    let principal = || bench.service.radius_principal(&bench.ledger.state(), bench.vpn());
    assert_eq!(principal().unwrap().caller, bench.app.caller);
    let off = ApplicationChanges { enabled: Some(false), ..ApplicationChanges::default() };
    let (service, admin) = (&bench.service, &bench.admin);
    service.update_application(admin, None, "vpn", &off, deadline()).await.unwrap();
    assert!(principal().is_none());
    let state = bench.ledger.state();
    assert!(service.radius_principal(&state, ApplicationId(99)).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_first_half_of_a_sign_in_is_good_for_its_user_its_application_and_its_time() {
    let bench = Bench::new().await;
    let (service, vpn) = (&bench.service, bench.vpn());
    let challenge = Some(symbolon_core::ChallengeId([7; 16]));
    let granted = vec![25, 5, 1, 2, 3];
    let halves = [
        FirstHalf::default(),
        FirstHalf { challenge, granted: Vec::new() },
        FirstHalf { challenge: None, granted: granted.clone() },
        FirstHalf { challenge, granted },
    ];
    for half in halves {
        let sealed = service.seal_first_half(vpn, "alice", &half).unwrap();
        assert_eq!(service.open_first_half(vpn, "alice", &sealed), Some(half.clone()));
        assert_eq!(service.open_first_half(vpn, "bob", &sealed), None);
        assert_eq!(service.open_first_half(ApplicationId(99), "alice", &sealed), None);
        assert_eq!(service.open_first_half(vpn, "", &sealed), None);
        // The time and the name; what holds them in one piece is for the vault.
        let fixed = 25 + half.challenge.map_or(0, |_| 16);
        let content = sealed.len() - fixed - half.granted.len();
        for length in 0..content + fixed {
            assert_eq!(service.open_first_half(vpn, "alice", &sealed[..length]), None, "{length}");
        }
        let mut altered = sealed.clone();
        altered[content + 8] ^= 1;
        assert_eq!(service.open_first_half(vpn, "alice", &altered), None);
    }
    let sealed = service
        .seal_first_half(vpn, "alice", &FirstHalf { challenge, ..FirstHalf::default() })
        .unwrap();
    bench.clock.advance(300_000);
    assert!(service.open_first_half(vpn, "alice", &sealed).is_some(), "the last millisecond");
    bench.clock.advance(1);
    assert_eq!(service.open_first_half(vpn, "alice", &sealed), None);
    assert!(service.seal_first_half(vpn, "", &FirstHalf::default()).is_err());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_for_a_code_who_is_let_in_without_one() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let (service, admin, vpn) = (&bench.service, &bench.admin, bench.vpn());
    let needs_none = |user: &str| service.needs_no_code(vpn, user);
    assert!(!needs_none("alice") && !needs_none("zelda") && !needs_none(""));
    service.grant_bypass(admin, None, "alice", "lost", 60, deadline()).await.unwrap();
    assert!(needs_none("alice"));
    bench.clock.advance(60_000);
    assert!(!needs_none("alice"), "its time is over");

    let exempt = ExemptionChange {
        unknown_users: Some(true),
        disabled_users: Some(true),
        ..ExemptionChange::default()
    };
    let changes = ApplicationChanges { exempt, ..ApplicationChanges::default() };
    service.update_application(admin, None, "vpn", &changes, deadline()).await.unwrap();
    assert!(needs_none("zelda") && !needs_none("alice"));
    assert!(!service.needs_no_code(ApplicationId(99), "zelda"));
    let off = UserChanges { enabled: Some(false), ..UserChanges::default() };
    service.update_user(admin, None, "alice", off, deadline()).await.unwrap();
    assert!(needs_none("alice"));
}

#[tokio::test(start_paused = true)]
async fn a_first_factor_that_failed_opens_no_seed_and_counts_no_failure() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let code = bench.code(0);
    let cases = [
        (FirstFactor::Denied, Denial::FirstFactorDenied),
        (FirstFactor::Unreachable, Denial::FirstFactorUnreachable),
    ];
    for (first, denial) in cases {
        for user in ["alice", "zelda"] {
            for typed in [code.as_str(), "000000"] {
                let opened = bench.vault.opened.load(Ordering::SeqCst);
                assert_eq!(bench.ask_after(user, typed, first).await, Some(denial), "{user}");
                assert_eq!(bench.vault.opened.load(Ordering::SeqCst), opened, "{user}");
            }
        }
    }
    let failures = || bench.ledger.state().users_after(None).next().unwrap().failures;
    assert_eq!(failures(), 0);
    let (service, admin) = (&bench.service, &bench.admin);
    service.grant_bypass(admin, None, "alice", "lost", 60, deadline()).await.unwrap();
    let first = FirstFactor::Denied;
    assert_eq!(bench.ask_after("alice", &code, first).await, Some(Denial::FirstFactorDenied));
    assert_eq!(bench.ask_after("alice", "000000", FirstFactor::Good).await, None, "the bypass");
    assert_eq!(bench.ask_after("alice", &code, FirstFactor::Good).await, None, "it is unspent");
}

#[tokio::test(start_paused = true)]
async fn one_request_has_one_first_factor() {
    let bench = Bench::new().await;
    bench.user("alice").await;
    let code = bench.code(0);
    let asked = |first_factor| VerifyRequest { first_factor, ..question("alice", &code, 7) };
    let ask = |first| bench.service.verify(&bench.app, asked(first), deadline());
    let denied = ask(FirstFactor::Denied).await.unwrap().verdict;
    assert_eq!(ask(FirstFactor::Denied).await.unwrap().verdict, denied);
    assert_eq!(field(ask(FirstFactor::Good).await), "request_id");
}
