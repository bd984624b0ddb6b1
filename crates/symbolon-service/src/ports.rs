//! What the service needs from outside, as traits that adapters and tests implement.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use symbolon_core::{
    AdministratorId, Answer, Caller, ClusterId, DataKeyId, Digest, Fingerprint, KeyPin, LineageId,
    LogIndex, Name, NodeId, Proposal, Remembered, RequestId, Sealed, Secret, State, Timestamp,
    UserName,
};
use thiserror::Error;
use tokio::time::Instant;

use crate::audit::{AuditExtent, AuditPart, AuditQuestion, AuditUnreadable};
use crate::quarantine::{Quarantine, QuarantineUnreadable, Settled, WriteId};

/// A future that an object-safe trait can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A consistent look at what this node has applied.
#[derive(Clone, Debug)]
pub struct View {
    /// The state.
    pub state: Arc<State>,
    /// Log index up to which it is applied.
    pub applied: LogIndex,
}

/// Which queue a proposal waits in. Verification goes first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// Somebody is waiting to sign in.
    Verification,
    /// Everything else.
    Administration,
}

/// Why a proposal has no answer. It may still be applied: ask again with the same request id.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProposeError {
    /// No master answered within the deadline.
    #[error("no master answered within the deadline")]
    NoMaster,
    /// A queue is full.
    #[error("the queue {0} is full")]
    Overloaded(&'static str),
    /// This node is stopping or has failed.
    #[error("this node is stopping")]
    Stopping,
    /// This node has no space to write.
    #[error("the disk of this node is full")]
    DiskFull,
    /// The clock of the master is so far off that it stamps nothing, and nobody took its place.
    #[error("the clock of node {0}, the master, is off")]
    MasterClock(Name),
    /// No quorum is in reach of this node, and it cannot do without.
    #[error("no master with a quorum is in reach of this node")]
    Island {
        /// Since when.
        since: Timestamp,
        /// The last that was known, if it is.
        master: Option<Name>,
        /// This node.
        node: Name,
    },
    /// No quorum is in reach, and the application takes no answers of such a node.
    #[error("no quorum is in reach, and the application wants one")]
    IslandDenied,
}

/// How a proposal was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Answer,
    /// Without the log, by a node that no quorum is in reach of.
    pub island: bool,
}

/// Who this node is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Its id.
    pub node: NodeId,
    /// Its name.
    pub name: Name,
    /// SHA-256 of the SubjectPublicKeyInfo of the cluster CA.
    pub ca_pin: KeyPin,
}

/// The replicated log and the state it makes.
pub trait Ledger: Send + Sync + 'static {
    /// Who this node is.
    fn identity(&self) -> &Identity;

    /// What this node has applied.
    fn view(&self) -> View;

    /// Puts a proposal through the log and waits for its answer, through elections if need be.
    ///
    /// # Errors
    /// [`ProposeError`]; the proposal may have been applied or be applied yet.
    fn propose(
        &self,
        proposal: Proposal,
        lane: Lane,
        deadline: Instant,
    ) -> BoxFuture<'_, Result<Answered, ProposeError>>;

    /// Waits until this node has applied `index`; `false` when the deadline came first.
    fn applied(&self, index: LogIndex, deadline: Instant) -> BoxFuture<'_, bool>;

    /// [`view`](Self::view), in which the codes of a user count as used that this node holds beside the log
    /// for others than this request.
    fn view_of(&self, name: &UserName, caller: Caller, id: RequestId) -> View;

    /// What this node has decided of a request without the log, as long as it is answered again.
    fn decided_apart(&self, caller: Caller, id: RequestId) -> Option<Remembered>;

    /// Waits until this node has applied all that was committed when the call began.
    ///
    /// # Errors
    /// [`ProposeError::NoMaster`] when no master with a quorum answered within the deadline.
    fn read_barrier(&self, deadline: Instant) -> BoxFuture<'_, Result<(), ProposeError>>;

    /// The node, this one or the master, whose disk is so full that nothing is to be written that can
    /// wait; `None` when both have space.
    fn disk_low_at(&self) -> Option<NodeId>;

    /// Whether this node's clock is so far from those of the others that it judges no time-based codes.
    fn is_clock_off(&self) -> bool;

    /// The log entry after which this node's state was found not to be that of the majority; such a
    /// node serves nobody. `None` for one that may serve.
    fn halted_at(&self) -> Option<LogIndex>;

    /// Makes `node` the master in place of the one that there is, and waits until it is.
    ///
    /// # Errors
    /// [`NotPromoted`]. Whoever is told that nobody took over in time may see it happen yet.
    fn promote(&self, node: NodeId, deadline: Instant) -> BoxFuture<'_, Result<(), NotPromoted>>;

    /// Has this node take the cluster over whose quorum is gone for good, for whoever wants it; without
    /// one nothing is done, and only said what would be. It goes on in a process that starts again.
    ///
    /// # Errors
    /// [`NotPromoted`].
    fn seize(&self, by: Option<SeizedBy>) -> BoxFuture<'_, Result<Seizure, NotPromoted>>;

    /// What lies in quarantine at this node.
    ///
    /// # Errors
    /// [`QuarantineUnreadable`].
    fn quarantines(&self) -> BoxFuture<'_, Result<Vec<Quarantine>, QuarantineUnreadable>>;

    /// Keeps what has become of writes of a quarantine.
    ///
    /// # Errors
    /// [`QuarantineUnreadable`].
    fn settle(
        &self,
        quarantine: String,
        settled: Vec<(WriteId, Settled)>,
    ) -> BoxFuture<'_, Result<(), QuarantineUnreadable>>;

    /// Removes a quarantine for good.
    ///
    /// # Errors
    /// [`QuarantineUnreadable`].
    fn remove_quarantine(
        &self,
        quarantine: String,
    ) -> BoxFuture<'_, Result<(), QuarantineUnreadable>>;

    /// How the cluster is, as far as this node knows.
    fn status(&self) -> ClusterStatus;

    /// Reads a part of this node's own audit. Bounded in what it reads and holds: a part may be empty
    /// and yet not the last.
    ///
    /// # Errors
    /// [`AuditUnreadable`] when the audit is damaged.
    fn read_audit(
        &self,
        question: AuditQuestion,
    ) -> BoxFuture<'_, Result<AuditPart, AuditUnreadable>>;

    /// Which part of the audit this node has.
    fn audit_extent(&self) -> AuditExtent;
}

/// Who wants a seize.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SeizedBy {
    /// An administrator.
    Administrator(AdministratorId),
    /// Root on the machine of the node that seizes, over its local socket.
    LocalRoot,
}

/// What a seize does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seizure {
    /// The epoch that it starts.
    pub epoch: u64,
    /// Members that it goes on without.
    pub left_behind: Vec<NodeId>,
    /// The last log entry that this node holds. Whatever came after it is not here.
    pub last_index: LogIndex,
    /// When this node last heard from a master; `None`: not since it was started.
    pub heard_master_at: Option<Timestamp>,
    /// How the master of two nodes said last that it stands to this one; `None`: it has not, or they are
    /// not two.
    pub pairing: Option<Pairing>,
    /// Whatever was acknowledged before this time, by the clock of who was the master then, is here.
    pub whole_until: Timestamp,
}

/// How the master of two nodes stands to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pairing {
    /// Whatever it acknowledges is on the other's disk too.
    Paired,
    /// It waits for nobody.
    Alone {
        /// Since when, by its clock.
        since: Timestamp,
    },
}

/// Why another node was not made the master.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum NotPromoted {
    /// There is none that could hand over.
    #[error(
        "there is no master that a majority follows, so nobody can hand over; start the nodes that are \
         down: see `symbolon cluster status`"
    )]
    NoMaster,
    /// The node was admitted a moment ago.
    #[error(
        "the node does not take part in the log yet; wait until `symbolon cluster status` shows a role"
    )]
    Absent,
    /// The node follows and does not vote.
    #[error("the node is a learner, which cannot lead among several voters; name a subordinate")]
    Learner,
    /// The node does not answer the master.
    #[error(
        "the node did not answer the master lately; start it, or see to its network, and ask again"
    )]
    Silent,
    /// The node lacks part of the log.
    #[error("the node is {0} log entries behind the master; wait until it has them, and ask again")]
    Behind(u64),
    /// The node is about to stop, its disk is full, or its clock is off.
    #[error("the node is stopping, its disk is full, or its clock is off; choose another")]
    Unfit,
    /// The voters are being changed.
    #[error("the voters are just being changed; ask again in a moment")]
    ChangeUnderWay,
    /// It was asked and has not taken over.
    #[error(
        "the node was asked to take over and has not done so in time; see `symbolon cluster status`, and \
         ask again"
    )]
    NotTakenOver,
    /// On two nodes: it fell silent while the one vote went over to it.
    #[error(
        "the node fell silent while the vote went over to it; nothing can be written until it answers \
         again: start it"
    )]
    LostOnTheWay,
    /// The statement of a seize names who wanted it.
    #[error("an application cannot seize the cluster; ask with an administrator's token")]
    ForAdministrators,
    /// A node is seized by itself alone.
    #[error(
        "only the node itself can seize the cluster, and this is not it; ask at its own address, with \
         `--server {0}`"
    )]
    Elsewhere(String),
    /// So many nodes answer that nothing need be lost.
    #[error(
        "nothing need be seized: with {0} a quorum answers, and it will have a master in a moment; ask \
         without `--seize`, or stop these nodes if they are not to be heard"
    )]
    QuorumThere(String),
    /// A seize here would lose what another node has.
    #[error("{0} answers and holds more of the log than this node: seize that one")]
    Further(String),
    /// The cluster has gone on without this node.
    #[error(
        "nothing is left to seize: {node} is in epoch {epoch}, which went on without this node; start its \
         server as usual, and it comes back by itself"
    )]
    GoneOn {
        /// Name of the node that said so.
        node: String,
        /// That epoch.
        epoch: u64,
    },
    /// The node takes part in nothing.
    #[error(
        "this node was started with `--recover` and takes part in nothing, so no leadership is handed over \
         here; ask another node, or have this one go on without the others: `--seize`"
    )]
    Recovering,
    /// It is under way.
    #[error("this node is about to start again; ask it in a moment")]
    StartingAgain,
    /// The disk, or a defect.
    #[error("the cluster was not seized: {0}; see the log of this node")]
    Failed(String),
    /// What the master said to the node that asked it.
    #[error("{0}")]
    AtMaster(String),
}

/// What a node does in Raft.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Leads.
    Master,
    /// Votes and follows.
    Subordinate,
    /// Follows.
    Learner,
    /// Registered, and not part of Raft.
    Absent,
}

/// See [`Ledger::status`].
#[derive(Clone, Debug)]
pub struct ClusterStatus {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its name.
    pub cluster_name: Option<Name>,
    /// Its epoch.
    pub epoch: u64,
    /// The lineage of the epoch.
    pub lineage: LineageId,
    /// The master, as far as known.
    pub master: Option<NodeId>,
    /// Raft term.
    pub term: u64,
    /// Applied here.
    pub applied: LogIndex,
    /// Digest of the state here.
    pub digest: Digest,
    /// Registered nodes.
    pub nodes: Vec<NodeStatus>,
    /// The last entry of this node's log, applied or not.
    pub last: LogIndex,
    /// Whether this node takes part in nothing, for it to be seized: see `server --recover`.
    pub is_recovering: bool,
    /// The data keys.
    pub data_key: DataKeyStatus,
    /// How the master of two nodes stands to the other; `None` elsewhere, and where it is not known.
    pub pairing: Option<Pairing>,
    /// What to know, each with a remedy.
    pub warnings: Vec<String>,
}

/// The data keys of a [`ClusterStatus`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataKeyStatus {
    /// Seals new secrets.
    pub active: DataKeyId,
    /// The key that the data key is being changed to.
    pub next: Option<DataKeyId>,
    /// Nodes that have not said that they hold the next key.
    pub waiting_for: Vec<Name>,
    /// Sealed fields that are not under the active key.
    pub fields_left: u64,
    /// Keys that the answering node holds, oldest first.
    pub held: Vec<DataKeyId>,
}

/// One node of a [`ClusterStatus`].
#[derive(Clone, Debug)]
pub struct NodeStatus {
    /// Its id.
    pub id: NodeId,
    /// Its name.
    pub name: Name,
    /// What it does.
    pub role: Role,
    /// Where clients reach it.
    pub api_address: String,
    /// Where peers reach it.
    pub peer_address: String,
    /// Heard from within the last 3 s, or this node itself.
    pub reachable: bool,
    /// Log index it said it had applied.
    pub applied: LogIndex,
    /// When it was last heard from.
    pub heard_at: Option<Timestamp>,
    /// Its clock less the median of those in contact, of fewer than three less this node's, milliseconds.
    pub clock_offset_milliseconds: i64,
}

/// Names a sealed field: ciphertext of one field opens as no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldRef {
    /// Kind of row.
    pub row: &'static str,
    /// Id of the row.
    pub id: u64,
    /// Name of the field.
    pub field: &'static str,
}

/// A sealed field that does not open: damaged, moved from another row, or under another key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a sealed field does not open under the cluster's data key")]
pub struct VaultError;

/// The cluster's data keys, as far as this node holds them.
pub trait Vault: Send + Sync + 'static {
    /// Seals a secret for a field, under the key that is active in the view it is made from.
    ///
    /// # Errors
    /// [`VaultError`] when the key is not here, or there is no randomness.
    fn seal(&self, key: DataKeyId, field: FieldRef, secret: &Secret) -> Result<Sealed, VaultError>;

    /// Draws the data key `next`, and gives it out sealed under `active`.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    fn draw_data_key(&self, next: DataKeyId, active: DataKeyId) -> Result<Sealed, VaultError>;

    /// The data keys that are here, oldest first.
    fn data_keys(&self) -> Vec<DataKeyId>;

    /// Opens a sealed field.
    ///
    /// # Errors
    /// [`VaultError`] when it is not this field's.
    fn open(&self, field: FieldRef, sealed: &Sealed) -> Result<Secret, VaultError>;

    /// Keyed hash: equal on all nodes, and useless to who has not the key.
    fn fingerprint(&self, bytes: &[u8]) -> Fingerprint;
}

/// The time.
pub trait Clock: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Timestamp;
}

/// Randomness fit for keys.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);

    /// Fills the buffer with what names something and is told to whoever asks: as hard to guess, and
    /// it may have been drawn a little before.
    fn fill_id(&self, buffer: &mut [u8]) {
        self.fill(buffer);
    }
}
