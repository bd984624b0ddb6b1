//! The command line as people and scripts use it: words, JSON, exit codes, and what is left behind.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod asking;
mod audit;
mod bench;
mod crashes;
mod demo;
mod dev;
mod documents;
mod help_desk;
mod imports;
mod local;
mod machine;
mod personal;
mod pins;
mod program;
mod quarantined;
mod recovery;
mod refusals;
mod root;
mod secrets;
mod settings;
mod store;
mod unsealed;
