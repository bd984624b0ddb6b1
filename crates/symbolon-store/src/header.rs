//! The file `header`: read before anything else in a data directory.
//!
//! ```text
//! "SYMBOLON", CRC-32 of the rest (4, little-endian), store.v1.Header
//! ```

use std::fmt;
use std::path::Path;

use prost::Message as _;
use symbolon_core::{ClusterId, KeyPin, LineageId, NodeId};
use symbolon_proto::store::v1 as proto;

use crate::{FileFinding, StoreError, files};

/// Layout of data directories that this release writes and reads.
const VERSION: u32 = 1;
/// Oldest layout whose readers can read what this release writes.
const MIN_COMPATIBLE: u32 = 1;

const MAGIC: &[u8; 8] = b"SYMBOLON";
/// What to do about a header, or what lies beside it, that is damaged.
pub(crate) const REMEDY: &str = "restore it from a backup, or move the data directory away and join again under a new node name";

/// Who a node is. Secret keys in it are under the node's [`Kek`](crate::Kek).
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// The cluster.
    pub cluster: ClusterId,
    /// The epoch that the node is in.
    pub epoch: u64,
    /// The lineage of that epoch.
    pub lineage: LineageId,
    /// The node.
    pub node: NodeId,
    /// The node's name.
    pub node_name: String,
    /// The node's secret keys under its KEK.
    pub keys: WrappedKeys,
    /// The same under the KEK that is to take its place, while one is.
    pub next_keys: Option<WrappedKeys>,
    /// Certificate of the cluster CA, DER.
    pub ca_certificate: Vec<u8>,
    /// Nodes known when this one joined: how it finds the cluster before it has applied anything.
    pub known_nodes: Vec<KnownNode>,
}

/// The secret keys of a node, wrapped under one KEK.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WrappedKeys {
    /// The cluster's data keys that the node holds, oldest first.
    pub data_keys: Vec<Vec<u8>>,
    /// The node's private key for the peer port, PKCS #8.
    pub node_key: Vec<u8>,
    /// The key of fingerprints; empty when it is the one that follows from the oldest data key.
    pub fingerprint_key: Vec<u8>,
}

/// A node that another one knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownNode {
    /// The node.
    pub node: NodeId,
    /// Its peer key.
    pub pin: KeyPin,
    /// Where its peer port is.
    pub peer_address: String,
    /// Its name.
    pub name: String,
}

impl Header {
    /// Reads a header file.
    ///
    /// # Errors
    ///
    /// [`StoreError::HeaderMissing`], [`StoreError::CorruptFile`], or [`StoreError::NewerVersion`]
    /// when a release that this one does not understand wrote it.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = files::read(path)?
            .ok_or_else(|| StoreError::HeaderMissing { path: path.to_owned() })?;
        Self::decode(&bytes, path)
    }

    /// Version of a header file that can be read.
    pub(crate) fn version(path: &Path) -> Result<u32, StoreError> {
        let bytes = files::read(path)?
            .ok_or_else(|| StoreError::HeaderMissing { path: path.to_owned() })?;
        Self::body(&bytes, path).map(|body| body.version)
    }

    /// Writes a header file so that a crash leaves either the old one or this one. Durable on
    /// return.
    ///
    /// # Errors
    ///
    /// When writing fails.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        files::replace(path, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let body = proto::Header {
            version: VERSION,
            min_compatible: MIN_COMPATIBLE,
            cluster: self.cluster.as_bytes().to_vec(),
            epoch: self.epoch,
            lineage: self.lineage.as_bytes().to_vec(),
            node: self.node.0,
            node_name: self.node_name.clone(),
            wrapped_data_key: self.keys.data_keys.clone(),
            wrapped_node_key: self.keys.node_key.clone(),
            wrapped_fingerprint_key: self.keys.fingerprint_key.clone(),
            next_keys: self.next_keys.as_ref().map(WrappedKeys::to_proto),
            ca_certificate: self.ca_certificate.clone(),
            known_node: self.known_nodes.iter().map(KnownNode::to_proto).collect(),
        }
        .encode_to_vec();
        seal_body(&body)
    }

    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Self, StoreError> {
        let body = Self::body(bytes, path)?;
        Self::from_proto(body).ok_or_else(|| corrupt(path, FileFinding::Content))
    }

    fn body(bytes: &[u8], path: &Path) -> Result<proto::Header, StoreError> {
        let body = open_body(bytes, path, REMEDY)?;
        let body = proto::Header::decode(body).map_err(|_| corrupt(path, FileFinding::Content))?;
        // Before the fields: what they mean is the newer release's to say.
        if body.min_compatible > VERSION {
            return Err(StoreError::NewerVersion {
                path: path.to_owned(),
                found: body.min_compatible,
                readable: VERSION,
            });
        }
        Ok(body)
    }

    fn from_proto(body: proto::Header) -> Option<Self> {
        if body.version == 0 || body.min_compatible == 0 {
            return None;
        }
        Some(Self {
            cluster: ClusterId::from_slice(&body.cluster)?,
            epoch: body.epoch,
            lineage: LineageId::from_slice(&body.lineage)?,
            node: NodeId(body.node),
            node_name: body.node_name,
            keys: WrappedKeys {
                data_keys: body.wrapped_data_key,
                node_key: body.wrapped_node_key,
                fingerprint_key: body.wrapped_fingerprint_key,
            },
            next_keys: body.next_keys.map(WrappedKeys::from_proto),
            ca_certificate: body.ca_certificate,
            known_nodes: body
                .known_node
                .into_iter()
                .map(KnownNode::from_proto)
                .collect::<Option<_>>()?,
        })
    }
}

impl WrappedKeys {
    fn to_proto(&self) -> proto::WrappedKeys {
        proto::WrappedKeys {
            data_key: self.data_keys.clone(),
            node_key: self.node_key.clone(),
            fingerprint_key: self.fingerprint_key.clone(),
        }
    }

    fn from_proto(keys: proto::WrappedKeys) -> Self {
        Self {
            data_keys: keys.data_key,
            node_key: keys.node_key,
            fingerprint_key: keys.fingerprint_key,
        }
    }
}

impl KnownNode {
    fn to_proto(&self) -> proto::KnownNode {
        proto::KnownNode {
            node: self.node.0,
            pin: self.pin.as_bytes().to_vec(),
            peer_address: self.peer_address.clone(),
            name: self.name.clone(),
        }
    }

    fn from_proto(node: proto::KnownNode) -> Option<Self> {
        Some(Self {
            node: NodeId(node.node),
            pin: KeyPin::from_slice(&node.pin)?,
            peer_address: node.peer_address,
            name: node.name,
        })
    }
}

impl fmt::Debug for WrappedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKeys({} data keys, ..)", self.data_keys.len())
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header")
            .field("cluster", &self.cluster)
            .field("epoch", &self.epoch)
            .field("lineage", &self.lineage)
            .field("node", &self.node)
            .field("node_name", &self.node_name)
            .finish_non_exhaustive()
    }
}

fn corrupt(path: &Path, finding: FileFinding) -> StoreError {
    StoreError::CorruptFile { path: path.to_owned(), finding, remedy: REMEDY }
}

/// What such a file holds, once its first bytes and its checksum are what was written.
pub(crate) fn open_body<'a>(
    bytes: &'a [u8],
    path: &Path,
    remedy: &'static str,
) -> Result<&'a [u8], StoreError> {
    let corrupt = |finding| StoreError::CorruptFile { path: path.to_owned(), finding, remedy };
    let body = bytes.strip_prefix(MAGIC).ok_or_else(|| corrupt(FileFinding::Magic))?;
    let (crc, body) = body.split_first_chunk().ok_or_else(|| corrupt(FileFinding::Torn))?;
    if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
        return Err(corrupt(FileFinding::Checksum));
    }
    Ok(body)
}

/// A body as it stands in a file: see the module.
pub(crate) fn seal_body(body: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            cluster: ClusterId([1; 16]),
            epoch: 3,
            lineage: LineageId([2; 16]),
            node: NodeId(4),
            node_name: "vienna-1".into(),
            keys: WrappedKeys {
                data_keys: vec![vec![5; 77], vec![15; 77]],
                node_key: vec![6; 99],
                fingerprint_key: vec![9; 73],
            },
            next_keys: Some(WrappedKeys {
                data_keys: vec![vec![16; 77], vec![17; 77]],
                node_key: vec![18; 99],
                fingerprint_key: vec![19; 73],
            }),
            ca_certificate: vec![7; 300],
            known_nodes: vec![KnownNode {
                node: NodeId(1),
                pin: KeyPin([8; 32]),
                peer_address: "192.0.2.1:8444".into(),
                name: "vienna-0".into(),
            }],
        }
    }

    fn decode(bytes: &[u8]) -> Result<Header, StoreError> {
        Header::decode(bytes, Path::new("/data/header"))
    }

    #[test]
    fn reads_what_it_wrote() {
        assert_eq!(decode(&header().encode()).unwrap(), header());
    }

    #[test]
    fn refuses_every_truncation_and_every_flipped_byte() {
        let bytes = header().encode();
        for length in 0..bytes.len() {
            let error = decode(&bytes[..length]).unwrap_err();
            assert!(matches!(error, StoreError::CorruptFile { .. }), "{length} bytes: {error}");
        }
        for place in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[place] ^= 0x10;
            let error = decode(&bytes).unwrap_err();
            assert!(matches!(error, StoreError::CorruptFile { .. }), "byte {place}: {error}");
        }
    }

    #[test]
    fn reads_a_newer_layout_that_says_it_can() {
        let body = proto::Header::decode(&header().encode()[12..]).unwrap();
        let newer = |min_compatible| proto::Header { version: 7, min_compatible, ..body.clone() };
        assert_eq!(decode(&seal_body(&newer(1).encode_to_vec())).unwrap(), header());

        let error = decode(&seal_body(&newer(6).encode_to_vec())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "/data/header has layout version 6, and this release reads up to 1; run the release \
             that wrote it, or a newer one"
        );
    }

    #[test]
    fn refuses_ids_of_wrong_length() {
        let body = proto::Header::decode(&header().encode()[12..]).unwrap();
        let short = proto::Header { cluster: vec![1; 15], ..body };
        let error = decode(&seal_body(&short.encode_to_vec())).unwrap_err();
        assert!(error.to_string().contains("cannot be understood"), "{error}");
    }
}
