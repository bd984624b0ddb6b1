//! Rows of imports, and what became of them.

use symbolon_core::Secret;
use symbolon_proto::v1;
use symbolon_proto::v1::import_result::Outcome;
use symbolon_service::{Fate, Import, NewToken, Service, ServiceError, TokenRow, UserRow};

use crate::call::Call;
use crate::convert;
use crate::profile::Parts;

/// Imports tokens.
pub(crate) async fn tokens<T>(
    service: &Service,
    call: &Call<T>,
    tokens: &[v1::EnrollTokenRequest],
    dry_run: bool,
) -> Result<Vec<v1::ImportResult>, ServiceError> {
    let rows: Vec<_> = tokens.iter().map(token_row).collect();
    let fates = service.import_tokens(import(call, dry_run), &rows).await?;
    Ok(fates.into_iter().map(result).collect())
}

/// Imports users.
pub(crate) async fn users(
    service: &Service,
    call: &Call<v1::ImportUsersRequest>,
) -> Result<Vec<v1::ImportResult>, ServiceError> {
    let v1::ImportUsersRequest { users, update, dry_run } = &call.message;
    let rows: Vec<_> = users.iter().map(user_row).collect();
    let fates = service.import_users(import(call, *dry_run), &rows, *update).await?;
    Ok(fates.into_iter().map(result).collect())
}

fn user_row(message: &v1::ImportedUser) -> Result<UserRow, ServiceError> {
    let v1::ImportedUser { username, display_name, enabled, email, phones, groups, tags, language } =
        message.clone();
    let display_name = Some(display_name).filter(|name| !name.is_empty());
    let profile = Parts { email, phones, groups, tags, language }.said()?;
    Ok(UserRow { username, display_name, enabled, profile })
}

fn import<T>(call: &Call<T>, dry_run: bool) -> Import<'_> {
    Import {
        principal: &call.principal,
        request_id: call.request_id,
        dry_run,
        deadline: call.write_deadline(),
    }
}

fn token_row(message: &v1::EnrollTokenRequest) -> Result<TokenRow, ServiceError> {
    let seed = &message.seed;
    let new = NewToken {
        parameters: convert::parameters(message)?,
        seed: (!seed.is_empty()).then(|| Secret::new(seed.clone())),
        serial: message.serial.clone(),
        counter: message.counter,
        pending: message.pending,
    };
    Ok(TokenRow { username: message.username.clone(), new })
}

fn result(fate: Fate) -> v1::ImportResult {
    let (outcome, reason) = match fate {
        Fate::Created => (Outcome::Created, String::new()),
        Fate::Updated => (Outcome::Updated, String::new()),
        Fate::Unchanged => (Outcome::Unchanged, String::new()),
        Fate::Different(reason) => (Outcome::Different, reason),
        Fate::Refused(reason) => (Outcome::Refused, reason),
    };
    v1::ImportResult { outcome: outcome.into(), reason }
}
