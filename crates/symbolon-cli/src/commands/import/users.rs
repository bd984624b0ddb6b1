//! `symbolon user import`

use std::{
    cell::Cell,
    io::{self, Read},
    path::PathBuf,
    rc::Rc,
};

use symbolon_import::{CountryCode, UserRow, UserRows};
use symbolon_proto::v1::{
    self, ImportUsersRequest, ImportedUser, phone::Kind, user_service_client::UserServiceClient,
};

use super::{Questions, Said, patiently};
use crate::commands::user::Like;
use crate::{
    context::Context,
    error::Failure,
    exit::Exit,
    files,
    output::{self, Format},
};

/// Rows after which progress is told again.
const PROGRESS_ROWS: u64 = 256;

#[derive(clap::Args)]
pub(crate) struct ImportUsers {
    /// The file; `-` is standard input
    file: PathBuf,
    /// Country code of telephone numbers that are written without one, such as 49
    #[arg(long, value_name = "CODE", value_parser = country_code)]
    country: Option<CountryCode>,
    /// Make users who are there what their rows say; without it, one who is another is told and left
    #[arg(long)]
    update: bool,
    /// Tell what would become of each row, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    like: Like,
}

/// Reads from a file and counts the bytes.
struct Counted {
    input: Box<dyn Read>,
    bytes: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes.set(self.bytes.get() + u64::try_from(read).unwrap_or_default());
        Ok(read)
    }
}

/// Adds the users of a file, question by question while it is read.
pub(in crate::commands) async fn import(
    context: &Context,
    arguments: ImportUsers,
    format: Format,
) -> Result<Exit, Failure> {
    let ImportUsers { file, country, update, dry_run, like } = arguments;
    let shown = file.display();
    let (input, bytes_all) = files::open(&file).map_err(|error| {
        Failure::configuration(
            format!("The file {shown} cannot be read: {error}."),
            "Name a CSV file of users, or - for standard input.",
        )
    })?;
    let bytes = Rc::new(Cell::new(0));
    let input = Counted { input, bytes: Rc::clone(&bytes) };
    let rows = UserRows::new(input, country).map_err(|error| {
        Failure::configuration(
            format!("Nothing of {shown} was imported: {error}."),
            "Correct that, and run the command again.",
        )
    })?;
    let like = like.look(context).await?;
    let mut questions = Questions::new(dry_run);
    for name in rows.unknown_columns() {
        let what = format!("the column {name:?} is unknown and was ignored");
        questions.account.warnings.push(Said::of_user(1, "", what));
    }
    let ask = async |users: Vec<ImportedUser>| send(context, &users, update, dry_run).await;
    for (count, (line, row)) in (1_u64..).zip(rows) {
        match row {
            Err(reason) => questions.account.refuse(Said::of_user(line, "", reason)),
            Ok(row) => {
                let said = Said::of_user(line, &row.username, "");
                if let Err(failure) = questions.add(said, user(row, &like), &ask).await {
                    return Err(questions.ended(failure));
                }
            }
        }
        if count % PROGRESS_ROWS == 0 {
            let part = (bytes.get() * 100).checked_div(bytes_all);
            let part = part.map_or_else(String::new, |part| format!(", {part} % of the file"));
            output::progress(&format!("{count} users{part}"));
        }
    }
    match questions.send(&ask).await {
        Ok(()) => questions.account.tell("users", format),
        Err(failure) => Err(questions.ended(failure)),
    }
}

async fn send(
    context: &Context,
    users: &[ImportedUser],
    update: bool,
    dry_run: bool,
) -> Result<Vec<v1::ImportResult>, Failure> {
    let ask = async || {
        let question = ImportUsersRequest { users: users.to_vec(), update, dry_run };
        context
            .write(question, async |channel, request| {
                UserServiceClient::new(channel).import_users(request).await
            })
            .await
    };
    Ok(patiently(ask).await?.results)
}

/// What people read is the display name, or else first and last name. What the row leaves empty is as
/// somebody else has it.
fn user(row: UserRow, like: &v1::User) -> ImportedUser {
    let own =
        |own: Vec<String>, like: &Vec<String>| if own.is_empty() { like.clone() } else { own };
    let names = [row.first_name, row.last_name].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let phone = |kind: Kind, number, extension: Option<String>| v1::Phone {
        kind: kind.into(),
        number,
        extension: extension.unwrap_or_default(),
    };
    let office = row.phone.map(|it| phone(Kind::Office, it.number, it.extension));
    let mobile = row.mobile_phone.map(|number| phone(Kind::Mobile, number, None));
    ImportedUser {
        username: row.username,
        display_name: row.display_name.unwrap_or(names),
        enabled: row.enabled,
        email: row.email.unwrap_or_default(),
        phones: office.into_iter().chain(mobile).collect(),
        groups: own(row.groups, &like.groups),
        tags: own(row.tags, &like.tags),
        language: row.language.unwrap_or_else(|| like.language.clone()),
    }
}

fn country_code(text: &str) -> Result<CountryCode, &'static str> {
    CountryCode::parse(text).ok_or("a country code is one to three digits")
}
