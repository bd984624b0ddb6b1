//! What a front end remembers between the two halves of a sign-in: that the first factor held.
//!
//! It is given to whoever signs in, sealed, instead of being kept: any node can open it, an island too, and it
//! costs no entry of the log. What a code is good for once only is for the mark to say.

use symbolon_core::{ApplicationId, ChallengeId, Sealed, Secret, Setting, State, Timestamp};

use crate::ports::FieldRef;
use crate::{Service, ServiceError, names};

/// Bytes of the time and of the fingerprint of whom it is about.
const TIME_BYTES: usize = 8;
const WHO_BYTES: usize = 16;

const fn field(application: ApplicationId) -> FieldRef {
    FieldRef { row: "sign_in", id: application.0, field: "first_factor" }
}

/// The first half of a sign-in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FirstHalf {
    /// What was asked of the user since, if it is something that the log knows of.
    pub challenge: Option<ChallengeId>,
    /// What whoever judged the first factor grants, as the front end writes it.
    pub granted: Vec<u8>,
}

impl Service {
    /// Seals that the first factor of a user has held, for as long as a challenge lives.
    ///
    /// # Errors
    /// [`ServiceError`] for a name that nobody can have, and when nothing can be sealed.
    pub fn seal_first_half(
        &self,
        application: ApplicationId,
        username: &str,
        half: &FirstHalf,
    ) -> Result<Vec<u8>, ServiceError> {
        let state = self.ledger.view().state;
        let now = self.clock.now().max(state.clock());
        let mut bytes = Vec::with_capacity(TIME_BYTES + WHO_BYTES + 17 + half.granted.len());
        bytes.extend(now.0.to_be_bytes());
        bytes.extend(self.who(username)?);
        bytes.push(half.challenge.is_some().into());
        bytes.extend(half.challenge.iter().flat_map(|challenge| challenge.0));
        bytes.extend(&half.granted);
        let secret = Secret::new(bytes);
        let sealed = self.vault.seal(state.active_data_key(), field(application), &secret);
        sealed.map(|sealed| sealed.as_bytes().to_vec()).map_err(|_| ServiceError::Internal)
    }

    /// Opens what [`seal_first_half`](Self::seal_first_half) sealed. `None`: it is not about this user of this
    /// application, its time is over, or nobody has sealed it.
    #[must_use]
    pub fn open_first_half(
        &self,
        application: ApplicationId,
        username: &str,
        sealed: &[u8],
    ) -> Option<FirstHalf> {
        let opened = self.vault.open(field(application), &Sealed::new(sealed.to_vec())).ok()?;
        let (at, rest) = opened.expose().split_first_chunk::<TIME_BYTES>()?;
        let (who, rest) = rest.split_first_chunk::<WHO_BYTES>()?;
        let (has_challenge, rest) = rest.split_first()?;
        let state = self.ledger.view().state;
        let at = Timestamp(u64::from_be_bytes(*at));
        let now = self.clock.now().max(state.clock());
        let is_over = at.plus(state.setting(Setting::ChallengeLife) * 1000) < now;
        if is_over || *who != self.who(username).ok()? {
            return None;
        }
        let (challenge, granted) = match has_challenge {
            0 => (None, rest),
            _ => rest.split_at_checked(16).map(|(id, rest)| (ChallengeId::from_slice(id), rest))?,
        };
        Some(FirstHalf { challenge, granted: granted.to_vec() })
    }

    /// Whether a user is let in whatever they type, as far as this node knows: nobody need be asked for a code
    /// then.
    #[must_use]
    pub fn needs_no_code(&self, application: ApplicationId, username: &str) -> bool {
        let state: &State = &self.ledger.view().state;
        let now = self.clock.now().max(state.clock());
        names::user_name(username).is_ok_and(|name| state.needs_no_code(&name, application, now))
    }

    /// Whether somebody could have that name.
    #[must_use]
    pub fn could_be_a_name(&self, username: &str) -> bool {
        names::user_name(username).is_ok()
    }

    /// The groups of a user; none of a name that is nobody's.
    #[must_use]
    pub fn groups_of(&self, username: &str) -> Vec<String> {
        let state = self.ledger.view().state;
        let name = names::user_name(username).ok();
        let user = name.and_then(|name| state.account(&name).user());
        user.map(|user| user.profile().groups().to_vec()).unwrap_or_default()
    }

    fn who(&self, username: &str) -> Result<[u8; WHO_BYTES], ServiceError> {
        let name = names::user_name(username)?;
        let fields = [name.as_str().as_bytes()];
        Ok(crate::fingerprint::fingerprint(&*self.vault, "first-half", &fields).0)
    }
}
