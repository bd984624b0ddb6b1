//! The API and the ports of a cluster of real processes, seen by clients and attackers that are not
//! the product's own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod administrators;
mod alone;
mod applications;
mod audit;
mod challenges;
mod exempt;
mod fields;
mod frames;
mod joins;
mod local;
mod names;
mod overload;
mod peers;
mod pins;
mod ports;
mod recovery;
mod reflection;
mod rights;
mod settings;
mod strangers;
mod support;
mod tokens;
mod users;
