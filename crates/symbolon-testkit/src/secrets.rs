//! What must not be found where it does not belong, in whatever form it is written there.

use aho_corasick::AhoCorasick;
use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

/// Shorter ones would be found by chance.
const BYTES_MIN: usize = 16;
/// Characters of the random part of a bearer token, which are its last.
const BEARER_CHARS: usize = 43;
/// Where the random part of a join token is.
const JOIN_TOKEN_PART: std::ops::Range<usize> = 31..74;

/// Secrets that a test has planted, by what they are.
#[derive(Default)]
pub struct Secrets {
    bytes: Vec<(&'static str, Vec<u8>)>,
    texts: Vec<(&'static str, String)>,
}

impl Secrets {
    /// Adds bytes, which are searched for in all forms.
    ///
    /// # Panics
    ///
    /// When they are so few that chance would find them, as all that add.
    pub fn add(&mut self, what: &'static str, secret: &[u8]) {
        assert!(secret.len() >= BYTES_MIN, "{what} is too short to be searched for");
        self.bytes.push((what, secret.to_vec()));
    }

    /// Adds words, which are searched for as they are.
    pub fn add_text(&mut self, what: &'static str, text: &str) {
        self.texts.push((what, text.to_owned()));
    }

    /// Adds the seed of an otpauth URI.
    pub fn add_seed(&mut self, otpauth: &str) {
        let rest = otpauth.split_once("?secret=").map_or("", |(_, rest)| rest);
        let seed = rest.split('&').next().unwrap_or_default();
        self.add("a seed", &decoded(&BASE32_NOPAD, Some(seed)));
    }

    /// Adds the random part of an API key, or of the administrator's token.
    pub fn add_bearer(&mut self, what: &'static str, token: &str) {
        let at = token.len().checked_sub(BEARER_CHARS);
        self.add(what, &decoded(&BASE64URL_NOPAD, at.and_then(|at| token.get(at..))));
    }

    /// Adds the random part of a join token.
    pub fn add_join_token(&mut self, token: &str) {
        self.add("a join token", &decoded(&BASE64URL_NOPAD, token.get(JOIN_TOKEN_PART)));
    }

    /// That the place has none of them.
    ///
    /// # Panics
    ///
    /// When it has one.
    pub fn assert_absent(&self, place: &str, content: &[u8]) {
        let found = self.find(content);
        assert!(found.is_none(), "{place} has {found:?}");
    }

    /// That a place where secrets of these kinds lie open has every one of them, and that none would
    /// be missed in whatever form.
    ///
    /// # Panics
    ///
    /// When one is missed, or there are not so many.
    pub fn assert_found(&self, place: &str, content: &[u8], kinds: &[(&str, usize)]) {
        for (kind, count) in kinds {
            let planted: Vec<_> = self.bytes.iter().filter(|(what, _)| what == kind).collect();
            assert_eq!(planted.len(), *count, "planted of {kind}");
            for (what, secret) in planted {
                let is_there = content.windows(secret.len()).any(|part| part == *secret);
                assert!(is_there, "{place}: {what} is not found");
                for form in forms(secret) {
                    let written = [b"as ", &*form, b"."].concat();
                    let found = self.find(&written);
                    assert!(found.is_some(), "{what} is missed: {}", form.escape_ascii());
                }
            }
        }
    }

    /// The first secret in there, and how it is written.
    fn find(&self, content: &[u8]) -> Option<(&'static str, String)> {
        let bytes = self.bytes.iter();
        let bytes =
            bytes.flat_map(|(what, secret)| forms(secret).into_iter().map(|form| (*what, form)));
        let texts = self.texts.iter().map(|(what, text)| (*what, text.clone().into_bytes()));
        let wanted: Vec<_> = bytes.chain(texts).collect();
        // All at once: logs are long.
        let search = AhoCorasick::new(wanted.iter().map(|(_, form)| form));
        let search = search.unwrap_or_else(|error| panic!("too much to search for: {error}"));
        let (what, form) = wanted.get(search.find(content)?.pattern().as_usize())?;
        Some((what, form.escape_ascii().to_string()))
    }
}

fn decoded(encoding: &data_encoding::Encoding, secret: Option<&str>) -> Vec<u8> {
    let bytes = secret.and_then(|secret| encoding.decode(secret.as_bytes()).ok());
    bytes.unwrap_or_else(|| panic!("no secret is where one is expected"))
}

/// A secret as it is, as programs write bytes, and as `Debug` does.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let debug = format!("{secret:?}");
    let hexadecimal_debug = format!("{secret:x?}");
    let texts = [
        HEXLOWER.encode(secret),
        HEXUPPER.encode(secret),
        BASE32_NOPAD.encode(secret),
        BASE32_NOPAD.encode(secret).to_lowercase(),
        // With padding it begins alike.
        BASE64_NOPAD.encode(secret),
        BASE64URL_NOPAD.encode(secret),
        debug.trim_matches(['[', ']']).to_owned(),
        hexadecimal_debug.trim_matches(['[', ']']).to_owned(),
        secret.escape_ascii().to_string(),
    ];
    let reversed = secret.iter().rev().copied().collect();
    [secret.to_vec(), reversed].into_iter().chain(texts.map(String::into_bytes)).collect()
}
