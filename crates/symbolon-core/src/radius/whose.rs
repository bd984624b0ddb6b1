//! As whom a device asks.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;

use crate::{ApplicationId, CertificateName, SourceRange, State};

/// As whom devices ask, by their addresses and by the names of their certificates: for front ends, which look
/// at each packet of each stranger. It is of one [version](State::radius_clients_version) of the rows.
#[derive(Clone, Default, Debug)]
pub struct RadiusDevices {
    /// No range is of two applications.
    ranges: BTreeMap<SourceRange, ApplicationId>,
    /// Lengths of the prefixes that occur.
    lengths: BTreeSet<u8>,
    /// No name is of two applications.
    certificates: BTreeMap<CertificateName, ApplicationId>,
}

impl RadiusDevices {
    /// Of the rows as they are.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let mut devices = Self::default();
        for row in state.radius_clients() {
            let ranges = row.policy.ranges.ranges().map(|range| (*range, row.id));
            devices.ranges.extend(ranges);
            let names = row.policy.certificates.names().map(|name| (name.clone(), row.id));
            devices.certificates.extend(names);
        }
        devices.lengths = devices.ranges.keys().map(SourceRange::bits).collect();
        devices
    }

    /// As whom a device of that address asks: of several ranges that hold it, the narrowest counts.
    #[must_use]
    pub fn at(&self, device: IpAddr) -> Option<ApplicationId> {
        let ranges =
            self.lengths.iter().rev().filter_map(|bits| SourceRange::around(device, *bits));
        ranges.filter_map(|range| self.ranges.get(&range)).next().copied()
    }

    /// As whom a device asks whose certificate has these names: of several, the first counts that is
    /// anybody's.
    #[must_use]
    pub fn named(&self, names: &[CertificateName]) -> Option<ApplicationId> {
        names.iter().find_map(|name| self.certificates.get(name)).copied()
    }
}
