//! What nodes decided apart, as records that they merge.

use super::*;
use symbolon_core::{
    AuditRow, Here, JournalId, Merge, MergeKind, MergeMark, MergeRecord, Merged, Origin,
};

use crate::language::time_text;
use crate::world::World;

impl Place<'_> {
    /// `merge JOURNAL first NUMBER RECORD...`, by node 1. A record is `nothing`, or KIND:USER with more
    /// parts, each after a colon: `TOKEN@STEP`, `recovery=NUMBER`, `by=REQUEST`, `from=APPLICATION`, `at=TIME`,
    /// and of what was found in the audit `unknown`, or `here=REQUEST` with the application `other`.
    pub(super) fn merge(&self, words: &mut Words, seen: u64) -> Result<Merge, String> {
        let journal = JournalId(bytes("journal", &words.next("a journal")?));
        let first = words.option("first")?.ok_or("first of which number?")?;
        let mut records = Vec::new();
        while let Ok(record) = words.next("a record") {
            let place = records.len();
            records.push(match record.as_str() {
                "nothing" => None,
                text => Some(self.record(text, seen, place)?),
            });
        }
        let first = first.parse().map_err(|_| "the number of the first")?;
        Ok(Merge { journal, first, records })
    }

    fn record(&self, text: &str, seen: u64, place: usize) -> Result<MergeRecord, String> {
        let view = self.states.get(usize::try_from(seen).unwrap()).ok_or("the future")?;
        let mut parts = text.split(':');
        let kind = match parts.next().unwrap_or_default() {
            "spent" => MergeKind::Spent,
            "accepted" => MergeKind::Accepted,
            "failed" => MergeKind::Failed,
            "resynchronised" => MergeKind::Resynchronised,
            other => return Err(format!("no record {other}")),
        };
        let origin = |request: &str, application: &str, at| {
            let application = ApplicationId(number("application", application));
            Origin {
                caller: Caller::Application(application),
                request_id: RequestId(bytes("request", request)),
                application: Some(application),
                node: NodeId(2),
                at,
            }
        };
        let user = UserId(number("user", parts.next().ok_or("whose record?")?));
        let request = format!("record {} {place}", self.serial);
        let mut record = MergeRecord {
            origin: origin(&request, "vpn", self.made_at),
            user,
            kind,
            marks: Vec::new(),
            recovery_code: None,
        };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            match key {
                "by" => record.origin.request_id = RequestId(bytes("request", value)),
                "from" => {
                    record.origin.application = Some(ApplicationId(number("application", value)));
                }
                "at" => record.origin.at = time(value)?,
                "recovery" => {
                    record.recovery_code = Some(value.parse().map_err(|_| "a number")?);
                }
                "unknown" => record.marks.iter_mut().for_each(|it| it.here = Here::Unknown),
                "here" => {
                    let caller = if value == "own" { "vpn" } else { "other" };
                    let mut here = origin(value, caller, self.made_at);
                    if value == "own" {
                        here.request_id = record.origin.request_id;
                    }
                    record.marks.iter_mut().for_each(|it| it.here = Here::Accepted(here));
                }
                _ => {
                    let (token, step) = part.split_once('@').ok_or("TOKEN@STEP")?;
                    let token = TokenId(number("token", token));
                    let step = step.parse().map_err(|_| "a step")?;
                    let mark = view.token(token).map_or(0, |token| token.mark);
                    let shown = Match { token, step };
                    record.marks.push(MergeMark { shown, mark, here: Here::Nobody });
                }
            }
        }
        Ok(record)
    }
}

/// How far a journal is merged.
pub(crate) fn journal(state: &State, name: &str) -> String {
    let found = state.journal(JournalId(bytes("journal", name)));
    found.map_or_else(
        || "none".to_owned(),
        |it| format!("{} of node {}, at entry {}", it.merged, it.node, it.changed_at),
    )
}

/// Codes that were accepted twice and that nobody knows of.
pub(crate) fn doubles(state: &State) -> String {
    state.cluster().map_or(0, |cluster| cluster.doubles).to_string()
}

/// An event about a merge.
pub(crate) fn audit(world: &World, row: &AuditRow) -> String {
    match row {
        AuditRow::Merged(it) => merged(world, it),
        AuditRow::MergeRefused { first, .. } => format!("merge from {first} on is refused"),
        AuditRow::AcceptedTwice(it) => {
            format!("{} @ {} was accepted twice", world.wallet.name(it.token), it.step)
        }
        AuditRow::DoublesAcknowledged { doubles } => format!("{doubles} doubles are known"),
        other => unreachable!("{other:?}"),
    }
}

fn merged(world: &World, it: &Merged) -> String {
    let mut text = format!("record {} of {}", it.number, time_text(it.origin.at));
    for spent in &it.spent {
        text += &format!(", {} @ {}", world.wallet.name(spent.token), spent.step);
    }
    for (count, what) in [(it.skipped, "skipped"), (it.refused, "refused"), (it.unknown, "unknown")]
    {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    if it.counted {
        text += ", counted";
    }
    it.recovery_code.map_or_else(|| text.clone(), |number| format!("{text}, recovery {number}"))
}
