//! The `DeviceInfo` of a package (RFC 6030 section 4.3.1), which all keys of the package share.

use roxmltree::Node;
use symbolon_core::limits::SERIAL_BYTES_MAX;

use super::PskcError;
use super::policy::Validity;
use super::xml::Lines;
use crate::RowError;
use crate::shown::shown;
use crate::text::optional;
use crate::token::TEXT_BYTES_MAX;

type Text = Result<Option<String>, RowError>;

/// A device. It is read once and its texts are bounded then: a package may have very many keys, and
/// what is done for each must not depend on how large the device is. An error is one of every key.
pub(super) struct Device {
    /// The serial number, safe to print; empty if there is none.
    pub(super) shown: String,
    pub(super) serial: Text,
    pub(super) manufacturer: Text,
    pub(super) model: Text,
    pub(super) user: Text,
    pub(super) validity: Result<Validity, RowError>,
}

impl Device {
    /// Reads `device`; all is absent if it is.
    ///
    /// # Errors
    /// [`PskcError::Structure`].
    pub(super) fn read(lines: &Lines, device: Option<Node<'_, '_>>) -> Result<Self, PskcError> {
        let text = |name| match device {
            Some(device) => lines.child_text(device, name),
            None => Ok(String::new()),
        };
        let validity = match device {
            Some(device) => Validity::default().and(lines, device)?,
            None => Ok(Validity::default()),
        };
        let serial = text("SerialNo")?;
        Ok(Self {
            shown: shown(&serial),
            serial: optional("serial number", &serial, SERIAL_BYTES_MAX),
            manufacturer: optional("manufacturer", &text("Manufacturer")?, TEXT_BYTES_MAX),
            model: optional("model", &text("Model")?, TEXT_BYTES_MAX),
            user: optional("user id", &text("UserId")?, TEXT_BYTES_MAX),
            validity,
        })
    }
}
