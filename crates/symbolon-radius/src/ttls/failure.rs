//! Why a conversation ends, or does not go on.

use super::tunnel::TunnelError;
use super::{INNER_BYTES_MAX, ROUNDS_MAX, TLS_MESSAGE_BYTES_MAX};
use crate::eap::{EapMalformed, EapType};

/// Why a conversation ended before anybody could decide. Holds no password.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Failure {
    /// The client does not do EAP-TTLS.
    #[error("the client refuses EAP-TTLS{}", wish(.wanted))]
    Unwilling {
        /// What it wants instead, if anything.
        wanted: Option<EapType>,
    },
    /// Over [`ROUNDS_MAX`] responses.
    #[error("the client has not come to an end in {ROUNDS_MAX} rounds")]
    Rounds,
    /// Flags, lengths or a version that cannot be, or a message over [`TLS_MESSAGE_BYTES_MAX`].
    #[error(
        "the pieces of a TLS message make no sense, or more than {TLS_MESSAGE_BYTES_MAX} bytes"
    )]
    Fragment,
    /// TLS: no common version, a certificate that the client does not trust, and the like.
    #[error("TLS has failed: {0}")]
    Tls(rustls::Error),
    /// Over [`INNER_BYTES_MAX`] in the tunnel.
    #[error("the client sends more than {INNER_BYTES_MAX} bytes through the tunnel")]
    InnerTooLong,
    /// The client has closed the tunnel without a word.
    #[error("the client has closed the tunnel before it said who it is")]
    Closed,
    /// What came through the tunnel cannot be read.
    #[error("what came through the tunnel is not well formed")]
    Inner,
    /// A pair in the tunnel has to be understood and is not (RFC 5281 section 10.1).
    #[error("the client insists on attribute {code} of vendor {vendor}, which is not understood")]
    InnerAttribute {
        /// Private enterprise number; 0 is none.
        vendor: u32,
        /// Its type.
        code: u32,
    },
    /// The client wants to prove a password within the tunnel in a way that does not show it.
    #[error("the client wants to use {0} in the tunnel: set it to PAP or GTC")]
    InnerMethod(&'static str),
    /// The same, by EAP.
    #[error("the client refuses EAP-GTC in the tunnel{}: set it to PAP or GTC", wish(.wanted))]
    InnerUnwilling {
        /// What it wants instead, if anything.
        wanted: Option<EapType>,
    },
    /// No name or no password.
    #[error("the client sends no name or no password through the tunnel")]
    InnerMissing,
    /// A name that is empty, too long or no UTF-8.
    #[error("the name of the client is empty, too long, or no UTF-8")]
    Identity,
}

impl Failure {
    /// A word for a metric.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unwilling { .. } => "unwilling",
            Self::Rounds => "rounds",
            Self::Fragment => "fragment",
            Self::Tls(_) => "tls",
            Self::InnerTooLong => "inner_too_long",
            Self::Closed => "closed",
            Self::Inner => "inner",
            Self::InnerAttribute { .. } => "inner_attribute",
            Self::InnerMethod(_) => "inner_method",
            Self::InnerUnwilling { .. } => "inner_unwilling",
            Self::InnerMissing => "inner_missing",
            Self::Identity => "identity",
        }
    }
}

impl From<TunnelError> for Failure {
    fn from(error: TunnelError) -> Self {
        match error {
            TunnelError::Tls(error) => Self::Tls(error),
            TunnelError::TooLong => Self::InnerTooLong,
            TunnelError::Closed => Self::Closed,
        }
    }
}

/// Why a response is discarded in silence.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Discarded {
    /// No EAP packet.
    #[error(transparent)]
    Malformed(#[from] EapMalformed),
    /// A request, a success or a failure: a client sends none.
    #[error("the EAP packet is no response")]
    NoResponse,
    /// To another request than the last one, of a type that was not asked for, or while nothing is
    /// asked.
    #[error("the EAP packet does not respond to what was asked last")]
    NotAsked,
}

impl Discarded {
    /// A word for a metric.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.label(),
            Self::NoResponse => "eap_no_response",
            Self::NotAsked => "eap_not_asked",
        }
    }
}

fn wish(wanted: &Option<EapType>) -> String {
    let name = match wanted {
        None => return String::new(),
        Some(EapType::MD5) => "EAP-MD5",
        Some(EapType::OTP) => "EAP-OTP",
        Some(EapType::GTC) => "EAP-GTC",
        Some(EapType::TLS) => "EAP-TLS",
        Some(EapType::PEAP) => "PEAP",
        Some(EapType::MSCHAPV2) => "EAP-MSCHAPv2",
        Some(other) => return format!(" and wants EAP type {}", other.0),
    };
    format!(" and wants {name}")
}
