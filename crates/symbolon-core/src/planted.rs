//! Bugs that the simulation puts in, one at a time, to see that its checkers find them. This exists only with
//! the feature `planted`, which nothing turns on but `cargo xtask sim --plant`; without a name there is none.

use core::sync::atomic::{AtomicUsize, Ordering};

/// All of them.
pub const NAMES: [&str; 19] = [
    "mark-or-equal",
    "first-answer-forgotten",
    "double-not-told",
    "merge-moves-no-mark",
    "stale-ignored",
    "append-not-synced",
    "vote-not-synced",
    "snapshot-before-image",
    "record-not-synced",
    "island-for-ever",
    "read-without-barrier",
    "old-disk-not-asked",
    "island-not-said",
    "fingerprint-ignored",
    "allowance-forgotten",
    "time-goes-back",
    "term-as-fence",
    "newer-epoch-ignored",
    "snapshot-without-newest",
];

static PLANTED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Plants one. Whether there is such a one.
pub fn plant(name: &str) -> bool {
    let place = NAMES.iter().position(|known| *known == name);
    PLANTED.store(place.unwrap_or(usize::MAX), Ordering::Relaxed);
    place.is_some()
}

/// Whether it is planted.
#[must_use]
pub fn is(name: &str) -> bool {
    NAMES.get(PLANTED.load(Ordering::Relaxed)) == Some(&name)
}
