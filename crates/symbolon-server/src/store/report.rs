//! What `symbolon store` shows. Keys of the JSON may be added, and never change or go.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use symbolon_cluster::Inspection;
use symbolon_store::{FileSize, SnapshotInfo, Tip};

#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    /// Of `verify`: whether all is as it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ok: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) checks: Vec<Check>,
    header: Option<Header>,
    anchor: Option<Anchor>,
    positions: Option<Positions>,
    counts: Option<Counts>,
    digest: Option<String>,
    state_time_milliseconds: Option<u64>,
    files: Vec<File>,
    snapshots: Vec<Snapshot>,
}

#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) ok: bool,
    pub(super) finding: Option<String>,
    pub(super) remedy: Option<String>,
}

#[derive(Debug, Serialize)]
struct Header {
    cluster_id: String,
    node: u64,
    node_name: String,
    epoch: u64,
    lineage: String,
    layout_version: u32,
}

#[derive(Debug, Serialize)]
struct Anchor {
    incarnation: u64,
    round: u64,
    last_index: Option<u64>,
    purged_index: Option<u64>,
    votes_and_truncations: u64,
    image_writes: u64,
}

#[derive(Debug, Serialize)]
struct Positions {
    vote: Option<Vote>,
    purged: Option<Position>,
    first_index: Option<u64>,
    last: Option<Position>,
    committed: Option<Position>,
    applied: Option<Position>,
}

#[derive(Debug, Serialize)]
struct Position {
    index: u64,
    term: u64,
    node: u64,
}

#[derive(Debug, Serialize)]
struct Vote {
    term: u64,
    node: u64,
    committed: bool,
}

#[derive(Debug, Serialize)]
struct Counts {
    rows: BTreeMap<&'static str, u64>,
    audit_entries: u64,
    audit_events: u64,
    audit_from_index: u64,
    audit_missing_entries: u64,
    log_entries: u64,
}

#[derive(Debug, Serialize)]
struct File {
    path: String,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Snapshot {
    name: String,
    bytes: u64,
}

impl Report {
    pub(super) fn header(&mut self, header: &symbolon_store::Header, layout_version: u32) {
        self.header = Some(Header {
            cluster_id: header.cluster.to_string(),
            node: header.node.0,
            node_name: header.node_name.clone(),
            epoch: header.epoch,
            lineage: header.lineage.to_string(),
            layout_version,
        });
    }

    pub(super) fn anchor(&mut self, tip: &Tip) {
        self.anchor = Some(Anchor {
            incarnation: tip.incarnation,
            round: tip.round,
            last_index: tip.marks.last,
            purged_index: tip.marks.purged,
            votes_and_truncations: tip.marks.revision,
            image_writes: tip.marks.image,
        });
    }

    pub(super) fn files(&mut self, sizes: &[FileSize], snapshots: &[SnapshotInfo]) {
        let file =
            |file: &FileSize| File { path: file.path.display().to_string(), bytes: file.bytes };
        self.files = sizes.iter().map(file).collect();
        let snapshot =
            |info: &SnapshotInfo| Snapshot { name: info.name.clone(), bytes: info.bytes };
        self.snapshots = snapshots.iter().map(snapshot).collect();
    }

    pub(super) fn contents(&mut self, seen: &Inspection) {
        let position = |place: symbolon_cluster::Position| Position {
            index: place.index,
            term: place.term,
            node: place.node,
        };
        let positions = &seen.positions;
        self.positions = Some(Positions {
            vote: positions.vote.map(|vote| Vote {
                term: vote.term,
                node: vote.node,
                committed: vote.committed,
            }),
            purged: positions.purged.map(position),
            first_index: positions.first,
            last: positions.last.map(position),
            committed: positions.committed.map(position),
            applied: positions.applied.map(position),
        });
        self.counts = Some(Counts {
            rows: seen.counts.rows.iter().copied().collect(),
            audit_entries: seen.counts.audit_entries,
            audit_events: seen.counts.audit_events,
            audit_from_index: seen.counts.audit_from,
            audit_missing_entries: seen.counts.audit_missing,
            log_entries: seen.counts.log_entries,
        });
        self.digest = Some(seen.digest.clone());
        self.state_time_milliseconds = Some(seen.clock);
    }

    /// For people. What could not be seen has no lines.
    pub(super) fn table(&self) -> String {
        let mut lines = Vec::new();
        for check in &self.checks {
            lines.push((check.name.clone(), if check.ok { "ok" } else { "DAMAGED" }.to_owned()));
            let told = [&check.finding, &check.remedy].into_iter().flatten();
            lines.extend(told.map(|text| (String::new(), text.clone())));
        }
        if let Some(header) = &self.header {
            header.lines(&mut lines);
        }
        if let Some(anchor) = &self.anchor {
            anchor.lines(&mut lines);
        }
        if let Some(positions) = &self.positions {
            positions.lines(&mut lines);
        }
        if let Some(counts) = &self.counts {
            counts.lines(&mut lines);
        }
        lines.extend(self.digest.iter().map(|digest| ("digest".to_owned(), digest.clone())));
        for file in &self.files {
            lines.push((file.path.clone(), format!("{} bytes", file.bytes)));
        }
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:width$}  {value}");
        }
        text
    }
}

type Lines = Vec<(String, String)>;

fn line(lines: &mut Lines, name: &str, value: impl ToString) {
    lines.push((name.to_owned(), value.to_string()));
}

/// What stands for nothing.
fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

impl Header {
    fn lines(&self, lines: &mut Lines) {
        line(lines, "cluster", &self.cluster_id);
        line(lines, "node", format!("{} (number {})", self.node_name, self.node));
        line(lines, "epoch", self.epoch);
        line(lines, "lineage", &self.lineage);
        line(lines, "layout version", self.layout_version);
    }
}

impl Anchor {
    fn lines(&self, lines: &mut Lines) {
        line(lines, "incarnation", self.incarnation);
        line(lines, "last sync", self.round);
        line(lines, "anchored log end", or_dash(self.last_index));
    }
}

impl Positions {
    fn lines(&self, lines: &mut Lines) {
        let vote = self.vote.as_ref().map(|vote| {
            let won = if vote.committed { ", which became master" } else { "" };
            format!("term {} for node {}{won}", vote.term, vote.node)
        });
        line(lines, "vote", or_dash(vote));
        line(lines, "log purged up to", or_dash(self.purged.as_ref()));
        line(lines, "log begins", or_dash(self.first_index));
        line(lines, "log ends", or_dash(self.last.as_ref()));
        line(lines, "committed", or_dash(self.committed.as_ref()));
        line(lines, "applied", or_dash(self.applied.as_ref()));
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (term {}, master {})", self.index, self.term, self.node)
    }
}

impl Counts {
    fn lines(&self, lines: &mut Lines) {
        line(lines, "log entries", self.log_entries);
        line(lines, "audit entries", self.audit_entries);
        line(lines, "audit events", self.audit_events);
        line(lines, "audit begins", self.audit_from_index);
        line(lines, "audit entries to fetch", self.audit_missing_entries);
        for (kind, count) in &self.rows {
            line(lines, &kind.replace('_', " "), count);
        }
    }
}
