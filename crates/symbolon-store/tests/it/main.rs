//! What the store promises, checked through its public face.
#![expect(clippy::disallowed_methods, reason = "tests look at the files themselves")]

#[cfg(test)]
mod anchor;
#[cfg(test)]
mod data_dir;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod framed;
#[cfg(test)]
mod image;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod kek;
#[cfg(test)]
mod kv;
#[cfg(test)]
mod log;
#[cfg(test)]
mod node_keys;
#[cfg(test)]
mod rebase;
#[cfg(test)]
mod seal;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod support;
