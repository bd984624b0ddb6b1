//! What another server has replied, on its way to the client.

use symbolon_core::Secret;

use crate::attribute::{Kind, microsoft, vendor};
use crate::hidden::{Cover, HiddenError, Salt};
use crate::packet::{Attribute, Attributes, Packet};
use crate::writer::Writer;

/// Adds the attributes of another server's reply that `wanted` says yes to, in order. What is hidden
/// in them is hidden anew: keys of Microsoft and Tunnel-Password. Message-Authenticator and
/// Proxy-State belong to one hop and are left out.
///
/// `from` is what that server hides under, `secret` the one of the client, and `salts` draws a salt
/// for each value that needs one, no two alike.
///
/// # Errors
/// [`HiddenError`] for a value that cannot be revealed. What does not fit is told by
/// [`Writer::finish`].
pub fn relay(
    writer: &mut Writer,
    reply: &Packet<'_>,
    from: &Cover<'_>,
    secret: &Secret,
    wanted: impl Fn(&Attribute<'_>) -> bool,
    mut salts: impl FnMut() -> Salt,
) -> Result<(), HiddenError> {
    for attribute in reply.attributes().filter(|attribute| wanted(attribute)) {
        match attribute.kind {
            Kind::MESSAGE_AUTHENTICATOR | Kind::PROXY_STATE => (),
            Kind::TUNNEL_PASSWORD => {
                let to = writer.cover(secret);
                let value = from.carry_over_tunnel_password(attribute.value, &to, salts())?;
                writer.attribute(attribute.kind, &value);
            }
            Kind::VENDOR_SPECIFIC => vendor_specific(writer, &attribute, from, secret, &mut salts)?,
            kind => {
                writer.attribute(kind, attribute.value);
            }
        }
    }
    Ok(())
}

/// The attributes of another server's reply that `wanted` says yes to, as bytes that [`carry_on`] reads:
/// for a reply to a later request. What is hidden, or may be, is left out: keys of Microsoft and
/// Tunnel-Password.
#[must_use]
pub fn carry(reply: &Packet<'_>, wanted: impl Fn(&Attribute<'_>) -> bool) -> Vec<u8> {
    let is_hidden = |attribute: &Attribute<'_>| {
        attribute.kind == Kind::TUNNEL_PASSWORD || attribute.of_vendor(vendor::MICROSOFT).is_some()
    };
    let mut carried = Vec::new();
    for attribute in reply.attributes().filter(|it| !is_hidden(it) && wanted(it)) {
        attribute.write(&mut carried);
    }
    carried
}

/// Adds the attributes that [`carry`] wrote and `wanted` says yes to, in order.
pub fn carry_on(writer: &mut Writer, carried: &[u8], wanted: impl Fn(&Attribute<'_>) -> bool) {
    for attribute in Attributes::of(carried).filter(|attribute| wanted(attribute)) {
        writer.attribute(attribute.kind, attribute.value);
    }
}

fn vendor_specific(
    writer: &mut Writer,
    attribute: &Attribute<'_>,
    from: &Cover<'_>,
    secret: &Secret,
    salts: &mut impl FnMut() -> Salt,
) -> Result<(), HiddenError> {
    let Some(parts) = attribute.of_vendor(vendor::MICROSOFT) else {
        writer.attribute(attribute.kind, attribute.value);
        return Ok(());
    };
    // Each in an attribute of its own: hidden anew, what was together may not fit any more.
    for part in parts {
        let to = writer.cover(secret);
        let value = match part.kind.0 {
            microsoft::MPPE_SEND_KEY | microsoft::MPPE_RECV_KEY => {
                from.carry_over(part.value, &to, salts())?
            }
            microsoft::CHAP_MPPE_KEYS => from.carry_over_password(part.value, &to)?,
            _ => part.value.to_vec(),
        };
        writer.vendor(vendor::MICROSOFT, part.kind.0, &value);
    }
    Ok(())
}
