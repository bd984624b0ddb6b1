//! What devices tell of sessions, RFC 2866: a line of this node's log each, and an event of the audit where a
//! session begins or ends.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use symbolon_core::SessionStatus;
use symbolon_radius::{Code, Kind, Packet, Writer};
use symbolon_service::{DeviceTold, Service};
use tokio::time::Instant;

use crate::devices::Devices;
use crate::request::Believed;

/// For how long a device waits until what it tells is in the audit. It is answered then all the same: some let
/// nobody in before they have heard.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// What an Accounting-Request tells.
struct Told<'p> {
    packet: &'p Packet<'p>,
    /// The number of Acct-Status-Type.
    status: u32,
    user: Cow<'p, str>,
    session: Cow<'p, str>,
    station: Cow<'p, str>,
}

impl<'p> Told<'p> {
    /// `None`: it does not say what, which it must (RFC 2866 section 5.1).
    fn of(packet: &'p Packet<'p>) -> Option<Self> {
        let text = |kind| packet.first(kind).map(String::from_utf8_lossy).unwrap_or_default();
        Some(Self {
            packet,
            status: packet.integer(Kind::ACCT_STATUS_TYPE)?,
            user: text(Kind::USER_NAME),
            session: text(Kind::ACCT_SESSION_ID),
            station: text(Kind::CALLING_STATION_ID),
        })
    }

    const fn status(&self) -> &'static str {
        match SessionStatus::from_number(self.status) {
            Some(status) => status.name(),
            None if self.status == 3 => "interim-update",
            None => "other",
        }
    }

    /// Octets, with those that did not fit into 32 bits (RFC 2869 sections 5.1 and 5.2).
    fn octets(&self, low: Kind, high: Kind) -> Option<u64> {
        let number = |kind| self.packet.integer(kind).map(u64::from);
        let (low, high) = (number(low), number(high));
        low.or(high)?;
        Some((high.unwrap_or_default() << 32) | low.unwrap_or_default())
    }

    fn octets_in(&self) -> Option<u64> {
        self.octets(Kind::ACCT_INPUT_OCTETS, Kind::ACCT_INPUT_GIGAWORDS)
    }

    fn octets_out(&self) -> Option<u64> {
        self.octets(Kind::ACCT_OUTPUT_OCTETS, Kind::ACCT_OUTPUT_GIGAWORDS)
    }

    fn seconds(&self) -> Option<u32> {
        self.packet.integer(Kind::ACCT_SESSION_TIME)
    }

    fn cause(&self) -> Option<u32> {
        self.packet.integer(Kind::ACCT_TERMINATE_CAUSE)
    }

    /// Brings it into the audit. What is told meanwhile, and whatever else, is not for the audit: `None`.
    async fn keep(
        &self,
        service: &Service,
        devices: &Devices,
        device: IpAddr,
    ) -> Option<Result<(), String>> {
        let told = DeviceTold {
            device,
            status: SessionStatus::from_number(self.status)?,
            user_name: &self.user,
            session: &self.session,
            station: &self.station,
            seconds: self.seconds().unwrap_or_default(),
            octets_in: self.octets_in().unwrap_or_default(),
            octets_out: self.octets_out().unwrap_or_default(),
            cause: self.cause().unwrap_or_default(),
        };
        // The same wherever in the cluster the same packet arrives.
        let id = devices.row.id.0.to_be_bytes();
        let id = service.radius_request_id(&[&id, self.packet.bytes()]);
        let deadline = Instant::now() + PATIENCE;
        let kept = service.tell_session(&devices.principal, id, &told, deadline).await;
        Some(kept.map(|_| ()).map_err(|error| error.to_string()))
    }
}

/// Writes down what a device tells, and says so.
pub(crate) async fn reply(
    packet: &Packet<'_>,
    service: &Service,
    devices: &Devices,
    device: IpAddr,
    believed: &Believed,
) -> Option<Vec<u8>> {
    let told = Told::of(packet)?;
    let kept = told.keep(service, devices, device).await;
    let outcome = match &kept {
        Some(Ok(())) => "audited",
        Some(Err(_)) => "not_audited",
        None => "logged",
    };
    metrics::counter!("symbolon_radius_accounting_total", "outcome" => outcome).increment(1);
    tracing::info!(
        application = devices.principal.name.as_str(),
        %device,
        status = told.status(),
        user = &*told.user,
        session = &*told.session,
        station = &*told.station,
        seconds = told.seconds(),
        octets_in = told.octets_in(),
        octets_out = told.octets_out(),
        cause = told.cause(),
        audited = outcome == "audited",
        why_not = kept.and_then(Result::err),
        "accounting"
    );
    Writer::reply(Code::AccountingResponse, packet).finish(&believed.secret).ok()
}
