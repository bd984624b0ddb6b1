//! Why a use case came to no answer. A denial is an answer, not an error.

use symbolon_core::{Name, Rights, Timestamp};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::ports::ProposeError;

/// See the module. No variant holds a secret or tells a stranger whether a user exists.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ServiceError {
    /// A field of the request.
    #[error("{field}: {problem}")]
    InvalidArgument {
        /// Name of the field as the client knows it.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// No bearer token, or one that is nobody's.
    #[error("the bearer token is missing or not valid")]
    Unauthenticated,
    /// The caller has not the right.
    #[error("this needs the right {}", .0.to_string().replace(", ", " or "))]
    PermissionDenied(Rights),
    /// It was asked for over the local socket, which is for other things.
    #[error(
        "this cannot be done over the local socket, which has no account; ask at an address of the API, with \
         a bearer token"
    )]
    NotLocal,
    /// What was named does not exist. Only for callers who may know.
    #[error("there is no {kind} of that name")]
    NotFound {
        /// What was looked for.
        kind: &'static str,
    },
    /// What was to be created exists.
    #[error("the name is in use by another {kind}; choose another name")]
    AlreadyExists {
        /// What was to be created.
        kind: &'static str,
    },
    /// The serial number of a token to enrol.
    #[error(
        "another token has this serial number; see whose it is before you give this one to somebody"
    )]
    SerialTaken,
    /// A range of addresses for RADIUS devices, or a name of a certificate.
    #[error(
        "the RADIUS devices of another application have the same range of addresses, or the same name of a \
         certificate; a range that is narrower, or another one, or another name, is needed"
    )]
    RangeTaken,
    /// A code that should prove a token.
    #[error("the code is not one that the token shows now; wait for the next one")]
    CodeRefused,
    /// Two codes that should tell where a token stands.
    #[error(
        "the two codes are not found, one after the other, near where the token should be; take the \
         next two, in the order in which it shows them"
    )]
    CodesRefused,
    /// A token that should be proved and is.
    #[error("the token is not pending: it can be used already")]
    NotPending,
    /// An update was bound to a state that is not the present one.
    #[error("it has changed since it was read; read it again")]
    EtagChanged,
    /// The last administrator who may do everything was to be removed, changed or switched off.
    #[error("nobody would be left who may do everything; give another the role first")]
    LastAdministrator,
    /// A key that should be retired, where there is only the present one.
    #[error("the application has one API key only, the present one")]
    NoOldKey,
    /// With it, more could be guessed than the hard limit allows.
    #[error("{0}: lower one of them, or raise the limit")]
    GuessingUnbounded(symbolon_core::SettingsFault),
    /// The same, for one node more.
    #[error(
        "with one node more, lockout.threshold and the island.allowance of each node, of those too that were \
         removed within 72 hours, would be more than lockout.hard_limit: lower one of them, or raise the limit"
    )]
    NoGuessesLeft,
    /// A limit of the cluster.
    #[error("the limit of {limit} is reached")]
    LimitReached {
        /// Which, with its number.
        limit: &'static str,
    },
    /// The data key is being changed.
    #[error(
        "the data key is being changed already; `symbolon cluster status` shows how far that is"
    )]
    RotationUnderWay,
    /// Another node was not made the master.
    #[error("{0}")]
    NotPromoted(#[from] crate::NotPromoted),
    /// A node that cannot be removed, and why.
    #[error("the node {0}")]
    NotRemoved(&'static str),
    /// Recovery codes were to be released, and none are held.
    #[error("no recovery codes are held: all that are not used are taken")]
    NoCodesHeld,
    /// Another epoch of the cluster is apart from this one.
    #[error(
        "another epoch of this cluster is apart from this one, so nothing but sign-ins is taken until an \
         administrator says which of them goes on; `symbolon cluster status` tells how"
    )]
    EpochApart,
    /// No epoch of that name is apart, or it is discarded already.
    #[error(
        "no epoch of that name is apart from this one, or it is discarded already; see the warnings of \
         `symbolon cluster status`"
    )]
    NotApart,
    /// What the cluster is at does not allow it.
    #[error(
        "the cluster is not at a point where that can be done; see `symbolon cluster status`, and ask again"
    )]
    WrongPhase,
    /// A node asks to come back that is there.
    #[error(
        "the node is there already: whoever asks in its name is a copy of it; stop that one, and remove \
         its data directory"
    )]
    NodeThere,
    /// Codes were to be acknowledged that were accepted twice, and there are none.
    #[error("no code was accepted twice of which nobody has said that they know")]
    NoDoubles,
    /// A quarantine was to be removed of which the cluster does not hold all verifications.
    #[error(
        "{merged} of {all} verifications of the quarantine are merged, and the rest would be lost; the \
         node merges them by itself once a master is there: ask again then"
    )]
    NotMerged {
        /// How many are.
        merged: u64,
        /// How many there are.
        all: u64,
    },
    /// What lies in quarantine cannot be read or written.
    #[error(
        "{0}; what the node had is still there: look at it with `symbolon store inspect`, and see its disk"
    )]
    Quarantine(#[from] crate::QuarantineUnreadable),
    /// A join token that does not work, and why.
    #[error("the join token {0}")]
    JoinToken(&'static str),
    /// A queue of this node is full.
    #[error("overloaded: the queue {0} is full; try again in a moment or at another node")]
    Overloaded(&'static str),
    /// No master within the deadline. The request may still take effect.
    #[error(
        "no master answered in time; ask again with the same request id, and if it lasts, see \
         `symbolon cluster status`"
    )]
    NoMaster,
    /// This node is going down.
    #[error("this node is stopping; ask another")]
    Stopping,
    /// A disk is nearly full.
    #[error(
        "the disk of node {0} is nearly full: nothing but verifications is taken until it has space; \
         see `symbolon cluster status`"
    )]
    DiskLow(Name),
    /// The disk of this node is full.
    #[error("the disk of this node is full; ask another node, and give this one space")]
    DiskFull,
    /// This node's state is not that of the majority.
    #[error(
        "this node serves nobody, because its state differs from that of the majority; ask another \
         node, and see this node's log"
    )]
    Halted,
    /// The clocks of this node and the master are more than 30 s apart.
    #[error("the clocks of this node and the master differ by over 30 s; correct the time here")]
    Clock,
    /// The clock of this node is more than 30 s from the median.
    #[error(
        "the clock of this node is over 30 s off, so it judges no time-based codes; ask another node, and \
         correct the time of this one"
    )]
    ClockOff,
    /// The clock of the master is more than 30 s from the median, and nobody took its place.
    #[error(
        "the clock of node {0}, the master, is over 30 s off, so nothing is decided; correct its time: see \
         `symbolon cluster status`"
    )]
    MasterClock(Name),
    /// This node has no quorum in reach, and what was asked needs one.
    #[error("{}", offline(*since, master.as_ref(), node))]
    Island {
        /// Since when, by the clock of this node.
        since: Timestamp,
        /// The last master that was known.
        master: Option<Name>,
        /// This node.
        node: Name,
    },
    /// The same, and the application takes no answers of such a node.
    #[error(
        "the master is offline, and this application takes no answers of a node that decides by itself; ask \
         another node"
    )]
    IslandDenied,
    /// It was done by an earlier request of this id, and its secret can no longer be shown.
    #[error("this request was carried out before, and its secret is not shown twice")]
    SecretGone,
    /// A defect or damage. The log of this node says more.
    #[error("internal error at this node; its log says more under the request id")]
    Internal,
}

impl ServiceError {
    /// The same without what a stranger is not to know: who leads.
    pub(crate) fn for_strangers(self) -> Self {
        match self {
            Self::Island { .. } => Self::NoMaster,
            error => error,
        }
    }

    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::InvalidArgument { field, problem: problem.into() }
    }
}

/// What somebody is told who asks a node without a quorum for what needs one.
fn offline(since: Timestamp, master: Option<&Name>, node: &Name) -> String {
    let seconds = i64::try_from(since.seconds()).unwrap_or(0);
    let since = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let since = since.format(&Rfc3339).unwrap_or_default();
    let known = match master {
        Some(master) => format!("last known master: {master}"),
        None => "none was heard since this node was started".to_owned(),
    };
    format!(
        "the master is offline since {since} ({known}), and this needs one; to get out: start the nodes that \
         are down, or if they are gone for good, `symbolon promote-subordinate {node} --seize`"
    )
}

impl From<ProposeError> for ServiceError {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::NoMaster => Self::NoMaster,
            ProposeError::Overloaded(queue) => Self::Overloaded(queue),
            ProposeError::Stopping => Self::Stopping,
            ProposeError::DiskFull => Self::DiskFull,
            ProposeError::MasterClock(name) => Self::MasterClock(name),
            ProposeError::Island { since, master, node } => Self::Island { since, master, node },
            ProposeError::IslandDenied => Self::IslandDenied,
        }
    }
}
