//! Changes of the data key.

use super::*;

pub(super) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (data_key(), sealed())
            .prop_map(|(id, key)| Command::RotateDataKey(RotateDataKey { id, key })),
        (id(NodeId), data_key())
            .prop_map(|(node, id)| Command::ConfirmDataKey(ConfirmDataKey { node, id })),
        (row_key(), sealed(), sealed()).prop_map(|(row, old, new)| Command::Reseal(Reseal {
            row,
            old,
            new
        })),
        data_key().prop_map(|id| Command::RetireDataKey(RetireDataKey { id })),
        settings::update(),
    ]
}

pub(super) fn row() -> impl Strategy<Value = DataKeys> {
    let holders = proptest::collection::btree_set(id(NodeId), 0..9);
    let rotation = (data_key(), sealed(), time(), holders)
        .prop_map(|(id, key, started_at, holders)| Rotation { id, key, started_at, holders });
    (data_key(), option::of(rotation), index())
        .prop_map(|(active, rotation, retired_at)| DataKeys { active, rotation, retired_at })
}
