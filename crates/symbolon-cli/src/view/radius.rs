//! RADIUS clients in JSON.

use serde::Serialize;
use symbolon_proto::v1;

use super::time;

#[derive(Serialize)]
pub(crate) struct RadiusClient {
    pub(crate) application: String,
    pub(crate) policy: RadiusPolicy,
    /// Null unless the secret before the present one is taken too.
    pub(crate) old_secret_until: Option<String>,
    /// Devices that have signed a request once.
    pub(crate) signers: Vec<String>,
    pub(crate) ways: Vec<RadiusWay>,
    pub(crate) warnings: Vec<String>,
    pub(crate) etag: String,
}

#[derive(Serialize)]
pub(crate) struct RadiusPolicy {
    pub(crate) ranges: Vec<String>,
    /// Names of certificates of devices that come over TLS.
    pub(crate) certificates: Vec<String>,
    pub(crate) signed: String,
    pub(crate) targets: Vec<RadiusTarget>,
    pub(crate) code_place: String,
    pub(crate) separator: String,
    pub(crate) unreachable: String,
    pub(crate) retry_identity: bool,
    pub(crate) attributes: Vec<RadiusAttribute>,
}

#[derive(Serialize)]
pub(crate) struct RadiusTarget {
    pub(crate) address: String,
    pub(crate) timeout_milliseconds: u32,
}

#[derive(Serialize)]
pub(crate) struct RadiusAttribute {
    /// Null: for everybody.
    pub(crate) group: Option<String>,
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Serialize)]
pub(crate) struct RadiusWay {
    pub(crate) protocol: String,
    pub(crate) works: bool,
    pub(crate) how: String,
}

impl From<v1::RadiusPolicy> for RadiusPolicy {
    fn from(policy: v1::RadiusPolicy) -> Self {
        let target = |it: v1::RadiusTarget| RadiusTarget {
            address: it.address,
            timeout_milliseconds: it.timeout_milliseconds,
        };
        let attribute = |it: v1::RadiusAttribute| RadiusAttribute {
            group: Some(it.group).filter(|group| !group.is_empty()),
            name: it.name,
            value: it.value,
        };
        Self {
            ranges: policy.ranges,
            certificates: policy.certificates,
            signed: policy.signed,
            targets: policy.targets.into_iter().map(target).collect(),
            code_place: policy.code_place,
            separator: policy.separator,
            unreachable: policy.unreachable,
            retry_identity: policy.retry_identity,
            attributes: policy.attributes.into_iter().map(attribute).collect(),
        }
    }
}

impl From<v1::RadiusClient> for RadiusClient {
    fn from(client: v1::RadiusClient) -> Self {
        let way =
            |it: v1::RadiusWay| RadiusWay { protocol: it.protocol, works: it.works, how: it.how };
        Self {
            application: client.application,
            policy: client.policy.unwrap_or_default().into(),
            old_secret_until: time(client.old_secret_until.as_ref()),
            signers: client.signers,
            ways: client.ways.into_iter().map(way).collect(),
            warnings: client.warnings,
            etag: client.etag,
        }
    }
}
