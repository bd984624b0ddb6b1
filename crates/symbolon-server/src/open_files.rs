//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::listener::Limits;

/// What the store, the node's own connections and the runtime may need.
const OTHERS: usize = 2_048;

/// As many as it takes that all ports are full and the rest still works, with so many ports of RADIUS over TLS.
const fn wanted(radsec: usize) -> u64 {
    (Limits::API.connections_max
        + Limits::PEER.connections_max
        + Limits::OPS.connections_max
        + Limits::RADSEC.connections_max * radsec
        + OTHERS) as u64
}

/// Raises the soft limit, which is 1,024 by default: reached by connections alone, it would make the
/// store fail to open a file. The hard limit stays. `radsec`: ports of RADIUS over TLS.
pub(crate) fn raise(radsec: usize) {
    let wanted = wanted(radsec);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is no limit.
    let Some(current) = current.filter(|current| *current < wanted) else {
        return;
    };
    let allowed = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = Rlimit { current: Some(allowed), maximum };
    let done = setrlimit(Resource::Nofile, raised);
    let limit = if done.is_ok() { allowed } else { current };
    if limit < wanted {
        tracing::warn!(
            limit,
            wanted,
            "few open files are allowed; set LimitNOFILE in the systemd unit"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        raise(0);
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let least = maximum.map_or(wanted(0), |maximum| maximum.min(wanted(0)));
        assert!(current.is_none_or(|current| current >= least));
    }
}
