//! Packets of the RFCs, and packets of every kind there and back.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod hidden;
#[cfg(test)]
mod random;
#[cfg(test)]
mod relayed;
#[cfg(test)]
mod ttls;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod writing;

#[cfg(test)]
use given::{AUTHENTICATOR, other_secret, read, request, secret};

#[cfg(test)]
mod given {
    use symbolon_core::Secret;
    use symbolon_radius::{Authenticator, Code, Packet, Writer};

    /// The secret of all examples of RFC 2865 and RFC 5997.
    pub(crate) fn secret() -> Secret {
        Secret::new(b"xyzzy5461".to_vec())
    }

    /// Longer than a block of MD5, which has 64 bytes.
    pub(crate) fn other_secret() -> Secret {
        Secret::new(b"another secret ".repeat(5))
    }

    pub(crate) const AUTHENTICATOR: Authenticator = *b"0123456789abcdef";

    /// An Access-Request that is signed.
    pub(crate) fn request(build: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::request(Code::AccessRequest, 42, AUTHENTICATOR);
        build(&mut writer);
        writer.finish(&secret()).unwrap()
    }

    pub(crate) fn read(bytes: &[u8]) -> Packet<'_> {
        Packet::read(bytes).map_err(|malformed| malformed.to_string()).unwrap()
    }
}
