//! What a node had of the audit before it came back empty. As a rule its peers give it all of that. Where
//! all of them were left behind by one that was not whole itself, nobody has it but they, in quarantine.

use symbolon_store::DataDir;

use crate::audit_log::{AuditLog, Filled};
use crate::quarantine::{self, BoxedError, unreadable};

/// Closes the gap in the audit, as far as quarantines of this node hold it; whether any did. What is taken
/// lies before the fork, where the quarantined node and its cluster have the same, and fits the chain.
/// Not for async code.
///
/// # Errors
/// When they cannot be listed. One that cannot be read gives nothing.
pub(crate) fn fill(audit: &AuditLog, directory: &DataDir) -> Result<bool, BoxedError> {
    let mut any = false;
    for (name, place) in directory.quarantines()? {
        match fill_from(audit, &place) {
            Ok(given) => any |= given,
            Err(error) => {
                let error = unreadable(&*error);
                tracing::warn!(
                    quarantine = name,
                    %error,
                    "it gives no audit; keep it while `symbolon_audit_missing_entries` is not 0"
                );
            }
        }
    }
    Ok(any)
}

fn fill_from(audit: &AuditLog, place: &DataDir) -> Result<bool, BoxedError> {
    let mut given = false;
    let (_, header) = quarantine::open(place)?;
    let fork = header.from.unwrap_or_default().fork_index;
    if audit.extent().gap.is_none_or(|gap| gap.next.index > fork) {
        return Ok(false);
    }
    let store = place.open()?;
    let theirs = AuditLog::unread(&store.image)?;
    while let Some(gap) = audit.extent().gap {
        let part = theirs.part(gap.next.index, gap.to.index, fork)?;
        if part.next <= gap.next.index {
            break;
        }
        match audit.fill(gap.next.index, part.next, part.rows)? {
            Filled::Unfit => return Err("its audit rows do not fit those of this node".into()),
            Filled::More | Filled::Closed => given = true,
        }
    }
    Ok(given)
}
