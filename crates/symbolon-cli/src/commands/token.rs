//! `symbolon token`

use std::path::{Path, PathBuf};

use symbolon_import::{SeedFormat, read_seed as read_seed_text};
use symbolon_proto::v1::{
    self, ConfirmTokenRequest, EnrollTokenRequest, EnrollTokenResponse, RemoveTokenRequest,
    ResyncTokenRequest, user_service_client::UserServiceClient,
};

use super::import::tokens::{self, ImportTokens};
use super::present;
use crate::{
    args::Options,
    context::Context,
    error::Failure,
    exit::Exit,
    files,
    output::{self, Format},
    qr,
    view::{self, ChangedToken, EnrolledToken, RemovedToken, Tokens},
};

/// More than the longest seed with all its spaces.
const SEED_TEXT_BYTES_MAX: u64 = 1024;

/// Arguments of `symbolon token`.
#[derive(clap::Args)]
pub struct TokenArguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(clap::Subcommand)]
enum TokenCommand {
    /// Give a user a new token, shown once as a QR code
    Enroll(Enroll),
    /// Prove a pending token with a code that it shows
    Confirm {
        /// Name to sign in with
        user: String,
        /// The code that the token shows now
        code: String,
        #[command(flatten)]
        which: Which,
    },
    /// List the tokens of a user
    List {
        /// Name to sign in with
        user: String,
        /// Take what the node has, also when it reaches no master
        #[arg(long)]
        stale: bool,
    },
    /// Set a token right whose codes are refused, by two codes in a row
    Resync {
        /// Name to sign in with
        user: String,
        /// A code that the token shows
        first_code: String,
        /// The code that it shows next
        second_code: String,
        #[command(flatten)]
        which: Which,
    },
    /// Give users the tokens of a file: PSKC (RFC 6030) or CSV
    Import(ImportTokens),
    /// Take a token from its user, for good
    Remove {
        /// Name to sign in with
        user: String,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(clap::Args)]
struct Enroll {
    /// Name to sign in with
    user: String,
    /// What the token counts
    #[arg(long = "type", value_enum, default_value_t)]
    kind: Kind,
    /// Hash function; many apps know only sha1
    #[arg(long, value_enum, default_value_t)]
    algorithm: Algorithm,
    /// Digits of a code
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(6..=8))]
    digits: u32,
    /// Seconds for which a code is shown (TOTP)
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = ["30", "60"])]
    period: String,
    /// Counter of the next code (HOTP)
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    counter: u64,
    /// What is printed on it
    #[arg(long, default_value = "", hide_default_value = true)]
    serial: String,
    /// Import the seed in this file, in base32; `-` is standard input. Without it the server
    /// makes one
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,
    /// Let it open nothing until `symbolon token confirm` has seen a code
    #[arg(long)]
    pending: bool,
}

/// Names one of several tokens.
#[derive(clap::Args)]
struct Which {
    /// Its id; needed when the user has several tokens
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    token: String,
    /// Its serial number, in the place of its id
    #[arg(long, default_value = "", hide_default_value = true, conflicts_with = "token")]
    serial: String,
}

impl From<Which> for v1::TokenName {
    fn from(which: Which) -> Self {
        Self { id: which.token, serial: which.serial }
    }
}

/// What a token counts.
#[derive(Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// The time: authenticator apps
    #[default]
    Totp,
    /// Its codes: tokens with a button
    Hotp,
}

/// Hash function of a token.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Algorithm {
    #[default]
    Sha1,
    Sha256,
    Sha512,
}

impl From<Algorithm> for v1::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1,
            Algorithm::Sha256 => Self::Sha256,
            Algorithm::Sha512 => Self::Sha512,
        }
    }
}

pub(crate) async fn run(arguments: TokenArguments) -> Result<Exit, Failure> {
    let TokenArguments { options, command } = arguments;
    let context = Context::new(&options)?;
    let format = options.output.output;
    match command {
        TokenCommand::Enroll(new) => enroll_new(&context, new, format).await?,
        TokenCommand::Confirm { user, code, which } => {
            let question =
                ConfirmTokenRequest { username: user.clone(), token: Some(which.into()), code };
            let answer = context
                .write(question, async |channel, request| {
                    UserServiceClient::new(channel).confirm_token(request).await
                })
                .await?;
            changed(answer.token, answer.log_index, &user, "can be used now", format)?;
        }
        TokenCommand::List { user, stale } => {
            let user = view::User::from(super::user::get(&context, user, stale).await?);
            match format {
                Format::Json => output::json(&Tokens { tokens: user.tokens })?,
                Format::Table if user.tokens.is_empty() => output::line("No token yet.")?,
                Format::Table => output::line(&super::user::tokens(&user.tokens))?,
            }
        }
        TokenCommand::Resync { user, first_code, second_code, which } => {
            let question = ResyncTokenRequest {
                username: user.clone(),
                token: Some(which.into()),
                first_code,
                second_code,
            };
            let answer = context
                .write(question, async |channel, request| {
                    UserServiceClient::new(channel).resync_token(request).await
                })
                .await?;
            let said = "is set right; the next code it shows can be used";
            changed(answer.token, answer.log_index, &user, said, format)?;
        }
        TokenCommand::Import(file) => return tokens::import(&context, file, format).await,
        TokenCommand::Remove { user, which } => {
            let question = RemoveTokenRequest { username: user.clone(), token: Some(which.into()) };
            let answer = context
                .write(question, async |channel, request| {
                    UserServiceClient::new(channel).remove_token(request).await
                })
                .await?;
            let log_index = answer.log_index;
            match format {
                Format::Json => output::json(&RemovedToken { removed: true, log_index })?,
                Format::Table => {
                    output::line(&format!("The token of {} is gone.", output::printable(&user)))?;
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn changed(
    token: Option<v1::Token>,
    log_index: u64,
    user: &str,
    said: &str,
    format: Format,
) -> Result<(), Failure> {
    let token = view::Token::from(present(token)?);
    match format {
        Format::Json => output::json(&ChangedToken { token, log_index }),
        Format::Table => {
            output::line(&format!("Token {} of {} {said}.", token.id, output::printable(user)))
        }
    }
}

async fn enroll_new(context: &Context, new: Enroll, format: Format) -> Result<(), Failure> {
    let user = new.user;
    let question = EnrollTokenRequest {
        username: user.clone(),
        algorithm: v1::Algorithm::from(new.algorithm).into(),
        digits: new.digits,
        period_seconds: match new.kind {
            Kind::Hotp => 0,
            Kind::Totp => new.period.parse().unwrap_or_default(),
        },
        seed: match new.seed_file {
            Some(file) => read_seed(&file)?,
            None => Vec::new(),
        },
        r#type: match new.kind {
            Kind::Totp => v1::TokenType::Totp.into(),
            Kind::Hotp => v1::TokenType::Hotp.into(),
        },
        serial: new.serial,
        counter: new.counter,
        pending: new.pending,
    };
    let answer = enroll(context, question).await?;
    let token = view::Token::from(present(answer.token)?);
    let next = match token.pending {
        true => " It opens nothing until `symbolon token confirm` has seen a code of it.",
        false => "",
    };
    match format {
        Format::Json => output::json(&EnrolledToken {
            token,
            otpauth_uri: answer.otpauth_uri,
            log_index: answer.log_index,
        }),
        Format::Table => output::line(&format!(
            "{}\n\n{}\n\nToken {} of {} is enrolled. Scan the code with an authenticator app: it is \
             not shown again.{next}",
            qr::draw(&answer.otpauth_uri, output::is_terminal())?,
            output::printable(&answer.otpauth_uri),
            token.id,
            output::printable(&user),
        )),
    }
}

/// A token with a seed made by the server, as most apps take it. Gives the otpauth URI.
pub(crate) async fn enroll_default(context: &Context, user: &str) -> Result<String, Failure> {
    let question =
        EnrollTokenRequest { username: user.to_owned(), ..EnrollTokenRequest::default() };
    Ok(enroll(context, question).await?.otpauth_uri)
}

async fn enroll(
    context: &Context,
    question: EnrollTokenRequest,
) -> Result<EnrollTokenResponse, Failure> {
    context
        .write(question, async |channel, request| {
            UserServiceClient::new(channel).enroll_token(request).await
        })
        .await
}

fn read_seed(file: &Path) -> Result<Vec<u8>, Failure> {
    let text = files::read_bytes(file, SEED_TEXT_BYTES_MAX).map_err(|error| {
        Failure::configuration(
            format!("The seed file {} cannot be read: {error}.", file.display()),
            "Name a file that holds the seed in base32, or - for standard input.",
        )
    })?;
    let seed = std::str::from_utf8(&text).ok().and_then(parse_seed);
    seed.ok_or_else(|| {
        Failure::usage(
            format!("The seed file {} holds no seed.", file.display()),
            "A seed is 16 to 64 bytes written in base32: A to Z and 2 to 7.",
        )
    })
}

fn parse_seed(text: &str) -> Option<Vec<u8>> {
    let seed = read_seed_text(text, SeedFormat::Base32).ok()?;
    Some(seed.expose().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_base32_however_written() {
        for text in [
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n",
            "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ====",
        ] {
            assert_eq!(parse_seed(text).unwrap(), b"12345678901234567890");
        }
        for text in ["", "GEZDGNBV", "not base32 at all, and long enough", &"A".repeat(200)] {
            assert!(parse_seed(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_seed_does_not_show_it() {
        let home = files::temporary_directory("symbolon-seed-").unwrap();
        let path = home.path().join("seed");
        files::write(&path, "S3CRET-S3CRET-S3CRET-0189").unwrap();
        let failure = read_seed(&path).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(!format!("{failure:?}").contains("S3CRET"), "{failure}");
    }
}
