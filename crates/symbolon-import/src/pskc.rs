//! PSKC key containers (RFC 6030).
//!
//! A file is taken as a whole or not at all when it comes to trust: XML that is damaged, a MAC or a
//! padding that is not right, and nothing of it is imported. A key that is intact and cannot be used
//! is refused alone. MACs cover the encrypted values and nothing else: whoever can write the file
//! can change a serial number, and a signature, which would cover all, is not verified here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use roxmltree::{Document, Node, ParsingOptions};
use symbolon_core::Secret;
use zeroize::Zeroizing;

use crate::shown::shown;
use crate::{Imported, ImportedToken, RowError, Warning};

mod cipher;
mod data;
mod date;
mod device;
mod encryption;
mod error;
mod guard;
mod key;
mod policy;
mod xml;

use data::Data;
use device::Device;
use encryption::Opener;
pub use error::PskcError;
use xml::{Lines, attribute, is_named};

/// Bytes of a file.
pub const PSKC_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Keys of a file.
pub const PSKC_KEYS_MAX: usize = 100_000;

/// Elements and texts of a file. A real key has about forty in about a kilobyte.
const NODES_MAX: u32 = 1_500_000;

/// What opens an encrypted file.
#[derive(Clone, Debug)]
pub enum FileKey {
    /// Nothing was given.
    None,
    /// The pre-shared key (RFC 6030 section 6.1): 16, 24 or 32 bytes, as the file's encryption has it.
    PreShared(Secret),
    /// The passphrase (RFC 6030 section 6.2), UTF-8.
    Passphrase(Secret),
}

/// Reads a key container.
///
/// The report's warnings tell of an XML signature: it is not verified. A file with a passphrase may
/// ask for two million iterations of PBKDF2, which are seconds of one processor: do not call this
/// where others wait.
///
/// # Errors
/// [`PskcError`] when nothing of the file may be imported: no key container, too large, damaged, not
/// to be opened with `file_key`, or changed.
pub fn read_pskc(bytes: &[u8], file_key: &FileKey) -> Result<Imported<ImportedToken>, PskcError> {
    if bytes.len() > PSKC_BYTES_MAX {
        return Err(PskcError::TooLarge);
    }
    guard::check(bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|_| PskcError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let normal = with_plain_line_ends(text);
    let text = normal.as_ref().map_or(text, |normal| normal.as_str());
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => PskcError::Doctype,
        roxmltree::Error::NodesLimitReached => PskcError::Overgrown { what: "elements" },
        // The parser's own words may repeat the file's.
        other => PskcError::Xml { line: other.pos().row.into() },
    })?;
    let lines = Lines::of(text);
    let container = document.root_element();
    check_root(container)?;
    let opener = Opener::of(container, file_key, &lines)?;
    let mut imported = Imported::new();
    if container.children().any(|child| is_named(child, &["Signature"])) {
        let warning = Warning::SignatureNotVerified;
        imported.report.warn(0, "", warning);
    }
    if opener.is_none() && !matches!(file_key, FileKey::None) {
        imported.report.warn(0, "", Warning::KeyNotNeeded);
    }
    Reader { lines: &lines, opener, seen: BTreeMap::new() }.read(container, &mut imported)?;
    Ok(imported)
}

/// `text` with the line ends of Unix, if it has others. The parser would replace them itself, in
/// copies that are not wiped.
fn with_plain_line_ends(text: &str) -> Option<Zeroizing<String>> {
    if !text.contains('\r') {
        return None;
    }
    // Room for all of it at once: a string that grows leaves copies behind.
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' if rest.peek() == Some(&'\n') => {}
            '\r' => plain.push('\n'),
            other => plain.push(other),
        }
    }
    Some(plain)
}

fn check_root(container: Node<'_, '_>) -> Result<(), PskcError> {
    if !is_named(container, &["KeyContainer"]) {
        return Err(PskcError::NotPskc { found: shown(container.tag_name().name()) });
    }
    match attribute(container, &["Version", "version"]) {
        None | Some("1.0" | "1") => Ok(()),
        Some(other) => Err(PskcError::Version { found: shown(other) }),
    }
}

struct Reader<'l> {
    lines: &'l Lines,
    opener: Option<Opener<'l>>,
    /// Where each key was seen first, by manufacturer, serial number and id: one device may have
    /// several keys (RFC 6030 figure 10).
    seen: BTreeMap<(Option<String>, String, Option<String>), u64>,
}

impl Reader<'_> {
    fn read(
        &mut self,
        container: Node<'_, '_>,
        imported: &mut Imported<ImportedToken>,
    ) -> Result<(), PskcError> {
        let mut keys = 0;
        // `Device` is what drafts call a package.
        for package in
            container.children().filter(|node| is_named(*node, &["KeyPackage", "Device"]))
        {
            let device = self.lines.child(package, &["DeviceInfo", "DeviceId"])?;
            let device = Device::read(self.lines, device)?;
            for key in package.children().filter(|node| is_named(*node, &["Key"])) {
                keys += 1;
                if keys > PSKC_KEYS_MAX {
                    return Err(PskcError::TooManyKeys);
                }
                self.read_key(&device, key, imported)?;
            }
        }
        Ok(())
    }

    fn read_key(
        &mut self,
        device: &Device,
        key: Node<'_, '_>,
        imported: &mut Imported<ImportedToken>,
    ) -> Result<(), PskcError> {
        let line = self.lines.of_node(key);
        let what = key::name(device, key);
        // All values are opened before any is judged: a key that would be refused anyway must not
        // hide that the file was changed.
        let data = Data::read(self.lines, self.opener.as_ref(), key)?;
        let mut warnings = Vec::new();
        let found = key::token(self.lines, device, key, data, &mut warnings)?;
        match found.and_then(|token| self.first(token)) {
            Ok(token) => {
                for warning in warnings {
                    imported.report.warn(line, &what, warning);
                }
                imported.accept(token);
            }
            Err(reason) => imported.report.refuse(line, &what, reason),
        }
        Ok(())
    }

    fn first(&mut self, token: ImportedToken) -> Result<ImportedToken, RowError> {
        let name = (token.manufacturer.clone(), token.serial.clone(), token.key_id.clone());
        match self.seen.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(token.line);
                Ok(token)
            }
            Entry::Occupied(entry) => {
                let field = "serial number and key id";
                Err(RowError::Repeated { field, first_line: *entry.get() })
            }
        }
    }
}
