//! `symbolon token import`

use std::path::{Path, PathBuf};

use symbolon_core::{Secret, otp::Algorithm};
use symbolon_import::{
    FileKey, Imported, ImportedToken, SeedFormat, TOKEN_CSV_BYTES_MAX, TokenKind, read_pskc,
    read_token_csv,
};
use symbolon_proto::v1::{
    self, EnrollTokenRequest, ImportTokensRequest, user_service_client::UserServiceClient,
};
use zeroize::Zeroizing;

use super::{Questions, Said, patiently};
use crate::{
    clock,
    context::Context,
    error::Failure,
    exit::Exit,
    files,
    output::{self, Format},
};

/// More than any key or passphrase.
const KEY_BYTES_MAX: u64 = 4096;

#[derive(clap::Args)]
pub(in crate::commands) struct ImportTokens {
    /// The file; `-` is standard input
    file: PathBuf,
    /// What the file is; without it, XML is PSKC and the rest CSV
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    /// File with the pre-shared key of an encrypted PSKC file, 16, 24 or 32 bytes, as they are or in
    /// hexadecimal; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    key_file: Option<PathBuf>,
    /// File with the passphrase of an encrypted PSKC file; `-` is standard input
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// How seeds are written in CSV
    #[arg(long, value_enum, default_value_t)]
    seed_format: Seeds,
    /// Give the tokens for which the file names no user to this one
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Let each token open nothing until `symbolon token confirm` has seen a code
    #[arg(long)]
    pending: bool,
    /// Tell what would become of each row, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FileFormat {
    Pskc,
    Csv,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Seeds {
    /// Whichever it is; refused if it could be both
    #[default]
    Auto,
    Base32,
    Hex,
}

/// Gives users the tokens of a file. Nothing is sent before the whole file is read and, where it is
/// encrypted, opened.
pub(in crate::commands) async fn import(
    context: &Context,
    arguments: ImportTokens,
    format: Format,
) -> Result<Exit, Failure> {
    let read = read(&arguments)?;
    let mut questions = Questions::new(arguments.dry_run);
    let account = &mut questions.account;
    let said = |line, what: &str, reason: String| Said::of_token(line, what, reason);
    for finding in &read.report.refused {
        account.refuse(said(finding.line, &finding.what, finding.reason.to_string()));
    }
    for finding in &read.report.warnings {
        account.warnings.push(said(finding.line, &finding.what, finding.reason.to_string()));
    }
    let (dry_run, total) = (arguments.dry_run, read.rows.len());
    let ask = async |tokens: Vec<EnrollTokenRequest>| send(context, &tokens, dry_run).await;
    for (at, token) in read.rows.iter().enumerate() {
        let (line, serial) = (token.line, &token.serial);
        let said = |reason: &str| Said::of_token(line, serial, reason);
        let row = match row(token, &arguments, now()) {
            Ok(row) => row,
            Err(reason) => {
                questions.account.refuse(said(reason));
                continue;
            }
        };
        if let TokenKind::Totp { drift_steps: 1.. | ..=-1, .. } = token.kind {
            let what = "what the file says about its clock was ignored: if its codes are refused, \
                        `symbolon token resync` sets it right";
            questions.account.warnings.push(said(what));
        }
        if token.expires.is_some() {
            let what = "the end of its validity is not kept: remove it then";
            questions.account.warnings.push(said(what));
        }
        if let Err(failure) = questions.add(said(""), row, &ask).await {
            return Err(questions.ended(failure));
        }
        output::progress(&format!("{at} of {total} tokens"));
    }
    match questions.send(&ask).await {
        Ok(()) => questions.account.tell("tokens", format),
        Err(failure) => Err(questions.ended(failure)),
    }
}

async fn send(
    context: &Context,
    tokens: &[EnrollTokenRequest],
    dry_run: bool,
) -> Result<Vec<v1::ImportResult>, Failure> {
    let ask = async || {
        let question = ImportTokensRequest { tokens: tokens.to_vec(), dry_run };
        context
            .write(question, async |channel, request| {
                UserServiceClient::new(channel).import_tokens(request).await
            })
            .await
    };
    Ok(patiently(ask).await?.results)
}

/// A token as the server takes it, or why it cannot be had.
fn row(
    token: &ImportedToken,
    arguments: &ImportTokens,
    now: u64,
) -> Result<EnrollTokenRequest, &'static str> {
    let user = token.username().or(arguments.user.as_deref());
    let user = user.ok_or(
        "the file names no user for it, and a token has to be somebody's: name one with --user",
    )?;
    if token.expires.is_some_and(|end| end.seconds() <= now) {
        return Err("its validity is over: ask who made the file for a new token");
    }
    if token.not_before.is_some_and(|start| start.seconds() > now) {
        return Err("its validity has not begun: import it then");
    }
    let (kind, period_seconds, counter) = match token.kind {
        TokenKind::Totp { period_seconds, .. } => (v1::TokenType::Totp, period_seconds, 0),
        TokenKind::Hotp { counter } => (v1::TokenType::Hotp, 0, counter),
    };
    let algorithm = match token.hash {
        Algorithm::Sha1 => v1::Algorithm::Sha1,
        Algorithm::Sha256 => v1::Algorithm::Sha256,
        Algorithm::Sha512 => v1::Algorithm::Sha512,
    };
    Ok(EnrollTokenRequest {
        username: user.to_owned(),
        algorithm: algorithm.into(),
        digits: token.digits.into(),
        period_seconds,
        seed: token.seed.expose().to_vec(),
        r#type: kind.into(),
        serial: token.serial.clone(),
        counter,
        pending: arguments.pending,
    })
}

/// Seconds since 1970. A clock before that finds every token valid.
fn now() -> u64 {
    let since = clock::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn read(arguments: &ImportTokens) -> Result<Imported<ImportedToken>, Failure> {
    let stdin =
        [Some(&arguments.file), arguments.key_file.as_ref(), arguments.passphrase_file.as_ref()];
    if stdin.into_iter().flatten().filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Failure::usage(
            "Standard input cannot be the file and its key at the same time.",
            "Put one of them into a file.",
        ));
    }
    let file = &arguments.file;
    let shown = file.display().to_string();
    let key = file_key(arguments)?;
    let bytes_max = u64::try_from(TOKEN_CSV_BYTES_MAX).unwrap_or(u64::MAX);
    let bytes = files::read_bytes(file, bytes_max).map_err(|error| {
        Failure::configuration(
            format!("The file {shown} cannot be read: {error}."),
            "Name a file of tokens, PSKC or CSV, or - for standard input.",
        )
    })?;
    let looks_like_xml = || {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        text.trim_ascii_start().starts_with(b"<")
    };
    let format = arguments.format.unwrap_or_else(|| match looks_like_xml() {
        true => FileFormat::Pskc,
        false => FileFormat::Csv,
    });
    let refused = |reason: String| {
        Failure::configuration(
            format!("Nothing of {shown} was imported: {reason}."),
            "Correct that, and run the command again.",
        )
    };
    match format {
        FileFormat::Pskc => read_pskc(&bytes, &key).map_err(|error| refused(error.to_string())),
        FileFormat::Csv if !matches!(key, FileKey::None) => {
            Err(refused("it is CSV, which is never encrypted, and a key was given".to_owned()))
        }
        FileFormat::Csv => {
            let seeds = match arguments.seed_format {
                Seeds::Auto => SeedFormat::Auto,
                Seeds::Base32 => SeedFormat::Base32,
                Seeds::Hex => SeedFormat::Hex,
            };
            read_token_csv(&bytes, seeds).map_err(|error| refused(error.to_string()))
        }
    }
}

fn file_key(arguments: &ImportTokens) -> Result<FileKey, Failure> {
    if let Some(path) = &arguments.passphrase_file {
        let bytes = read_key(path)?;
        let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        return Ok(FileKey::Passphrase(Secret::new(line.to_vec())));
    }
    let Some(path) = &arguments.key_file else {
        return Ok(FileKey::None);
    };
    let bytes = read_key(path)?;
    pre_shared_key(&bytes).map(FileKey::PreShared).ok_or_else(|| {
        Failure::configuration(
            format!("The key file {} holds no key.", path.display()),
            "A key is 16, 24 or 32 bytes, as they are or in hexadecimal.",
        )
    })
}

fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    files::read_bytes(path, KEY_BYTES_MAX).map_err(|error| {
        Failure::configuration(
            format!("The key file {} cannot be read: {error}.", path.display()),
            "Name the file that holds the key or passphrase, or - for standard input.",
        )
    })
}

/// Hexadecimal digits are taken for a key in hexadecimal; anything else has to be a key as it is.
fn pre_shared_key(bytes: &[u8]) -> Option<Secret> {
    let is_length = |bytes: &[u8]| [16, 24, 32].contains(&bytes.len());
    let text = bytes.trim_ascii();
    let decoded = data_encoding::HEXLOWER_PERMISSIVE.decode(text).ok().map(Secret::new);
    match decoded.filter(|key| is_length(key.expose())) {
        Some(key) => Some(key),
        None => is_length(bytes).then(|| Secret::new(bytes.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_bytes_or_hexadecimal() {
        let key: Vec<u8> = (0..16).collect();
        let read = |bytes: &[u8]| pre_shared_key(bytes).map(|key| key.expose().to_vec());
        assert_eq!(read(&key), Some(key.clone()));
        assert_eq!(read(b"000102030405060708090A0b0c0d0e0f\n"), Some(key));
        assert_eq!(read(&[0xff; 32]).map(|key| key.len()), Some(32));
        assert_eq!(read(b"00010203"), None);
        assert_eq!(read(&[0; 17]), None);
    }
}
