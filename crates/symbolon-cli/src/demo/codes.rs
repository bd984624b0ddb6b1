//! Codes as an authenticator app makes them, by an implementation that is not the server's.

use std::{
    io,
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::otpauth::OtpauthUri;

/// Bytes of a seed that the server makes for SHA-1.
const SEED_BYTES: usize = 20;

/// Whose arithmetic it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Codes {
    Oathtool,
    TotpRs,
}

impl Codes {
    pub(super) async fn find() -> Self {
        let version = Command::new("oathtool").arg("--version").stdin(Stdio::null()).output().await;
        match version {
            Ok(version) if version.status.success() => Self::Oathtool,
            _ => Self::TotpRs,
        }
    }

    pub(super) fn whose(self) -> &'static str {
        match self {
            Self::Oathtool => "oathtool, as installed here",
            Self::TotpRs => "the crate totp-rs, as oathtool is not installed",
        }
    }

    /// The code of the time step that began `step` periods after 1970.
    pub(super) async fn code(self, uri: &OtpauthUri, step: u64) -> io::Result<String> {
        let seconds = step.saturating_mul(uri.period_seconds);
        match self {
            Self::Oathtool => oathtool(uri, seconds).await,
            Self::TotpRs => totp_rs(uri, seconds),
        }
    }
}

/// The secret goes in by standard input: arguments are for everybody to see.
async fn oathtool(uri: &OtpauthUri, seconds: u64) -> io::Result<String> {
    let mut child = Command::new("oathtool")
        .arg(format!("--totp={}", uri.algorithm))
        .arg("--base32")
        .arg(format!("--digits={}", uri.digits))
        .arg(format!("--time-step-size={}s", uri.period_seconds))
        .arg(format!("--now=@{seconds}"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(uri.secret.as_bytes()).await?;
        stdin.write_all(b"\n").await?;
    }
    let output = child.wait_with_output().await?;
    let code = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let is_code = code.len() == usize::from(uri.digits) && code.bytes().all(|b| b.is_ascii_digit());
    match output.status.success() && is_code {
        true => Ok(code),
        false => Err(io::Error::other(format!("oathtool ended ({})", output.status))),
    }
}

fn totp_rs(uri: &OtpauthUri, seconds: u64) -> io::Result<String> {
    let seed: [u8; SEED_BYTES] = data_encoding::BASE32_NOPAD
        .decode(uri.secret.as_bytes())
        .ok()
        .and_then(|seed| seed.try_into().ok())
        .filter(|_| uri.algorithm == "SHA1")
        .ok_or_else(|| io::Error::other("it makes codes for seeds of 20 bytes and SHA-1 alone"))?;
    let totp = totp_rs::Builder::new()
        .with_digits(uri.digits)
        .with_step_duration(uri.period_seconds)
        .with_secret(totp_rs::Secret::new_stack(seed))
        .build()
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(totp.generate(seconds).to_string())
}

/// The time step of now, and how long until the next one.
pub(super) fn now(period_seconds: u64) -> (u64, Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "an authenticator app goes by the clock on the wall"
    )]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    at(now, period_seconds)
}

fn at(now: Duration, period_seconds: u64) -> (u64, Duration) {
    let period = period_seconds.max(1);
    let step = now.as_secs() / period;
    let next = Duration::from_secs((step + 1).saturating_mul(period));
    (step, next.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B.
    const VECTORS: [(u64, &str); 4] = [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ];

    fn uri() -> OtpauthUri {
        let uri = "otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=8";
        OtpauthUri::parse(uri).unwrap()
    }

    #[tokio::test]
    async fn both_make_the_codes_of_the_rfc() {
        let mut all = vec![Codes::TotpRs];
        if Codes::find().await == Codes::Oathtool {
            all.push(Codes::Oathtool);
        }
        for codes in all {
            for (seconds, code) in VECTORS {
                let made = codes.code(&uri(), seconds / 30).await.unwrap();
                assert_eq!(made, code, "{codes:?} at {seconds}");
            }
        }
    }

    #[tokio::test]
    async fn a_secret_that_is_none_is_not_shown() {
        let uri = OtpauthUri { secret: "S3CRET0189".to_owned(), ..uri() };
        for codes in [Codes::TotpRs, Codes::find().await] {
            let error = codes.code(&uri, 1).await.unwrap_err();
            assert!(!error.to_string().contains("S3CRET"), "{error}");
        }
    }

    #[test]
    fn steps_follow_each_other() {
        for (milliseconds, step, left) in [(0, 0, 30_000), (29_999, 0, 1), (30_000, 1, 30_000)] {
            let (found, until) = at(Duration::from_millis(milliseconds), 30);
            assert_eq!((found, until), (step, Duration::from_millis(left)));
        }
    }
}
