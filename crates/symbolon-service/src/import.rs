//! Many rows with one question: tokens and users from files.
//!
//! Each row is a proposal of its own, so it is judged, audited and remembered as if it had come alone,
//! and no row keeps another one back. They are made at the same time, so that the master puts them
//! into one log entry or few, behind every verification that waits.

mod users;

use futures_util::future::join_all;
use symbolon_core::{Command, Operation, ProfileChange, Reply, RequestId, State, Token};
use tokio::time::Instant;

use crate::admission::Place;
use crate::fingerprint::fingerprint;
use crate::names;
use crate::ports::View;
use crate::principal::Principal;
use crate::tokens::{NewToken, checked, too_many_tokens};
use crate::{Service, ServiceError};

/// Rows of one question.
pub const IMPORT_ROWS_MAX: usize = 64;

/// Who imports.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// On whose behalf.
    pub principal: &'a Principal,
    /// Names the question; each row has an id that follows from it.
    pub request_id: Option<RequestId>,
    /// Whether to tell what would become of each row, and change nothing.
    pub dry_run: bool,
    /// When the caller stops waiting.
    pub deadline: Instant,
}

/// A token with its owner. It needs a seed and a serial number.
#[derive(Clone, Debug)]
pub struct TokenRow {
    /// Whose, as written.
    pub username: String,
    /// The token.
    pub new: NewToken,
}

/// A user from a file. What is `None` stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserRow {
    /// As written.
    pub username: String,
    /// For people to read.
    pub display_name: Option<String>,
    /// Whether codes are evaluated; a new user's are unless this says otherwise.
    pub enabled: Option<bool>,
    /// What else the row says.
    pub profile: ProfileChange,
}

/// What became of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It was not there.
    Created,
    /// It was there and another.
    Updated,
    /// It was there, as the row has it.
    Unchanged,
    /// It is there and another, and was left as it is.
    Different(String),
    /// It cannot be.
    Refused(String),
}

impl Service {
    /// Gives tokens to users. A token that its user has already is left as it is. Rows that could not
    /// even be read stand here as what is wrong with them.
    ///
    /// # Errors
    /// [`ServiceError`] when rows could not be decided; others may have been carried out.
    pub async fn import_tokens(
        &self,
        import: Import<'_>,
        rows: &[Result<TokenRow, ServiceError>],
    ) -> Result<Vec<Fate>, ServiceError> {
        let (import, _place) =
            self.begin_import(import, Operation::ImportTokens, "tokens", rows.len()).await?;
        let fates = rows.iter().enumerate().map(|(at, row)| self.import_token(&import, at, row));
        join_all(fates).await.into_iter().collect()
    }

    /// Checks the question as a whole and catches up with the master, for all rows at once.
    pub(crate) async fn begin_import<'a>(
        &self,
        import: Import<'a>,
        operation: Operation,
        field: &'static str,
        rows: usize,
    ) -> Result<(Import<'a>, Place), ServiceError> {
        Self::may(import.principal, operation)?;
        if !(1..=IMPORT_ROWS_MAX).contains(&rows) {
            let problem = format!("there are not 1 to {IMPORT_ROWS_MAX}");
            return Err(ServiceError::invalid(field, problem));
        }
        let place = self.admission.import()?;
        self.ledger.read_barrier(import.deadline).await?;
        let request_id = import.request_id.or_else(|| Some(self.draw_request_id()));
        Ok((Import { request_id, ..import }, place))
    }

    /// The id of a row: the same when the question is sent again, at whichever node.
    pub(crate) fn row_id(&self, import: &Import<'_>, at: usize) -> Option<RequestId> {
        let (question, at) = (import.request_id?, at.to_be_bytes());
        let derived = fingerprint(&*self.vault, "row of an import", &[&question.0, &at]);
        derived.0.get(..16).and_then(RequestId::from_slice)
    }

    async fn import_token(
        &self,
        import: &Import<'_>,
        at: usize,
        row: &Result<TokenRow, ServiceError>,
    ) -> Result<Fate, ServiceError> {
        let decided = match row {
            Ok(row) => self.try_token(import, at, row).await,
            Err(error) => Err(error.clone()),
        };
        fate_of(decided.map_err(too_many_tokens))
    }

    async fn try_token(
        &self,
        import: &Import<'_>,
        at: usize,
        row: &TokenRow,
    ) -> Result<Fate, ServiceError> {
        let name = names::user_name(&row.username)?;
        let new = &row.new;
        let serial = checked(new)?.ok_or_else(|| ServiceError::invalid("serial", "it is empty"))?;
        let seed = new.seed.as_ref().ok_or_else(|| ServiceError::invalid("seed", "it is empty"))?;
        let shape = format!("{:?} {} {}", new.parameters, new.counter, new.pending);
        let fields =
            [name.as_str().as_bytes(), shape.as_bytes(), seed.expose(), new.serial.as_bytes()];
        let id = self.row_id(import, at);
        let request = self.request(import.principal, id, Operation::ImportTokens, &fields)?;
        let serial = Some(serial);
        let decide = |state: &State| {
            let user = state.user_by_name(&name).ok_or(ServiceError::NotFound { kind: "user" })?;
            match serial.as_ref().and_then(|serial| state.token_by_serial(serial)) {
                None => self.enrolment(state, user, new, &serial).map(Ok),
                Some(held) if held.user == user.id => self.held(held, new).map(Err),
                Some(_) => Err(ServiceError::SerialTaken),
            }
        };
        self.decide(import, &request, Fate::Created, decide).await
    }

    /// What there is to say about a token that its user has already.
    fn held(&self, held: &Token, new: &NewToken) -> Result<Fate, ServiceError> {
        let same_seed = new.seed.as_ref() == Some(&self.seed(held)?);
        if same_seed && held.parameters == new.parameters {
            return Ok(Fate::Unchanged);
        }
        let what = "the user has a token of this serial number with another seed or other \
                    parameters; remove it before you give this one";
        Ok(Fate::Different(what.to_owned()))
    }

    /// Proposes what `decide` makes of the state, unless there is nothing to do or this is a rehearsal.
    /// A row that was carried out under the same id is told as it was then.
    pub(crate) async fn decide(
        &self,
        import: &Import<'_>,
        request: &crate::service::AdminRequest,
        done: Fate,
        decide: impl Fn(&State) -> Result<Result<Command, Fate>, ServiceError>,
    ) -> Result<Fate, ServiceError> {
        if import.dry_run {
            let command = decide(&self.ledger.view().state)?;
            return Ok(command.map_or_else(|fate| fate, |command| fate_of_command(&command, done)));
        }
        let mut settled = Fate::Unchanged;
        let build = |view: &View| {
            let decided = decide(&view.state)?;
            Ok(decided.map_err(|fate| settled = fate).ok())
        };
        Ok(match self.administer_if(request, import.deadline, build).await? {
            None => settled,
            Some((Reply::UserChanged(_), _)) => Fate::Updated,
            Some(_) => done,
        })
    }
}

fn fate_of_command(command: &Command, done: Fate) -> Fate {
    if matches!(command, Command::UpdateUser(_)) { Fate::Updated } else { done }
}

/// An error that is about the row is its fate; any other is one of the whole question.
pub(crate) fn fate_of(decided: Result<Fate, ServiceError>) -> Result<Fate, ServiceError> {
    match decided {
        Err(
            error @ (ServiceError::InvalidArgument { .. }
            | ServiceError::NotFound { .. }
            | ServiceError::AlreadyExists { .. }
            | ServiceError::SerialTaken
            | ServiceError::LimitReached { .. }),
        ) => Ok(Fate::Refused(error.to_string())),
        other => other,
    }
}
