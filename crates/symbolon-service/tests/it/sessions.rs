//! What devices tell of sessions.

use std::sync::Arc;
use std::time::Duration;

use symbolon_core::{Command, LogIndex, RequestId, SessionReport, SessionStatus};
use symbolon_service::{
    DeviceTold, RadiusWanted, SESSIONS_AT_ONCE_MAX, SESSIONS_PER_SECOND_MAX, ServiceError,
};

use super::bench::{Bench, deadline};

/// Whose session begins.
fn of(user_name: &str) -> DeviceTold<'_> {
    DeviceTold {
        device: "::ffff:192.0.2.7".parse().unwrap(),
        status: SessionStatus::Start,
        user_name,
        session: "s-1",
        station: "198.51.100.4",
        seconds: 0,
        octets_in: 0,
        octets_out: 0,
        cause: 0,
    }
}

fn id(number: u64) -> RequestId {
    RequestId(u128::from(number).to_be_bytes())
}

impl Bench {
    async fn with_devices() -> Self {
        let bench = Self::new().await;
        let wanted = RadiusWanted {
            policy: Default::default(),
            ranges: vec!["192.0.2.0/24".to_owned()],
            certificates: Vec::new(),
            secret: Some(symbolon_core::Secret::new(b"a secret that is long enough".to_vec())),
            target_secrets: Vec::new(),
            overlap_seconds: 0,
            etag: String::new(),
        };
        let set = bench.service.set_radius_client(&bench.admin, None, "vpn", wanted, deadline());
        set.await.unwrap();
        bench
    }

    async fn tell(&self, id: RequestId, told: &DeviceTold<'_>) -> Result<LogIndex, ServiceError> {
        self.service.tell_session(&self.app, id, told, deadline()).await
    }

    /// What is on its way to the audit, or there.
    fn reports(&self) -> Vec<Arc<SessionReport>> {
        let proposals = self.ledger.proposals().into_iter();
        let report = |command| match command {
            Command::TellSession(report) => Some(report),
            _ => None,
        };
        proposals.filter_map(|proposal| report(proposal.command)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_told_under_one_id_is_one_event() {
    let bench = Bench::with_devices().await;
    let first = bench.tell(id(1), &of("alice")).await.unwrap();
    assert_eq!(bench.tell(id(1), &of("alice")).await.unwrap(), first, "the same entry");
    assert_eq!(bench.reports().len(), 1);
    assert_ne!(bench.tell(id(2), &of("alice")).await.unwrap(), first);
    // The node that was asked first has died, and its answer with it.
    bench.ledger.lose_answers(1);
    assert_eq!(bench.tell(id(3), &of("alice")).await, Err(ServiceError::NoMaster));
    let told = bench.reports().len();
    bench.tell(id(3), &of("alice")).await.unwrap();
    assert_eq!(bench.reports().len(), told);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_kept_as_it_was_written_and_as_it_is_asked_for_and_texts_as_far_as_they_fit() {
    let bench = Bench::with_devices().await;
    let long = "é".repeat(40);
    let told = DeviceTold { session: &long, station: "00-11\n22", ..of("SALES\\Alice") };
    bench.tell(id(1), &told).await.unwrap();
    bench.tell(id(2), &of("")).await.unwrap();
    bench.tell(id(3), &of("two words")).await.unwrap();
    let reports = bench.reports();
    let names: Vec<_> = reports
        .iter()
        .map(|report| (&*report.user_name, report.name.as_ref().map(|name| name.as_str())))
        .collect();
    let kept = [("SALES\\Alice", Some("alice@sales")), ("", None), ("two words", None)];
    assert_eq!(names, kept);
    assert_eq!(reports[0].session, "é".repeat(32));
    assert_eq!(reports[0].station, "00-11\u{fffd}22");
    assert_eq!(reports[0].device.to_string(), "192.0.2.7");
}

#[tokio::test(start_paused = true)]
async fn no_application_fills_the_audit() {
    let bench = Bench::with_devices().await;
    for number in 0..SESSIONS_AT_ONCE_MAX {
        bench.tell(id(number), &of("alice")).await.unwrap();
    }
    let beyond = bench.tell(id(1 << 40), &of("alice")).await;
    assert!(matches!(beyond, Err(ServiceError::Overloaded(_))), "{beyond:?}");
    tokio::time::advance(Duration::from_secs(1)).await;
    for number in 0..SESSIONS_PER_SECOND_MAX {
        bench.tell(id((1 << 41) + number), &of("alice")).await.unwrap();
    }
    assert!(bench.tell(id(1 << 42), &of("alice")).await.is_err());
    let told = SESSIONS_AT_ONCE_MAX + SESSIONS_PER_SECOND_MAX;
    assert_eq!(bench.reports().len() as u64, told);
}

#[tokio::test(start_paused = true)]
async fn nobody_but_an_application_with_devices_tells_of_sessions() {
    let bench = Bench::new().await;
    let none = bench.tell(id(1), &of("alice")).await;
    assert!(matches!(none, Err(ServiceError::NotFound { .. })), "{none:?}");
    let bench = Bench::with_devices().await;
    let told = bench.service.tell_session(&bench.admin, id(1), &of("alice"), deadline()).await;
    assert!(matches!(told, Err(ServiceError::PermissionDenied(_))), "{told:?}");
    assert!(bench.reports().is_empty());
}
