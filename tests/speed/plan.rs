//! How much is done.

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Users of each cluster.
    pub(crate) users: u32,
    /// Of each level.
    pub(crate) seconds: f64,
    /// Verifications at once.
    pub(crate) concurrency: &'static [u32],
    /// Hundredths of the most that was measured, at which times are measured.
    pub(crate) paces: &'static [u32],
    /// Wrong codes at once.
    pub(crate) wrong: &'static [u32],
    /// To each server; the best counts.
    pub(crate) connections: &'static [u32],
    /// Codes for which a level waits at most; with fewer than it needs it ends early.
    pub(crate) enough_codes: u64,
    /// Users of the node that grows.
    pub(crate) sizes: &'static [u32],
    /// Users of the cluster that has other work, and users who are imported meanwhile.
    pub(crate) busy_users: u32,
    pub(crate) imported: u32,
    /// Masters that are killed.
    pub(crate) kills: usize,
    /// Nothing is written, and what would take long is left out.
    pub(crate) is_quick: bool,
    /// What is measured; all of it when empty.
    pub(crate) only: Vec<String>,
}

/// What can be asked for with `--only`.
pub(crate) const PARTS: [&str; 9] =
    ["floor", "one", "three", "scale", "busy", "failover", "islands", "radius", "peers"];

impl Plan {
    pub(crate) fn full() -> Self {
        Self {
            users: 200_000,
            seconds: 4.0,
            concurrency: &[1, 16, 64, 256],
            paces: &[10, 50, 80],
            wrong: &[1, 16, 64, 256],
            connections: &[1, 4, 16],
            enough_codes: u64::MAX,
            sizes: &[1_000, 10_000, 100_000, 200_000, 1_000_000],
            busy_users: 50_000,
            imported: 100_000,
            kills: 5,
            is_quick: false,
            only: Vec::new(),
        }
    }

    pub(crate) fn quick() -> Self {
        Self {
            users: 2_500,
            seconds: 0.3,
            concurrency: &[1, 64],
            paces: &[50],
            wrong: &[64],
            connections: &[2],
            enough_codes: 50,
            sizes: &[1_000],
            busy_users: 2_000,
            imported: 500,
            kills: 1,
            is_quick: true,
            only: Vec::new(),
        }
    }

    pub(crate) fn has(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}
