//! RADIUS, as devices speak it to a node.
//!
//! This crate owns what lies between a datagram and a use case: which device it is (`devices`), whether it
//! was sent before (`duplicates`), what it asks (`request`) and is answered (`answer`), the two halves of a
//! sign-in (`sign_in`), in a tunnel too (`eap`), what is told of sessions (`accounting`), the servers that
//! judge the first factor (`target`), and the loops over a socket (`serve`) and over a connection of TLS
//! (`radsec`), which somebody else has accepted. It must never know how a packet is written, which is
//! [`symbolon_radius`]'s business, nor why a user or a code is let in: it asks [`symbolon_service::Service`].

mod accounting;
mod answer;
mod devices;
mod duplicates;
mod eap;
mod radsec;
mod request;
mod serve;
mod sign_in;
mod target;

pub use radsec::RadsecPort;
pub use serve::{PortKind, RadiusPort, serve};
