//! RADIUS: packets, attributes, what protects them, and the EAP that ends here.
//!
//! This crate owns the protocol of RFC 2865, 2866, 2868, 2869, 3579, 5080 and 5997, and Microsoft's
//! attributes (RFC 2548): reading ([`Packet`]), writing and signing ([`Writer`]), checking
//! ([`check_request`], [`check_reply`]), hiding passwords and keys ([`Cover`]), attributes by name
//! ([`Pair`]), passing on what another server said ([`relay()`], [`carry`]), and EAP packets ([`EapPacket`]).
//! It owns the server's side of EAP-TTLS as well ([`Conversation`]), and the table of conversations
//! that wait ([`Conversations`]). Any bytes may come in: none make it panic, loop, or take more
//! memory than a named limit.
//!
//! It must never know a clock, a socket or a file, nor randomness but that of TLS: authenticators,
//! salts and the time come from the caller. It must never know whom a request is about or what
//! becomes of it.

pub mod attribute;
mod check;
mod conversations;
mod dictionary;
mod digest;
mod eap;
mod hidden;
mod packet;
mod relay;
mod ttls;
mod writer;

pub use attribute::Kind;
pub use check::{BadReply, BadRequest, Sent, Signed, check_reply, check_request};
pub use conversations::Conversations;
pub use dictionary::{
    Definition, DictionaryError, Key, Pair, VALUE_BYTES_MAX, VENDOR_VALUE_BYTES_MAX, ValueType,
};
pub use eap::{EapCode, EapMalformed, EapPacket, EapType, eap_failure, eap_message, eap_success};
pub use hidden::{Cover, HiddenError, PASSWORD_BYTES_MAX, SALTED_BYTES_MAX, Salt};
pub use packet::{
    ATTRIBUTES_MAX, Attribute, Attributes, Authenticator, Code, HEADER_BYTES, Malformed,
    PACKET_BYTES_MAX, Packet,
};
pub use relay::{carry, carry_on, relay};
pub use ttls::{
    Conversation, Credentials, Discarded, EAP_BYTES_MAX, End, Failure, INNER_BYTES_MAX,
    InnerMethod, Keys, ROUNDS_MAX, Step, TLS_MESSAGE_BYTES_MAX, ttls_config, ttls_config_of,
};
pub use writer::{WriteError, Writer};
