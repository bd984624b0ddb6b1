//! How the cluster is, as far as this node knows.

use std::collections::BTreeMap;

use symbolon_core::limits::ISLAND_LIFE_MILLISECONDS;
use symbolon_core::{
    ClockJump, ClockStanding, DataKeyId, Lasting, LogIndex, Name, NodeId, State, Timestamp,
};
use symbolon_service::{ClusterStatus, DataKeyStatus, NodeStatus, Pairing, Role};
use symbolon_store::DiskLevel;

use crate::clocks::ClockReport;
use crate::epochs::{EpochName, Unproved};
use crate::fence::Met;
use crate::hello::{Presence, REACHABLE};
use crate::members::voters_wanted;
use crate::peer_header::Standing;
use crate::published::Published;
use crate::raft_types::Membership;

/// Clocks further apart than this are worth a warning.
const CLOCK_OFFSET_WARN_MILLISECONDS: i64 = 2_000;

/// Applications that are warned of one by one.
const EXEMPTING_TOLD_MAX: usize = 32;

/// What only this node knows.
pub(crate) struct Here {
    /// The data keys that it holds, oldest first.
    pub(crate) data_keys: Vec<DataKeyId>,
    /// The master that a quorum follows, if there is proof of one.
    pub(crate) master: Option<NodeId>,
    /// The node through which it reaches the master, and the master, where it does not itself.
    pub(crate) relay: Option<(NodeId, NodeId)>,
    /// How it stands with the space on its disk.
    pub(crate) disk: DiskLevel,
    /// How it stands with the clocks.
    pub(crate) clocks: ClockReport,
    /// Epochs apart that it has met.
    pub(crate) apart: BTreeMap<EpochName, Met>,
    /// Peers that claim an epoch which they do not prove.
    pub(crate) unproved: BTreeMap<NodeId, Unproved>,
    /// How it stands to the other of two, if it is the master.
    pub(crate) pair: Option<Pairing>,
    /// Writes that lie in quarantine at it, and that nobody has settled.
    pub(crate) open_writes: u64,
    /// Since when it is an island, and by its clock.
    pub(crate) island: Option<(Timestamp, Timestamp)>,
    /// Who takes part in Raft, as far as its log knows.
    pub(crate) membership: Membership,
    /// The term that it is in.
    pub(crate) term: u64,
    /// The last entry of its log.
    pub(crate) last: LogIndex,
    /// That it takes part in nothing.
    pub(crate) recovery: Option<Recovery>,
}

/// Of a node that takes part in nothing.
#[derive(Clone, Default)]
pub(crate) struct Recovery {
    /// Which peer has said that its disk went back in time, and what is not there.
    pub(crate) went_back: Option<(NodeId, String)>,
}

pub(crate) fn status(
    standing: &Standing,
    published: &Published,
    presence: &Presence,
    here: Here,
) -> ClusterStatus {
    let heard_disk = |id| presence.get(id).map_or(DiskLevel::Ample, |heard| heard.disk);
    let disk = |id: NodeId| if id == standing.node { here.disk } else { heard_disk(id) };
    let (view, master) = (published.view(), here.master);
    let role =
        |id| if Some(id) == master { Role::Master } else { follows_as(&here.membership, id) };
    let nodes: Vec<_> = view
        .state
        .nodes()
        .map(|row| {
            let own = row.id == standing.node;
            let heard = presence.get(row.id);
            let recent = heard.filter(|heard| heard.when.elapsed() < REACHABLE);
            NodeStatus {
                id: row.id,
                name: row.name.clone(),
                role: role(row.id),
                api_address: row.api_address.clone(),
                peer_address: row.peer_address.clone(),
                reachable: own || recent.is_some(),
                applied: if own {
                    view.applied
                } else {
                    heard.map_or(LogIndex(0), |heard| heard.applied)
                },
                heard_at: heard.map(|heard| heard.at),
                clock_offset_milliseconds: here.clocks.offsets.get(&row.id).copied().unwrap_or(0),
            }
        })
        .collect();
    let said = master.and_then(|master| presence.get(master)).and_then(|heard| heard.pairing);
    let pairing = here.pair.or(said);
    ClusterStatus {
        cluster: standing.cluster,
        cluster_name: view.state.cluster().map(|row| row.name.clone()),
        epoch: standing.epoch,
        lineage: standing.lineage,
        master,
        term: here.term,
        applied: view.applied,
        last: here.last,
        is_recovering: here.recovery.is_some(),
        digest: view.state.digest(),
        data_key: data_key(&view.state, here.data_keys.clone()),
        pairing,
        warnings: [
            epochs(&view.state, standing.epoch, &here),
            here.recovery.as_ref().map_or_else(
                || warnings(&nodes, master),
                |recovery| recovering(&view.state, standing.node, recovery),
            ),
            detour(&nodes, &here),
            island(&nodes, standing.node, here.island),
            alone(&nodes, pairing),
            clocks(&nodes, master, standing.node, &here.clocks),
            differences(&nodes, published),
            short_of_space(&nodes, disk),
            exemptions(&view.state),
            left(&view.state, &nodes, (standing.node, here.open_writes), presence),
        ]
        .concat(),
        nodes,
    }
}

/// That this node decides by itself.
fn island(
    nodes: &[NodeStatus],
    own: NodeId,
    island: Option<(Timestamp, Timestamp)>,
) -> Vec<String> {
    let Some((since, now)) = island else { return Vec::new() };
    let name = nodes.iter().find(|node| node.id == own).map_or("NODE", |node| node.name.as_str());
    let left = since.plus(ISLAND_LIFE_MILLISECONDS).0.saturating_sub(now.0);
    let lasts = Lasting(now.0.saturating_sub(since.0) / 1_000);
    let ends = match left {
        0 => "it has done so for as long as it may, and decides nothing more".to_owned(),
        left => format!("for {} more", Lasting(left / 1_000)),
    };
    vec![format!(
        "no quorum is in reach of this node for {lasts}: it decides verifications by itself, {ends}; start the \
         nodes that are down, or if they are gone for good, `symbolon promote-subordinate {name} --seize`"
    )]
}

/// What a node is for that was started to be seized.
fn recovering(state: &State, own: NodeId, recovery: &Recovery) -> Vec<String> {
    let name = |id: NodeId| {
        state.node(id).map_or_else(|| format!("node {id}"), |row| row.name.to_string())
    };
    let own = name(own);
    let waits = format!(
        "this node, {own}, was started with `--recover` and takes part in nothing; if the quorum is gone for \
         good, `symbolon promote-subordinate {own} --seize` has it go on without the others; if not, stop \
         this and start the server as usual"
    );
    let went_back = recovery.went_back.as_ref().map(|(peer, lacks)| {
        format!(
            "the disk of this node has gone back in time: {} says that {lacks}; seize it only if no newer \
             copy of its data directory is left",
            name(*peer)
        )
    });
    [waits].into_iter().chain(went_back).collect()
}

/// That this node does not reach the master itself.
fn detour(nodes: &[NodeStatus], here: &Here) -> Vec<String> {
    let Some((relay, master)) = here.relay else { return Vec::new() };
    let of = |id| nodes.iter().find(|node| node.id == id);
    let name =
        |id| of(id).map_or_else(|| format!("node {id}"), |node| format!("node {}", node.name));
    let address = of(master).map_or("its peer address", |node| &*node.peer_address);
    vec![format!(
        "this node reaches the master, {}, only through {}: it verifies, and takes no administrative writes; \
         see why {address} cannot be reached from here",
        name(master),
        name(relay)
    )]
}

/// What a node that is not the master does.
fn follows_as(membership: &Membership, id: NodeId) -> Role {
    if membership.voter_ids().any(|voter| voter == id.0) {
        Role::Subordinate
    } else if membership.get_node(&id.0).is_some() {
        Role::Learner
    } else {
        Role::Absent
    }
}

/// Clocks that differ from the others', and those that went another way than time.
fn clocks(
    nodes: &[NodeStatus],
    master: Option<NodeId>,
    own: NodeId,
    report: &ClockReport,
) -> Vec<String> {
    let is_odd =
        |node: &&NodeStatus| node.clock_offset_milliseconds.abs() > CLOCK_OFFSET_WARN_MILLISECONDS;
    let differing = nodes.iter().filter(is_odd).map(|node| {
        let (name, by) = (&node.name, from(node.clock_offset_milliseconds));
        if !report.are_witnesses {
            return format!(
                "the clock of node {name} is {by} this node's, and of two clocks nobody can tell which is \
                 right: correct the wrong one (NTP)"
            );
        }
        let leads = master == Some(node.id);
        let what = match ClockStanding::of(node.clock_offset_milliseconds) {
            ClockStanding::Right => "",
            ClockStanding::Aside if leads => ": it leads because no other voter could take over",
            ClockStanding::Aside => ": it does not lead while it is",
            ClockStanding::Off if leads => {
                ": it judges no time-based codes, and nothing is decided while it is the master"
            }
            ClockStanding::Off => ": it judges no time-based codes, and does not lead",
        };
        format!("the clock of node {name} is {by} the median of the cluster{what}: correct it (NTP)")
    });
    let name = nodes.iter().find(|node| node.id == own).map_or("", |node| node.name.as_str());
    let ago = |jump: ClockJump| Lasting(report.now.0.saturating_sub(jump.at.0) / 1_000);
    let refused = report.refused.map(|jump| {
        let remedy = if master == Some(own) && !report.are_witnesses {
            "; if it is right as it is, `symbolon cluster confirm-clock` has the cluster go by it"
        } else {
            ""
        };
        format!(
            "the clock of this node, {name}, has jumped {} ago and is {} where it was expected: it is not \
             followed, and time goes on without it: correct it (NTP){remedy}",
            ago(jump),
            from(jump.by)
        )
    });
    let taken = report.taken.map(|jump| {
        format!(
            "this node, {name}, was started {} ago and asked no other for the time, since none answered: \
             its clock was {} the last stamp: see that it is right, then `symbolon cluster confirm-clock`",
            ago(jump),
            from(jump.by)
        )
    });
    differing.chain(refused).chain(taken).collect()
}

/// How far a clock is from something, in words.
fn from(offset: i64) -> String {
    let way = if offset < 0 { "behind" } else { "ahead of" };
    format!("{} {way}", Lasting(offset.unsigned_abs().saturating_add(500) / 1_000))
}

/// What has come of seizes and is not settled.
fn epochs(state: &State, epoch: u64, here: &Here) -> Vec<String> {
    let name = |id: NodeId| {
        let row = state.node(id);
        row.map_or_else(|| format!("node {id}"), |row| format!("node {}", row.name))
    };
    let cluster = state.cluster();
    let others = cluster.map_or(&[][..], |cluster| &cluster.others);
    let known = others.iter().filter(|other| !other.is_discarded());
    let known = known.map(|it| (EpochName { epoch: it.epoch, lineage: it.lineage }, it.ours > 0));
    let noted = |met: &EpochName| {
        others.iter().any(|it| (it.epoch, it.lineage) == (met.epoch, met.lineage))
    };
    let met = here.apart.keys().filter(|met| !noted(met)).map(|met| (*met, false));
    let apart = known.chain(met).map(|(theirs, is_disputed)| {
        let (number, lineage) = (theirs.epoch, theirs.lineage);
        let who = here.apart.get(&theirs).map_or_else(|| "a node".to_owned(), |met| name(met.node));
        let what = if is_disputed {
            "each of the two was discarded by the other; the next word counts"
        } else {
            "two nodes were seized, or it is a copy"
        };
        let cluster = cluster.map_or("CLUSTER", |cluster| cluster.name.as_str());
        format!(
            "{who} is in epoch {number} of another lineage than this node's epoch {epoch}: {what}; sign-ins go \
             on, and nothing else is taken: decide which is to go on, and there, `symbolon cluster \
             discard-epoch {number}/{lineage} --confirm {cluster}` as it is told there: the nodes of the \
             other then come back to it, empty"
        )
    });
    let unproved = here.unproved.iter().map(|(id, why)| {
        format!(
            "{} claims to be in another epoch, and {why}: it is not heard; see who has access to it",
            name(*id)
        )
    });
    let gone = state.nodes_superseded().map(|row| {
        format!(
            "node {} was left behind when the cluster was seized: start it, and it comes back by itself; \
             if it is gone for good, `symbolon cluster remove-node {}`",
            row.name, row.name
        )
    });
    let held = state.cluster().and_then(|cluster| cluster.floor.as_ref());
    let held = held.filter(|floor| floor.recovery_codes_held).map(|_| {
        "recovery codes are held since the cluster was seized, because some may have been used at nodes \
         that are lost: `symbolon cluster release-recovery-codes` releases them"
            .to_owned()
    });
    apart.chain(unproved).chain(gone).chain(held).collect()
}

/// A master of two nodes that is alone.
fn alone(nodes: &[NodeStatus], pairing: Option<Pairing>) -> Vec<String> {
    let is_alone = matches!(pairing, Some(Pairing::Alone { .. }));
    let of = |is_master: bool| nodes.iter().find(|node| (node.role == Role::Master) == is_master);
    let two = of(true).zip(of(false)).filter(|_| is_alone);
    let words = two.map(|(master, other)| {
        format!(
            "node {} is alone: node {} has not acknowledged what it writes, which would be lost with its \
             disk; see whether node {} runs, can be reached, and has space: once it has caught up, they \
             are paired again",
            master.name, other.name, other.name
        )
    });
    words.into_iter().collect()
}

/// What was done apart and waits for an administrator.
fn left(
    state: &State,
    nodes: &[NodeStatus],
    (own, open_here): (NodeId, u64),
    presence: &Presence,
) -> Vec<String> {
    let heard = |id| presence.get(id).map_or(0, |heard| heard.open_writes);
    let open = |id: NodeId| if id == own { open_here } else { heard(id) };
    let writes = nodes.iter().filter_map(|node| match open(node.id) {
        0 => None,
        open => Some(format!(
            "{open} writes that the cluster does not hold lie in quarantine at node {}: `symbolon cluster \
             quarantine list` shows where, `reapply` or `discard` settles them",
            node.name
        )),
    });
    let doubles = state.cluster().map_or(0, |cluster| cluster.doubles);
    let doubles = (doubles > 0).then(|| {
        format!(
            "{doubles} codes were accepted twice, by nodes that decided apart from each other: `symbolon \
             audit query --type accepted_twice` shows whose, and `symbolon cluster acknowledge-doubles` \
             ends this warning"
        )
    });
    writes.chain(doubles).collect()
}

/// Applications that let somebody in without a code.
fn exemptions(state: &State) -> Vec<String> {
    let words = |name: &Name, whom: &str, option: &str| {
        format!(
            "application {name} lets {whom} in without a code: `symbolon application set {name} \
             --{option} deny` ends it"
        )
    };
    let told = state.exempting().take(EXEMPTING_TOLD_MAX).flat_map(|row| {
        let (name, exempt) = (&row.name, row.exempt);
        let unknown = || words(name, "names that are nobody's", "unknown-users");
        let disabled = || words(name, "users who are switched off", "disabled-users");
        let unknown = exempt.unknown_users.then(unknown);
        [unknown, exempt.disabled_users.then(disabled)].into_iter().flatten()
    });
    let left = state.exempting().skip(EXEMPTING_TOLD_MAX).count();
    let left = (left > 0).then(|| {
        format!(
            "{left} more applications let users in without a code: `symbolon application list` shows \
             which"
        )
    });
    told.chain(left).collect()
}

/// Nodes whose disks are nearly full.
fn short_of_space(nodes: &[NodeStatus], disk: impl Fn(NodeId) -> DiskLevel) -> Vec<String> {
    let words = |node: &NodeStatus| {
        let name = &node.name;
        match disk(node.id) {
            DiskLevel::Ample => None,
            DiskLevel::Low => Some(format!(
                "the disk of node {name} is nearly full: administrative writes are refused while it \
                 is, or is the master: give it space"
            )),
            DiskLevel::Full => Some(format!(
                "the disk of node {name} is full: it takes no entries and decides nothing: give it \
                 space"
            )),
        }
    };
    nodes.iter().filter_map(words).collect()
}

/// Nodes that have another state than this one.
fn differences(nodes: &[NodeStatus], published: &Published) -> Vec<String> {
    let comparison = published.digests.compare(published.checkpoint(), nodes.len());
    let differing = nodes.iter().filter(|node| comparison.differ.contains(&node.id));
    let warning = |node: &NodeStatus| {
        format!(
            "node {} has another state than this node after the same log entry: the disk of one of \
             them was changed or has failed; compare with a third node, and let the one that stands \
             alone join again under a new name with an empty data directory",
            node.name
        )
    };
    differing.map(warning).collect()
}

fn data_key(state: &State, held: Vec<DataKeyId>) -> DataKeyStatus {
    let keys = state.data_keys();
    let lacking = state.nodes_without_next_key().filter_map(|id| state.node(id));
    DataKeyStatus {
        active: keys.active,
        next: keys.rotation.as_ref().map(|rotation| rotation.id),
        waiting_for: lacking.map(|row| row.name.clone()).collect(),
        fields_left: state.sealed_under_others(),
        held,
    }
}

fn warnings(nodes: &[NodeStatus], master: Option<NodeId>) -> Vec<String> {
    let mut warnings = Vec::new();
    let is_voter = |node: &&NodeStatus| matches!(node.role, Role::Master | Role::Subordinate);
    let voters = nodes.iter().filter(is_voter).count();
    let alive = nodes.iter().filter(is_voter).filter(|node| node.reachable).count();
    let majority = voters / 2 + 1;
    if alive < majority {
        warnings.push(format!(
            "the quorum is lost: {alive} of {voters} voters are reachable and {majority} are \
             needed; nothing can be written, and each node decides verifications by itself: start the nodes \
             that are down"
        ));
    } else if master.is_none() {
        warnings.push(
            "no master is known: verifications and writes wait; if this lasts over some seconds, \
             see whether the nodes reach each other's peer ports"
                .to_owned(),
        );
    } else if voters > 1 && alive == majority {
        warnings.push(
            "one more voter down and nothing can be written, and each node decides verifications by \
             itself: bring the missing ones back"
                .to_owned(),
        );
    }
    for node in nodes.iter().filter(|node| !node.reachable) {
        warnings.push(format!(
            "node {} was not heard from for 3 s: see whether it runs and whether {} can be reached",
            node.name, node.peer_address
        ));
    }
    let wanted = voters_wanted(nodes.len());
    if voters < wanted {
        warnings.push(format!(
            "{voters} of {wanted} voters: a lost master is not replaced by itself yet; wait until \
             the new nodes have caught up"
        ));
    }
    warnings
}
