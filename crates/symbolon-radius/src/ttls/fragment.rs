//! TLS messages in pieces that EAP can carry (RFC 5281 sections 9.1 and 9.2).

use crate::eap::{EapCode, EapPacket, EapType};

/// Bytes of the longest TLS message that is put together. A client has no certificate to send, and
/// its longest message is a ClientHello, 2 KiB with keys that withstand quantum computers.
pub const TLS_MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The length of the whole message follows.
const LENGTH: u8 = 0x80;
/// More pieces follow.
const MORE: u8 = 0x40;
/// The server begins.
const START: u8 = 0x20;
const VERSION: u8 = 0x07;
/// EAP header, type, flags and length.
const OVERHEAD_BYTES: usize = 4 + 1 + 1 + 4;

/// What cannot be in the pieces of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BadFragment;

/// The data of one EAP-TTLS packet.
#[derive(Clone, Copy)]
pub(super) struct Fragment<'a> {
    more: bool,
    length: Option<usize>,
    pub(super) data: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Reads what a client sends: never the start, and no version but 0, which is the only one that
    /// was offered (RFC 5281 section 9.1).
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, BadFragment> {
        let (flags, data) = bytes.split_first().ok_or(BadFragment)?;
        if flags & (START | VERSION) != 0 {
            return Err(BadFragment);
        }
        let (length, data) = match flags & LENGTH {
            0 => (None, data),
            _ => {
                let (length, data) = data.split_first_chunk().ok_or(BadFragment)?;
                let length = usize::try_from(u32::from_be_bytes(*length));
                (Some(length.map_err(|_| BadFragment)?), data)
            }
        };
        Ok(Self { more: flags & MORE != 0, length, data })
    }

    /// Whether it only says that the client waits.
    pub(super) const fn is_acknowledgement(&self) -> bool {
        self.data.is_empty() && !self.more
    }
}

/// Pieces that have come in.
#[derive(Default)]
pub(super) struct Incoming {
    whole: Vec<u8>,
    length: Option<usize>,
}

impl Incoming {
    /// Takes a piece. The message when it is whole, nothing while pieces are missing.
    pub(super) fn take(&mut self, piece: &Fragment<'_>) -> Result<Option<Vec<u8>>, BadFragment> {
        if self.whole.is_empty() {
            self.length = piece.length;
        }
        let length = self.whole.len() + piece.data.len();
        let stated = self.length.unwrap_or(length);
        // A piece without bytes that announces more would let a client go round for nothing.
        if length > TLS_MESSAGE_BYTES_MAX
            || stated > TLS_MESSAGE_BYTES_MAX
            || length > stated
            || (piece.more && piece.data.is_empty())
        {
            return Err(BadFragment);
        }
        self.whole.extend(piece.data);
        if piece.more {
            return Ok(None);
        }
        let whole = core::mem::take(&mut self.whole);
        match self.length.take() {
            Some(stated) if stated != whole.len() => Err(BadFragment),
            _ => Ok(Some(whole)),
        }
    }
}

/// A message on its way out.
#[derive(Default)]
pub(super) struct Outgoing {
    whole: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    pub(super) fn new(whole: Vec<u8>) -> Self {
        Self { whole, sent: 0 }
    }

    /// Whether the client has to acknowledge what it got before it says anything.
    pub(super) fn is_pending(&self) -> bool {
        self.sent < self.whole.len()
    }

    /// The next request, of at most `eap_bytes`; one without data when there is nothing to send.
    pub(super) fn next(&mut self, identifier: u8, eap_bytes: usize) -> Vec<u8> {
        let rest = self.whole.get(self.sent..).unwrap_or_default();
        let (piece, behind) =
            rest.split_at(rest.len().min(eap_bytes.saturating_sub(OVERHEAD_BYTES)));
        let more = if behind.is_empty() { 0 } else { MORE };
        let mut data = Vec::with_capacity(piece.len() + 5);
        match u32::try_from(self.whole.len()) {
            // The first of several pieces says how long they are together.
            Ok(length) if self.sent == 0 && more != 0 => {
                data.push(LENGTH | more);
                data.extend(length.to_be_bytes());
            }
            _ => data.push(more),
        }
        data.extend(piece);
        self.sent += piece.len();
        if !self.is_pending() {
            *self = Self::default();
        }
        request(identifier, &data)
    }
}

/// The first request of the method.
pub(super) fn start(identifier: u8) -> Vec<u8> {
    request(identifier, &[START])
}

fn request(identifier: u8, data: &[u8]) -> Vec<u8> {
    let kind = Some(EapType::TTLS);
    let packet = EapPacket { code: EapCode::Request, identifier, kind, data };
    // Never longer than `EAP_BYTES_MAX`.
    packet.write().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(incoming: &mut Incoming, bytes: &[u8]) -> Result<Option<Vec<u8>>, BadFragment> {
        incoming.take(&Fragment::read(bytes)?)
    }

    #[test]
    fn pieces_become_a_message() {
        let mut incoming = Incoming::default();
        assert_eq!(take(&mut incoming, &[0xc0, 0, 0, 0, 5, 1, 2]), Ok(None));
        assert_eq!(take(&mut incoming, &[0x40, 3]), Ok(None));
        assert_eq!(take(&mut incoming, &[0, 4, 5]), Ok(Some(vec![1, 2, 3, 4, 5])));
        assert_eq!(take(&mut incoming, &[0x80, 0, 0, 0, 1, 9]), Ok(Some(vec![9])));
        assert_eq!(take(&mut incoming, &[0]), Ok(Some(vec![])));
    }

    #[test]
    fn pieces_that_cannot_be() {
        for bytes in [
            &[][..],
            &[0x20],                   // the start
            &[0x01],                   // another version
            &[0x80, 0, 0, 1],          // a length that is cut off
            &[0x80, 0, 0, 0, 2, 1],    // shorter than it says
            &[0x80, 0, 0, 0, 1, 1, 2], // longer
            &[0xc0, 0, 0, 0x40, 1, 1], // over the limit
            &[0xc0, 0, 0, 0, 9],       // more, and nothing now
        ] {
            assert_eq!(take(&mut Incoming::default(), bytes), Err(BadFragment), "{bytes:?}");
        }
    }

    #[test]
    fn no_client_has_more_kept_than_the_limit() {
        let mut incoming = Incoming::default();
        let piece = [&[0x40][..], &[7; 1024]].concat();
        for _ in 0..16 {
            assert_eq!(take(&mut incoming, &piece), Ok(None));
        }
        assert_eq!(take(&mut incoming, &piece), Err(BadFragment));
        assert_eq!(incoming.whole.len(), TLS_MESSAGE_BYTES_MAX);
    }

    #[test]
    fn a_message_goes_in_pieces_that_come_together_again() {
        let message: Vec<u8> = (0..2500).map(|at| u8::try_from(at % 256).unwrap()).collect();
        for eap_bytes in [256, 1024, 2505, 2506, 2510] {
            let mut outgoing = Outgoing::new(message.clone());
            let mut incoming = Incoming::default();
            let mut pieces = 0;
            let whole = loop {
                let bytes = outgoing.next(7, eap_bytes);
                assert!(bytes.len() <= eap_bytes);
                pieces += 1;
                let packet = EapPacket::read(&bytes).ok().unwrap();
                assert_eq!((packet.identifier, packet.kind), (7, Some(EapType::TTLS)));
                let whole = take(&mut incoming, packet.data).unwrap();
                assert_eq!(whole.is_none(), outgoing.is_pending());
                if let Some(whole) = whole {
                    break whole;
                }
            };
            assert_eq!(whole, message);
            assert_eq!(pieces, message.len().div_ceil(eap_bytes - OVERHEAD_BYTES));
        }
        assert_eq!(Outgoing::default().next(7, 1024), [1, 7, 0, 6, 21, 0]);
        assert_eq!(start(7), [1, 7, 0, 6, 21, 0x20]);
    }
}
