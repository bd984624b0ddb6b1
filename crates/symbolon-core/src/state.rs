//! The state: tables, look-ups, and the one way in which a row changes.

use core::fmt;

use crate::apply::Output;
use crate::digest::{Digest, Sum};
use crate::limits::ISLAND_LIFE_MILLISECONDS;
use crate::map::Map;
use crate::replies::Replies;
use crate::table::Table;
use crate::{
    Administrator, Application, ApplicationId, AuditEvent, Caller, Challenge, ChallengeId, Change,
    Cluster, DataKeyId, DataKeys, JoinToken, JoinTokenId, Journal, KeyPin, Lockout, LogIndex, Name,
    Node, NodeId, RadiusClient, Remembered, RequestId, Row, RowKey, Serial, Setting, Settings,
    Timestamp, Token, TokenId, User, UserId, UserName, Violation,
};

/// What of a state is neither row nor audit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scalars {
    /// State time: the highest stamp so far.
    pub clock: Timestamp,
    /// Hash chain over all audit events so far.
    pub audit_chain: Digest,
    /// Digest of the state.
    pub digest: Digest,
}

/// Everything that decides, in memory. A clone costs a few pointers and is a consistent snapshot.
#[derive(Clone, Default)]
pub struct State {
    pub(crate) clock: Timestamp,
    pub(crate) audit_chain: Digest,
    pub(crate) cluster: Table<Cluster>,
    pub(crate) administrators: Table<Administrator>,
    pub(crate) applications: Table<Application>,
    pub(crate) users: Table<User>,
    pub(crate) tokens: Table<Token>,
    pub(crate) nodes: Table<Node>,
    pub(crate) join_tokens: Table<JoinToken>,
    pub(crate) data_keys: Table<DataKeys>,
    pub(crate) settings: Table<Settings>,
    pub(crate) challenges: Table<Challenge>,
    pub(crate) journals: Table<Journal>,
    pub(crate) radius_clients: Table<RadiusClient>,
    pub(crate) replies: Replies,
    // Look-ups that follow from the rows.
    pub(crate) user_names: Map<UserName, UserId>,
    pub(crate) application_names: Map<Name, ApplicationId>,
    pub(crate) serials: Map<Serial, TokenId>,
    pub(crate) due: Map<(Timestamp, RowKey), ()>,
    /// Open challenges by user.
    pub(crate) challenged: Map<(UserId, ChallengeId), ()>,
    /// Sealed fields by the data key that they are under.
    pub(crate) sealed: Map<DataKeyId, u64>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("clock", &self.clock)
            .field("users", &self.users.len())
            .field("tokens", &self.tokens.len())
            .finish_non_exhaustive()
    }
}

/// Why stored rows are no state.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RestoreError {
    /// The rows are not those whose digest was stored with them.
    #[error("the rows have digest {found}, and {expected} was stored with them")]
    Digest {
        /// Stored with the rows.
        expected: Digest,
        /// Computed from them.
        found: Digest,
    },
    /// The rows contradict each other.
    #[error("the rows contradict each other: {0}")]
    Violation(Violation),
}

impl State {
    /// Rebuilds a state from its rows, its scalars and the audit events of the last 30 s of its
    /// state time, oldest first.
    ///
    /// # Errors
    /// [`RestoreError`] when the rows are not the ones that were stored, or contradict each other.
    pub fn restore(
        rows: impl IntoIterator<Item = Row>,
        scalars: Scalars,
        recent: impl IntoIterator<Item = AuditEvent>,
    ) -> Result<Self, RestoreError> {
        let state = Self::rebuild(rows, scalars)?.with_recent(recent);
        state.check().map_err(RestoreError::Violation)?;
        Ok(state)
    }

    /// [`restore`](Self::restore) in parts: the rows have their digest, and [`check`](Self::check), which
    /// takes as long, is still to be asked whether they contradict each other.
    ///
    /// # Errors
    /// [`RestoreError::Digest`].
    pub fn rebuild(
        rows: impl IntoIterator<Item = Row>,
        scalars: Scalars,
    ) -> Result<Self, RestoreError> {
        let mut state =
            Self { clock: scalars.clock, audit_chain: scalars.audit_chain, ..Self::default() };
        let mut ignored = Output::default();
        for row in rows {
            state.put(row, &mut ignored);
            ignored.changes.clear();
        }
        let found = state.digest();
        if found != scalars.digest {
            return Err(RestoreError::Digest { expected: scalars.digest, found });
        }
        Ok(state)
    }

    /// This state with the replies that the audit events of the last 30 s tell of, oldest first.
    #[must_use]
    pub fn with_recent(mut self, recent: impl IntoIterator<Item = AuditEvent>) -> Self {
        recent.into_iter().for_each(|event| self.replies.remember(&event));
        self.replies.expire(self.clock);
        self
    }

    /// All rows, in a fixed order.
    pub fn rows(&self) -> impl Iterator<Item = Row> {
        let cluster = self.cluster.iter().cloned().map(Row::Cluster);
        let administrators = self.administrators.iter().cloned().map(Row::Administrator);
        let applications = self.applications.iter().cloned().map(Row::Application);
        let users = self.users.iter().cloned().map(Row::User);
        let tokens = self.tokens.iter().cloned().map(Row::Token);
        let nodes = self.nodes.iter().cloned().map(Row::Node);
        let join_tokens = self.join_tokens.iter().cloned().map(Row::JoinToken);
        let data_keys = self.data_keys.iter().cloned().map(Row::DataKeys);
        let settings = self.settings.iter().cloned().map(Row::Settings);
        let challenges = self.challenges.iter().cloned().map(Row::Challenge);
        let journals = self.journals.iter().copied().map(Row::Journal);
        let radius_clients = self.radius_clients.iter().cloned().map(Row::RadiusClient);
        cluster
            .chain(administrators)
            .chain(applications)
            .chain(users)
            .chain(tokens)
            .chain(nodes)
            .chain(join_tokens)
            .chain(data_keys)
            .chain(settings)
            .chain(challenges)
            .chain(journals)
            .chain(radius_clients)
    }

    /// Number of rows.
    #[must_use]
    pub fn rows_len(&self) -> usize {
        self.cluster.len()
            + self.administrators.len()
            + self.applications.len()
            + self.users.len()
            + self.tokens.len()
            + self.nodes.len()
            + self.join_tokens.len()
            + self.data_keys.len()
            + self.settings.len()
            + self.challenges.len()
            + self.journals.len()
            + self.radius_clients.len()
    }

    /// What is stored beside the rows.
    #[must_use]
    pub fn scalars(&self) -> Scalars {
        Scalars { clock: self.clock, audit_chain: self.audit_chain, digest: self.digest() }
    }

    /// Digest over all that decides: rows, state time, and through the audit chain the replies.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(b'S', |w| {
            w.number(self.clock.0).bytes(&self.audit_chain.0);
            // Tables that came later count from their first row on: states that have none keep the
            // digest that was stored with them.
            let sums = self.sums();
            let later = [
                self.data_keys.len(),
                self.settings.len(),
                self.challenges.len(),
                self.journals.len(),
                self.radius_clients.len(),
            ];
            let empty = later.iter().rev().take_while(|rows| **rows == 0).count();
            let counted = sums.len() - empty;
            for sum in sums.iter().take(counted) {
                sum.lanes().into_iter().for_each(|lane| {
                    w.number(lane);
                });
            }
        })
    }

    pub(crate) const fn sums(&self) -> [Sum; 12] {
        [
            self.cluster.sum(),
            self.administrators.sum(),
            self.applications.sum(),
            self.users.sum(),
            self.tokens.sum(),
            self.nodes.sum(),
            self.join_tokens.sum(),
            self.data_keys.sum(),
            self.settings.sum(),
            self.challenges.sum(),
            self.journals.sum(),
            self.radius_clients.sum(),
        ]
    }

    /// State time.
    #[must_use]
    pub const fn clock(&self) -> Timestamp {
        self.clock
    }

    /// Hash chain over all audit events so far.
    #[must_use]
    pub const fn audit_chain(&self) -> Digest {
        self.audit_chain
    }

    /// The cluster, once created.
    #[must_use]
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.iter().next()
    }

    /// A user.
    #[must_use]
    pub fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(id)
    }

    /// A user by normalised name.
    #[must_use]
    pub fn user_by_name(&self, name: &UserName) -> Option<&User> {
        self.user_names.get(name).and_then(|id| self.users.get(*id))
    }

    /// Users in the order of their names, from the first name after `after` on.
    pub fn users_after<'s>(
        &'s self,
        after: Option<&'s UserName>,
    ) -> impl Iterator<Item = &'s User> + 's {
        use core::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.user_names.range(from).filter_map(|(_, id)| self.users.get(*id))
    }

    /// Number of users.
    #[must_use]
    pub fn users_len(&self) -> usize {
        self.users.len()
    }

    /// Number of remembered replies.
    #[must_use]
    pub fn replies_len(&self) -> usize {
        self.replies.count(self.clock)
    }

    /// A token.
    #[must_use]
    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.get(id)
    }

    /// Number of tokens.
    #[must_use]
    pub fn tokens_len(&self) -> usize {
        self.tokens.len()
    }

    /// A token by serial number.
    #[must_use]
    pub fn token_by_serial(&self, serial: &Serial) -> Option<&Token> {
        self.serials.get(serial).and_then(|id| self.tokens.get(*id))
    }

    /// A node, whether it is a member or superseded.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// All nodes that are members, by id.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| !node.superseded)
    }

    /// All registered nodes by id, members and superseded ones.
    pub fn nodes_registered(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The registered node that holds a key, a member or not.
    #[must_use]
    pub fn node_by_pin(&self, pin: KeyPin) -> Option<&Node> {
        self.nodes.iter().find(|node| node.pin == pin)
    }

    /// Nodes that a seize went on without, by id.
    pub fn nodes_superseded(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.superseded)
    }

    /// Number of registered nodes, superseded ones among them: each may have to serve alone some day,
    /// and the limits count it.
    #[must_use]
    pub fn nodes_len(&self) -> usize {
        self.nodes.len()
    }

    /// The highest id that any node ever had.
    #[must_use]
    pub fn last_node(&self) -> u64 {
        let noted = self.cluster().map_or(0, |cluster| cluster.last_node);
        self.nodes.iter().map(|node| node.id.0).fold(noted, u64::max)
    }

    /// Whether a node is a member.
    #[must_use]
    pub fn is_member(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| !node.superseded)
    }

    /// A join token.
    #[must_use]
    pub fn join_token(&self, id: JoinTokenId) -> Option<&JoinToken> {
        self.join_tokens.get(id)
    }

    /// The answer that was given to this caller's request of this id, if it is remembered.
    #[must_use]
    pub fn remembered(&self, caller: Caller, id: RequestId) -> Option<&Remembered> {
        self.replies.get(caller, id, self.clock)
    }

    /// What is set, and what stands by default.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.settings.get(()).cloned().unwrap_or_default()
    }

    /// The value of a setting that stands.
    #[must_use]
    pub fn setting(&self, setting: Setting) -> u64 {
        self.settings
            .get(())
            .map_or_else(|| setting.info().default, |settings| settings.get(setting))
    }

    /// How many nodes may let something fail by themselves: those that are registered, and those that may
    /// not have heard that they were removed.
    pub(crate) fn allowed_for(&self) -> usize {
        let removed = self.cluster().map_or(&[][..], |cluster| &cluster.removed);
        self.nodes.len() + removed.iter().filter(|at| self.may_be_island(**at)).count()
    }

    /// Whether a node that was removed then may still decide by itself.
    pub(crate) fn may_be_island(&self, removed: Timestamp) -> bool {
        removed.plus(ISLAND_LIFE_MILLISECONDS) > self.clock
    }

    /// How guessing is bounded: the settings, with all nodes that count.
    #[must_use]
    pub fn lockout(&self) -> Lockout {
        let nodes = self.allowed_for();
        let unset = || Settings::default().lockout(nodes);
        self.settings.get(()).map_or_else(unset, |settings| settings.lockout(nodes))
    }

    /// Whether the settings have not changed since `seen`.
    pub(crate) fn settings_are_fresh(&self, seen: LogIndex) -> bool {
        self.settings.get(()).is_none_or(|settings| settings.changed_at <= seen)
    }

    /// When a tick is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|((at, _), ())| *at)
    }

    /// Writes a row: table, digest, look-ups, and the change for the image.
    pub(crate) fn put(&mut self, row: Row, out: &mut Output) {
        self.unlink(row.key());
        self.count_sealed(row.key(), Some(&row));
        out.changes.push(Change::Put(row.clone()));
        match row {
            Row::Cluster(row) => self.cluster.put(row),
            Row::Administrator(row) => self.administrators.put(row),
            Row::Application(row) => {
                if let Some(old) = self.applications.get(row.id).filter(|old| old.name != row.name)
                {
                    self.application_names.remove_mut(&old.name);
                }
                self.application_names.insert_mut(row.name.clone(), row.id);
                self.applications.put(row);
            }
            Row::User(row) => {
                if self.user_names.get(&row.name) != Some(&row.id) {
                    self.user_names.insert_mut(row.name.clone(), row.id);
                }
                self.users.put(row);
            }
            Row::Token(row) => {
                if let Some(serial) = &row.serial
                    && self.serials.get(serial) != Some(&row.id)
                {
                    self.serials.insert_mut(serial.clone(), row.id);
                }
                self.tokens.put(row);
            }
            Row::Node(row) => self.nodes.put(row),
            Row::JoinToken(row) => self.join_tokens.put(row),
            Row::DataKeys(row) => self.data_keys.put(row),
            Row::Settings(row) => self.settings.put(row),
            Row::Challenge(row) => {
                self.challenged.insert_mut((row.user, row.id), ());
                self.challenges.put(row);
            }
            Row::Journal(row) => self.journals.put(row),
            Row::RadiusClient(row) => self.radius_clients.put(row),
        }
        self.link(out.changes.last());
    }

    /// Removes a row everywhere.
    pub(crate) fn delete(&mut self, key: RowKey, out: &mut Output) {
        self.unlink(key);
        self.count_sealed(key, None);
        match key {
            // Nothing removes these yet.
            RowKey::Cluster | RowKey::DataKeys | RowKey::Settings => return,
            RowKey::Node(id) => self.nodes.delete(id),
            RowKey::Administrator(id) => self.administrators.delete(id),
            RowKey::Application(id) => {
                if let Some(name) = self.application(id).map(|row| row.name.clone()) {
                    self.application_names.remove_mut(&name);
                }
                self.applications.delete(id);
            }
            RowKey::User(id) => {
                if let Some(name) = self.user(id).map(|user| user.name.clone()) {
                    self.user_names.remove_mut(&name);
                }
                self.users.delete(id);
            }
            RowKey::Token(id) => {
                if let Some(serial) = self.token(id).and_then(|token| token.serial.clone()) {
                    self.serials.remove_mut(&serial);
                }
                self.tokens.delete(id);
            }
            RowKey::JoinToken(id) => self.join_tokens.delete(id),
            RowKey::Challenge(id) => {
                if let Some(user) = self.challenge(id).map(|row| row.user) {
                    self.challenged.remove_mut(&(user, id));
                }
                self.challenges.delete(id);
            }
            RowKey::Journal(id) => self.journals.delete(id),
            RowKey::RadiusClient(id) => self.radius_clients.delete(id),
        }
        out.changes.push(Change::Delete(key));
    }

    fn unlink(&mut self, key: RowKey) {
        if let Some(at) = self.due_at(key) {
            self.due.remove_mut(&(at, key));
        }
    }

    fn link(&mut self, change: Option<&Change>) {
        let Some(Change::Put(row)) = change else {
            return;
        };
        if let Some(at) = self.due_at(row.key()) {
            self.due.insert_mut((at, row.key()), ());
        }
    }
}
