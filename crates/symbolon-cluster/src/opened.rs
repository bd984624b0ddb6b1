//! Who a node is, by its header and its keys.

use std::sync::Arc;

use symbolon_core::Name;
use symbolon_service::Identity;
use symbolon_store::{NodeKeys, Store};

use crate::epochs::EpochName;
use crate::error::ClusterError;
use crate::keys::{PrivateKey, bad, pin_of};
use crate::peer_header::Standing;
use crate::succession::Succession;

/// Who a node is, and the key that proves it to its peers.
pub(crate) struct Opened {
    pub(crate) identity: Identity,
    pub(crate) standing: Standing,
    pub(crate) node_key: Arc<PrivateKey>,
}

impl Opened {
    /// Reads header and succession.
    pub(crate) fn open(store: &Store, keys: &NodeKeys) -> Result<Self, ClusterError> {
        let header = &store.header;
        let current = Succession::load(store)?.current()?;
        let (statement, signed) = current.unzip();
        let first = EpochName { epoch: header.epoch, lineage: header.lineage };
        let name = statement.as_ref().map_or(first, |statement| statement.name);
        let ca_pin = pin_of(&header.ca_certificate)
            .ok_or_else(|| bad("CA certificate")("the header's is not readable".into()))?;
        let node_name = Name::new(header.node_name.clone());
        Ok(Self {
            identity: Identity {
                node: header.node,
                name: node_name.map_err(|error| bad("node name")(error.into()))?,
                ca_pin,
            },
            standing: Standing {
                cluster: header.cluster,
                epoch: name.epoch,
                lineage: name.lineage,
                node: header.node,
                ancestry: statement.map(|statement| statement.ancestry).unwrap_or_default(),
                statement: signed,
            },
            node_key: Arc::new(PrivateKey::from_pkcs8(keys.node_key())?),
        })
    }
}
