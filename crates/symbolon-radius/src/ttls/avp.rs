//! What goes through the tunnel: attribute-value pairs (RFC 5281 section 10).

use crate::attribute::Kind;

/// The other side has to understand it (RFC 5281 section 10.1).
const MANDATORY: u8 = 0x40;
/// It is one of a vendor.
const VENDOR: u8 = 0x80;
const HEADER_BYTES: usize = 8;
const ALIGNMENT_BYTES: usize = 4;
/// Codes up to this one are those of RADIUS.
const RADIUS_CODE_MAX: u32 = 255;

/// One pair. It has no `Debug`: it may hold a password.
#[derive(Clone, Copy)]
pub(super) struct Avp<'a> {
    vendor: u32,
    code: u32,
    mandatory: bool,
    pub(super) value: &'a [u8],
}

/// Why there are no pairs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BadAvp;

impl Avp<'_> {
    /// Its type, when it is an attribute of RADIUS.
    pub(super) fn kind(&self) -> Option<Kind> {
        let code = u8::try_from(self.code).ok().filter(|_| self.vendor == 0)?;
        Some(Kind(code))
    }

    /// Its vendor's number, 0 for none, and its type.
    pub(super) const fn vendor_and_code(&self) -> (u32, u32) {
        (self.vendor, self.code)
    }

    /// Whether nothing can be done before it is understood. Those of RADIUS are, or do no harm.
    pub(super) const fn is_unknown_and_mandatory(&self) -> bool {
        self.mandatory && (self.vendor != 0 || self.code > RADIUS_CODE_MAX)
    }
}

/// Pairs one after the other; the last one may lack its padding.
pub(super) struct Avps<'a> {
    rest: &'a [u8],
}

impl<'a> Avps<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn split(&mut self) -> Option<Avp<'a>> {
        let ([code @ .., flags, high, middle, low], _) =
            self.rest.split_first_chunk::<HEADER_BYTES>()?;
        let length = u32::from_be_bytes([0, *high, *middle, *low]);
        let length = usize::try_from(length).ok()?;
        let body = self.rest.get(HEADER_BYTES..length)?;
        let (vendor, value) = match flags & VENDOR {
            0 => (0, body),
            _ => {
                let (vendor, value) = body.split_first_chunk()?;
                (u32::from_be_bytes(*vendor), value)
            }
        };
        let padded = length.next_multiple_of(ALIGNMENT_BYTES);
        self.rest = self.rest.get(padded..).unwrap_or_default();
        let code = u32::from_be_bytes(*code.first_chunk()?);
        Some(Avp { vendor, code, mandatory: flags & MANDATORY != 0, value })
    }
}

impl<'a> Iterator for Avps<'a> {
    type Item = Result<Avp<'a>, BadAvp>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let avp = self.split().ok_or(BadAvp);
        if avp.is_err() {
            self.rest = &[];
        }
        Some(avp)
    }
}

/// A mandatory pair of RADIUS, with its padding. The value is the server's own and short.
pub(super) fn write(kind: Kind, value: &[u8]) -> Vec<u8> {
    let length = HEADER_BYTES + value.len();
    let [_, high, middle, low] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = Vec::with_capacity(length.next_multiple_of(ALIGNMENT_BYTES));
    bytes.extend([0, 0, 0, kind.0, MANDATORY, high, middle, low]);
    bytes.extend(value);
    bytes.resize(length.next_multiple_of(ALIGNMENT_BYTES), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_with_and_without_vendor_and_padding() {
        let name = write(Kind::USER_NAME, b"alice");
        assert_eq!(name, [&[0, 0, 0, 1, 0x40, 0, 0, 13][..], b"alice\0\0\0"].concat());
        let vendor = [0, 0, 0, 11, 0xc0, 0, 0, 14, 0, 0, 1, 55, 8, 9, 0, 0];
        let last = [0, 0, 1, 0, 0, 0, 0, 9, 7];
        let bytes = [&name[..], &vendor, &last].concat();
        let avps: Vec<_> = Avps::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(avps.len(), 3);
        assert_eq!((avps[0].kind(), avps[0].value), (Some(Kind::USER_NAME), &b"alice"[..]));
        assert!(!avps[0].is_unknown_and_mandatory());
        assert_eq!((avps[1].kind(), avps[1].vendor_and_code()), (None, (311, 11)));
        assert_eq!(avps[1].value, [8, 9]);
        assert!(avps[1].is_unknown_and_mandatory());
        assert_eq!((avps[2].kind(), avps[2].value), (None, &[7][..]));
        assert!(!avps[2].is_unknown_and_mandatory());
    }

    #[test]
    fn pairs_that_cannot_be() {
        for bytes in [
            &[0][..],
            &[0, 0, 0, 1, 0x40, 0, 0, 7],
            &[0, 0, 0, 1, 0x40, 0, 0, 0],
            &[0, 0, 0, 1, 0x40, 0, 0, 9],
            &[0, 0, 0, 1, 0x40, 0xff, 0xff, 0xff],
            &[0, 0, 0, 1, 0x80, 0, 0, 11, 0, 0, 1],
        ] {
            let mut avps = Avps::new(bytes);
            assert!(avps.next().is_some_and(|avp| avp.is_err()), "{bytes:?}");
            assert!(avps.next().is_none());
        }
        assert!(Avps::new(&[]).next().is_none());
    }
}
