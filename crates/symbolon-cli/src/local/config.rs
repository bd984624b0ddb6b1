//! The configuration of a node on this machine.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Where a node listens, each as `HOST:PORT`: `run/addresses.json` in its data directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Addresses {
    pub(crate) api: String,
    pub(crate) peer: String,
    pub(crate) metrics: String,
}

/// The system chooses the ports; the node keeps them from one start to the next. Less of the disk is
/// reserved than for a node that people rely on.
pub(super) fn text(name: &str, data: &Path, kek: &Path) -> String {
    let name = quoted(name);
    let data = quoted(&data.to_string_lossy());
    let kek = quoted(&kek.to_string_lossy());
    format!(
        "[node]\nname = {name}\ndata_dir = {data}\n\n\
         [listen]\napi = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\n\n\
         [keys]\nkek = {{ file = {kek} }}\n\n\
         [storage]\ndisk_reserve = \"16MiB\"\n\n\
         [log]\nformat = \"json\"\nfilter = \"info\"\n"
    )
}

/// A string of JSON is one of TOML as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_that_of_the_contract() {
        let toml = text("node-1", Path::new("/a \"b\"/data"), Path::new("/a/kek"));
        assert_eq!(
            toml,
            r#"[node]
name = "node-1"
data_dir = "/a \"b\"/data"

[listen]
api = "127.0.0.1:0"
peer = "127.0.0.1:0"
metrics = "127.0.0.1:0"

[keys]
kek = { file = "/a/kek" }

[storage]
disk_reserve = "16MiB"

[log]
format = "json"
filter = "info"
"#
        );
    }
}
