//! Identities. None is an alias: mixing two up does not compile.

use core::fmt;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:016x})"), self.0)
            }
        }
    };
}

macro_rules! bytes_id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The value of exactly as many bytes; `None` for any other length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

number_id!(
    /// A user. Drawn at random by the service and checked for uniqueness by `apply`.
    UserId
);
number_id!(
    /// A token (a seed and its parameters). Drawn at random like [`UserId`], because the sealed seed
    /// is bound to it before the proposal is made.
    TokenId
);
number_id!(
    /// An application: whoever asks for verifications.
    ApplicationId
);
number_id!(
    /// An administrator.
    AdministratorId
);
number_id!(
    /// A join token.
    JoinTokenId
);

/// A node, and its Raft id. Given out by `apply` in order from 1 and never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Place of an entry in the Raft log; 0 is before the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct LogIndex(pub u64);

impl fmt::Display for LogIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A data key of the cluster: 1 is the first, each that takes its place has the next number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct DataKeyId(pub u32);

impl DataKeyId {
    /// The key that a cluster is made with.
    pub const FIRST: Self = Self(1);
}

impl fmt::Display for DataKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

bytes_id!(
    /// The cluster, drawn once by `init`.
    ClusterId,
    16
);
bytes_id!(
    /// The lineage of an epoch, drawn when the epoch starts.
    LineageId,
    16
);
bytes_id!(
    /// What a caller names a request by, so that sending it again is not a second request.
    RequestId,
    16
);
bytes_id!(
    /// A challenge: 128 random bits, which the API calls `state`. Whoever does not know them cannot
    /// answer it. Used once: each answer that is not the last is told another.
    ChallengeId,
    16
);
bytes_id!(
    /// What a node decided apart from the log and merges into it, as a numbered list.
    JournalId,
    16
);
bytes_id!(
    /// Keyed hash of what a request asks for. Two requests with one id and different fingerprints
    /// are a mistake of the caller.
    Fingerprint,
    16
);
bytes_id!(
    /// SHA-256 of a bearer token's secret part. The secret has 256 random bits, so a fast hash is
    /// enough.
    KeyHash,
    32
);
bytes_id!(
    /// SHA-256 of the SubjectPublicKeyInfo of a node's peer certificate.
    KeyPin,
    32
);

/// Who asks, as authenticated by the front end that took the request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Caller {
    /// An administrator by bearer token.
    Administrator(AdministratorId),
    /// An application by API key.
    Application(ApplicationId),
    /// A node on its own behalf: admission, changed addresses, ticks.
    Node(NodeId),
}
