//! The `Data` of a key (RFC 6030 section 4.2): seed, counter, time.

use roxmltree::Node;
use zeroize::Zeroizing;

use super::PskcError;
use super::encryption::Opener;
use super::xml::{Lines, attribute, decode_base64, is_named, text};
use crate::RowError;

/// A whole number as the file has it; nothing if it is not there.
pub(super) type Number = Result<Option<i64>, RowError>;

/// The values of one key, opened and not yet judged.
pub(super) struct Data {
    /// The seed; nothing if the file does not carry it.
    pub(super) seed: Result<Option<Zeroizing<Vec<u8>>>, RowError>,
    /// Whether the seed stood in clear in a file with a key.
    pub(super) seed_is_plain: bool,
    pub(super) counter: Number,
    pub(super) time: Number,
    pub(super) interval: Number,
    pub(super) drift: Number,
}

/// A value in clear, or what was opened.
enum Value<'a, 'i> {
    Absent,
    Plain(Node<'a, 'i>),
    /// In clear and always in Base64, as early drafts have it, also a number.
    Coded(Node<'a, 'i>),
    Opened(Zeroizing<Vec<u8>>),
}

impl Data {
    /// Opens all values of `key`.
    ///
    /// # Errors
    /// [`PskcError`] when one of them does not open.
    pub(super) fn read(
        lines: &Lines,
        opener: Option<&Opener<'_>>,
        key: Node<'_, '_>,
    ) -> Result<Self, PskcError> {
        let value = |name: &str, named: &str| match find(lines, key, name, named)? {
            Some(element) => read_value(lines, opener, element),
            None => Ok(Value::Absent),
        };
        let (seed, is_plain) = match value("Secret", "SECRET")? {
            Value::Absent => (Ok(None), false),
            Value::Opened(seed) => (Ok(Some(seed)), false),
            Value::Plain(node) | Value::Coded(node) => {
                let seed = decode_base64(node).ok_or(RowError::SeedText { format: "Base64" });
                (seed.map(Some), true)
            }
        };
        Ok(Self {
            seed,
            seed_is_plain: is_plain && opener.is_some(),
            counter: number("counter", value("Counter", "COUNTER")?),
            time: number("start time", value("Time", "TIME")?),
            interval: number("time interval", value("TimeInterval", "TIME_INTERVAL")?),
            drift: number("time drift", value("TimeDrift", "TIME_DRIFT")?),
        })
    }
}

/// The element of a value: `Data/Secret`, or `Data` with the name `SECRET` in early drafts, which
/// some suppliers have never left.
fn find<'a, 'i>(
    lines: &Lines,
    key: Node<'a, 'i>,
    name: &str,
    named: &str,
) -> Result<Option<Node<'a, 'i>>, PskcError> {
    let all = || key.children().filter(|child| is_named(*child, &["Data"]));
    if !all().any(|data| attribute(data, &["Name"]).is_some()) {
        return lines.descend(key, &["Data", name]);
    }
    let is_meant = |data: &Node<'_, '_>| {
        attribute(*data, &["Name"]).is_some_and(|found| found.eq_ignore_ascii_case(named))
    };
    let mut found = all().filter(is_meant);
    match (found.next(), found.next()) {
        (_, Some(second)) => Err(lines.problem(second, "a value stands twice where one may be")),
        (first, None) => Ok(first),
    }
}

fn read_value<'a, 'i>(
    lines: &Lines,
    opener: Option<&Opener<'_>>,
    element: Node<'a, 'i>,
) -> Result<Value<'a, 'i>, PskcError> {
    let plain = lines.child(element, &["PlainValue"])?;
    let coded = lines.child(element, &["Value"])?;
    let encrypted = lines.child(element, &["EncryptedValue"])?;
    match (plain, coded, encrypted) {
        (Some(plain), None, None) => Ok(Value::Plain(plain)),
        (None, Some(coded), None) => Ok(Value::Coded(coded)),
        (None, None, Some(encrypted)) => {
            // There is an opener whenever anything is encrypted.
            let Some(opener) = opener else {
                return Err(lines.problem(encrypted, "an encrypted value has no key"));
            };
            let mac = lines.child(element, &["ValueMAC"])?;
            opener.open(encrypted, mac).map(Value::Opened)
        }
        (None, None, None) => Ok(Value::Absent),
        _ => Err(lines.problem(element, "a value is given in two ways")),
    }
}

fn number(field: &'static str, value: Value<'_, '_>) -> Number {
    let error = RowError::Number { field };
    match value {
        Value::Absent => Ok(None),
        Value::Plain(node) => text(node).trim().parse().map(Some).map_err(|_| error),
        Value::Coded(node) => {
            decode_base64(node).and_then(|bytes| integer(&bytes)).map(Some).ok_or(error)
        }
        Value::Opened(bytes) => integer(&bytes).map(Some).ok_or(error),
    }
}

/// An encrypted number: bytes, most significant first; 4 or 8 of them by RFC 6030 section 4.2, of
/// which the first bit is the sign, and as few as do in the files of several suppliers. Others write
/// decimal digits, so two digits or more are taken for digits: as bytes they would be a time
/// interval of hours.
fn integer(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > 1 && bytes.iter().all(u8::is_ascii_digit) {
        return std::str::from_utf8(bytes).ok()?.parse().ok();
    }
    match *bytes {
        [a, b, c, d] => Some(i32::from_be_bytes([a, b, c, d]).into()),
        _ if (1..=8).contains(&bytes.len()) => {
            Some(bytes.iter().fold(0, |number, byte| (number << 8) | i64::from(*byte)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::integer;

    #[test]
    fn numbers_in_bytes_and_in_digits() {
        assert_eq!(integer(&[0, 0, 0, 30]), Some(30));
        assert_eq!(integer(&[0xff, 0xff, 0xff, 0xfe]), Some(-2));
        assert_eq!(integer(&[0, 0, 0, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(integer(&[0xff; 8]), Some(-1));
        assert_eq!(integer(&[30]), Some(30));
        assert_eq!(integer(&[0x30]), Some(48));
        assert_eq!(integer(&[3, 0xe8]), Some(1000));
        assert_eq!(integer(b"60"), Some(60));
        assert_eq!(integer(b"1234"), Some(1234));
        for bytes in [&b""[..], &[0; 9], &[b'9'; 30]] {
            assert_eq!(integer(bytes), None, "{bytes:?}");
        }
    }
}
