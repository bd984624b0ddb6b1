//! P3: a node without a quorum goes on deciding, and says of each answer that it came from no quorum. What
//! an answer does not say that of was decided through the log, at the place that it names.

use std::collections::BTreeSet;

use crate::{Evidence, FIRST_RECOVERY, Outcome, Problem, Row, Verify, short};

const CHECKER: &str = "P3 available";
/// What a node says that ends.
const ENDING: &str = "is stopping";
/// What is said of a request whose id is another's, and by a node that knows that its clock is wrong.
const EXCUSES: [&str; 3] =
    ["named another request", "the clock of this node", "the clocks of this"];

pub(super) fn check(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = says_so(evidence);
    problems.extend(goes_on(evidence));
    problems
}

fn says_so(evidence: &Evidence) -> Vec<Problem> {
    let decided: BTreeSet<_> = evidence
        .longest()
        .iter()
        .filter(|event| matches!(event.row, Row::Verified(_)))
        .map(|event| (event.request, event.index))
        .collect();
    let mut problems = Vec::new();
    for verify in &evidence.told.verified {
        let Some(told) = verify.outcome.told() else { continue };
        // In a lineage that is no more it may have been told truly.
        if told.island || told.lineage != evidence.lineage {
            continue;
        }
        if !decided.contains(&(verify.request, told.index)) {
            let what = format!(
                "{} for user-{} was told at host-{} as decided at {}, and the log has no such decision",
                short(verify.request),
                verify.shown.token,
                verify.host,
                told.index
            );
            problems.push(Problem::new(CHECKER, what));
        }
    }
    problems
}

fn goes_on(evidence: &Evidence) -> Vec<Problem> {
    let mut problems = Vec::new();
    for verify in evidence.told.verified.iter().filter(|it| it.outcome.told().is_none()) {
        let within = evidence.alone.iter().any(|alone| {
            alone.host == verify.host && alone.from <= verify.began && verify.ended <= alone.to
        });
        let is_excused = EXCUSES.iter().any(|words| says(verify, words));
        let needs_master = verify.shown.token >= FIRST_RECOVERY;
        if within && !needs_master && !is_excused && !is_ending(evidence, verify) {
            let what = format!(
                "host-{} decided alone, and {} for user-{} came to {:?}",
                verify.host,
                short(verify.request),
                verify.shown.token,
                verify.outcome
            );
            problems.push(Problem::new(CHECKER, what));
        }
    }
    problems
}

fn says(verify: &Verify, words: &str) -> bool {
    matches!(&verify.outcome, Outcome::Refused(why) if why.contains(words))
}

/// Whether the node said meanwhile that it ends, as one does whose disk has failed.
fn is_ending(evidence: &Evidence, verify: &Verify) -> bool {
    let meanwhile = verify.began..=verify.ended;
    evidence
        .told
        .verified
        .iter()
        .any(|it| it.host == verify.host && meanwhile.contains(&it.ended) && says(it, ENDING))
}
