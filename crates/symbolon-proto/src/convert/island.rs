//! Codes that nodes without a quorum let each other take.

use prost::Message as _;
use symbolon_core::{Hold, Holder, JournalId, Match, NodeId, RecordId, TokenId};

use super::{DecodeError, caller_from_proto, caller_to_proto, need, request_id};
use crate::peer::v1 as peer;
use crate::store::v1 as store;

fn to_proto(hold: &Hold, node: NodeId) -> store::AgreedCode {
    store::AgreedCode {
        step: hold.shown.step,
        caller: Some(caller_to_proto(hold.holder.caller)),
        request_id: hold.holder.request_id.0.to_vec(),
        node: node.0,
        journal: hold.record.journal.0.to_vec(),
        number: hold.record.number,
    }
}

fn from_proto(token: TokenId, code: store::AgreedCode) -> Result<(Hold, NodeId), DecodeError> {
    let journal = need(JournalId::from_slice(&code.journal), "journal")?;
    let hold = Hold {
        shown: Match { token, step: code.step },
        holder: Holder {
            request_id: request_id(&code.request_id)?,
            caller: caller_from_proto(code.caller)?,
        },
        record: RecordId { journal, number: code.number },
    };
    Ok((hold, NodeId(code.node)))
}

/// A code that this node has let `node` take, as it stands on disk; the token is its key.
#[must_use]
pub fn agreed_encode(hold: &Hold, node: NodeId) -> Vec<u8> {
    to_proto(hold, node).encode_to_vec()
}

/// Reads what [`agreed_encode`] wrote.
///
/// # Errors
/// [`DecodeError`] when the bytes are damaged or of a newer release.
pub fn agreed_decode(token: TokenId, bytes: &[u8]) -> Result<(Hold, NodeId), DecodeError> {
    from_proto(token, store::AgreedCode::decode(bytes).map_err(DecodeError::Malformed)?)
}

/// A code that `node` offers to its peers.
#[must_use]
pub fn offer_to_proto(hold: &Hold, node: NodeId) -> peer::Offer {
    peer::Offer { token: hold.shown.token.0, code: Some(to_proto(hold, node)) }
}

/// Reads an offer, with the node that it says to be of.
///
/// # Errors
/// [`DecodeError`].
pub fn offer_from_proto(offer: peer::Offer) -> Result<(Hold, NodeId), DecodeError> {
    from_proto(TokenId(offer.token), need(offer.code, "code")?)
}
