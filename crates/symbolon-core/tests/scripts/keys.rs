//! Changes of the data key.

use super::*;

/// `rotate-data-key KEY`, `confirm NODE_NUMBER KEY`, `retire KEY`.
pub(super) fn command(
    verb: &str,
    name: &str,
    words: &mut Words,
) -> Result<(Command, Caller), String> {
    Ok(match verb {
        "rotate-data-key" => {
            let id = data_key(name)?;
            let command = RotateDataKey { id, key: sealed(&format!("data key {id}"), words)? };
            (Command::RotateDataKey(command), root())
        }
        "confirm" => {
            let node = NodeId(name.parse().map_err(|_| "confirm NODE_NUMBER KEY")?);
            let id = data_key(&words.next("a data key")?)?;
            (Command::ConfirmDataKey(ConfirmDataKey { node, id }), Caller::Node(node))
        }
        "retire" => (Command::RetireDataKey(RetireDataKey { id: data_key(name)? }), node_one()),
        other => return Err(format!("no command {other}")),
    })
}
