//! What fuzzers of this crate reach: decoders of what peers send and strangers show.

use bytes::Bytes;
use prost::Message as _;
use symbolon_proto::peer::v1 as peer;
use symbolon_proto::store::v1 as store;

use crate::audit_extent::Extent;
use crate::convert;
use crate::digests::Checkpoint;
use crate::epochs::Statement;
use crate::keys::pin_of;

/// Decodes `bytes` as one kind of them. Whatever they are, it does not panic.
pub fn decode(kind: u8, bytes: &[u8]) {
    match kind % 8 {
        0 => drop(convert::entry_decode(Bytes::copy_from_slice(bytes))),
        1 => drop(convert::log_id_decode(bytes)),
        2 => drop(convert::vote_decode(bytes)),
        3 => drop(convert::stored_membership_decode(bytes)),
        4 => drop(Statement::decode(bytes).map(|statement| statement.encode())),
        5 => drop(Extent::decode(bytes)),
        6 => drop(pin_of(bytes)),
        _ => {
            if let Ok(message) = peer::Checkpoint::decode(bytes) {
                let _ = Checkpoint::from_proto(&message);
            }
            if let Ok(message) = store::LogId::decode(bytes) {
                let _ = convert::log_id_from_proto(&message);
            }
        }
    }
}
