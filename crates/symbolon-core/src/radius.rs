//! RADIUS clients: devices that ask as an application, RFC 2865.

mod certificates;
mod whose;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::digest::{Canonical, CanonicalWriter};
use crate::limits::{
    RADIUS_ATTRIBUTE_BYTES_MAX, RADIUS_ATTRIBUTES_MAX, RADIUS_SEPARATOR_BYTES_MAX,
    RADIUS_SIGNERS_MAX, RADIUS_TARGET_BYTES_MAX, RADIUS_TARGETS_MAX,
};
use crate::{ApplicationId, LogIndex, Sealed, Sources, State, Timestamp};

pub use certificates::{CertificateName, CertificateNameError, CertificateNames};
pub use whose::RadiusDevices;

/// How devices ask as an application. One row for each application that has any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RadiusClient {
    /// Whose they are.
    pub id: ApplicationId,
    /// What administrators say about them.
    pub policy: RadiusPolicy,
    /// The shared secrets, as one sealed field: that of the devices, the one before, and one for each target.
    pub secrets: Sealed,
    /// The secret before is taken too until then; `None`: there is none.
    pub old_secret_until: Option<Timestamp>,
    /// Devices that have once signed a request with Message-Authenticator, in order. At most
    /// [`RADIUS_SIGNERS_MAX`].
    pub signers: Vec<IpAddr>,
    /// Log index of the last change by an administrator; what an update may be bound to.
    pub changed_at: LogIndex,
}

/// See [`RadiusClient::policy`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RadiusPolicy {
    /// Addresses of the devices that come by UDP.
    pub ranges: Sources,
    /// Names of the certificates of those that come over TLS. At least one name, or one range.
    pub certificates: CertificateNames,
    /// Whether requests must be signed.
    pub signed: Signed,
    /// RADIUS servers that judge the first factor, in the order in which they are asked. None: there is no
    /// first factor, and what is typed as the password is the code.
    pub targets: Vec<RadiusTarget>,
    /// Where the code is typed. Without a first factor it is the password.
    pub code: CodePlace,
    /// What devices are told when no target answers.
    pub unreachable: Unreachable,
    /// Whether a request counts as sent again that came in another packet and names the same session.
    pub retry_identity: bool,
    /// What an Access-Accept brings along.
    pub attributes: Vec<ReplyAttribute>,
}

/// Whether a request without Message-Authenticator is taken, RFC 3579 section 3.2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Signed {
    /// Until the device has sent one that was; never with Proxy-State.
    #[default]
    Auto,
    /// None is.
    Always,
    /// Whatever comes, unless it has Proxy-State: for devices that never sign.
    Never,
}

/// A RADIUS server that judges the first factor.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RadiusTarget {
    /// `host:port`.
    pub address: String,
    /// For how long it may not answer before the next one is asked, milliseconds.
    pub timeout_milliseconds: u32,
}

/// Where the code is typed when there is a first factor.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum CodePlace {
    /// It is asked for after the first factor, by Access-Challenge.
    #[default]
    Challenge,
    /// Behind the password, after this separator. Empty: the last digits, as many as a code has.
    Behind(String),
    /// Before the password, with this separator between them.
    Before(String),
}

/// See [`RadiusPolicy::unreachable`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Unreachable {
    /// Nothing, so that the device asks another node.
    #[default]
    Silence,
    /// Access-Reject.
    Reject,
}

/// An attribute of an Access-Accept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReplyAttribute {
    /// For members of this group alone; empty: for everybody.
    pub group: String,
    /// As dictionaries name it.
    pub name: String,
    /// As people write it.
    pub value: String,
}

/// Why a policy is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RadiusFault {
    /// Nobody could ask.
    #[error(
        "it has no address of a device and no name of a certificate; give at least one of them"
    )]
    NoDevice,
    /// More than [`RADIUS_TARGETS_MAX`].
    #[error("it has more than {RADIUS_TARGETS_MAX} targets")]
    Targets,
    /// Not a host and a port, or longer than [`RADIUS_TARGET_BYTES_MAX`].
    #[error(
        "the address of a target is not HOST:PORT, radius.example.org:1812 for example, of up to \
         {RADIUS_TARGET_BYTES_MAX} bytes"
    )]
    TargetAddress,
    /// Not between 0.1 and 60 seconds.
    #[error("the timeout of a target is not between 0.1 and 60 seconds")]
    Timeout,
    /// More than [`RADIUS_ATTRIBUTES_MAX`], or one that is too long.
    #[error(
        "it has more than {RADIUS_ATTRIBUTES_MAX} attributes, or one of over {RADIUS_ATTRIBUTE_BYTES_MAX} bytes"
    )]
    Attributes,
    /// Longer than [`RADIUS_SEPARATOR_BYTES_MAX`], or missing where it is needed.
    #[error(
        "the separator has over {RADIUS_SEPARATOR_BYTES_MAX} bytes, or there is none between a code and the \
         password behind it"
    )]
    Separator,
}

impl RadiusTarget {
    /// Whether a text is a host and a port; of the host, that there is one.
    #[must_use]
    pub fn can_be_at(address: &str) -> bool {
        let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        let parts = address.rsplit_once(':');
        address.len() <= RADIUS_TARGET_BYTES_MAX
            && parts.is_some_and(|(host, behind)| !host.is_empty() && port(behind))
    }
}

impl RadiusPolicy {
    /// Whether it is one that can stand.
    ///
    /// # Errors
    /// The first [`RadiusFault`].
    pub fn check(&self) -> Result<(), RadiusFault> {
        let ensure = |holds, fault| if holds { Ok(()) } else { Err(fault) };
        let is_anybodys = self.comes_by_udp() || !self.certificates.is_empty();
        ensure(is_anybodys, RadiusFault::NoDevice)?;
        ensure(self.targets.len() <= RADIUS_TARGETS_MAX, RadiusFault::Targets)?;
        let is_one = |target: &RadiusTarget| RadiusTarget::can_be_at(&target.address);
        ensure(self.targets.iter().all(is_one), RadiusFault::TargetAddress)?;
        let waits = |target: &RadiusTarget| (100..=60_000).contains(&target.timeout_milliseconds);
        ensure(self.targets.iter().all(waits), RadiusFault::Timeout)?;
        let fits = |it: &ReplyAttribute| {
            [&it.group, &it.name, &it.value]
                .iter()
                .all(|text| text.len() <= RADIUS_ATTRIBUTE_BYTES_MAX)
        };
        let fit =
            self.attributes.len() <= RADIUS_ATTRIBUTES_MAX && self.attributes.iter().all(fits);
        ensure(fit, RadiusFault::Attributes)?;
        let separates = match &self.code {
            CodePlace::Challenge => true,
            CodePlace::Behind(by) => by.len() <= RADIUS_SEPARATOR_BYTES_MAX,
            CodePlace::Before(by) => (1..=RADIUS_SEPARATOR_BYTES_MAX).contains(&by.len()),
        };
        ensure(separates, RadiusFault::Separator)
    }
}

impl RadiusPolicy {
    /// Whether any device comes by UDP.
    #[must_use]
    pub fn comes_by_udp(&self) -> bool {
        !self.ranges.is_all()
    }

    /// Whether a device that comes by UDP from this address is one of them.
    #[must_use]
    pub fn has(&self, device: IpAddr) -> bool {
        self.comes_by_udp() && self.ranges.allow(Some(device))
    }

    /// Whether it and another have a range of addresses, or a name of a certificate, in common.
    #[must_use]
    pub fn shares_a_device(&self, other: &Self) -> bool {
        self.ranges.shares(&other.ranges) || self.certificates.shares(&other.certificates)
    }

    /// What of it is weaker than it could be, each with a remedy.
    pub fn warnings(&self) -> impl Iterator<Item = &'static str> {
        let signed = match self.signed {
            // What comes over TLS is protected by that.
            _ if !self.comes_by_udp() => None,
            Signed::Always => None,
            Signed::Auto => Some(
                "requests need not be signed until a device has signed one: once all of them do, set `signed` to \
                 \"yes\"",
            ),
            Signed::Never => Some(
                "requests need not be signed, so whoever is between a device and this cluster can change them \
                 (CVE-2024-3596): have the devices send Message-Authenticator and set `signed` to \"yes\"",
            ),
        };
        let retry = self.retry_identity.then_some(
            "a request of the same session and code counts as sent again for 30 s, whatever packet it comes in \
             (`retry_identity`): whoever may send packets in the name of a device can use a code again with it",
        );
        signed.into_iter().chain(retry)
    }

    /// With what a device can ask, and how the code comes then: protocol, whether it is taken, and how, or why
    /// not.
    #[must_use]
    pub fn ways(&self) -> [(&'static str, bool, &'static str); 6] {
        let code = match (self.targets.is_empty(), &self.code) {
            (true, _) => "the password is the code",
            (false, CodePlace::Challenge) => {
                "a target judges the password, then the code is asked for"
            }
            (false, CodePlace::Behind(_)) => {
                "a target judges the password, the code stands behind it"
            }
            (false, CodePlace::Before(_)) => {
                "a target judges the password, the code stands before it"
            }
        };
        let asks = !self.targets.is_empty() && self.code == CodePlace::Challenge;
        let eap = if asks {
            "it cannot be asked for a code: have it typed behind the password"
        } else {
            code
        };
        let ms_chap2 = if asks {
            "a target judges the password, then the code is asked for, and comes with PAP"
        } else if self.targets.is_empty() {
            "it takes a target, and there is none"
        } else {
            "there is no place for a code in it: have the code asked for"
        };
        [
            ("PAP", true, code),
            (
                "CHAP",
                false,
                "it hides what was typed, so that neither a code nor a target can judge it",
            ),
            ("MS-CHAPv2", asks, ms_chap2),
            ("EAP-TTLS/PAP", self.targets.is_empty() || self.code != CodePlace::Challenge, eap),
            ("EAP-TTLS/EAP-GTC", true, code),
            ("EAP of other kinds", false, "this release neither ends nor relays it"),
        ]
    }
}

impl RadiusClient {
    /// Whether a request of a device must be signed. Once as many have signed as can be kept, all must.
    #[must_use]
    pub fn must_sign(&self, device: IpAddr) -> bool {
        match self.policy.signed {
            Signed::Always => true,
            Signed::Never => false,
            Signed::Auto => {
                self.signers.len() >= RADIUS_SIGNERS_MAX
                    || self.signers.binary_search(&device.to_canonical()).is_ok()
            }
        }
    }
}

impl State {
    /// How devices ask as an application, if any do.
    #[must_use]
    pub fn radius_client(&self, id: ApplicationId) -> Option<&RadiusClient> {
        self.radius_clients.get(id)
    }

    /// All applications that devices ask as, by id.
    pub fn radius_clients(&self) -> impl Iterator<Item = &RadiusClient> {
        self.radius_clients.iter()
    }

    /// Another whenever any of them is, and the same as long as they are.
    #[must_use]
    pub fn radius_clients_version(&self) -> [u64; 4] {
        self.radius_clients.sum().lanes()
    }
}

impl Canonical for RadiusPolicy {
    fn canonical(&self, w: &mut CanonicalWriter) {
        self.ranges.canonical(w);
        // Without names it is what it was before there were any; with them, what no value of `signed` is.
        if !self.certificates.is_empty() {
            let names = self.certificates.texts();
            w.number(3).number(names.len() as u64);
            names.for_each(|name| _ = w.bytes(name.as_bytes()));
        }
        w.number(match self.signed {
            Signed::Auto => 0,
            Signed::Always => 1,
            Signed::Never => 2,
        });
        w.number(self.targets.len() as u64);
        for target in &self.targets {
            w.bytes(target.address.as_bytes()).number(target.timeout_milliseconds.into());
        }
        match &self.code {
            CodePlace::Challenge => w.number(0),
            CodePlace::Behind(by) => w.number(1).bytes(by.as_bytes()),
            CodePlace::Before(by) => w.number(2).bytes(by.as_bytes()),
        };
        w.number((self.unreachable == Unreachable::Reject).into());
        w.number(self.retry_identity.into()).number(self.attributes.len() as u64);
        for ReplyAttribute { group, name, value } in &self.attributes {
            w.bytes(group.as_bytes()).bytes(name.as_bytes()).bytes(value.as_bytes());
        }
    }
}

impl Canonical for RadiusClient {
    fn canonical(&self, w: &mut CanonicalWriter) {
        w.number(self.id.0);
        self.policy.canonical(w);
        w.bytes(self.secrets.as_bytes());
        w.number(self.old_secret_until.map_or(0, |until| until.0));
        w.number(self.signers.len() as u64);
        for signer in &self.signers {
            canonical_address(*signer, w);
        }
        w.number(self.changed_at.0);
    }
}

/// An address, as a hash sees it.
pub(crate) fn canonical_address(address: IpAddr, w: &mut CanonicalWriter) {
    match address {
        IpAddr::V4(address) => _ = w.bytes(&address.octets()),
        IpAddr::V6(address) => _ = w.bytes(&address.octets()),
    }
}

/// What is called by name in formats.
macro_rules! numbered {
    ($type:ty, $what:literal: $($variant:ident = $number:literal $name:literal,)*) => {
        impl $type {
            #[doc = concat!("Number ", $what, " in formats; the same for ever.")]
            #[must_use]
            pub const fn number(self) -> u32 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The inverse of [`number`](Self::number).
            #[must_use]
            pub const fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// As people write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The inverse of [`name`](Self::name).
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use numbered;

numbered!(Signed, "of what must be signed": Auto = 0 "auto", Always = 1 "yes", Never = 2 "no",);
numbered!(Unreachable, "of what is told": Silence = 0 "silence", Reject = 1 "reject",);

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned as _;
    use alloc::{format, vec};

    use super::*;
    use crate::SourceRange;

    fn policy() -> RadiusPolicy {
        let ranges = Sources::new([SourceRange::parse("192.0.2.0/24").unwrap()]).unwrap();
        RadiusPolicy { ranges, ..RadiusPolicy::default() }
    }

    fn named() -> RadiusPolicy {
        let certificates = CertificateNames::parse(["vpn.example"]).unwrap();
        RadiusPolicy { certificates, ..RadiusPolicy::default() }
    }

    fn with_targets(count: usize, timeout_milliseconds: u32) -> RadiusPolicy {
        let target = RadiusTarget { address: "r1:1812".to_owned(), timeout_milliseconds };
        RadiusPolicy { targets: vec![target; count], ..policy() }
    }

    fn with_attributes(count: usize, bytes: usize) -> RadiusPolicy {
        let [group, name] = ["", "Class"].map(str::to_owned);
        let attribute = ReplyAttribute { group, name, value: "x".repeat(bytes) };
        RadiusPolicy { attributes: vec![attribute; count], ..policy() }
    }

    #[test]
    fn a_policy_stands_up_to_each_bound_and_not_beyond() {
        let code = |code| RadiusPolicy { code, ..policy() };
        let by = |bytes| "+".repeat(bytes);
        let host = |bytes| format!("{}:1812", "r".repeat(bytes));
        let at = |address: &str| {
            let address = address.to_owned();
            let target = RadiusTarget { address, timeout_milliseconds: 1_000 };
            RadiusPolicy { targets: vec![target], ..policy() }
        };
        let cases = [
            (RadiusPolicy::default(), Err(RadiusFault::NoDevice)),
            (named(), Ok(())),
            (with_targets(8, 100), Ok(())),
            (with_targets(1, 60_000), Ok(())),
            (with_targets(9, 100), Err(RadiusFault::Targets)),
            (at(&host(256)), Ok(())),
            (at(&host(257)), Err(RadiusFault::TargetAddress)),
            (at("[2001:db8::1]:1812"), Ok(())),
            (at("r1"), Err(RadiusFault::TargetAddress)),
            (at(":1812"), Err(RadiusFault::TargetAddress)),
            (at("r1:0"), Err(RadiusFault::TargetAddress)),
            (at("r1:65536"), Err(RadiusFault::TargetAddress)),
            (with_targets(1, 99), Err(RadiusFault::Timeout)),
            (with_targets(1, 60_001), Err(RadiusFault::Timeout)),
            (with_attributes(32, 253), Ok(())),
            (with_attributes(33, 1), Err(RadiusFault::Attributes)),
            (with_attributes(1, 254), Err(RadiusFault::Attributes)),
            (code(CodePlace::Behind(by(0))), Ok(())),
            (code(CodePlace::Behind(by(8))), Ok(())),
            (code(CodePlace::Behind(by(9))), Err(RadiusFault::Separator)),
            (code(CodePlace::Before(by(0))), Err(RadiusFault::Separator)),
            (code(CodePlace::Before(by(8))), Ok(())),
            (code(CodePlace::Before(by(9))), Err(RadiusFault::Separator)),
        ];
        for (policy, expected) in cases {
            assert_eq!(policy.check(), expected, "{policy:?}");
        }
    }

    #[test]
    fn a_device_that_comes_over_tls_alone_has_no_address_and_need_not_sign() {
        let device = "192.0.2.7".parse().unwrap();
        assert!(policy().has(device) && !named().has(device));
        assert_eq!(policy().warnings().count(), 1);
        assert_eq!(named().warnings().count(), 0);
    }

    #[test]
    fn whoever_has_signed_must_and_all_must_once_no_more_can_be_kept() {
        let host = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        let client = |signed, count| RadiusClient {
            id: ApplicationId(1),
            policy: RadiusPolicy { signed, ..policy() },
            secrets: Sealed::new(Vec::new()),
            old_secret_until: None,
            signers: (0..count).map(host).collect(),
            changed_at: LogIndex(1),
        };
        let dressed = "::ffff:0.0.0.7".parse().unwrap();
        for (signed, count, must) in [
            (Signed::Auto, 0, [false; 2]),
            (Signed::Auto, 255, [true, false]),
            (Signed::Auto, 256, [true; 2]),
            (Signed::Always, 0, [true; 2]),
            (Signed::Never, 256, [false; 2]),
        ] {
            let found =
                [dressed, host(1_000)].map(|device| client(signed, count).must_sign(device));
            assert_eq!(found, must, "{signed:?} {count}");
        }
    }
}
