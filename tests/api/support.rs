//! What the tests of the API need: a cluster of real processes, and clients that are not the
//! product's own.

pub(crate) mod cluster;
pub(crate) mod code;
pub(crate) mod identity;
pub(crate) mod machine;
pub(crate) mod method;
pub(crate) mod peer;
pub(crate) mod reflected;
pub(crate) mod state;
pub(crate) mod tls;
pub(crate) mod watch;
pub(crate) mod wire;
