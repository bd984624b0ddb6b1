//! RADIUS clients, between messages and the domain.

use symbolon_core::{
    CodePlace, RadiusPolicy, RadiusTarget, ReplyAttribute, Secret, Signed, Unreachable,
};
use symbolon_proto::v1;
use symbolon_radius::Pair;
use symbolon_service::{RadiusShown, RadiusWanted, ServiceError, etag_of};

use crate::convert::timestamp;

/// For how long a target may not answer unless somebody says otherwise.
const TIMEOUT_MILLISECONDS: u32 = 3_000;

pub(crate) fn shown(shown: &RadiusShown) -> v1::RadiusClient {
    let client = &shown.client;
    let way = |(protocol, works, how): (&str, bool, &str)| v1::RadiusWay {
        protocol: protocol.to_owned(),
        works,
        how: how.to_owned(),
    };
    v1::RadiusClient {
        application: shown.application.to_string(),
        policy: Some(policy(&client.policy)),
        old_secret_until: client.old_secret_until.map(timestamp),
        signers: client.signers.iter().map(ToString::to_string).collect(),
        etag: etag_of(client.changed_at),
        warnings: shown.warnings.clone(),
        ways: client.policy.ways().map(way).into(),
    }
}

/// A policy without its secrets.
pub(crate) fn policy(policy: &RadiusPolicy) -> v1::RadiusPolicy {
    let (code_place, separator) = match &policy.code {
        CodePlace::Challenge => ("challenge", ""),
        CodePlace::Behind(by) => ("behind", by.as_str()),
        CodePlace::Before(by) => ("before", by.as_str()),
    };
    let target = |it: &RadiusTarget| v1::RadiusTarget {
        address: it.address.clone(),
        timeout_milliseconds: it.timeout_milliseconds,
        secret: String::new(),
    };
    let attribute = |it: &ReplyAttribute| v1::RadiusAttribute {
        group: it.group.clone(),
        name: it.name.clone(),
        value: it.value.clone(),
    };
    v1::RadiusPolicy {
        ranges: policy.ranges.texts().collect(),
        signed: policy.signed.name().to_owned(),
        targets: policy.targets.iter().map(target).collect(),
        code_place: code_place.to_owned(),
        separator: separator.to_owned(),
        unreachable: policy.unreachable.name().to_owned(),
        retry_identity: policy.retry_identity,
        attributes: policy.attributes.iter().map(attribute).collect(),
        certificates: policy.certificates.texts().collect(),
    }
}

pub(crate) fn wanted(
    message: v1::SetRadiusClientRequest,
) -> Result<(String, RadiusWanted), ServiceError> {
    let policy = message.policy.unwrap_or_default();
    let mut target_secrets = Vec::with_capacity(policy.targets.len());
    let mut targets = Vec::with_capacity(policy.targets.len());
    for target in policy.targets {
        let timeout_milliseconds = match target.timeout_milliseconds {
            0 => TIMEOUT_MILLISECONDS,
            given => given,
        };
        targets.push(RadiusTarget { address: target.address, timeout_milliseconds });
        target_secrets.push(secret(target.secret));
    }
    let code = match &policy.code_place[..] {
        "" | "challenge" => CodePlace::Challenge,
        "behind" => CodePlace::Behind(policy.separator),
        "before" => CodePlace::Before(policy.separator),
        _ => return Err(unknown("policy.code_place", "\"challenge\", \"behind\" or \"before\"")),
    };
    let signed = named(&policy.signed, Signed::from_name)
        .ok_or_else(|| unknown("policy.signed", "\"auto\", \"yes\" or \"no\""))?;
    let unreachable = named(&policy.unreachable, Unreachable::from_name)
        .ok_or_else(|| unknown("policy.unreachable", "\"silence\" or \"reject\""))?;
    let attributes = policy.attributes.into_iter().map(attribute);
    let attributes = attributes.collect::<Result<Vec<_>, _>>()?;
    let wanted = RadiusWanted {
        policy: RadiusPolicy {
            ranges: Default::default(),
            certificates: Default::default(),
            signed,
            targets,
            code,
            unreachable,
            retry_identity: policy.retry_identity,
            attributes,
        },
        ranges: policy.ranges,
        certificates: policy.certificates,
        secret: secret(message.secret),
        target_secrets,
        overlap_seconds: message.overlap_seconds,
        etag: message.etag,
    };
    Ok((message.application, wanted))
}

/// An attribute that can be written as it is.
fn attribute(it: v1::RadiusAttribute) -> Result<ReplyAttribute, ServiceError> {
    let v1::RadiusAttribute { group, name, value } = it;
    Pair::from_text(&name, &value).map_err(|error| ServiceError::InvalidArgument {
        field: "policy.attributes",
        problem: error.to_string(),
    })?;
    Ok(ReplyAttribute { group, name, value })
}

/// What a text names; none: what it is unless somebody says otherwise.
fn named<T: Default>(text: &str, from_name: impl Fn(&str) -> Option<T>) -> Option<T> {
    if text.is_empty() { Some(T::default()) } else { from_name(text) }
}

fn secret(text: String) -> Option<Secret> {
    (!text.is_empty()).then(|| Secret::new(text.into_bytes()))
}

fn unknown(field: &'static str, known: &str) -> ServiceError {
    ServiceError::InvalidArgument { field, problem: format!("it may be {known}") }
}
