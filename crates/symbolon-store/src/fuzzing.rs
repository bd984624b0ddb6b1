//! What fuzzers of this crate reach: decoders of files, also behind checksums that fit.

use std::io::Cursor;
use std::path::Path;

use crate::header::seal_body;
use crate::kv::{Batch, Op};
use crate::{Header, SnapshotReader, Tip, framed, image, journal};

/// Decodes `bytes` as one kind of file or value. Whatever they are, it neither panics nor takes more
/// memory than they justify.
///
/// # Panics
///
/// When something is not the same after it was written and read once more.
pub fn decode(kind: u8, bytes: &[u8]) {
    let path = Path::new("fuzzed");
    match kind % 8 {
        0 => drop(Header::decode(bytes, path)),
        1 => drop(Header::decode(&seal_body(bytes), path)),
        2 => drop(Tip::decode_file(bytes, path)),
        3 => {
            let Ok(mut reader) = SnapshotReader::new(Box::new(Cursor::new(bytes.to_vec())), path)
            else {
                return;
            };
            while let Ok(Some(_)) = reader.next_chunk() {}
        }
        4 => journal::fuzz(bytes),
        5 => image::fuzz(bytes),
        6 => drop(framed::open_whole(b"key", bytes.to_vec())),
        _ => {
            // A batch that is written is read as it was.
            let halves = bytes.split_at(bytes.len() / 2);
            let batch: Batch =
                [Op::Insert(halves.0.to_vec(), halves.1.to_vec()), Op::Remove(halves.1.to_vec())]
                    .into_iter()
                    .filter(|op| op.key().len() <= crate::KEY_BYTES_MAX)
                    .collect();
            journal::fuzz_written(&batch.into_ops());
        }
    }
}
