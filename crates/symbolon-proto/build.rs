//! Generates the Rust of every .proto without needing `protoc`.

use std::path::PathBuf;

use prost::Message as _;

#[expect(
    clippy::disallowed_methods,
    reason = "a build script reads cargo's environment and writes its output"
)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let mut files = Vec::new();
    for package in ["v1", "peer/v1", "store/v1"] {
        let folder = root.join("symbolon").join(package);
        println!("cargo:rerun-if-changed={}", folder.display());
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "proto") {
                println!("cargo:rerun-if-changed={}", path.display());
                files.push(path);
            }
        }
    }
    files.sort();

    // Only what clients may see is offered by reflection.
    let public: Vec<_> = files
        .iter()
        .filter(|path| path.parent().is_some_and(|p| p.ends_with("symbolon/v1")))
        .collect();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let descriptors = protox::compile(&public, [&root])?;
    std::fs::write(out.join("symbolon_v1.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".symbolon.store.v1.LogEntry.batch")
        .bytes(".symbolon.peer.v1.AppendEntriesRequest.entry")
        .bytes(".symbolon.peer.v1.ProposeRequest.proposal")
        .bytes(".symbolon.peer.v1.SnapshotChunk.data")
        .boxed(".symbolon.store.v1.CreateCluster.administrator")
        .skip_debug([".symbolon"])
        .compile_fds(protox::compile(&files, [&root])?)?;
    Ok(())
}
