//! Who a node is, by its header and its keys.

use symbolon_core::Name;
use symbolon_service::Identity;
use symbolon_store::{Header, NodeKeys};

use crate::error::ClusterError;
use crate::keys::{PrivateKey, bad, pin_of};
use crate::peer_header::Standing;

/// Who a node is, and the key that proves it to its peers.
pub(crate) struct Opened {
    pub(crate) identity: Identity,
    pub(crate) standing: Standing,
    pub(crate) node_key: PrivateKey,
}

impl Opened {
    /// Reads a header.
    pub(crate) fn open(header: &Header, keys: &NodeKeys) -> Result<Self, ClusterError> {
        let ca_pin = pin_of(&header.ca_certificate)
            .ok_or_else(|| bad("CA certificate")("the header's is not readable".into()))?;
        let name = Name::new(header.node_name.clone());
        Ok(Self {
            identity: Identity {
                node: header.node,
                name: name.map_err(|error| bad("node name")(error.into()))?,
                ca_pin,
            },
            standing: Standing {
                cluster: header.cluster,
                epoch: header.epoch,
                lineage: header.lineage,
                node: header.node,
            },
            node_key: PrivateKey::from_pkcs8(keys.node_key())?,
        })
    }
}
