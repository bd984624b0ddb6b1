//! A Symbolon node put together: from a file of settings to a process that serves and stops well.
//!
//! This crate owns the edges of the process: `node.toml` and its checking, TLS files, the listeners
//! and their limits, logs, signals, the order of start and stop, exit codes. It must never know a
//! rule about a user, a token or a decision: it hands typed requests to the crates below and does
//! not look inside.
//!
//! In reading order: [`run`] takes a [`Command`], [`config`] says what the node is, [`addresses`]
//! binds its ports, [`listener`] serves them, [`ops`] answers those who watch it, [`Stop`] ends it.
//!
//! [`Stop`]: stop::Stop

mod again;
mod args;
mod check_config;
mod come_back;
mod failure;
mod init;
mod join;
mod local_socket;
mod node;
mod recover;
mod store;

pub mod addresses;
pub mod config;
pub mod listener;
pub mod logs;
pub mod ops;
pub mod radsec;
pub mod stop;
pub mod tls;

mod core_dumps;
mod disk;
mod open_files;
mod panics;
mod readiness;
mod rotate_kek;

/// Puts a bug of that name in. Whether there is such a one.
#[cfg(feature = "planted")]
pub use symbolon_core::planted::plant;

pub use args::{Command, TokenText, run};
pub use store::{Format, StoreArguments, StoreCommand};
