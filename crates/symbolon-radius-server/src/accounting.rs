//! What devices tell of sessions, RFC 2866: a line of this node's log each.

use std::net::IpAddr;

use symbolon_radius::{Code, Kind, Packet, Writer};

use crate::devices::Devices;
use crate::request::Believed;

/// Writes down what a device tells, and says so.
pub(crate) fn reply(
    packet: &Packet<'_>,
    devices: &Devices,
    device: IpAddr,
    believed: &Believed,
) -> Option<Vec<u8>> {
    let status = match packet.integer(Kind::ACCT_STATUS_TYPE) {
        Some(1) => "start",
        Some(2) => "stop",
        Some(3) => "interim-update",
        Some(7) => "accounting-on",
        Some(8) => "accounting-off",
        Some(_) => "other",
        // RFC 2866 section 5.1: it must be there.
        None => return None,
    };
    let text = |kind| packet.text(kind).unwrap_or_default();
    tracing::info!(
        application = devices.principal.name.as_str(),
        %device,
        status,
        user = text(Kind::USER_NAME),
        session = text(Kind::ACCT_SESSION_ID),
        station = text(Kind::CALLING_STATION_ID),
        seconds = packet.integer(Kind::ACCT_SESSION_TIME),
        octets_in = packet.integer(Kind::ACCT_INPUT_OCTETS),
        octets_out = packet.integer(Kind::ACCT_OUTPUT_OCTETS),
        "accounting"
    );
    Writer::reply(Code::AccountingResponse, packet).finish(&believed.secret).ok()
}
