//! Every limit of the domain, with its unit in its name.

/// Users of a cluster.
pub const USERS_MAX: usize = 1_000_000;
/// Bytes of the reason for a block.
pub const REASON_BYTES_MAX: usize = 256;
/// Longest block.
pub const BLOCK_MILLISECONDS_MAX: u64 = 3_650 * 24 * 3600 * 1000;
/// Tokens of one user.
pub const TOKENS_PER_USER_MAX: usize = 16;
/// Applications of a cluster.
pub const APPLICATIONS_MAX: usize = 10_000;
/// Applications that RADIUS clients ask as.
pub const RADIUS_CLIENTS_MAX: usize = 1_000;
/// Bytes of a secret that a RADIUS device or server shares with the cluster; at least one.
pub const RADIUS_SECRET_BYTES_MAX: usize = 128;
/// Names of certificates of one application's RADIUS devices.
pub const RADIUS_CERTIFICATES_MAX: usize = 32;
/// RADIUS servers that judge the first factor of one application.
pub const RADIUS_TARGETS_MAX: usize = 8;
/// Bytes of the address of one of them: the longest name of a host, a colon and a port.
pub const RADIUS_TARGET_BYTES_MAX: usize = 261;
/// Attributes that an application's Access-Accept brings along.
pub const RADIUS_ATTRIBUTES_MAX: usize = 32;
/// Bytes of the group, the name and the value of one of them: what fits into an attribute of RFC 2865.
pub const RADIUS_ATTRIBUTE_BYTES_MAX: usize = 253;
/// Bytes between a code and a password.
pub const RADIUS_SEPARATOR_BYTES_MAX: usize = 8;
/// Bytes of what a device knows a session by.
pub const SESSION_ID_BYTES_MAX: usize = 64;
/// Bytes of where a user comes from, as a device tells of a session.
pub const SESSION_STATION_BYTES_MAX: usize = 64;
/// Devices of an application that are known to sign their requests.
pub const RADIUS_SIGNERS_MAX: usize = 256;
/// Administrators of a cluster.
pub const ADMINISTRATORS_MAX: usize = 1_000;
/// For how long names that are nobody's are counted for an application, in milliseconds.
pub const STRANGERS_MILLISECONDS: u64 = 60_000;
/// Groups, tags and domains in the scope of an administrator.
pub const SCOPE_PARTS_MAX: usize = 16;
/// Ranges of addresses from which an application may ask.
pub const SOURCES_MAX: usize = 16;
/// Longest time for which the key before is taken after a change of an API key.
pub const KEY_OVERLAP_MILLISECONDS_MAX: u64 = 90 * 24 * 3600 * 1000;
/// Nodes of a cluster that are not removed.
pub const NODES_MAX: usize = 9;
/// Join tokens that wait to be used.
pub const JOIN_TOKENS_MAX: usize = 100;

/// Bytes of a normalised user name in UTF-8.
pub const USER_NAME_BYTES_MAX: usize = 256;
/// Bytes of a display name in UTF-8.
pub const DISPLAY_NAME_BYTES_MAX: usize = 256;
/// Bytes of an e-mail address (RFC 5321 section 4.5.3.1.3, without the brackets).
pub const EMAIL_BYTES_MAX: usize = 254;
/// Bytes of it before the `@` (RFC 5321 section 4.5.3.1.1).
pub const EMAIL_LOCAL_BYTES_MAX: usize = 64;
/// Digits of a telephone number with its country code.
pub const PHONE_DIGITS_MIN: usize = 8;
/// Digits of a telephone number with its country code (E.164 section 6.2.1).
pub const PHONE_DIGITS_MAX: usize = 15;
/// Digits of an extension.
pub const PHONE_EXTENSION_DIGITS_MAX: usize = 10;
/// Telephones of one user.
pub const PHONES_PER_USER_MAX: usize = 8;
/// Groups of one user.
pub const GROUPS_PER_USER_MAX: usize = 32;
/// Tags of one user.
pub const TAGS_PER_USER_MAX: usize = 32;
/// Bytes of the name of a group, or of a tag, in UTF-8.
pub const LABEL_BYTES_MAX: usize = 64;
/// Bytes of a language tag (RFC 5646 section 4.4.1).
pub const LANGUAGE_BYTES_MAX: usize = 35;
/// Bytes of the name of a cluster, node, application or administrator.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of a code as typed, PIN included.
pub const CODE_BYTES_MAX: usize = 64;
/// Digits of a PIN.
pub const PIN_DIGITS_MIN: usize = 4;
/// Digits of a PIN.
pub const PIN_DIGITS_MAX: usize = 16;
/// PINs before the present one that are kept.
pub const PIN_HISTORY_MAX: usize = 10;
/// Open challenges of one user; of one more, the oldest is void.
pub const CHALLENGES_PER_USER_MAX: usize = 4;
/// Answers to a challenge that cannot be taken, after which it is over.
pub const CHALLENGE_TRIES_MAX: u8 = 5;
/// Bytes of a client's address as text.
pub const CLIENT_IP_BYTES_MAX: usize = 45;
/// Bytes of what a user should see about a verification.
pub const CONTEXT_BYTES_MAX: usize = 1024;
/// Bytes of `host:port` or a URL.
pub const ADDRESS_BYTES_MAX: usize = 280;

/// Bytes of a seed. RFC 4226 section 4 R6 asks for 16 at least; 64 is the block of SHA-1 and
/// SHA-256, and enough for SHA-512 (RFC 6238 appendix B uses 64).
pub const SEED_BYTES_MIN: usize = 16;
/// Bytes of a seed.
pub const SEED_BYTES_MAX: usize = 64;
/// Digits of a code (RFC 4226 section 5.3).
pub const CODE_DIGITS_MIN: u8 = 6;
/// Digits of a code.
pub const CODE_DIGITS_MAX: u8 = 8;
/// Time steps before and after the present one whose code is taken (RFC 6238 section 5.2), unless set
/// otherwise.
pub const TOTP_WINDOW_STEPS: u64 = 1;
/// Most of them that can be set.
pub const TOTP_WINDOW_STEPS_MAX: u64 = 10;
/// Counters after the last accepted one whose code is taken (RFC 4226 section 7.4), unless set otherwise.
pub const HOTP_LOOK_AHEAD: u64 = 10;
/// Most of them that can be set.
pub const HOTP_LOOK_AHEAD_MAX: u64 = 100;
/// Steps, before and after, or counters, after, among which two codes in a row are looked for when a
/// token is resynchronised.
pub const RESYNC_TOTP_STEPS: u64 = 100;
/// See [`RESYNC_TOTP_STEPS`].
pub const RESYNC_HOTP_COUNTERS: u64 = 1_000;
/// Bytes of a token's serial number.
pub const SERIAL_BYTES_MAX: usize = 64;

/// Matching steps that one outcome may carry: all tokens of a user, one highest step each.
pub const MATCHES_MAX: usize = TOKENS_PER_USER_MAX;

/// State time within which a request that comes again gets the first answer again. The promise is
/// 30 s; it is kept for as long as a proposal could be applied a second time.
pub const RETRANSMISSION_MILLISECONDS: u64 = 65_000;
/// Replies kept for that. Beyond it the oldest goes: the mark alone upholds one-time use.
pub const REPLIES_MAX: usize = 500_000;
/// How far the time at which a proposal was made may lie from its stamp, before or after.
pub const OUTCOME_AGE_MILLISECONDS_MAX: u64 = 30_000;
/// How long a new key or join token can be shown again to a retransmission: as long as retransmissions
/// are promised an answer, and no longer.
pub const REVEAL_MILLISECONDS: u64 = 30_000;
/// Longest life of a join token.
pub const JOIN_TOKEN_MILLISECONDS_MAX: u64 = 7 * 24 * 3600 * 1000;
/// Life of a join token unless its maker says otherwise.
pub const JOIN_TOKEN_MILLISECONDS_DEFAULT: u64 = 24 * 3600 * 1000;

/// How far beyond the time of a seize its floor lies: a code that a lost master took may have been of a
/// clock that was ahead of this one.
pub const FLOOR_MARGIN_MILLISECONDS: u64 = 30_000;

/// Epochs apart that a cluster keeps in mind.
pub const OTHER_EPOCHS_MAX: usize = 16;
/// The highest word by which one of two epochs apart discards the other.
pub const DISCARD_WORD_MAX: u32 = 1_000_000;

/// Records of a journal that are merged at once.
pub const MERGE_RECORDS_MAX: usize = 16;
/// Marks in all of them together.
pub const MERGE_MARKS_MAX: usize = 2 * MATCHES_MAX;
/// Journals of which it is noted how far they are merged.
pub const JOURNALS_MAX: usize = 1_000;

/// A node is an island when it has had no proof of a master with a quorum for so long.
pub const ISLAND_AFTER_MILLISECONDS: u64 = 5_000;
/// Who looks no more often than that was asleep, and has not looked at all.
pub const ISLAND_STEP_MILLISECONDS_MAX: u64 = 1_000;
/// For so long a node decides by itself.
pub const ISLAND_LIFE_MILLISECONDS: u64 = 72 * 3600 * 1000;
/// Nodes of which it is noted when they were removed. So many that are removed within the life of an island
/// leave nothing to guess, unless nothing is kept back for them.
pub const REMOVED_NODES_MAX: usize = 100;
/// Decisions of an island that wait to be merged.
pub const ISLAND_RECORDS_MAX: u64 = 1_000_000;
/// Answers of an island that are kept for retransmissions.
pub const ISLAND_REPLIES_MAX: usize = 100_000;

/// Consecutive failures that an account can ever absorb (NIST SP 800-63B-4 section 3.2.2).
pub const FAILURES_MAX: u32 = 100;

const _: () = {
    assert!(FAILURES_MAX <= 100);
    assert!(CODE_DIGITS_MIN <= CODE_DIGITS_MAX);
    assert!(PIN_DIGITS_MAX + CODE_DIGITS_MAX as usize <= CODE_BYTES_MAX);
    assert!(SEED_BYTES_MIN <= SEED_BYTES_MAX);
    assert!(TOTP_WINDOW_STEPS <= TOTP_WINDOW_STEPS_MAX);
    assert!(HOTP_LOOK_AHEAD <= HOTP_LOOK_AHEAD_MAX);
    // Two codes in a row find a token where one does not.
    assert!(TOTP_WINDOW_STEPS_MAX < RESYNC_TOTP_STEPS);
    assert!(HOTP_LOOK_AHEAD_MAX < RESYNC_HOTP_COUNTERS);
    // A drift has its place in a row.
    assert!(RESYNC_TOTP_STEPS <= i32::MAX as u64);
    // A proposal can be applied at stamps that lie twice its age apart: all that while a second one
    // must find the first answer.
    assert!(RETRANSMISSION_MILLISECONDS > 2 * OUTCOME_AGE_MILLISECONDS_MAX);
};
