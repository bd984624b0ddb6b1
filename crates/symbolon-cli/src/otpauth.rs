//! What an authenticator app reads out of an otpauth URI.

/// A TOTP token as an app knows it. It has no `Debug`, since the secret must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OtpauthUri {
    /// Base32 without padding.
    pub(crate) secret: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub(crate) algorithm: String,
    pub(crate) digits: u8,
    pub(crate) period_seconds: u64,
}

impl OtpauthUri {
    /// None: it is no URI of a TOTP token.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let (_, query) = uri.strip_prefix("otpauth://totp/")?.split_once('?')?;
        let value = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find_map(|(key, value)| (key == name).then_some(value))
        };
        let secret = value("secret")?.replace("%3D", "").replace('=', "");
        let is_base32 = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7');
        if secret.is_empty() || !secret.bytes().all(is_base32) {
            return None;
        }
        let algorithm = value("algorithm").unwrap_or("SHA1");
        if !["SHA1", "SHA256", "SHA512"].contains(&algorithm) {
            return None;
        }
        Some(Self {
            secret,
            algorithm: algorithm.to_owned(),
            digits: value("digits").map_or(Some(6), |digits| digits.parse().ok())?,
            period_seconds: value("period")
                .map_or(Some(30), |period| period.parse().ok())
                .filter(|period| *period > 0)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn parsed(query: &str) -> Option<(String, String, u8, u64)> {
        let uri = format!("otpauth://totp/dev:alice?{query}");
        OtpauthUri::parse(&uri)
            .map(|uri| (uri.secret, uri.algorithm, uri.digits, uri.period_seconds))
    }

    #[test]
    fn the_secret_and_its_parameters_are_found() {
        let query = format!("secret={SECRET}&issuer=dev&algorithm=SHA512&digits=8&period=60");
        let expected = (SECRET.to_owned(), "SHA512".to_owned(), 8, 60);
        assert_eq!(parsed(&query), Some(expected));
    }

    #[test]
    fn what_is_left_out_has_its_usual_value() {
        for query in [format!("secret={SECRET}"), format!("issuer=a&secret={SECRET}%3D%3D")] {
            let expected = (SECRET.to_owned(), "SHA1".to_owned(), 6, 30);
            assert_eq!(parsed(&query), Some(expected));
        }
    }

    #[test]
    fn anything_else_is_no_token() {
        for query in [
            "issuer=dev".to_owned(),
            "secret=".to_owned(),
            "secret=not%20base32".to_owned(),
            format!("secret={SECRET}&algorithm=MD5"),
            format!("secret={SECRET}&digits=six"),
            format!("secret={SECRET}&period=0"),
        ] {
            assert!(parsed(&query).is_none(), "{query}");
        }
        assert!(OtpauthUri::parse("otpauth://hotp/a?secret=GEZDGNBV").is_none());
        assert!(OtpauthUri::parse("https://example.com/").is_none());
    }
}
