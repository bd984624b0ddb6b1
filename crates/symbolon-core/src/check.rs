//! What must hold between rows, whatever happened.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::limits::{
    ADMINISTRATORS_MAX, APPLICATIONS_MAX, CHALLENGE_TRIES_MAX, CHALLENGES_PER_USER_MAX,
    FAILURES_MAX, JOIN_TOKENS_MAX, JOURNALS_MAX, NODES_MAX, OTHER_EPOCHS_MAX, RADIUS_CLIENTS_MAX,
    RADIUS_SIGNERS_MAX, REPLIES_MAX, RESYNC_TOTP_STEPS, TOKENS_PER_USER_MAX, USERS_MAX,
};
use crate::recovery::RECOVERY_CODES;
use crate::{
    Administrator, ApplicationId, ChallengeId, JoinTokenId, LineageId, NodeId, RowKey, SealedPlace,
    State, TokenId, UserId,
};

/// A rule that the rows break. Finding one means a defect or a damaged disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Violation {
    /// An epoch apart is kept twice, or there are too many.
    #[error("the epochs apart are not one row each, or too many")]
    OtherEpochs,
    /// A token names a user who does not exist or does not list it.
    #[error("token {0} belongs to no user")]
    TokenWithoutUser(TokenId),
    /// A user lists a token that does not exist, or twice.
    #[error("user {0} lists a token that is not theirs")]
    UserWithoutToken(UserId),
    /// The look-up by name does not lead back to the user.
    #[error("user {0} is not found by name")]
    UserName(UserId),
    /// The look-up by name does not lead back to the application.
    #[error("an application is not found by name")]
    ApplicationName,
    /// Two administrators have one name, or none of them may do everything.
    #[error("two administrators have one name, or none may do everything")]
    Administrators,
    /// The look-up by serial number does not lead back to the token.
    #[error("token {0} is not found by its serial number")]
    Serial(TokenId),
    /// More failures than an account can absorb, or ones that do not add up.
    #[error("user {0} has more failures than the limit, or they do not add up")]
    Failures(UserId),
    /// Two nodes have one name or one key.
    #[error("node {0} has the name or key of another")]
    NodeTwice(NodeId),
    /// A node has a higher id than any that was given.
    #[error("node {0} has an id that was never given")]
    NodeUnnoted(NodeId),
    /// A used join token names a node that there never was.
    #[error("join token {0} admitted a node that there never was")]
    JoinToken(JoinTokenId),
    /// A challenge of somebody without a PIN, one too many, or one that is not found.
    #[error("challenge {0} is nobody's, one too many, or not found by its user")]
    Challenge(ChallengeId),
    /// A RADIUS client of no application, with a device of another, or with what none can have.
    #[error("the RADIUS client of application {0} is nobody's, or shares a device with another")]
    RadiusClient(ApplicationId),
    /// More rows than the limit.
    #[error("a table holds more rows than its limit")]
    Limit,
    /// A setting is out of its range, or contradicts another.
    #[error("the settings contradict each other")]
    Settings,
    /// A row wants a tick and is not listed for it, or the reverse.
    #[error("the list of what is due does not fit the rows")]
    Due,
    /// The digest kept by increments is not the digest of the rows.
    #[error("the digest kept by increments is not that of the rows")]
    Digest,
    /// A sealed field is under a data key that the row of data keys does not know, or the counts of
    /// sealed fields are not those of the rows.
    #[error("a sealed field is under a data key that is not in use, or is not counted")]
    DataKey,
    /// There is not exactly one cluster row, and there are other rows.
    #[error("rows exist and the cluster does not")]
    NoCluster,
}

impl State {
    /// Checks every rule. Costs time in proportion to the state: for tests, and once at load.
    ///
    /// # Errors
    /// The first [`Violation`] found.
    pub fn check(&self) -> Result<(), Violation> {
        self.check_users()?;
        self.check_nodes()?;
        self.check_administrators()?;
        self.check_challenges()?;
        self.check_radius_clients()?;
        self.check_due()?;
        let within = self.users.len() <= USERS_MAX
            && self.applications.len() <= APPLICATIONS_MAX
            && self.administrators.len() <= ADMINISTRATORS_MAX
            && self.nodes.len() <= NODES_MAX
            && self.join_tokens.len() <= JOIN_TOKENS_MAX
            && self.journals.len() <= JOURNALS_MAX
            && self.radius_clients.len() <= RADIUS_CLIENTS_MAX
            && self.replies.held() <= 2 * REPLIES_MAX;
        ensure(within, Violation::Limit)?;
        let settings = self.settings();
        ensure(settings.check(self.nodes.len()).is_ok(), Violation::Settings)?;
        let empty = self.users.len() + self.nodes.len() + self.administrators.len() == 0;
        ensure(self.cluster.len() == usize::from(!empty), Violation::NoCluster)?;
        self.check_data_keys()?;
        let recounted = [
            self.cluster.recount(),
            self.administrators.recount(),
            self.applications.recount(),
            self.users.recount(),
            self.tokens.recount(),
            self.nodes.recount(),
            self.join_tokens.recount(),
            self.data_keys.recount(),
            self.settings.recount(),
            self.challenges.recount(),
            self.journals.recount(),
            self.radius_clients.recount(),
        ];
        ensure(recounted == self.sums(), Violation::Digest)
    }

    fn check_users(&self) -> Result<(), Violation> {
        let mut listed = 0;
        for user in self.users.iter() {
            ensure(
                self.user_names.get(&user.name) == Some(&user.id),
                Violation::UserName(user.id),
            )?;
            let brought = user.failed_by.iter().map(|(_, failures)| *failures);
            let has_order = user.failed_by.is_sorted_by(|(a, _), (b, _)| a < b);
            let counted = user.failures <= FAILURES_MAX
                && has_order
                && brought.clone().all(|failures| failures > 0)
                && brought.sum::<u32>() <= user.failures
                && (user.failed_at.0 != 0 || user.failed_by.is_empty());
            ensure(counted, Violation::Failures(user.id))?;
            let codes = user.recovery_codes.as_ref().map_or(0, |codes| codes.used);
            ensure(codes >> RECOVERY_CODES == 0, Violation::Limit)?;
            ensure(user.tokens.len() <= TOKENS_PER_USER_MAX, Violation::Limit)?;
            let theirs = user.tokens.iter().enumerate().all(|(place, id)| {
                self.token(*id).is_some_and(|token| token.user == user.id)
                    && !user.tokens.iter().skip(place + 1).any(|other| other == id)
            });
            ensure(theirs, Violation::UserWithoutToken(user.id))?;
            listed += user.tokens.len();
        }
        ensure(self.user_names.size() == self.users.len(), Violation::UserName(UserId(0)))?;
        if listed != self.tokens.len() {
            let orphan = self.tokens.iter().find(|token| {
                !self.user(token.user).is_some_and(|user| user.tokens.contains(&token.id))
            });
            return Err(Violation::TokenWithoutUser(orphan.map_or(TokenId(0), |token| token.id)));
        }
        Ok(())
    }

    fn check_nodes(&self) -> Result<(), Violation> {
        let noted = self.cluster().map_or(0, |cluster| cluster.last_node);
        let others = self.cluster().map_or(&[][..], |cluster| &cluster.others);
        let once = |place: usize, name: (u64, LineageId)| {
            !others.iter().skip(place + 1).any(|other| (other.epoch, other.lineage) == name)
        };
        let mut named = others.iter().map(|other| (other.epoch, other.lineage)).enumerate();
        let are_once = named.all(|(place, name)| once(place, name));
        ensure(are_once && others.len() <= OTHER_EPOCHS_MAX, Violation::OtherEpochs)?;
        for node in self.nodes.iter() {
            ensure(noted == 0 || node.id.0 <= noted, Violation::NodeUnnoted(node.id))?;
            let twice = self
                .nodes
                .after(node.id)
                .any(|other| other.name == node.name || other.pin == node.pin);
            ensure(!twice, Violation::NodeTwice(node.id))?;
        }
        for token in self.join_tokens.iter() {
            // It may be removed since.
            let known = token.used_by.is_none_or(|id| id.0 != 0 && id.0 <= self.last_node());
            ensure(known, Violation::JoinToken(token.id))?;
        }
        for application in self.applications.iter() {
            let found = self.application_names.get(&application.name) == Some(&application.id);
            ensure(found, Violation::ApplicationName)?;
        }
        ensure(
            self.application_names.size() == self.applications.len(),
            Violation::ApplicationName,
        )?;
        let mut serials = 0;
        for token in self.tokens.iter() {
            let drift = u64::from(token.drift.unsigned_abs());
            ensure(drift <= RESYNC_TOTP_STEPS, Violation::Limit)?;
            if let Some(serial) = &token.serial {
                ensure(self.serials.get(serial) == Some(&token.id), Violation::Serial(token.id))?;
                serials += 1;
            }
        }
        let known = self.serials.iter().next().map_or(TokenId(0), |(_, id)| *id);
        ensure(self.serials.size() == serials, Violation::Serial(known))
    }

    fn check_administrators(&self) -> Result<(), Violation> {
        let names: BTreeSet<_> = self.administrators().map(|row| &row.name).collect();
        let whole = self.cluster().is_none() || self.administrators().any(Administrator::is_whole);
        ensure(names.len() == self.administrators.len() && whole, Violation::Administrators)
    }

    fn check_challenges(&self) -> Result<(), Violation> {
        for challenge in self.challenges.iter() {
            let asked = self.user(challenge.user).is_some_and(|user| user.pin.is_some());
            let found = self.challenged.contains_key(&(challenge.user, challenge.id));
            let open = self.challenges_of(challenge.user).count();
            let within = open <= CHALLENGES_PER_USER_MAX && challenge.tries < CHALLENGE_TRIES_MAX;
            ensure(asked && found && within, Violation::Challenge(challenge.id))?;
        }
        let none_is_stray = self.challenged.size() == self.challenges.len();
        ensure(none_is_stray, Violation::Challenge(ChallengeId::default()))
    }

    fn check_radius_clients(&self) -> Result<(), Violation> {
        for client in self.radius_clients() {
            let others = self.radius_clients.after(client.id);
            let alone =
                !others.into_iter().any(|other| other.policy.shares_a_device(&client.policy));
            let known = self.application(client.id).is_some()
                && client.policy.check().is_ok()
                && client.signers.len() <= RADIUS_SIGNERS_MAX
                && client.signers.is_sorted_by(|a, b| a < b);
            ensure(known && alone, Violation::RadiusClient(client.id))?;
        }
        Ok(())
    }

    fn check_due(&self) -> Result<(), Violation> {
        let applications = self.applications.iter().map(|row| RowKey::Application(row.id));
        let join_tokens = self.join_tokens.iter().map(|row| RowKey::JoinToken(row.id));
        let administrators = self.administrators().map(|row| RowKey::Administrator(row.id));
        let mut wanted = 0;
        let challenges = self.challenges.iter().map(|row| RowKey::Challenge(row.id));
        let radius = self.radius_clients().map(|row| RowKey::RadiusClient(row.id));
        let callers = applications.chain(join_tokens).chain(administrators).chain(radius);
        for key in callers.chain(challenges) {
            if let Some(at) = self.due_at(key) {
                ensure(self.due.contains_key(&(at, key)), Violation::Due)?;
                wanted += 1;
            }
        }
        ensure(wanted == self.due.size(), Violation::Due)
    }

    fn check_data_keys(&self) -> Result<(), Violation> {
        let keys = self.data_keys();
        // What fields may be under: while they are sealed again, the key before as well.
        let before = if keys.is_resealing() { keys.active.0.checked_sub(1) } else { None };
        let mut counted = BTreeMap::new();
        for (_, sealed) in self.secrets(SealedPlace::default()) {
            let key = sealed.key();
            let in_use = key.is_none_or(|key| key == keys.active || before == Some(key.0));
            ensure(in_use, Violation::DataKey)?;
            *counted.entry(key.unwrap_or_default()).or_insert(0) += 1;
        }
        let same = counted.iter().eq(self.sealed.iter());
        ensure(same, Violation::DataKey)?;
        let Some(rotation) = keys.rotation else {
            return Ok(());
        };
        let next =
            rotation.id == keys.active || Some(rotation.id.0) == keys.active.0.checked_add(1);
        let known = rotation.holders.iter().all(|id| self.node(*id).is_some());
        ensure(next && known, Violation::DataKey)
    }
}

const fn ensure(holds: bool, otherwise: Violation) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(otherwise) }
}
