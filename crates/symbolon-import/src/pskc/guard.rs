//! What is checked before an XML parser sees a file.
//!
//! The parser compares each attribute with the others of its element, and each declared prefix with
//! all that are in force. Both are squares of numbers that a file chooses, so both are bounded here.

use super::PskcError;

/// Attributes of one element; real ones have up to ten.
const ATTRIBUTES_MAX: usize = 64;
/// Different namespace prefixes in a file; real ones have up to six.
const PREFIXES_MAX: usize = 16;

const DECLARATION: &[u8] = b"xmlns:";

/// Refuses a file whose attributes or prefixes would cost the parser too much.
pub(super) fn check(bytes: &[u8]) -> Result<(), PskcError> {
    // An attribute's value holds no `<`, so a tag ends before the next one at the latest. What
    // starts with `<!` is a comment or CDATA, with no tag before the next `<`.
    for part in bytes.split(|byte| *byte == b'<') {
        let signs = part.iter().filter(|byte| **byte == b'=').count();
        if signs > ATTRIBUTES_MAX && part.first() != Some(&b'!') {
            return Err(PskcError::Overgrown { what: "attributes or equals signs in a row" });
        }
    }
    let mut prefixes: Vec<&[u8]> = Vec::with_capacity(PREFIXES_MAX);
    for (at, window) in bytes.windows(DECLARATION.len()).enumerate() {
        if window != DECLARATION {
            continue;
        }
        let after = bytes.get(at + DECLARATION.len()..).unwrap_or_default();
        let end = after.iter().position(|byte| *byte == b'=' || byte.is_ascii_whitespace());
        let prefix = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
        if prefixes.contains(&prefix) {
            continue;
        }
        if prefixes.len() == PREFIXES_MAX {
            return Err(PskcError::Overgrown { what: "namespace prefixes" });
        }
        prefixes.push(prefix);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_files_pass() {
        let mut text = String::from("<!-- ");
        text += &"=".repeat(200);
        text += " --><r xmlns:a='1' xmlns:b='2'><b:c xmlns:a='3'>MTIz==</b:c></r>";
        assert_eq!(check(text.as_bytes()), Ok(()));
    }

    #[test]
    fn many_attributes_and_many_prefixes_do_not() {
        let attributes: String = (0..65).map(|i| format!("a{i}='>' ")).collect();
        let found = check(format!("<r {attributes}/>").as_bytes());
        assert!(matches!(found, Err(PskcError::Overgrown { .. })));
        let nested: String = (0..17).map(|i| format!("<r xmlns:n{i}='u'>")).collect();
        let found = check(nested.as_bytes());
        assert_eq!(found, Err(PskcError::Overgrown { what: "namespace prefixes" }));
    }
}
