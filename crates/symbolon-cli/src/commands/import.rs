//! Rows of a file, sent in questions of many, and the account of what became of them.

pub(super) mod tokens;
pub(crate) mod users;

use std::time::Duration;

use prost::Message;
use serde::Serialize;
use symbolon_proto::v1::{self, import_result::Outcome};
use tokio::time::sleep;

use crate::{
    error::Failure,
    exit::Exit,
    output::{self, Format},
    table,
};

/// Rows of one question; the server takes no more.
const QUESTION_ROWS_MAX: usize = 64;
/// Bytes of the rows of one question. The server takes messages of 16 KiB.
const QUESTION_BYTES_MAX: usize = 14 << 10;
/// How often a question is asked that a server has no time for, and how long it waits in between.
const ATTEMPTS_MAX: usize = 40;
const PAUSE: Duration = Duration::from_millis(500);

/// Something that is said about a row.
#[derive(Serialize)]
pub(super) struct Said {
    /// From 1; 0 when the whole file is meant.
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    reason: String,
}

impl Said {
    pub(super) fn of_token(line: u64, serial: &str, reason: impl ToString) -> Self {
        let serial = Some(serial.to_owned());
        Self { line, serial, username: None, reason: reason.to_string() }
    }

    pub(super) fn of_user(line: u64, username: &str, reason: impl ToString) -> Self {
        let username = Some(username.to_owned());
        Self { line, serial: None, username, reason: reason.to_string() }
    }

    fn name(&self) -> &str {
        self.serial.as_deref().or(self.username.as_deref()).unwrap_or_default()
    }
}

/// What became of a file.
#[derive(Default, Serialize)]
pub(super) struct Account {
    /// Whether nothing was changed, and this is what would become of it.
    pub(super) dry_run: bool,
    created: u64,
    updated: u64,
    /// Was there already.
    unchanged: u64,
    /// In the order of the file.
    pub(super) refused: Vec<Said>,
    pub(super) warnings: Vec<Said>,
}

impl Account {
    pub(super) fn refuse(&mut self, said: Said) {
        self.refused.push(said);
    }

    fn count(&mut self, mut said: Said, result: v1::ImportResult) {
        match result.outcome() {
            Outcome::Created => self.created += 1,
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Different | Outcome::Refused | Outcome::Unspecified => {
                said.reason = result.reason;
                self.refused.push(said);
            }
        }
    }

    fn done(&self) -> u64 {
        self.created + self.updated + self.unchanged
    }

    /// Prints it. Exit code 1 says that a row was refused.
    pub(super) fn tell(mut self, what: &str, format: Format) -> Result<Exit, Failure> {
        output::progress("");
        self.refused.sort_by_key(|said| said.line);
        match format {
            Format::Json => output::json(&self)?,
            Format::Table => output::line(&self.to_text(what))?,
        }
        Ok(if self.refused.is_empty() { Exit::Done } else { Exit::No })
    }

    fn to_text(&self, what: &str) -> String {
        let mut text = String::new();
        for (heading, all) in [("REFUSED BECAUSE", &self.refused), ("WARNING", &self.warnings)] {
            if !all.is_empty() {
                let rows = all.iter().map(|said| {
                    vec![
                        said.line.to_string(),
                        table::or_dash(Some(said.name())),
                        said.reason.clone(),
                    ]
                });
                let name = if what == "tokens" { "SERIAL" } else { "USERNAME" };
                text.push_str(&table::rows(&["LINE", name, heading], rows));
                text.push_str("\n\n");
            }
        }
        let Self { created, updated, unchanged, refused, .. } = self;
        let refused = refused.len();
        let rehearsal =
            if self.dry_run { " Nothing was changed: this was a rehearsal." } else { "" };
        text + &format!(
            "Of the {what}: {created} new, {updated} updated, {unchanged} there already, {refused} \
             refused.{rehearsal}"
        )
    }
}

/// Rows that wait until there are enough for a question.
pub(super) struct Questions<Row> {
    rows: Vec<(Said, Row)>,
    bytes: usize,
    pub(super) account: Account,
}

impl<Row: Message> Questions<Row> {
    pub(super) fn new(dry_run: bool) -> Self {
        let account = Account { dry_run, ..Account::default() };
        Self { rows: Vec::new(), bytes: 0, account }
    }

    /// Adds a row, and asks before that if there would be too many.
    pub(super) async fn add(
        &mut self,
        said: Said,
        row: Row,
        ask: impl AsyncFn(Vec<Row>) -> Result<Vec<v1::ImportResult>, Failure>,
    ) -> Result<(), Failure> {
        // A row in a message has a tag and a length before it.
        let bytes = row.encoded_len() + 8;
        if self.rows.len() == QUESTION_ROWS_MAX || self.bytes + bytes > QUESTION_BYTES_MAX {
            self.send(ask).await?;
        }
        self.bytes += bytes;
        self.rows.push((said, row));
        Ok(())
    }

    /// Asks about the rows that wait.
    pub(super) async fn send(
        &mut self,
        ask: impl AsyncFn(Vec<Row>) -> Result<Vec<v1::ImportResult>, Failure>,
    ) -> Result<(), Failure> {
        self.bytes = 0;
        let (said, rows): (Vec<_>, Vec<_>) = self.rows.drain(..).unzip();
        if rows.is_empty() {
            return Ok(());
        }
        let results = ask(rows).await?;
        if results.len() != said.len() {
            return super::present(None);
        }
        for (said, result) in said.into_iter().zip(results) {
            self.account.count(said, result);
        }
        Ok(())
    }

    /// Tells what was done before it had to end.
    pub(super) fn ended(self, failure: Failure) -> Failure {
        output::progress("");
        let done = self.account.done();
        output::note(&format!(
            "The import ended early, after {done} rows. Run the same command again: what is there \
             already is left as it is."
        ));
        failure
    }
}

/// Asks again while the servers have too much to do.
pub(super) async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    for _ in 1..ATTEMPTS_MAX {
        match ask().await {
            Err(failure) if failure.exit == Exit::TryAgain => sleep(PAUSE).await,
            other => return other,
        }
    }
    ask().await
}
