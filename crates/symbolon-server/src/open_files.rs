//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enough for every listener's limit of connections at once, with room for the store.
const WANTED: u64 = 65_536;

/// Raises the soft limit, which is 1,024 by default: reached by connections alone, it would make the
/// store fail to open a file. The hard limit stays.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    // None is no limit.
    let Some(current) = current.filter(|current| *current < wanted) else {
        return;
    };
    let raised = Rlimit {
        current: Some(wanted),
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) if wanted < WANTED => {
            tracing::warn!(
                limit = wanted,
                wanted = WANTED,
                "few open files are allowed; set LimitNOFILE in the systemd unit"
            );
        }
        Ok(()) => {}
        Err(error) => tracing::warn!(
            limit = current,
            error = &error as &dyn std::error::Error,
            "the limit of open files cannot be raised"
        ),
    }
}
