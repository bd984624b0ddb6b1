//! What administrators type: commands that ask a running cluster, and clusters for trying out.
//!
//! This crate owns the command line of administration, its output and its exit codes, and the way
//! to a cluster: TLS, bearer token, one server after the other. It also owns `dev` and `demo`, which
//! run a cluster of child processes through the program's own commands.
//!
//! It must never know how a cluster stores, decides or replicates anything: all it speaks is
//! `symbolon.v1`.

mod args;
mod call;
mod children;
mod clock;
mod commands;
mod connect;
mod context;
mod demo;
mod dev;
mod duration;
mod error;
mod exit;
mod files;
mod local;
mod otpauth;
mod output;
mod qr;
mod request_id;
mod retry;
mod run;
mod server_address;
mod signals;
mod table;
mod view;

pub use args::{Command, Everywhere};
pub use children::end_with_parent;
pub use commands::{
    AdminArguments, ApplicationArguments, AuditArguments, BenchArguments, ClusterArguments,
    CompletionsArguments, PromoteArguments, SettingsArguments, TokenArguments, UserArguments,
    VerifyArguments,
};
pub use demo::DemoArguments;
pub use dev::DevArguments;
pub use exit::usage_exit;
pub use run::{cannot_start, run};
