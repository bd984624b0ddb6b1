//! The otpauth URI that authenticator apps read from a QR code.

use data_encoding::BASE32_NOPAD;
use symbolon_core::Secret;
use symbolon_core::otp::{Algorithm, Parameters};
use zeroize::Zeroizing;

/// `otpauth://totp/ISSUER:ACCOUNT?secret=…&issuer=…&algorithm=…&digits=…&period=…`
pub(crate) fn uri(
    issuer: &str,
    account: &str,
    seed: &Secret,
    parameters: Parameters,
) -> Zeroizing<String> {
    let algorithm = match parameters.algorithm() {
        Algorithm::Sha1 => "SHA1",
        Algorithm::Sha256 => "SHA256",
        Algorithm::Sha512 => "SHA512",
    };
    let issuer = percent_encode(issuer);
    let secret = Zeroizing::new(BASE32_NOPAD.encode(seed.expose()));
    Zeroizing::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm={algorithm}\
         &digits={digits}&period={period}",
        account = percent_encode(account),
        secret = *secret,
        digits = parameters.digits(),
        period = parameters.period_seconds(),
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
    use super::*;

    #[test]
    fn an_app_can_read_it() {
        let seed = Secret::new(b"12345678901234567890".to_vec());
        let uri = uri("Acme Co", "ren\u{e9}@example", &seed, Parameters::default());
        assert_eq!(
            *uri,
            "otpauth://totp/Acme%20Co:ren%C3%A9%40example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Acme%20Co&algorithm=SHA1&digits=6&period=30"
        );
    }
}
