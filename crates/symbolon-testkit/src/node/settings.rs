//! What a node's processes are told.

use std::net::SocketAddr;

use super::{Node, lock};
use crate::{Options, Place};

const LOOPBACK: &str = "api = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\n\
                        radius = \"127.0.0.1:0\"\nradius_accounting = \"127.0.0.1:0\"\n";

impl Node {
    /// More variables that its processes have beside those of the test, from its next start on.
    pub fn add_environment(&self, variables: impl IntoIterator<Item = (String, String)>) {
        lock(&self.environment).extend(variables);
    }

    /// One more library that its processes load before all others, from its next start on.
    pub(crate) fn preload(&self, library: String) {
        let mut environment = lock(&self.environment);
        match environment.iter_mut().find(|(name, _)| name == "LD_PRELOAD") {
            Some((_, all)) => {
                all.push(':');
                all.push_str(&library);
            }
            None => environment.push(("LD_PRELOAD".to_owned(), library)),
        }
    }

    pub(super) fn settings(&self, options: &Options, relay: Option<SocketAddr>) -> String {
        // A string of JSON is one of TOML as well.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let relay = relay.map(|relay| format!("[advertise]\npeer = \"{relay}\"\n\n"));
        let listen = self.place.as_ref().map(Place::listen);
        let clients_ca = options.radsec_clients_ca.as_ref();
        let radsec = clients_ca.map(|path| quoted(&path.to_string_lossy()));
        let radsec = radsec
            .map(|path| format!("radsec = \"127.0.0.1:0\"\n\n[radsec]\nclients_ca = {path}\n"));
        format!(
            "[node]\nname = {name}\ndata_dir = {data}\n\n\
             [listen]\n{listen}{radsec}\n\
             {relay}[keys]\nkek = {{ file = {kek} }}\n\n\
             [storage]\n{storage}\n\n\
             [log]\nformat = \"json\"\nfilter = {filter}\n",
            listen = listen.unwrap_or_else(|| LOOPBACK.to_owned()),
            radsec = radsec.unwrap_or_default(),
            relay = relay.unwrap_or_default(),
            name = quoted(&self.name),
            data = quoted(&self.data_dir().to_string_lossy()),
            kek = quoted(&self.file("kek").to_string_lossy()),
            storage = options.storage,
            filter = quoted(&options.log_filter),
        )
    }
}
