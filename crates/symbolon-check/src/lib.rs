//! What the simulation and the torture of real processes have in common.
//!
//! This crate owns the history of what clients asked and were told, the checkers of the promises over
//! it, and the random numbers that a seed gives. It must never know how a cluster is run, whether its
//! time is simulated, or how its audit was read.

mod check;
mod event;
mod evidence;
mod history;
mod rng;

pub use check::all;
pub use event::{Event, Row, Spent, Verified};
pub use evidence::{Alone, Emptied, Evidence, Problem, PutBack};
pub use history::{
    Call, Decided, Deed, FIRST_RECOVERY, HostId, Nanos, Outcome, SECOND, Shown, Told, Verify, short,
};
pub use rng::{Rng, STEP, mix};
