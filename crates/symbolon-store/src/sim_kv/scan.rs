//! Scans of a simulated disk.

use std::ops::Bound;

use super::SimKv;
use crate::StoreError;
use crate::kv::Pair;

impl SimKv {
    fn step(&self, scan: &mut SimScan<'_>, backwards: bool) -> Option<Result<Pair, StoreError>> {
        let state = match self.live() {
            Ok(state) => state,
            Err(error) => return Some(Err(error)),
        };
        let from = scan.from.as_ref().map(Vec::as_slice);
        let mut range = state.visible.range::<[u8], _>((from, Bound::Excluded(&*scan.to)));
        let (key, value) = if backwards { range.next_back() } else { range.next() }?;
        let pair = (key.clone(), value.clone());
        if backwards {
            scan.to.clone_from(&pair.0);
        } else {
            scan.from = Bound::Excluded(pair.0.clone());
        }
        // An excluded start must stay below the end.
        scan.done = matches!(&scan.from, Bound::Excluded(from) if *from >= scan.to);
        Some(Ok(pair))
    }
}

/// Finds each next pair anew, so that writes during the scan are met as they are in sled.
pub(super) struct SimScan<'a> {
    kv: &'a SimKv,
    from: Bound<Vec<u8>>,
    to: Vec<u8>,
    done: bool,
}

impl<'a> SimScan<'a> {
    pub(super) fn new(kv: &'a SimKv, from: &[u8], to: &[u8]) -> Self {
        let done = from >= to;
        Self { kv, from: Bound::Included(from.to_vec()), to: to.to_vec(), done }
    }
}

impl SimScan<'_> {
    fn advance(&mut self, backwards: bool) -> Option<Result<Pair, StoreError>> {
        if self.done {
            return None;
        }
        let pair = self.kv.step(self, backwards);
        self.done |= !matches!(pair, Some(Ok(_)));
        pair
    }
}

impl Iterator for SimScan<'_> {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance(false)
    }
}

impl DoubleEndedIterator for SimScan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.advance(true)
    }
}
