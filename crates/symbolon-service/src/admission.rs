//! Bounded queues at the entrance of a node: overload is a refusal, and no application takes more
//! than half of what there is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use symbolon_core::Caller;

use crate::ServiceError;
use crate::audit::{AUDIT_QUERIES_MAX, AUDIT_TAILS_MAX};
use crate::import::IMPORT_ROWS_MAX;

/// Verifications that may be under way at a node.
pub const VERIFICATION_QUEUE_MAX: usize = 2048;
/// Verifications that one application may have under way at a node.
pub const APPLICATION_SHARE_MAX: usize = VERIFICATION_QUEUE_MAX / 2;
/// Administrative calls that may be under way at a node.
pub const ADMINISTRATION_QUEUE_MAX: usize = 256;

/// Imports that may be under way at a node, each with all rows of a question in the queue of
/// administration: half of it is left to others.
pub(crate) const IMPORTS_MAX: usize = 2;

/// Joins that may be under way at a node. Anybody may ask for one, so they have a queue of their own.
pub(crate) const JOIN_QUEUE_MAX: usize = 8;

const _: () = assert!(APPLICATION_SHARE_MAX * 2 <= VERIFICATION_QUEUE_MAX);
const _: () = assert!(IMPORTS_MAX * IMPORT_ROWS_MAX * 2 <= ADMINISTRATION_QUEUE_MAX);

/// Counts what is under way.
#[derive(Clone, Default, Debug)]
pub struct Admission(Arc<Mutex<Counts>>);

#[derive(Default, Debug)]
struct Counts {
    verifications: usize,
    administration: usize,
    imports: usize,
    joins: usize,
    audit_queries: usize,
    audit_tails: usize,
    by_caller: BTreeMap<Caller, usize>,
}

/// A place in a queue, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    counts: Arc<Mutex<Counts>>,
    queue: Queue,
}

#[derive(Clone, Copy, Debug)]
enum Queue {
    Verification(Caller),
    Administration,
    Imports,
    Joins,
    AuditQueries,
    AuditTails,
}

impl Admission {
    /// A place for a verification.
    pub(crate) fn verification(&self, caller: Caller) -> Result<Place, ServiceError> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.verifications >= VERIFICATION_QUEUE_MAX {
            return Err(ServiceError::Overloaded("verification"));
        }
        let share = counts.by_caller.entry(caller).or_default();
        if *share >= APPLICATION_SHARE_MAX {
            return Err(ServiceError::Overloaded("verification of this application"));
        }
        *share += 1;
        counts.verifications += 1;
        Ok(self.place(Queue::Verification(caller)))
    }

    /// A place for an administrative call.
    pub(crate) fn administration(&self) -> Result<Place, ServiceError> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.administration >= ADMINISTRATION_QUEUE_MAX {
            return Err(ServiceError::Overloaded("administration"));
        }
        counts.administration += 1;
        Ok(self.place(Queue::Administration))
    }

    /// A place for a question of an import.
    pub(crate) fn import(&self) -> Result<Place, ServiceError> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.imports >= IMPORTS_MAX {
            return Err(ServiceError::Overloaded("imports"));
        }
        counts.imports += 1;
        Ok(self.place(Queue::Imports))
    }

    /// A place for a join.
    pub(crate) fn join(&self) -> Result<Place, ServiceError> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.joins >= JOIN_QUEUE_MAX {
            return Err(ServiceError::Overloaded("joins"));
        }
        counts.joins += 1;
        Ok(self.place(Queue::Joins))
    }

    /// A place for a query of the audit.
    pub(crate) fn audit_query(&self) -> Result<Place, ServiceError> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.audit_queries >= AUDIT_QUERIES_MAX {
            return Err(ServiceError::Overloaded("audit queries"));
        }
        counts.audit_queries += 1;
        Ok(self.place(Queue::AuditQueries))
    }

    /// A place for somebody who follows the audit.
    pub(crate) fn audit_tail(&self) -> Result<Place, ServiceError> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.audit_tails >= AUDIT_TAILS_MAX {
            return Err(ServiceError::Overloaded("audit followers"));
        }
        counts.audit_tails += 1;
        Ok(self.place(Queue::AuditTails))
    }

    fn place(&self, queue: Queue) -> Place {
        Place { counts: Arc::clone(&self.0), queue }
    }

    /// Verifications under way at this node.
    #[must_use]
    pub fn verifications(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).verifications
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match self.queue {
            Queue::Administration => counts.administration -= 1,
            Queue::Imports => counts.imports -= 1,
            Queue::Joins => counts.joins -= 1,
            Queue::AuditQueries => counts.audit_queries -= 1,
            Queue::AuditTails => counts.audit_tails -= 1,
            Queue::Verification(caller) => {
                counts.verifications -= 1;
                if let Some(share) = counts.by_caller.get_mut(&caller) {
                    *share -= 1;
                    if *share == 0 {
                        counts.by_caller.remove(&caller);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_core::ApplicationId;

    #[test]
    fn one_application_gets_half_and_the_rest_is_left_to_others() {
        let admission = Admission::default();
        let (flood, other) =
            (Caller::Application(ApplicationId(1)), Caller::Application(ApplicationId(2)));
        let mut places = Vec::new();
        while let Ok(place) = admission.verification(flood) {
            places.push(place);
        }
        assert_eq!(places.len(), APPLICATION_SHARE_MAX);
        let theirs = admission.verification(other).unwrap();
        places.pop();
        places.push(admission.verification(flood).unwrap());
        drop(places);
        drop(theirs);
        assert_eq!(admission.verifications(), 0);
    }

    #[test]
    fn no_number_of_applications_passes_the_limit_of_the_node() {
        let admission = Admission::default();
        let places: Vec<_> = (0_u64..10_000)
            .filter_map(|n| admission.verification(Caller::Application(ApplicationId(n % 5))).ok())
            .collect();
        assert_eq!(places.len(), VERIFICATION_QUEUE_MAX);
        assert!(admission.administration().is_ok(), "administration has its own queue");
    }
    #[test]
    fn a_crowd_of_joiners_leaves_administration_its_places() {
        let admission = Admission::default();
        let places: Vec<_> = (0..1000).filter_map(|_| admission.join().ok()).collect();
        assert_eq!(places.len(), JOIN_QUEUE_MAX);
        assert!(admission.administration().is_ok());
        drop(places);
        assert!(admission.join().is_ok(), "places come back");
    }

    #[test]
    fn imports_leave_half_of_administration_to_others() {
        let admission = Admission::default();
        let places: Vec<_> = (0..100).filter_map(|_| admission.import().ok()).collect();
        assert!(places.len() * IMPORT_ROWS_MAX * 2 <= ADMINISTRATION_QUEUE_MAX);
        assert!(admission.administration().is_ok());
        drop(places);
        assert!(admission.import().is_ok(), "places come back");
    }

    #[test]
    fn readers_of_the_audit_have_few_places_of_their_own() {
        let admission = Admission::default();
        let queries: Vec<_> = (0..100).filter_map(|_| admission.audit_query().ok()).collect();
        let tails: Vec<_> = (0..100).filter_map(|_| admission.audit_tail().ok()).collect();
        assert_eq!((queries.len(), tails.len()), (AUDIT_QUERIES_MAX, AUDIT_TAILS_MAX));
        drop((queries, tails));
        assert!(admission.audit_query().is_ok() && admission.audit_tail().is_ok());
    }
}
