//! What devices tell of the sessions of people, RFC 2866.

use alloc::string::String;
use core::net::IpAddr;

use crate::digest::{Canonical, CanonicalWriter};
use crate::limits::{RADIUS_ATTRIBUTE_BYTES_MAX, SESSION_ID_BYTES_MAX, SESSION_STATION_BYTES_MAX};
use crate::radius::{canonical_address, numbered};
use crate::{ApplicationId, UserName};

/// What a device told once. Nothing follows from it: it is kept, as it was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionReport {
    /// As which application the device asks.
    pub application: ApplicationId,
    /// The device.
    pub device: IpAddr,
    /// What has come of the session.
    pub status: SessionStatus,
    /// Whose it is, as the device wrote it. May be empty.
    pub user_name: String,
    /// The same, normalised; `None`: it can be nobody's name.
    pub name: Option<UserName>,
    /// What the device knows the session by. May be empty.
    pub session: String,
    /// Where the user comes from, as the device said. May be empty.
    pub station: String,
    /// For how long the session has lasted; 0: it was not told.
    pub seconds: u32,
    /// What came from the user; 0: nothing, or it was not told.
    pub octets_in: u64,
    /// What went to the user; 0: nothing, or it was not told.
    pub octets_out: u64,
    /// Why it has ended, by the number in RFC 2866 section 5.10; 0: it was not told.
    pub cause: u32,
}

/// What of a session is told, by the numbers of Acct-Status-Type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SessionStatus {
    /// It begins.
    Start,
    /// It is over.
    Stop,
    /// The device has started: no session of before goes on.
    AccountingOn,
    /// The device stops.
    AccountingOff,
}

numbered!(SessionStatus, "of what is told":
    Start = 1 "start", Stop = 2 "stop", AccountingOn = 7 "accounting-on", AccountingOff = 8 "accounting-off",);

impl SessionReport {
    /// Whether no text of it is longer than what is kept.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.user_name.len() <= RADIUS_ATTRIBUTE_BYTES_MAX
            && self.session.len() <= SESSION_ID_BYTES_MAX
            && self.station.len() <= SESSION_STATION_BYTES_MAX
    }
}

impl Canonical for SessionReport {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.application.0);
        canonical_address(self.device, w);
        w.number(self.status.number().into());
        w.bytes(self.user_name.as_bytes());
        w.bytes(self.name.as_ref().map_or("", UserName::as_str).as_bytes());
        w.bytes(self.session.as_bytes()).bytes(self.station.as_bytes());
        w.number(self.seconds.into()).number(self.octets_in).number(self.octets_out);
        w.number(self.cause.into());
    }
}
