//! Which row has which sealed fields.

use crate::{
    Administrator, AdministratorId, Application, ApplicationId, Cluster, JoinToken, JoinTokenId,
    RadiusClient, Row, RowKey, Sealed, State, Token, TokenId, User, UserId,
};

/// Names a sealed field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SealedField {
    /// The private key of the cluster's CA.
    CaKey,
    /// The seed of a token.
    Seed(TokenId),
    /// The PIN of a user, with those before it.
    Pin(UserId),
    /// The recovery codes of a user.
    RecoveryCodes(UserId),
    /// An API key while it may be shown again.
    ApiKey(ApplicationId),
    /// An administrator's bearer token while it may be shown again.
    AdministratorToken(AdministratorId),
    /// A join token's secret while it may be shown again.
    JoinSecret(JoinTokenId),
    /// The shared secrets of a RADIUS client and its targets.
    RadiusSecrets(ApplicationId),
}

impl SealedField {
    /// The row that has it.
    #[must_use]
    pub const fn row(self) -> RowKey {
        match self {
            Self::CaKey => RowKey::Cluster,
            Self::Seed(id) => RowKey::Token(id),
            Self::Pin(id) | Self::RecoveryCodes(id) => RowKey::User(id),
            Self::ApiKey(id) => RowKey::Application(id),
            Self::AdministratorToken(id) => RowKey::Administrator(id),
            Self::JoinSecret(id) => RowKey::JoinToken(id),
            Self::RadiusSecrets(id) => RowKey::RadiusClient(id),
        }
    }
}

/// How far somebody has come who goes through the sealed fields of tokens and of users.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SealedPlace {
    /// The last token.
    pub token: TokenId,
    /// The last user.
    pub user: UserId,
}

impl SealedPlace {
    /// Moves on to a field.
    pub const fn reach(&mut self, field: SealedField) {
        match field {
            SealedField::Seed(id) => self.token = id,
            SealedField::Pin(id) | SealedField::RecoveryCodes(id) => self.user = id,
            SealedField::CaKey
            | SealedField::ApiKey(_)
            | SealedField::AdministratorToken(_)
            | SealedField::JoinSecret(_)
            | SealedField::RadiusSecrets(_) => {}
        }
    }
}

/// The sealed fields of one row.
type Fields<'r> = [Option<(SealedField, &'r Sealed)>; 2];

impl Cluster {
    const fn sealed(&self) -> Fields<'_> {
        [Some((SealedField::CaKey, &self.ca_key)), None]
    }
}

impl Token {
    const fn sealed(&self) -> Fields<'_> {
        [Some((SealedField::Seed(self.id), &self.seed)), None]
    }
}

impl User {
    fn sealed(&self) -> Fields<'_> {
        let pin = self.pin.as_ref().map(|pin| (SealedField::Pin(self.id), &pin.sealed));
        let codes = self.recovery_codes.as_ref();
        [pin, codes.map(|codes| (SealedField::RecoveryCodes(self.id), &codes.sealed))]
    }
}

impl Application {
    fn sealed(&self) -> Fields<'_> {
        [self.reveal.as_ref().map(|reveal| (SealedField::ApiKey(self.id), &reveal.secret)), None]
    }
}

impl Administrator {
    fn sealed(&self) -> Fields<'_> {
        let field = SealedField::AdministratorToken(self.id);
        [self.reveal.as_ref().map(|reveal| (field, &reveal.secret)), None]
    }
}

impl JoinToken {
    fn sealed(&self) -> Fields<'_> {
        [
            self.reveal.as_ref().map(|reveal| (SealedField::JoinSecret(self.id), &reveal.secret)),
            None,
        ]
    }
}

impl RadiusClient {
    const fn sealed(&self) -> Fields<'_> {
        [Some((SealedField::RadiusSecrets(self.id), &self.secrets)), None]
    }
}

impl Row {
    fn sealed(&self) -> Fields<'_> {
        match self {
            Self::Cluster(row) => row.sealed(),
            Self::Token(row) => row.sealed(),
            Self::User(row) => row.sealed(),
            Self::Application(row) => row.sealed(),
            Self::Administrator(row) => row.sealed(),
            Self::JoinToken(row) => row.sealed(),
            Self::RadiusClient(row) => row.sealed(),
            // The next data key is sealed under the last one, and goes with it.
            Self::DataKeys(_)
            | Self::Settings(_)
            | Self::Node(_)
            | Self::Challenge(_)
            | Self::Journal(_) => Fields::default(),
        }
    }
}

impl State {
    /// Sealed fields that are not under the active data key: those of tokens and users after `after`,
    /// then all others.
    pub fn fields_to_reseal(
        &self,
        after: SealedPlace,
    ) -> impl Iterator<Item = (SealedField, &Sealed)> {
        let active = self.active_data_key();
        self.secrets(after).filter(move |(_, sealed)| sealed.key() != Some(active))
    }

    /// All sealed fields: those of tokens and users after `after`, then all others.
    pub(crate) fn secrets(
        &self,
        after: SealedPlace,
    ) -> impl Iterator<Item = (SealedField, &Sealed)> {
        let tokens = self.tokens.after(after.token).flat_map(Token::sealed);
        let users = self.users.after(after.user).flat_map(User::sealed);
        let cluster = self.cluster.iter().flat_map(Cluster::sealed);
        let applications = self.applications.iter().flat_map(Application::sealed);
        let administrators = self.administrators().flat_map(Administrator::sealed);
        let join_tokens = self.join_tokens.iter().flat_map(JoinToken::sealed);
        let radius = self.radius_clients().flat_map(RadiusClient::sealed);
        let callers = applications.chain(administrators).chain(join_tokens).chain(radius);
        tokens.chain(users).chain(cluster).chain(callers).flatten()
    }

    fn sealed_of(&self, key: RowKey) -> Fields<'_> {
        match key {
            RowKey::Cluster => self.cluster().map(Cluster::sealed),
            RowKey::Token(id) => self.token(id).map(Token::sealed),
            RowKey::User(id) => self.user(id).map(User::sealed),
            RowKey::Application(id) => self.application(id).map(Application::sealed),
            RowKey::Administrator(id) => self.administrator(id).map(Administrator::sealed),
            RowKey::JoinToken(id) => self.join_token(id).map(JoinToken::sealed),
            RowKey::RadiusClient(id) => self.radius_client(id).map(RadiusClient::sealed),
            RowKey::DataKeys
            | RowKey::Settings
            | RowKey::Node(_)
            | RowKey::Challenge(_)
            | RowKey::Journal(_) => None,
        }
        .unwrap_or_default()
    }

    /// The field of a row that holds this.
    pub(crate) fn sealed_field(&self, key: RowKey, sealed: &Sealed) -> Option<SealedField> {
        let found = self.sealed_of(key).into_iter().flatten().find(|(_, held)| *held == sealed);
        found.map(|(field, _)| field)
    }

    /// A row with another secret in the place of its own.
    pub(crate) fn with_sealed(&self, field: SealedField, new: &Sealed) -> Option<Row> {
        let new = new.clone();
        Some(match field {
            SealedField::CaKey => Row::Cluster(Cluster { ca_key: new, ..self.cluster()?.clone() }),
            SealedField::Seed(id) => Row::Token(Token { seed: new, ..self.token(id)?.clone() }),
            SealedField::Pin(id) => {
                let mut row = self.user(id)?.clone();
                alloc::sync::Arc::make_mut(row.pin.as_mut()?).sealed = new;
                Row::User(row)
            }
            SealedField::RecoveryCodes(id) => {
                let mut row = self.user(id)?.clone();
                alloc::sync::Arc::make_mut(row.recovery_codes.as_mut()?).sealed = new;
                Row::User(row)
            }
            SealedField::ApiKey(id) => {
                let mut row = self.application(id)?.clone();
                row.reveal.as_mut()?.secret = new;
                Row::Application(row)
            }
            SealedField::AdministratorToken(id) => {
                let mut row = self.administrator(id)?.clone();
                row.reveal.as_mut()?.secret = new;
                Row::Administrator(row)
            }
            SealedField::JoinSecret(id) => {
                let mut row = self.join_token(id)?.clone();
                row.reveal.as_mut()?.secret = new;
                Row::JoinToken(row)
            }
            SealedField::RadiusSecrets(id) => {
                Row::RadiusClient(RadiusClient { secrets: new, ..self.radius_client(id)?.clone() })
            }
        })
    }

    /// Keeps count of sealed fields: the secrets of the row `key` give way to those of `new`.
    pub(crate) fn count_sealed(&mut self, key: RowKey, new: Option<&Row>) {
        // 0 is no key: bytes that name none are under none.
        let under = |fields: Fields<'_>| {
            fields.map(|field| field.map(|(_, sealed)| sealed.key().unwrap_or_default()))
        };
        let (old, new) =
            (under(self.sealed_of(key)), under(new.map(Row::sealed).unwrap_or_default()));
        if old == new {
            return;
        }
        for old in old.into_iter().flatten() {
            match self.sealed.get(&old).map_or(0, |count| count.saturating_sub(1)) {
                0 => self.sealed.remove_mut(&old),
                left => {
                    self.sealed.insert_mut(old, left);
                    true
                }
            };
        }
        for new in new.into_iter().flatten() {
            let count = self.sealed.get(&new).map_or(1, |count| count + 1);
            self.sealed.insert_mut(new, count);
        }
    }
}
