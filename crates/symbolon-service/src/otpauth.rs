//! The otpauth URI that authenticator apps read from a QR code.

use data_encoding::BASE32_NOPAD;
use symbolon_core::otp::{Algorithm, MovingFactor};
use symbolon_core::{Secret, Token};
use zeroize::Zeroizing;

/// `otpauth://totp/ISSUER:ACCOUNT?secret=…&issuer=…&algorithm=…&digits=…&period=…`, or of type `hotp`
/// with `counter=…` in the place of the period.
pub(crate) fn uri(issuer: &str, account: &str, seed: &Secret, token: &Token) -> Zeroizing<String> {
    let parameters = token.parameters;
    let (kind, factor) = match parameters.factor() {
        MovingFactor::Time { period_seconds } => ("totp", format!("period={period_seconds}")),
        // The mark of a HOTP token is the counter of the next code.
        MovingFactor::Counter => ("hotp", format!("counter={}", token.mark)),
    };
    let algorithm = match parameters.algorithm() {
        Algorithm::Sha1 => "SHA1",
        Algorithm::Sha256 => "SHA256",
        Algorithm::Sha512 => "SHA512",
    };
    let issuer = percent_encode(issuer);
    let secret = Zeroizing::new(BASE32_NOPAD.encode(seed.expose()));
    Zeroizing::new(format!(
        "otpauth://{kind}/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm={algorithm}\
         &digits={digits}&{factor}",
        account = percent_encode(account),
        secret = *secret,
        digits = parameters.digits(),
    ))
}

/// Encodes all but the unreserved characters of RFC 3986 section 2.3.
fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use symbolon_core::otp::Parameters;
    use symbolon_core::{LogIndex, Sealed, Timestamp, TokenId, UserId};

    use super::*;

    #[test]
    fn an_app_can_read_it() {
        let seed = Secret::new(b"12345678901234567890".to_vec());
        let token = |parameters| Token {
            id: TokenId(1),
            user: UserId(2),
            parameters,
            seed: Sealed::new(Vec::new()),
            serial: None,
            pending: false,
            mark: 7,
            drift: 0,
            epoch: 0,
            awaits_second: false,
            created_at: Timestamp(0),
            changed_at: LogIndex(0),
        };
        let of = |parameters| uri("Acme Co", "ren\u{e9}@example", &seed, &token(parameters));
        assert_eq!(
            *of(Parameters::default()),
            "otpauth://totp/Acme%20Co:ren%C3%A9%40example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Acme%20Co&algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(
            *of(Parameters::hotp(Algorithm::Sha256, 8).unwrap()),
            "otpauth://hotp/Acme%20Co:ren%C3%A9%40example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Acme%20Co&algorithm=SHA256&digits=8&counter=7"
        );
    }
}
