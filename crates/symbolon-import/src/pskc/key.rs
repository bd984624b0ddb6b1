//! One `Key` with the device that it is in (RFC 6030 section 4).

use roxmltree::Node;
use symbolon_core::Secret;
use symbolon_core::limits::SERIAL_BYTES_MAX;
use symbolon_core::otp::Algorithm;

use super::PskcError;
use super::data::Data;
use super::device::Device;
use super::policy::{self, Validity};
use super::xml::{Lines, attribute};
use crate::shown::shown;
use crate::text::{folded, optional, required};
use crate::token::{
    DIGITS_DEFAULT, Moving, PERIOD_SECONDS_DEFAULT, TEXT_BYTES_MAX, check_parameters, check_seed,
    hash,
};
use crate::{ImportedToken, RowError, TokenKind, Warning};

const ID: &[&str] = &["Id", "KeyId"];

/// What to call a key in a report: its serial number, else its id. Safe to print.
pub(super) fn name(device: &Device, key: Node<'_, '_>) -> String {
    if device.shown.is_empty() {
        shown(attribute(key, ID).unwrap_or_default().trim())
    } else {
        device.shown.clone()
    }
}

/// The token that a key is. The outer error refuses the file, the inner one the key.
pub(super) fn token(
    lines: &Lines,
    device: &Device,
    key: Node<'_, '_>,
    data: Data,
    warnings: &mut Vec<Warning>,
) -> Result<Result<ImportedToken, RowError>, PskcError> {
    // Drafts call it `Usage`.
    let parameters = lines.child(key, &["AlgorithmParameters", "Usage"])?;
    let suite = match parameters {
        Some(parameters) => lines.child_text(parameters, "Suite")?,
        None => String::new(),
    };
    let format = match parameters {
        Some(parameters) => lines.child(parameters, &["ResponseFormat"])?,
        None => None,
    };
    let policy = lines.child(key, &["Policy"])?;
    let validity = match (&device.validity, policy) {
        (Ok(validity), Some(policy)) => validity.and(lines, policy)?,
        (validity, _) => validity.clone(),
    };
    let parts = Parts {
        line: lines.of_node(key),
        key,
        device,
        issuer: lines.child_text(key, "Issuer")?,
        user: lines.child_text(key, "UserId")?,
        suite,
        format,
        policy,
    };
    Ok(validity.and_then(|validity| parts.judge(data, validity, warnings)))
}

/// What was found of a key.
struct Parts<'a, 'i> {
    line: u64,
    key: Node<'a, 'i>,
    device: &'a Device,
    issuer: String,
    user: String,
    suite: String,
    format: Option<Node<'a, 'i>>,
    policy: Option<Node<'a, 'i>>,
}

impl Parts<'_, '_> {
    fn judge(
        self,
        data: Data,
        validity: Validity,
        warnings: &mut Vec<Warning>,
    ) -> Result<ImportedToken, RowError> {
        let moving = self.moving()?;
        let id = attribute(self.key, ID).unwrap_or_default();
        let serial = match self.device.serial.clone()? {
            Some(serial) => serial,
            None => required("serial number", id, SERIAL_BYTES_MAX)?,
        };
        if let Some(policy) = self.policy {
            policy::check(policy, warnings)?;
        }
        let hash = match self.suite.as_str() {
            "" => Algorithm::Sha1,
            suite => hash(suite).ok_or_else(|| RowError::Hash { found: shown(suite) })?,
        };
        let digits = self.digits(warnings)?;
        let kind = kind(moving, &data, warnings)?;
        let period_seconds = match kind {
            TokenKind::Totp { period_seconds, .. } => period_seconds,
            TokenKind::Hotp { .. } => PERIOD_SECONDS_DEFAULT,
        };
        check_parameters(hash, digits, period_seconds)?;
        let mut seed = data.seed?.ok_or(RowError::NoSeed)?;
        check_seed(seed.len())?;
        if data.seed_is_plain {
            warnings.push(Warning::PlainSeed);
        }
        let text = |field, text: &str| optional(field, text, TEXT_BYTES_MAX);
        let user = match text("user id", &self.user)? {
            Some(user) => Some(user),
            None => self.device.user.clone()?,
        };
        Ok(ImportedToken {
            line: self.line,
            serial,
            key_id: text("key id", id)?,
            manufacturer: self.device.manufacturer.clone()?,
            model: self.device.model.clone()?,
            issuer: text("issuer", &self.issuer)?,
            user,
            kind,
            hash,
            digits,
            seed: Secret::new(std::mem::take(&mut *seed)),
            not_before: validity.not_before,
            expires: validity.expires,
        })
    }

    /// `urn:ietf:params:xml:ns:keyprov:pskc:totp`, or `pskc#totp` and a bare `TOTP` as in drafts.
    fn moving(&self) -> Result<Moving, RowError> {
        let uri = attribute(self.key, &["Algorithm", "KeyAlgorithm"]).unwrap_or_default().trim();
        let name = uri.rsplit([':', '#']).next().unwrap_or(uri);
        match folded(name).as_str() {
            "totp" => Ok(Moving::Time),
            "hotp" => Ok(Moving::Counter),
            _ if uri.is_empty() => Err(RowError::Missing { field: "algorithm" }),
            _ => Err(RowError::Algorithm { found: shown(uri) }),
        }
    }

    fn digits(&self, warnings: &mut Vec<Warning>) -> Result<u8, RowError> {
        let of = |names: &[&str]| self.format.and_then(|format| attribute(format, names));
        let encoding = of(&["Encoding", "Format", "format"]);
        let check = of(&["CheckDigits", "CheckDigit"]).map(str::trim);
        let is_decimal = encoding.is_none_or(|name| name.trim().eq_ignore_ascii_case("DECIMAL"));
        if !is_decimal || check.is_some_and(|check| check != "false" && check != "0") {
            return Err(RowError::ResponseFormat);
        }
        match of(&["Length", "length"]) {
            Some(text) => text.trim().parse().map_err(|_| RowError::Number { field: "digits" }),
            None => {
                let value = DIGITS_DEFAULT.into();
                warnings.push(Warning::Assumed { field: "number of digits", value });
                Ok(DIGITS_DEFAULT)
            }
        }
    }
}

fn kind(moving: Moving, data: &Data, warnings: &mut Vec<Warning>) -> Result<TokenKind, RowError> {
    if moving == Moving::Counter {
        let counter = data.counter.clone()?;
        if counter.is_none() {
            warnings.push(Warning::Assumed { field: "counter", value: 0 });
        }
        let counter = counter.unwrap_or(0).try_into();
        let counter = counter.map_err(|_| RowError::Number { field: "counter" })?;
        return Ok(TokenKind::Hotp { counter });
    }
    let interval = data.interval.clone()?;
    if interval.is_none() {
        let value = PERIOD_SECONDS_DEFAULT.into();
        warnings.push(Warning::Assumed { field: "time interval", value });
    }
    let period_seconds = interval.unwrap_or_else(|| PERIOD_SECONDS_DEFAULT.into()).try_into();
    let period_seconds = period_seconds.map_err(|_| RowError::Number { field: "time interval" })?;
    let drift_steps = data.drift.clone()?.unwrap_or(0).try_into();
    let drift_steps = drift_steps.map_err(|_| RowError::Number { field: "time drift" })?;
    match data.time.clone()? {
        None | Some(0) => {}
        Some(steps) => warnings.push(Warning::StartTimeIgnored { steps }),
    }
    Ok(TokenKind::Totp { period_seconds, drift_steps })
}
