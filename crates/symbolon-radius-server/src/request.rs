//! What a request asks, once it is known to be one.

use std::net::IpAddr;

use symbolon_core::{CodePlace, Secret};
use symbolon_radius::attribute::{microsoft, vendor};
use symbolon_radius::{BadRequest, Cover, Kind, Packet, Signed, check_request};
use symbolon_service::Service;
use zeroize::Zeroizing;

use crate::devices::Devices;

/// What this cluster adds to what it sends to targets. A request that has it has gone round in a circle.
pub(crate) const OWN_PROXY_STATE: &[u8] = b"symbolon";
/// Digits of a code that stands behind a password with nothing between them.
const CODE_DIGITS: usize = 6;

/// Why a request is not answered: who sent it is not to be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It is wrong in itself.
    #[error(transparent)]
    Bad(#[from] BadRequest),
    /// Whoever is between could have made it: CVE-2024-3596.
    #[error("it has Proxy-State and no Message-Authenticator; have the proxy sign its requests")]
    UnsignedProxyState,
    /// The device must sign.
    #[error("it has no Message-Authenticator, and the device is known to send it, or must")]
    MustSign,
    /// It was hidden with another secret.
    #[error("what was typed is no text; do both sides have the same secret?")]
    Unreadable,
    /// This cluster sent it to a target, which sent it back.
    #[error(
        "it has gone round in a circle: a target sends it back to this cluster; have the target answer by itself \
         what comes from this cluster"
    )]
    Circle,
}

impl Refused {
    /// For metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Bad(bad) => bad.label(),
            Self::UnsignedProxyState => "unsigned_proxy_state",
            Self::MustSign => "must_sign",
            Self::Unreadable => "unreadable",
            Self::Circle => "circle",
        }
    }
}

/// A request that is to be believed.
pub(crate) struct Believed {
    /// The secret that it was made with, and that its reply is made with.
    pub(crate) secret: Secret,
    pub(crate) signed: Signed,
}

/// Finds out whether a request of a device is to be believed, and with which secret it was made.
pub(crate) fn believe(
    packet: &Packet<'_>,
    devices: &Devices,
    device: IpAddr,
    service: &Service,
) -> Result<Believed, Refused> {
    let mut refused = None;
    for secret in devices.taken(service) {
        match check_request(packet, secret) {
            Ok(Signed::Yes) => {
                goes_on(packet)?;
                return Ok(Believed { secret: secret.clone(), signed: Signed::Yes });
            }
            Ok(Signed::No) => return unsigned(packet, devices, device, service),
            Err(bad) => refused = refused.or(Some(bad)),
        }
    }
    Err(refused.map_or(Refused::MustSign, Refused::Bad))
}

/// The same over TLS. Who sent it is known by the certificate, so it need not be signed.
pub(crate) fn believe_over_tls(
    packet: &Packet<'_>,
    devices: &Devices,
    secret: &Secret,
) -> Result<Believed, Refused> {
    let signed = check_request(packet, secret)?;
    goes_on(packet)?;
    if signed == Signed::No && hides(packet) && !is_readable(packet, devices, secret) {
        return Err(Refused::Unreadable);
    }
    Ok(Believed { secret: secret.clone(), signed })
}

/// Refuses what has gone round in a circle.
fn goes_on(packet: &Packet<'_>) -> Result<(), Refused> {
    let is_ours = |state: &[u8]| state == OWN_PROXY_STATE;
    if packet.all(Kind::PROXY_STATE).any(is_ours) { Err(Refused::Circle) } else { Ok(()) }
}

fn unsigned(
    packet: &Packet<'_>,
    devices: &Devices,
    device: IpAddr,
    service: &Service,
) -> Result<Believed, Refused> {
    if devices.row.must_sign(device) {
        return Err(Refused::MustSign);
    }
    if packet.first(Kind::PROXY_STATE).is_some() {
        return Err(Refused::UnsignedProxyState);
    }
    // Nothing in it was made with the secret: anybody could have sent it, and have a target lock the user out.
    let proves_nothing =
        packet.vendor(vendor::MICROSOFT, microsoft::CHAP2_RESPONSE).next().is_some();
    if proves_nothing && devices.row.policy.signed != symbolon_core::Signed::Never {
        return Err(Refused::MustSign);
    }
    let is_readable = |secret: &&Secret| is_readable(packet, devices, secret);
    let secret = match devices.taken(service).find(is_readable) {
        Some(secret) => secret,
        // Whoever sent it has not the secret, or the device writes no UTF-8.
        None if hides(packet) => return Err(Refused::Unreadable),
        None => &devices.secrets.current,
    };
    Ok(Believed { secret: secret.clone(), signed: Signed::No })
}

fn hides(packet: &Packet<'_>) -> bool {
    packet.first(Kind::USER_PASSWORD).is_some()
}

/// Whether what was typed is text, if this is the secret that it was hidden with. Of what is not signed, only
/// what was hidden can tell with which.
fn is_readable(packet: &Packet<'_>, devices: &Devices, secret: &Secret) -> bool {
    let typed = password(packet, secret);
    // A code is typed in ASCII, a password in whatever letters there are.
    let of_a_code = |typed: &str| typed.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_code = devices.row.policy.targets.is_empty();
    typed.is_some_and(|typed| {
        typed.chars().all(|c| !c.is_control()) && (!is_code || of_a_code(&typed))
    })
}

/// What proves a password that was not sent: MS-CHAP-Challenge and MS-CHAP2-Response (RFC 2548 section 2.3).
/// Who knows the password can judge it, and this cluster does not.
#[derive(Clone, Copy)]
pub(crate) struct MsChap2<'p> {
    /// 16 bytes.
    pub(crate) challenge: &'p [u8],
    /// 50 bytes.
    pub(crate) response: &'p [u8],
}

/// Bytes of its parts.
const CHALLENGE_BYTES: usize = 16;
const RESPONSE_BYTES: usize = 50;

impl<'p> MsChap2<'p> {
    fn of(packet: &Packet<'p>) -> Option<Self> {
        let one = |kind, bytes| {
            let value = packet.vendor(vendor::MICROSOFT, kind).next();
            value.filter(|value| value.len() == bytes)
        };
        let challenge = one(microsoft::CHAP_CHALLENGE, CHALLENGE_BYTES)?;
        Some(Self { challenge, response: one(microsoft::CHAP2_RESPONSE, RESPONSE_BYTES)? })
    }
}

/// How the user proves who they are.
pub(crate) enum Proof<'p> {
    /// User-Password.
    Password(Zeroizing<String>),
    /// For a target to judge.
    MsChap2(MsChap2<'p>),
    /// Something that this cluster cannot judge, by name.
    Other(&'static str),
}

/// What was typed as the password, if it is text.
fn password(packet: &Packet<'_>, secret: &Secret) -> Option<Zeroizing<String>> {
    let hidden = packet.first(Kind::USER_PASSWORD)?;
    let shown = Cover::new(secret, packet.authenticator()).reveal_password(hidden).ok()?;
    let text = std::str::from_utf8(&shown).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

/// Finds out how the user of an Access-Request proves who they are.
pub(crate) fn proof<'p>(packet: &Packet<'p>, secret: &Secret) -> Proof<'p> {
    if packet.first(Kind::EAP_MESSAGE).is_some() {
        return Proof::Other("EAP");
    }
    if packet.first(Kind::CHAP_PASSWORD).is_some() {
        return Proof::Other("CHAP");
    }
    let of_microsoft = |kind| packet.vendor(vendor::MICROSOFT, kind).next().is_some();
    if of_microsoft(microsoft::CHAP2_RESPONSE) {
        return MsChap2::of(packet).map_or(Proof::Other("malformed MS-CHAPv2"), Proof::MsChap2);
    }
    if of_microsoft(microsoft::CHAP_RESPONSE) {
        return Proof::Other("MS-CHAP");
    }
    password(packet, secret).map_or(Proof::Other("none"), Proof::Password)
}

/// Where the user comes from, if the device says so and it is an address.
pub(crate) fn client_ip(packet: &Packet<'_>) -> String {
    let station = packet.text(Kind::CALLING_STATION_ID).unwrap_or_default();
    station.parse::<IpAddr>().map(|address| address.to_string()).unwrap_or_default()
}

/// What was typed, taken apart.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Typed {
    pub(crate) password: Zeroizing<String>,
    /// `None`: there is none in it, and it is asked for.
    pub(crate) code: Option<Zeroizing<String>>,
}

/// Takes apart what was typed as the password where there is a first factor. What has no code in it where one
/// must be is a password without a code, which no target need be asked about: `None`.
pub(crate) fn take_apart(typed: &str, place: &CodePlace) -> Option<Typed> {
    let own = |text: &str| Zeroizing::new(text.to_owned());
    let both =
        |password: &str, code: &str| Some(Typed { password: own(password), code: Some(own(code)) });
    match place {
        CodePlace::Challenge => Some(Typed { password: own(typed), code: None }),
        CodePlace::Behind(by) if by.is_empty() => {
            let cut = typed.len().checked_sub(CODE_DIGITS)?;
            let (password, code) = typed.split_at_checked(cut)?;
            if !code.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            both(password, code)
        }
        CodePlace::Behind(by) => {
            let (password, code) = typed.rsplit_once(by.as_str())?;
            both(password, code)
        }
        CodePlace::Before(by) => {
            let (code, password) = typed.split_once(by.as_str())?;
            both(password, code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(typed: &str, place: &CodePlace) -> Option<(String, Option<String>)> {
        let typed = take_apart(typed, place)?;
        Some((typed.password.to_string(), typed.code.map(|code| code.to_string())))
    }

    #[test]
    fn what_is_typed_is_taken_apart_where_the_policy_says() {
        let both = |password: &str, code: &str| Some((password.to_owned(), Some(code.to_owned())));
        let behind = CodePlace::Behind(String::new());
        assert_eq!(apart("secret123456", &behind), both("secret", "123456"));
        assert_eq!(apart("pass9123456", &behind), both("pass9", "123456"));
        assert_eq!(apart("12345", &behind), None);
        assert_eq!(apart("secretabcdef", &behind), None);
        assert_eq!(apart("größe€12345", &behind), None, "the cut is within a letter");
        let comma = CodePlace::Behind(",".to_owned());
        assert_eq!(apart("a,b,1234-5678", &comma), both("a,b", "1234-5678"));
        assert_eq!(apart("secret", &comma), None);
        let before = CodePlace::Before(":".to_owned());
        assert_eq!(apart("123456:a:b", &before), both("a:b", "123456"));
        assert_eq!(apart("secret", &CodePlace::Challenge), Some(("secret".to_owned(), None)));
    }
}
