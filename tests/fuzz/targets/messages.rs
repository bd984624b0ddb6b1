//! Messages of the log, of the image, of the audit, and of peers. What is taken is the same after it was
//! written and read once more.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use symbolon_core::{LogIndex, TokenId};
use symbolon_proto as proto;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 8 {
        0 => {
            let Ok(row) = proto::row_decode(bytes) else { return };
            assert!(proto::row_decode(&proto::row_encode(&row)).is_ok_and(|again| again == row));
        }
        1 => {
            let Ok((at, proposals)) = proto::batch_decode(bytes) else { return };
            let again = proto::batch_decode(&proto::batch_encode(at, &proposals));
            assert!(again.is_ok_and(|again| again == (at, proposals)));
        }
        2 => {
            let Ok(proposal) = proto::proposal_decode(bytes) else { return };
            let again = proto::proposal_decode(&proto::proposal_encode(&proposal));
            assert!(again.is_ok_and(|again| again == proposal));
        }
        3 => {
            let _ = proto::audit_decode(LogIndex(7), bytes);
            let _ = proto::audit_head(bytes);
        }
        4 => {
            let Ok((hold, node)) = proto::agreed_decode(TokenId(7), bytes) else { return };
            let again = proto::agreed_decode(TokenId(7), &proto::agreed_encode(&hold, node));
            assert!(again.is_ok_and(|again| again == (hold, node)));
        }
        5 => {
            let Ok(message) = proto::peer::v1::Answer::decode(bytes) else { return };
            let Ok(answer) = proto::answer_from_proto(message) else { return };
            let again = proto::answer_from_proto(proto::answer_to_proto(&answer));
            assert!(again.is_ok_and(|again| again == answer));
        }
        6 => {
            let Ok(message) = proto::peer::v1::Offer::decode(bytes) else { return };
            let _ = proto::offer_from_proto(message);
        }
        _ => {
            let Ok(message) = proto::store::v1::Scalars::decode(bytes) else { return };
            let _ = proto::scalars_from_proto(&message);
        }
    }
});
