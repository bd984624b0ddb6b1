//! What results look like in JSON. Scripts hold on to it: keys may come, none may change or go.

mod audit;
mod callers;
mod personal;
pub(crate) mod quarantine;
mod radius;
mod settings;

pub(crate) use audit::AuditEvent;
pub(crate) use callers::{
    Administrator, Administrators, Application, Applications, Changed, Deleted, NewSecret, decision,
};
pub(crate) use personal::{Extent, PersonalData};
use prost_types::Timestamp;
pub(crate) use radius::{RadiusClient, RadiusPolicy};
use serde::Serialize;
pub(crate) use settings::{ChangedSettings, Setting};
use symbolon_proto::v1;
use symbolon_proto::v1::Seizure;

/// RFC 3339 in UTC.
pub(crate) fn time(at: Option<&Timestamp>) -> Option<String> {
    at.map(ToString::to_string)
}

#[derive(Serialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) display_name: String,
    /// Consecutive failed verifications.
    pub(crate) failures: u32,
    pub(crate) tokens: Vec<Token>,
    pub(crate) created_at: Option<String>,
    /// False: an administrator has switched the account off.
    pub(crate) enabled: bool,
    /// Null unless the account is blocked.
    pub(crate) block: Option<Block>,
    /// Too many failures in a row.
    pub(crate) locked: bool,
    pub(crate) email: String,
    pub(crate) phones: Vec<Phone>,
    pub(crate) groups: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) language: String,
    /// After failures in a row, no code is taken until then; null otherwise.
    pub(crate) waits_until: Option<String>,
    /// When the PIN was set; null: there is none.
    pub(crate) pin_set_at: Option<String>,
    /// From when on the user must choose another PIN; null: there is none, or it stands for ever.
    pub(crate) pin_due_at: Option<String>,
    /// Null unless the next verification succeeds, whatever the code.
    pub(crate) bypass: Option<Block>,
    pub(crate) recovery_codes_left: u32,
}

#[derive(Serialize)]
pub(crate) struct Phone {
    /// MOBILE, OFFICE or BACKUP.
    pub(crate) kind: &'static str,
    pub(crate) number: String,
    pub(crate) extension: String,
}

impl From<v1::Phone> for Phone {
    fn from(phone: v1::Phone) -> Self {
        let kind = phone.kind().as_str_name();
        Self { kind, number: phone.number, extension: phone.extension }
    }
}

#[derive(Serialize)]
pub(crate) struct Block {
    pub(crate) reason: String,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
}

impl From<v1::Block> for Block {
    fn from(block: v1::Block) -> Self {
        Self {
            since: time(block.since.as_ref()),
            until: time(block.until.as_ref()),
            reason: block.reason,
        }
    }
}

impl From<v1::Bypass> for Block {
    fn from(bypass: v1::Bypass) -> Self {
        let v1::Bypass { reason, since, until } = bypass;
        v1::Block { reason, since, until }.into()
    }
}

impl From<v1::User> for User {
    fn from(user: v1::User) -> Self {
        Self {
            created_at: time(user.created_at.as_ref()),
            id: user.id,
            username: user.username,
            display_name: user.display_name,
            failures: user.failures,
            tokens: user.tokens.into_iter().map(Token::from).collect(),
            enabled: user.enabled,
            block: user.block.map(Block::from),
            locked: user.locked,
            email: user.email,
            phones: user.phones.into_iter().map(Phone::from).collect(),
            groups: user.groups,
            tags: user.tags,
            language: user.language,
            waits_until: time(user.waits_until.as_ref()),
            pin_set_at: time(user.pin_set_at.as_ref()),
            pin_due_at: time(user.pin_due_at.as_ref()),
            bypass: user.bypass.map(Block::from),
            recovery_codes_left: user.recovery_codes_left,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) algorithm: &'static str,
    pub(crate) digits: u32,
    pub(crate) period_seconds: u32,
    pub(crate) created_at: Option<String>,
    /// Whether a code of it was ever accepted.
    pub(crate) used: bool,
    /// TOTP or HOTP.
    pub(crate) r#type: &'static str,
    /// Null when there is none.
    pub(crate) serial: Option<String>,
    /// Whether a code must prove it before it opens anything.
    pub(crate) pending: bool,
    /// Time steps by which its clock is ahead.
    pub(crate) drift_steps: i32,
    /// Of HOTP: the counter of the next code. Null for TOTP.
    pub(crate) counter: Option<u64>,
}

impl From<v1::Token> for Token {
    fn from(token: v1::Token) -> Self {
        Self {
            algorithm: match token.algorithm() {
                v1::Algorithm::Unspecified => v1::Algorithm::Sha1.as_str_name(),
                named => named.as_str_name(),
            },
            r#type: match token.r#type() {
                v1::TokenType::Hotp => v1::TokenType::Hotp.as_str_name(),
                _ => v1::TokenType::Totp.as_str_name(),
            },
            counter: (token.r#type() == v1::TokenType::Hotp).then_some(token.counter),
            serial: Some(token.serial).filter(|serial| !serial.is_empty()),
            pending: token.pending,
            drift_steps: token.drift_steps,
            created_at: time(token.created_at.as_ref()),
            id: token.id,
            digits: token.digits,
            period_seconds: token.period_seconds,
            used: token.used,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct CreatedUser {
    #[serde(flatten)]
    pub(crate) user: User,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct DeletedUser {
    pub(crate) deleted: bool,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct EnrolledToken {
    pub(crate) token: Token,
    pub(crate) otpauth_uri: String,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct ChangedToken {
    pub(crate) token: Token,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct RemovedToken {
    pub(crate) removed: bool,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<Token>,
}

#[derive(Serialize)]
pub(crate) struct CreatedApplication {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Null when it was written to a file.
    pub(crate) api_key: Option<String>,
    pub(crate) key_file: Option<String>,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct JoinToken {
    pub(crate) join_token: String,
    pub(crate) expires_at: Option<String>,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct Verification {
    pub(crate) decision: &'static str,
    /// Null on ALLOW.
    pub(crate) reason: Option<&'static str>,
    /// Null on ALLOW and for callers without the help-desk right.
    pub(crate) reason_detail: Option<&'static str>,
    pub(crate) node: String,
    pub(crate) log_index: u64,
    pub(crate) request_id: String,
    /// What the next request must bring, 32 hexadecimal digits; null unless it is CHALLENGE.
    pub(crate) state: Option<String>,
    /// What to ask the user; null unless it is CHALLENGE.
    pub(crate) prompt: Option<String>,
    /// The same for programs; null unless it is CHALLENGE.
    pub(crate) prompt_kind: Option<&'static str>,
    /// The node decided without a quorum.
    pub(crate) island: bool,
}

/// What is asked of a user, if anything is.
pub(crate) fn prompt(prompt: v1::Prompt) -> Option<&'static str> {
    let is_asked = prompt != v1::Prompt::Unspecified;
    is_asked.then(|| prompt.as_str_name().trim_start_matches("PROMPT_"))
}

impl From<v1::VerifyResponse> for Verification {
    fn from(response: v1::VerifyResponse) -> Self {
        let reason = match response.reason() {
            v1::Reason::Unspecified => None,
            named => Some(named.as_str_name()),
        };
        let reason_detail = match response.reason_detail() {
            v1::ReasonDetail::Unspecified => None,
            named => Some(named.as_str_name()),
        };
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        Self {
            decision: response.decision().as_str_name(),
            reason,
            reason_detail,
            state: Some(hex(&response.state)).filter(|state| !state.is_empty()),
            prompt_kind: prompt(response.prompt_kind()),
            island: response.island,
            node: response.node,
            log_index: response.log_index,
            request_id: hex(&response.request_id),
            prompt: Some(response.prompt).filter(|prompt| !prompt.is_empty()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Status {
    pub(crate) cluster_name: String,
    pub(crate) cluster_id: String,
    pub(crate) epoch: u64,
    pub(crate) lineage: String,
    /// The node that answered.
    pub(crate) node: String,
    /// Null while none is known.
    pub(crate) master: Option<String>,
    pub(crate) term: u64,
    pub(crate) applied_index: u64,
    /// The last entry of the log of the node that answered, applied or not.
    pub(crate) last_log_index: u64,
    /// That node was started with `--recover`, and takes part in nothing.
    pub(crate) recovering: bool,
    pub(crate) digest: String,
    pub(crate) users: u64,
    /// Null from servers that do not tell.
    pub(crate) data_key: Option<DataKey>,
    /// PAIRED or ALONE; null unless there are two nodes, and while no master is known.
    pub(crate) pairing: Option<&'static str>,
    pub(crate) alone_since: Option<String>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) warnings: Vec<String>,
}

impl From<v1::GetStatusResponse> for Status {
    fn from(status: v1::GetStatusResponse) -> Self {
        Self {
            pairing: pairing(status.pairing()),
            alone_since: time(status.alone_since.as_ref()),
            cluster_name: status.cluster_name,
            cluster_id: status.cluster_id,
            epoch: status.epoch,
            lineage: status.lineage,
            node: status.node,
            master: Some(status.master).filter(|name| !name.is_empty()),
            term: status.term,
            applied_index: status.applied_index,
            last_log_index: status.last_log_index,
            recovering: status.recovering,
            digest: status.digest,
            users: status.users,
            data_key: status.data_key.map(DataKey::from),
            nodes: status.nodes.into_iter().map(Node::from).collect(),
            warnings: status.warnings,
        }
    }
}

/// How the master of two nodes stands to the other, if it does.
pub(crate) fn pairing(pairing: v1::Pairing) -> Option<&'static str> {
    (pairing != v1::Pairing::Unspecified).then(|| pairing.as_str_name())
}

#[derive(Serialize)]
pub(crate) struct DataKey {
    /// Seals new secrets.
    pub(crate) active: u32,
    /// SETTLED, DISTRIBUTING or RESEALING.
    pub(crate) phase: &'static str,
    /// Null unless the key is being changed.
    pub(crate) next: Option<u32>,
    /// Nodes that do not hold the next key yet.
    pub(crate) waiting_for: Vec<String>,
    /// Secret fields that are not under the active key.
    pub(crate) fields_left: u64,
    /// Keys that the answering node holds.
    pub(crate) held: Vec<u32>,
}

impl From<v1::DataKeyStatus> for DataKey {
    fn from(status: v1::DataKeyStatus) -> Self {
        Self {
            active: status.active,
            phase: status.phase().as_str_name(),
            next: Some(status.next).filter(|next| *next != 0),
            waiting_for: status.waiting_for,
            fields_left: status.fields_left,
            held: status.held,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Promotion {
    pub(crate) master: String,
    /// Null: it was the master already.
    pub(crate) previous: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct SeizureOf {
    pub(crate) node: String,
    /// Else this is what it would be.
    pub(crate) begun: bool,
    pub(crate) epoch: u64,
    pub(crate) left_behind: Vec<String>,
    pub(crate) last_log_index: u64,
    pub(crate) heard_master_at: Option<String>,
    /// PAIRED or ALONE, as the master of two nodes said last; null when it has not.
    pub(crate) pairing: Option<&'static str>,
    pub(crate) alone_since: Option<String>,
    /// Whatever was acknowledged before is here.
    pub(crate) whole_until: Option<String>,
}

impl SeizureOf {
    pub(crate) fn new(node: &str, seizure: &Seizure) -> Self {
        Self {
            node: node.to_owned(),
            begun: seizure.begun,
            epoch: seizure.epoch,
            left_behind: seizure.left_behind.clone(),
            last_log_index: seizure.last_log_index,
            heard_master_at: time(seizure.heard_master_at.as_ref()),
            pairing: pairing(seizure.pairing()),
            alone_since: time(seizure.alone_since.as_ref()),
            whole_until: time(seizure.whole_until.as_ref()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct NodeRemoval {
    pub(crate) node: String,
    /// The data key that the cluster changes to.
    pub(crate) key: u32,
    /// Tokens whose seeds the node could read until now.
    pub(crate) tokens: u64,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct Acknowledged {
    pub(crate) acknowledged: bool,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct Confirmed {
    pub(crate) confirmed: bool,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct Released {
    pub(crate) released: bool,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct Discarded {
    pub(crate) epoch: u64,
    pub(crate) lineage: String,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct DataKeyRotation {
    pub(crate) key: u32,
    pub(crate) log_index: u64,
}

#[derive(Serialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) id: u64,
    /// MASTER, SUBORDINATE, LEARNER or ABSENT.
    pub(crate) role: &'static str,
    pub(crate) api_address: String,
    pub(crate) peer_address: String,
    pub(crate) reachable: bool,
    pub(crate) applied_index: u64,
    pub(crate) lag: u64,
    /// When the answering node last heard from it.
    pub(crate) heard_at: Option<String>,
    /// Its clock less the answering node's.
    pub(crate) clock_offset_seconds: f64,
}

impl From<v1::NodeStatus> for Node {
    fn from(node: v1::NodeStatus) -> Self {
        let milliseconds = i32::try_from(node.clock_offset_milliseconds).unwrap_or(
            match node.clock_offset_milliseconds > 0 {
                true => i32::MAX,
                false => i32::MIN,
            },
        );
        Self {
            role: node.role().as_str_name(),
            heard_at: time(node.heard_at.as_ref()),
            name: node.name,
            id: node.id,
            api_address: node.api_address,
            peer_address: node.peer_address,
            reachable: node.reachable,
            applied_index: node.applied_index,
            lag: node.lag,
            clock_offset_seconds: f64::from(milliseconds) / 1000.0,
        }
    }
}

#[cfg(test)]
mod tests;
