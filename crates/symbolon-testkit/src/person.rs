//! Users with a token in their hands, and what they are told.

use std::fmt;

use symbolon_proto::v1::{Decision, Reason, ReasonDetail, VerifyRequest, VerifyResponse};

use crate::Otp;

/// A user who holds a token.
#[derive(Clone)]
pub struct Person {
    /// As created.
    pub username: String,
    /// The token.
    pub otp: Otp,
}

impl Person {
    /// Asks with the code shown at this moment. The request has no id.
    #[must_use]
    pub fn request(&self) -> VerifyRequest {
        self.request_with(self.otp.code())
    }

    /// Asks with that code. The request has no id.
    #[must_use]
    pub fn request_with(&self, code: String) -> VerifyRequest {
        VerifyRequest { username: self.username.clone(), code, ..VerifyRequest::default() }
    }
}

/// What a response says, without who said it: equal for a retransmission. Unlike the response it can
/// be printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// ALLOW or DENY.
    pub decision: Decision,
    /// Why it was denied.
    pub reason: Reason,
    /// Why it was denied, for the help desk.
    pub detail: ReasonDetail,
    /// Where in the log.
    pub log_index: u64,
    /// The node decided without a quorum.
    pub island: bool,
}

impl Verdict {
    /// Whether the second factor is good.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        self.decision == Decision::Allow
    }

    /// Whether the code was right and used before.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.decision == Decision::Deny && self.reason == Reason::CodeAlreadyUsed
    }
}

/// The messages and enums of the protocol have no `Debug` of their own.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verdict")
            .field("decision", &self.decision.as_str_name())
            .field("reason", &self.reason.as_str_name())
            .field("detail", &self.detail.as_str_name())
            .field("log_index", &self.log_index)
            .field("island", &self.island)
            .finish()
    }
}

impl From<&VerifyResponse> for Verdict {
    fn from(response: &VerifyResponse) -> Self {
        Self {
            decision: response.decision(),
            reason: response.reason(),
            detail: response.reason_detail(),
            log_index: response.log_index,
            island: response.island,
        }
    }
}

impl From<VerifyResponse> for Verdict {
    fn from(response: VerifyResponse) -> Self {
        Self::from(&response)
    }
}
