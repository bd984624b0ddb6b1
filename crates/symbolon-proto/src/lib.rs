//! The formats of Symbolon: what clients and peers send, and what stands on disk.
//!
//! This crate owns the code generated from `proto/` and the conversions between it and the domain.
//! It must never know how anything is stored, served or decided.
//!
//! Nothing here prints content: no message has `Debug`, since they carry codes, seeds and keys.

mod convert;

pub use convert::{
    AuditHead, DecodeError, FORMAT_LEVEL, agreed_decode, agreed_encode, answer_from_proto,
    answer_to_proto, audit_decode, audit_encode, audit_head, audit_read, batch_decode,
    batch_encode, digest_bytes, offer_from_proto, offer_to_proto, proposal_decode, proposal_encode,
    reason_detail, row_decode, row_encode, row_key_encode, scalars_from_proto, scalars_to_proto,
};

/// What clients speak: package `symbolon.v1`.
#[expect(missing_docs, reason = "documented in the .proto files")]
#[expect(unused_qualifications, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("symbolon.v1");

    /// Encoded `FileDescriptorSet` of the package, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/symbolon_v1.bin"));
}

/// What nodes speak: package `symbolon.peer.v1`.
pub mod peer {
    /// Version 1.
    #[expect(missing_docs, reason = "documented in the .proto files")]
    #[expect(unused_qualifications, reason = "generated")]
    pub mod v1 {
        tonic::include_proto!("symbolon.peer.v1");
    }
}

/// What stands on disk: package `symbolon.store.v1`.
pub mod store {
    /// Version 1.
    #[expect(missing_docs, reason = "documented in the .proto files")]
    pub mod v1 {
        tonic::include_proto!("symbolon.store.v1");
    }
}
