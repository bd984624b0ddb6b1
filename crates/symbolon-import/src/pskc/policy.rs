//! The `Policy` of a key (RFC 6030 section 5): what it may be used for, and when.

use roxmltree::Node;
use symbolon_core::Timestamp;

use super::xml::{Lines, text};
use super::{PskcError, date};
use crate::shown::shown;
use crate::{RowError, Warning};

/// When a key may be used.
#[derive(Clone, Copy, Default)]
pub(super) struct Validity {
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
}

impl Validity {
    /// The dates of `node` taken together with those so far: a key may be used while all allow it.
    pub(super) fn and(
        mut self,
        lines: &Lines,
        node: Node<'_, '_>,
    ) -> Result<Result<Self, RowError>, PskcError> {
        let start = date::parse("start date", &lines.child_text(node, "StartDate")?);
        let expiry = match lines.child(node, &["ExpiryDate", "Expiry"])? {
            Some(expiry) => date::parse("expiry date", &text(expiry)),
            None => Ok(None),
        };
        let (start, expiry) = match (start, expiry) {
            (Ok(start), Ok(expiry)) => (start, expiry),
            (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
        };
        self.not_before = self.not_before.max(start);
        self.expires = match (self.expires, expiry) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Ok(Ok(self))
    }
}

/// Judges what a policy says besides dates.
///
/// # Errors
/// [`RowError::KeyUsage`] and [`RowError::Policy`].
pub(super) fn check(policy: Node<'_, '_>, warnings: &mut Vec<Warning>) -> Result<(), RowError> {
    let mut usages = 0;
    let mut is_for_codes = false;
    for rule in policy.children().filter(Node::is_element) {
        match rule.tag_name().name() {
            "StartDate" | "ExpiryDate" => {}
            "PINPolicy" => warnings.push(Warning::PinPolicyIgnored),
            "NumberOfTransactions" => warnings.push(Warning::UseLimitIgnored),
            "KeyUsage" => {
                usages += 1;
                is_for_codes |= text(rule).trim() == "OTP";
            }
            other => return Err(RowError::Policy { found: shown(other) }),
        }
    }
    if usages > 0 && !is_for_codes { Err(RowError::KeyUsage) } else { Ok(()) }
}
