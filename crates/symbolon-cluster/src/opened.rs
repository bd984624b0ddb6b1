//! A header with its keys taken out.

use symbolon_core::{Name, Secret};
use symbolon_service::Identity;
use symbolon_store::{DataKey, Header, Kek, WrapPurpose};

use crate::error::ClusterError;
use crate::keys::{PrivateKey, bad, pin_of};
use crate::peer_header::Standing;

/// Who a node is, and its keys in clear.
pub(crate) struct Opened {
    pub(crate) identity: Identity,
    pub(crate) standing: Standing,
    pub(crate) data_key: DataKey,
    pub(crate) node_key: PrivateKey,
}

impl Opened {
    /// Takes the keys out of a header.
    pub(crate) fn open(header: &Header, kek: &Kek) -> Result<Self, ClusterError> {
        let unwrap = |what, purpose, wrapped: &[u8]| {
            let key = kek.unwrap(purpose, wrapped);
            key.map_err(|source| ClusterError::Unwrap { what, source })
        };
        let data_key: Secret = unwrap("data key", WrapPurpose::DataKey, &header.wrapped_data_key)?;
        let node_key = unwrap("node key", WrapPurpose::NodeKey, &header.wrapped_node_key)?;
        let data_key = DataKey::from_secret(&data_key)
            .map_err(|source| ClusterError::Unwrap { what: "data key", source })?;
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
            data_key,
            node_key: PrivateKey::from_pkcs8(&node_key)?,
        })
    }
}
