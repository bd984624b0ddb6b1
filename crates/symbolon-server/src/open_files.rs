//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::listener::Limits;

/// What the store, the node's own connections and the runtime may need.
const OTHERS: usize = 2_048;

/// All ports full, and the rest still works.
const WANTED: u64 = (Limits::API.connections_max
    + Limits::PEER.connections_max
    + Limits::OPS.connections_max
    + Limits::RADSEC.connections_max
    + OTHERS) as u64;

/// Raises the soft limit, which is 1,024 by default: reached by connections alone, it would make the
/// store fail to open a file. The hard limit stays.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is no limit.
    let Some(current) = current.filter(|current| *current < WANTED) else {
        return;
    };
    let allowed = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    let raised = Rlimit { current: Some(allowed), maximum };
    let done = setrlimit(Resource::Nofile, raised);
    let limit = if done.is_ok() { allowed } else { current };
    if limit < WANTED {
        tracing::warn!(
            limit,
            wanted = WANTED,
            "few open files are allowed; set LimitNOFILE in the systemd unit"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        raise();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let least = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
        assert!(current.is_none_or(|current| current >= least));
    }
}
