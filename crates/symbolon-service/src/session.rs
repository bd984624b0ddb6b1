//! What devices tell of sessions, on its way into the audit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use symbolon_core::limits::{
    RADIUS_ATTRIBUTE_BYTES_MAX, SESSION_ID_BYTES_MAX, SESSION_STATION_BYTES_MAX,
};
use symbolon_core::{
    ApplicationId, Caller, Command, LogIndex, Operation, RequestId, SessionReport, SessionStatus,
};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::fingerprint::fingerprint;
use crate::names;
use crate::principal::Principal;
use crate::service::AdminRequest;
use crate::{ADMINISTRATION_QUEUE_MAX, Service, ServiceError};

/// Events about sessions that the devices of an application bring into the audit by one node in a second, in
/// the long run.
pub const SESSIONS_PER_SECOND_MAX: u64 = 10;
/// As many more at once, after a time in which they brought none.
pub const SESSIONS_AT_ONCE_MAX: u64 = 1_000;
/// Those that a node proposes at once. Whoever administers finds room beside them.
pub const SESSIONS_UNDER_WAY_MAX: usize = ADMINISTRATION_QUEUE_MAX / 4;

/// Where it is said which bound was reached.
const QUEUE: &str = "of what devices tell of sessions";

/// What a device told, as it wrote it.
#[derive(Clone, Copy, Debug)]
pub struct DeviceTold<'a> {
    /// The device.
    pub device: IpAddr,
    /// What has come of the session.
    pub status: SessionStatus,
    /// Whose it is. May be empty, as all texts here.
    pub user_name: &'a str,
    /// What the device knows it by.
    pub session: &'a str,
    /// Where the user comes from.
    pub station: &'a str,
    /// For how long it has lasted; 0: not told, here and below.
    pub seconds: u32,
    /// What came from the user.
    pub octets_in: u64,
    /// What went to the user.
    pub octets_out: u64,
    /// Why it has ended.
    pub cause: u32,
}

/// How many events about sessions there may be.
pub(crate) struct Sessions {
    buckets: Mutex<HashMap<ApplicationId, Bucket>>,
    under_way: Semaphore,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { buckets: Mutex::default(), under_way: Semaphore::new(SESSIONS_UNDER_WAY_MAX) }
    }
}

impl Sessions {
    /// Whether one more may come of an application. It is counted, whatever comes of it.
    fn take(&self, application: ApplicationId, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.entry(application).or_insert_with(|| Bucket::full(now)).take(now)
    }
}

/// What is left of a bound that grows back.
struct Bucket {
    /// In thousandths of an event, as many as grow back in a millisecond and an event a second.
    left: u64,
    at: Instant,
}

impl Bucket {
    const FULL: u64 = SESSIONS_AT_ONCE_MAX * 1_000;

    const fn full(now: Instant) -> Self {
        Self { left: Self::FULL, at: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_millis();
        // What is less than a millisecond is not lost: it counts the next time.
        if passed > 0 {
            let grown = u64::try_from(passed).unwrap_or(u64::MAX);
            let grown = grown.saturating_mul(SESSIONS_PER_SECOND_MAX);
            self.left = self.left.saturating_add(grown).min(Self::FULL);
            self.at = now;
        }
        match self.left.checked_sub(1_000) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

impl Service {
    /// Brings into the audit what a device told. A request of the same id gets no second event.
    ///
    /// # Errors
    /// [`ServiceError::Overloaded`] beyond what an application may bring, and whatever keeps an
    /// administrator from writing: no master, no quorum, no space.
    pub async fn tell_session(
        &self,
        principal: &Principal,
        request_id: RequestId,
        told: &DeviceTold<'_>,
        deadline: Instant,
    ) -> Result<LogIndex, ServiceError> {
        let operation = Operation::Verify;
        Self::may(principal, operation)?;
        let Caller::Application(application) = principal.caller else {
            return Err(ServiceError::PermissionDenied(operation.rights()));
        };
        if !self.sessions.take(application, Instant::now()) {
            return Err(ServiceError::Overloaded(QUEUE));
        }
        let place = timeout_at(deadline, self.sessions.under_way.acquire()).await;
        let _place = place.map_err(|_| ServiceError::Overloaded(QUEUE))?;
        let report = Arc::new(report(application, told));
        let request = AdminRequest {
            principal: principal.clone(),
            id: request_id,
            // The id is that of what was told, word for word.
            fingerprint: fingerprint(&*self.vault, "tell_session", &[&request_id.0]),
        };
        let build = |_: &_| Ok(Command::TellSession(Arc::clone(&report)));
        self.administer(&request, deadline, build).await.map(|(_, index)| index)
    }
}

/// What is kept of what was told.
fn report(application: ApplicationId, told: &DeviceTold<'_>) -> SessionReport {
    SessionReport {
        application,
        device: told.device.to_canonical(),
        status: told.status,
        user_name: kept(told.user_name, RADIUS_ATTRIBUTE_BYTES_MAX),
        name: names::user_name(told.user_name).ok(),
        session: kept(told.session, SESSION_ID_BYTES_MAX),
        station: kept(told.station, SESSION_STATION_BYTES_MAX),
        seconds: told.seconds,
        octets_in: told.octets_in,
        octets_out: told.octets_out,
        cause: told.cause,
    }
}

/// The beginning of a text, as far as it fits, without what a terminal would obey.
fn kept(text: &str, bytes_max: usize) -> String {
    let shown = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    let mut kept = String::new();
    for c in shown {
        if kept.len() + c.len_utf8() > bytes_max {
            break;
        }
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_text_is_cut_between_letters_and_no_terminal_obeys_it() {
        assert_eq!(kept("s-1", 64), "s-1");
        assert_eq!(kept("aé", 2), "a");
        assert_eq!(kept("aé", 3), "aé");
        assert_eq!(kept("a\u{1b}[2J\n", 64), "a\u{fffd}[2J\u{fffd}");
        assert_eq!(kept(&"s".repeat(65), 64), "s".repeat(64));
    }

    #[test]
    fn an_application_brings_so_many_at_once_and_so_many_a_second_and_another_its_own() {
        let (sessions, begun) = (Sessions::default(), Instant::now());
        let [one, other] = [1, 2].map(ApplicationId);
        let taken = |of, now| (0..2_000).filter(|_| sessions.take(of, now)).count();
        assert_eq!(taken(one, begun), 1_000);
        assert_eq!(taken(one, begun + Duration::from_millis(99)), 0);
        assert_eq!(taken(one, begun + Duration::from_millis(100)), 1);
        assert_eq!(taken(other, begun + Duration::from_millis(100)), 1_000);
        assert_eq!(taken(one, begun + Duration::from_millis(1_100)), 10);
        assert_eq!(taken(one, begun + Duration::from_secs(3_600)), 1_000);
    }
}
