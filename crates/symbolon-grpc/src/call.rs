//! What every call carries: who asks, until when, under which id.

use std::net::IpAddr;
use std::time::Duration;

use symbolon_core::RequestId;
use symbolon_service::{Principal, Service, ServiceError};
use tokio::time::Instant;
use tonic::codegen::http::HeaderMap;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use crate::status::to_status;

/// Deadline of a verification unless the client's is shorter.
pub(crate) const VERIFY_TIMEOUT: Duration = Duration::from_secs(10);
/// Deadline of anything else unless the client's is shorter.
pub(crate) const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Deadline of a query of the audit unless the client's is shorter: it may have much to carry.
pub(crate) const AUDIT_TIMEOUT: Duration = Duration::from_secs(600);
/// Longest wait of a write for a master.
const WRITE_WAIT: Duration = Duration::from_secs(5);
/// Time that is left for an answer to travel before the client gives up.
const ANSWER_TIME: Duration = Duration::from_millis(200);

const REQUEST_ID: &str = "symbolon-request-id";

/// The address that a call came from. Whoever serves the port puts it among the extensions of each
/// request; without it, callers that may come from some addresses alone are refused.
#[derive(Clone, Copy, Debug)]
pub struct Source(pub IpAddr);

/// That a call came over the node's local socket, by root on its machine: no token is needed, and none is
/// looked at. Whoever serves the socket puts it among the extensions of each request.
#[derive(Clone, Copy, Debug)]
pub struct LocalRoot;

/// An authenticated call.
pub(crate) struct Call<T> {
    pub(crate) principal: Principal,
    pub(crate) deadline: Instant,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) message: T,
}

impl<T> Call<T> {
    /// Authenticates a call.
    pub(crate) async fn accept(
        service: &Service,
        request: Request<T>,
        timeout_max: Duration,
    ) -> Result<Self, Status> {
        let metadata = request.metadata();
        let timeout = client_timeout(metadata).map_or(timeout_max, |asked| asked.min(timeout_max));
        let deadline = Instant::now() + answered_within(timeout);
        let request_id = request_id(metadata)?;
        let source = request.extensions().get::<Source>().map(|source| source.0);
        let is_local = request.extensions().get::<LocalRoot>().is_some();
        let principal = match bearer(metadata.as_ref()) {
            _ if is_local => service.local_root(),
            Some(bearer) => service.authenticate(bearer, source, deadline).await,
            None => Err(ServiceError::Unauthenticated),
        };
        let principal = principal.map_err(|error| to_status(&error))?;
        Ok(Self { principal, deadline, request_id, message: request.into_inner() })
    }

    /// The deadline that the client has set itself, if it has.
    pub(crate) fn own_deadline(request: &Request<T>) -> Option<Instant> {
        client_timeout(request.metadata()).map(|timeout| Instant::now() + answered_within(timeout))
    }

    /// Until when a write waits for a master: then the caller is told, in time to act.
    pub(crate) fn write_deadline(&self) -> Instant {
        self.deadline.min(Instant::now() + WRITE_WAIT)
    }
}

/// The bearer token of a call, which may be nobody's.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}

/// So that the client hears why, rather than nothing; but never less than half of its time.
fn answered_within(timeout: Duration) -> Duration {
    timeout.saturating_sub(ANSWER_TIME).max(timeout / 2)
}

fn request_id(metadata: &MetadataMap) -> Result<Option<RequestId>, Status> {
    let Some(value) = metadata.get(REQUEST_ID) else {
        return Ok(None);
    };
    let bad = || {
        to_status(&ServiceError::InvalidArgument {
            field: REQUEST_ID,
            problem: "it has not 32 hexadecimal digits".to_owned(),
        })
    };
    let text = value.to_str().map_err(|_| bad())?;
    parse_hex(text).map(|bytes| Some(RequestId(bytes))).ok_or_else(bad)
}

fn parse_hex(text: &str) -> Option<[u8; 16]> {
    (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes))
        .flatten()
}

/// The client's own limit, from the `grpc-timeout` header of the gRPC protocol: up to 8 digits and a
/// unit.
fn client_timeout(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_time_limit_is_read_in_every_unit() {
        let read = |text: &'static str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            client_timeout(&metadata)
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(read("3M"), Some(Duration::from_secs(180)));
        assert_eq!(read("4S"), Some(Duration::from_secs(4)));
        assert_eq!(read("5m"), Some(Duration::from_millis(5)));
        assert_eq!(read("6u"), Some(Duration::from_micros(6)));
        assert_eq!(read("7n"), Some(Duration::from_nanos(7)));
        for bad in ["", "5", "S", "5x", "123456789S", "-1S"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_answer_leaves_before_the_client_gives_up() {
        for milliseconds in [0, 1, 100, 300, 1_000, 10_000] {
            let timeout = Duration::from_millis(milliseconds);
            let within = answered_within(timeout);
            assert!(within <= timeout && within >= timeout / 2);
        }
        assert_eq!(answered_within(Duration::from_secs(10)), Duration::from_millis(9_800));
    }

    #[test]
    fn a_request_id_is_32_hexadecimal_digits() {
        let read = |text: &'static str| {
            let mut metadata = MetadataMap::new();
            metadata.insert(REQUEST_ID, text.parse().unwrap());
            request_id(&metadata)
        };
        let id = read("000102030405060708090a0b0c0d0e0F").unwrap();
        assert_eq!(id, RequestId::from_slice(&(0..16).collect::<Vec<u8>>()));
        for bad in
            ["", "00", "+0102030405060708090a0b0c0d0e0f0", "g00102030405060708090a0b0c0d0e0f"]
        {
            assert_eq!(read(bad).unwrap_err().code(), tonic::Code::InvalidArgument, "{bad}");
        }
        assert_eq!(request_id(&MetadataMap::new()).unwrap(), None);
    }
}
