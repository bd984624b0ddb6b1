//! What nodes say about data keys.

#[cfg(doc)]
use super::Command;
use crate::{DataKeyId, NodeId, RowKey, Sealed};

/// See [`Command::RotateDataKey`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RotateDataKey {
    /// The next key's number: the one after the active key's.
    pub id: DataKeyId,
    /// The next key, sealed under the active one.
    pub key: Sealed,
}

/// See [`Command::ConfirmDataKey`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfirmDataKey {
    /// Which node.
    pub node: NodeId,
    /// The next key.
    pub id: DataKeyId,
}

/// See [`Command::Reseal`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reseal {
    /// The row whose secret it is.
    pub row: RowKey,
    /// The secret as it was read. If the row holds another one, nothing is changed.
    pub old: Sealed,
    /// The same secret under the active data key.
    pub new: Sealed,
}

/// See [`Command::RetireDataKey`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetireDataKey {
    /// The old key.
    pub id: DataKeyId,
}
