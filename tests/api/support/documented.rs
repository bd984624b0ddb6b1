//! What the .proto files say about methods.

use super::machine;

/// A method as it is written in a .proto file.
pub(crate) struct Documented {
    /// As it stands in the path of a call.
    pub(crate) method: String,
    /// `Right: …` of its comment: any of them is enough.
    pub(crate) rights: Vec<String>,
}

/// All methods of a package, `symbolon.v1` for example.
pub(crate) fn methods(package: &str) -> Vec<Documented> {
    let folder = package.replace('.', "/");
    let folder = format!("{}/../../proto/{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for path in machine::files(folder) {
        let (mut service, mut rights) = (String::new(), Vec::new());
        for line in machine::text(path).lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("service ") {
                service = rest.trim_end_matches([' ', '{']).to_owned();
            } else if let Some(rest) = line.strip_prefix("// Right: ") {
                rights = rest.trim_end_matches('.').split(", ").map(str::to_owned).collect();
            } else if let Some(rest) = line.strip_prefix("rpc ") {
                let (name, _) = rest.split_once('(').unwrap();
                let method = format!("/{package}.{service}/{name}");
                found.push(Documented { method, rights: std::mem::take(&mut rights) });
            }
        }
    }
    found
}
