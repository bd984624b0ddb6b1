use serde_json::json;

use super::*;

const AT: Timestamp = Timestamp { seconds: 1_767_225_599, nanos: 5_000_000 };

fn user() -> v1::User {
    v1::User {
        id: "00000000000000a1".to_owned(),
        username: "alice".to_owned(),
        display_name: "Alice".to_owned(),
        failures: 2,
        tokens: vec![v1::Token {
            id: "00000000000000b2".to_owned(),
            algorithm: v1::Algorithm::Sha256.into(),
            digits: 8,
            period_seconds: 60,
            created_at: Some(AT),
            used: true,
            last_time_step: 0,
            r#type: v1::TokenType::Hotp.into(),
            serial: "FT-1".to_owned(),
            pending: true,
            drift_steps: -3,
            counter: 7,
        }],
        created_at: None,
        enabled: true,
        block: Some(v1::Block { reason: "stolen".to_owned(), since: Some(AT), until: Some(AT) }),
        locked: false,
        email: "alice@example.com".to_owned(),
        phones: vec![v1::Phone {
            kind: v1::phone::Kind::Office.into(),
            number: "+49301234567".to_owned(),
            extension: "89".to_owned(),
        }],
        groups: vec!["staff".to_owned()],
        tags: vec!["vip".to_owned()],
        language: "de".to_owned(),
        etag: "7".to_owned(),
        waits_until: Some(AT),
        pin_set_at: Some(AT),
        pin_due_at: Some(AT),
        bypass: Some(v1::Bypass { reason: "left it".to_owned(), since: Some(AT), until: Some(AT) }),
        recovery_codes_left: 9,
    }
}

fn shape(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

#[test]
fn times_are_rfc_3339_in_utc() {
    for (seconds, nanos, text) in [
        (0, 0, "1970-01-01T00:00:00Z"),
        (951_782_400, 0, "2000-02-29T00:00:00Z"),
        (1_767_225_599, 5_000_000, "2025-12-31T23:59:59.005Z"),
    ] {
        let at = Timestamp { seconds, nanos };
        assert_eq!(time(Some(&at)).as_deref(), Some(text));
    }
    assert_eq!(time(None), None);
}

#[test]
fn a_user() {
    let created = CreatedUser { user: user().into(), log_index: 7 };
    assert_eq!(
        shape(&created),
        json!({
            "id": "00000000000000a1",
            "username": "alice",
            "display_name": "Alice",
            "failures": 2,
            "tokens": [{
                "id": "00000000000000b2",
                "algorithm": "SHA256",
                "digits": 8,
                "period_seconds": 60,
                "created_at": "2025-12-31T23:59:59.005Z",
                "used": true,
                "type": "HOTP",
                "serial": "FT-1",
                "pending": true,
                "drift_steps": -3,
                "counter": 7,
            }],
            "created_at": null,
            "enabled": true,
            "block": {
                "reason": "stolen",
                "since": "2025-12-31T23:59:59.005Z",
                "until": "2025-12-31T23:59:59.005Z",
            },
            "locked": false,
            "email": "alice@example.com",
            "phones": [{ "kind": "OFFICE", "number": "+49301234567", "extension": "89" }],
            "groups": ["staff"],
            "tags": ["vip"],
            "language": "de",
            "waits_until": "2025-12-31T23:59:59.005Z",
            "pin_set_at": "2025-12-31T23:59:59.005Z",
            "pin_due_at": "2025-12-31T23:59:59.005Z",
            "bypass": {
                "reason": "left it",
                "since": "2025-12-31T23:59:59.005Z",
                "until": "2025-12-31T23:59:59.005Z",
            },
            "recovery_codes_left": 9,
            "log_index": 7,
        })
    );
}

#[test]
fn a_token_without_an_algorithm_is_sha1() {
    let token = Token::from(v1::Token::default());
    assert_eq!(token.algorithm, "SHA1");
    assert_eq!((token.r#type, token.counter, token.serial), ("TOTP", None, None));
}

#[test]
fn a_verification() {
    let response = v1::VerifyResponse {
        decision: v1::Decision::Deny.into(),
        reason: v1::Reason::CodeAlreadyUsed.into(),
        reason_detail: v1::ReasonDetail::CodeReplayed.into(),
        node: "node-1".to_owned(),
        log_index: 12,
        request_id: vec![0xab; 16],
        ..v1::VerifyResponse::default()
    };
    let expected = json!({
        "decision": "DENY",
        "reason": "CODE_ALREADY_USED",
        "reason_detail": "CODE_REPLAYED",
        "node": "node-1",
        "log_index": 12,
        "island": false,
        "request_id": "ab".repeat(16),
        "state": null,
        "prompt": null,
        "prompt_kind": null,
    });
    assert_eq!(shape(&Verification::from(response)), expected);

    let allow = v1::VerifyResponse {
        decision: v1::Decision::Allow.into(),
        ..v1::VerifyResponse::default()
    };
    let allow = shape(&Verification::from(allow));
    assert_eq!(allow["decision"], "ALLOW");
    assert_eq!(allow["reason"], serde_json::Value::Null);
    assert_eq!(allow["reason_detail"], serde_json::Value::Null);

    let challenge = v1::VerifyResponse {
        decision: v1::Decision::Challenge.into(),
        state: vec![0xcd; 16],
        prompt: "Enter the new PIN again.".to_owned(),
        prompt_kind: v1::Prompt::NewPinAgain.into(),
        ..v1::VerifyResponse::default()
    };
    let challenge = shape(&Verification::from(challenge));
    assert_eq!(challenge["decision"], "CHALLENGE");
    assert_eq!(challenge["state"], "cd".repeat(16));
    assert_eq!(challenge["prompt"], "Enter the new PIN again.");
    assert_eq!(challenge["prompt_kind"], "NEW_PIN_AGAIN");
}

#[test]
fn the_status() {
    let status = v1::GetStatusResponse {
        cluster_name: "dev".to_owned(),
        data_key: Some(v1::DataKeyStatus {
            active: 1,
            phase: v1::DataKeyPhase::Distributing.into(),
            next: 2,
            waiting_for: vec!["node-3".to_owned()],
            fields_left: 0,
            held: vec![1, 2],
        }),
        pairing: v1::Pairing::Alone.into(),
        alone_since: Some(AT),
        nodes: vec![v1::NodeStatus {
            name: "node-1".to_owned(),
            id: 1,
            role: v1::Role::Master.into(),
            heard_at: Some(AT),
            clock_offset_milliseconds: -12,
            ..v1::NodeStatus::default()
        }],
        ..v1::GetStatusResponse::default()
    };
    assert_eq!(
        shape(&Status::from(status)),
        json!({
            "cluster_name": "dev",
            "cluster_id": "",
            "epoch": 0,
            "lineage": "",
            "node": "",
            "master": null,
            "term": 0,
            "applied_index": 0,
            "last_log_index": 0,
            "recovering": false,
            "digest": "",
            "users": 0,
            "data_key": {
                "active": 1,
                "phase": "DISTRIBUTING",
                "next": 2,
                "waiting_for": ["node-3"],
                "fields_left": 0,
                "held": [1, 2],
            },
            "pairing": "ALONE",
            "alone_since": "2025-12-31T23:59:59.005Z",
            "nodes": [{
                "name": "node-1",
                "id": 1,
                "role": "MASTER",
                "api_address": "",
                "peer_address": "",
                "reachable": false,
                "applied_index": 0,
                "lag": 0,
                "heard_at": "2025-12-31T23:59:59.005Z",
                "clock_offset_seconds": -0.012,
            }],
            "warnings": [],
        })
    );
}

#[test]
fn what_is_shown_once() {
    let application = CreatedApplication {
        id: "00000000000000c3".to_owned(),
        name: "vpn".to_owned(),
        api_key: None,
        key_file: Some("vpn.key".to_owned()),
        log_index: 9,
    };
    let expected = json!({
        "id": "00000000000000c3",
        "name": "vpn",
        "api_key": null,
        "key_file": "vpn.key",
        "log_index": 9,
    });
    assert_eq!(shape(&application), expected);

    let removal = NodeRemoval { node: "n3".to_owned(), key: 2, tokens: 7, log_index: 9 };
    let expected = json!({ "node": "n3", "key": 2, "tokens": 7, "log_index": 9 });
    assert_eq!(shape(&removal), expected);

    let token =
        JoinToken { join_token: "j".to_owned(), expires_at: time(Some(&AT)), log_index: 10 };
    let expected = json!({
        "join_token": "j",
        "expires_at": "2025-12-31T23:59:59.005Z",
        "log_index": 10,
    });
    assert_eq!(shape(&token), expected);
}
