//! Clusters of real processes for the tests of the program, and everything to talk to them.
//!
//! [`Cluster::start`] runs the program given to it, a process a node, and waits until the cluster
//! has settled. [`Client`] speaks to one node as anybody may: with a token, with a request id, with
//! none. [`Otp`] makes the codes with an implementation that is not ours.
//!
//! Whatever goes wrong in here is a failed test: it panics and says what it wanted. Nothing waits
//! for a time to pass; everything waits for a condition, with a limit.

mod any_server;
mod call;
mod client;
mod clock;
mod cluster;
mod connect;
mod files;
mod http;
mod life;
mod links;
mod metrics;
mod node;
mod options;
mod otp;
mod person;
mod place;
mod rounds;
mod secrets;
mod shadow;
mod usage;
mod wait;

pub use any_server::AnyServer;
pub use call::{REQUEST_ID, request_id};
pub use client::Client;
pub use cluster::Cluster;
pub use life::{Life, Pulse};
pub use metrics::Metrics;
pub use node::{Addresses, Node};
pub use options::Options;
pub use otp::{Otp, PERIOD_SECONDS, now, now_seconds, step_now};
pub use person::{Person, Verdict};
pub use place::Place;
pub use rounds::rounds;
pub use secrets::Secrets;
pub use shadow::Shadow;
pub use tonic::{Code, Status};
pub use usage::Usage;
pub use wait::{wait_for, wait_until};

/// What clients speak.
pub use symbolon_proto::v1;
