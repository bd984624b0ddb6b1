//! P5: what was acknowledged is there, or is listed in quarantine.

use std::collections::{BTreeMap, BTreeSet};

use symbolon_core::RequestId;

use crate::{Deed, Evidence, Problem, Row, short};

const CHECKER: &str = "P5 nothing lost";

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let audit = evidence.longest();
    if audit.is_empty() {
        return vec![Problem::new(CHECKER, "no audit could be read")];
    }
    let at: BTreeMap<_, _> = audit.iter().map(|event| (event.request, event.index)).collect();
    let merged: BTreeSet<RequestId> = audit
        .iter()
        .filter_map(|event| match event.row {
            Row::Merged { request, .. } => Some(request),
            _ => None,
        })
        .collect();
    let mut problems = Vec::new();
    let mut miss = |what: String| problems.push(Problem::new(CHECKER, what));
    for call in &evidence.told.calls {
        let (Deed::Write(text), Some((index, lineage))) = (&call.deed, call.outcome.told()) else {
            continue;
        };
        let is_here = at.get(&call.request) == Some(index);
        let is_left = *lineage != evidence.lineage
            && (at.contains_key(&call.request) || evidence.quarantined.contains(&call.request));
        if !is_here && !is_left && !evidence.is_emptied(*lineage, call.ended) {
            let request = short(call.request);
            miss(format!("{text:?} for user-{} ({request}), acknowledged at {index}", call.user));
        }
    }
    for verify in &evidence.told.verified {
        let Some(told) = verify.outcome.told().filter(|told| told.is_allow()) else { continue };
        let is_here = at.contains_key(&verify.request) || merged.contains(&verify.request);
        if !is_here && !evidence.is_gone(verify) && !evidence.is_emptied(told.lineage, verify.ended)
        {
            let island = if told.island { ", of an island" } else { "" };
            miss(format!(
                "the sign-in of user-{} with step {:?} ({}), accepted at {}{island}",
                verify.shown.token,
                verify.shown.step,
                short(verify.request),
                told.index
            ));
        }
    }
    problems
}
