//! The packets that RFC 2865 section 7 and RFC 5997 section 6 print, as files in `tests/data`.
//!
//! In the second Access-Request of section 7.3 the RFC states 16 bytes for a State that has 10 with
//! its header: `challenge-answer` has the length that fits. No hash covers it.

use symbolon_radius::{
    BadRequest, Code, Cover, Kind, Sent, Signed, Writer, check_reply, check_request,
};

use crate::{other_secret, read, secret};

const TELNET_REQUEST: &[u8] = include_bytes!("../data/telnet-request");
const TELNET_ACCEPT: &[u8] = include_bytes!("../data/telnet-accept");
const CHAP_REQUEST: &[u8] = include_bytes!("../data/chap-request");
const CHAP_ACCEPT: &[u8] = include_bytes!("../data/chap-accept");
const CHALLENGE_REQUEST: &[u8] = include_bytes!("../data/challenge-request");
const CHALLENGE: &[u8] = include_bytes!("../data/challenge");
const CHALLENGE_ANSWER: &[u8] = include_bytes!("../data/challenge-answer");
const CHALLENGE_REJECT: &[u8] = include_bytes!("../data/challenge-reject");
const STATUS_SERVER: &[u8] = include_bytes!("../data/status-server");
const STATUS_ACCEPT: &[u8] = include_bytes!("../data/status-accept");
const STATUS_ACCT: &[u8] = include_bytes!("../data/status-acct");
const STATUS_ACCT_RESPONSE: &[u8] = include_bytes!("../data/status-acct-response");

const PAIRS: [(&[u8], &[u8], Code); 6] = [
    (TELNET_REQUEST, TELNET_ACCEPT, Code::AccessAccept),
    (CHAP_REQUEST, CHAP_ACCEPT, Code::AccessAccept),
    (CHALLENGE_REQUEST, CHALLENGE, Code::AccessChallenge),
    (CHALLENGE_ANSWER, CHALLENGE_REJECT, Code::AccessReject),
    (STATUS_SERVER, STATUS_ACCEPT, Code::AccessAccept),
    (STATUS_ACCT, STATUS_ACCT_RESPONSE, Code::AccountingResponse),
];

#[test]
fn replies_belong_to_their_requests() {
    for (request, reply, code) in PAIRS {
        let sent = Sent::from(&read(request));
        let checked = check_reply(reply, &sent, &secret()).ok().unwrap();
        assert_eq!(checked.code(), code);
        assert_eq!(checked.bytes(), reply);
        assert!(check_reply(reply, &sent, &other_secret()).is_err());
        let other = Sent { authenticator: [0; 16], ..sent };
        assert!(check_reply(reply, &other, &secret()).is_err());
    }
}

#[test]
fn passwords_come_out() {
    for (request, password) in [
        (TELNET_REQUEST, &b"arctangent"[..]),
        (CHALLENGE_REQUEST, b"challenge"),
        (CHALLENGE_ANSWER, b"99101462"),
    ] {
        let (request, secret) = (read(request), secret());
        let cover = Cover::new(&secret, request.authenticator());
        let hidden = request.first(Kind::USER_PASSWORD).unwrap();
        assert_eq!(cover.reveal_password(hidden).unwrap().as_slice(), password);
        assert_eq!(cover.hide_password(password).unwrap(), hidden);
    }
}

#[test]
fn attributes_are_what_the_text_says() {
    let request = read(TELNET_REQUEST);
    assert_eq!((request.code(), request.identifier()), (Code::AccessRequest, 0));
    assert_eq!(request.text(Kind::USER_NAME), Some("nemo"));
    assert_eq!(request.first(Kind::NAS_IP_ADDRESS), Some(&[192, 168, 1, 16][..]));
    assert_eq!(request.integer(Kind::NAS_PORT), Some(3));
    let challenge = read(CHALLENGE);
    let shown = "Challenge 32769430.  Enter response at prompt.";
    assert_eq!(challenge.text(Kind::REPLY_MESSAGE), Some(shown));
    assert_eq!(challenge.first(Kind::STATE), read(CHALLENGE_ANSWER).first(Kind::STATE));
}

#[test]
fn requests_of_rfc_2865_are_not_signed_and_those_of_rfc_5997_are() {
    for request in [TELNET_REQUEST, CHAP_REQUEST, CHALLENGE_REQUEST, CHALLENGE_ANSWER] {
        assert_eq!(check_request(&read(request), &secret()), Ok(Signed::No));
    }
    for request in [STATUS_SERVER, STATUS_ACCT] {
        assert_eq!(check_request(&read(request), &secret()), Ok(Signed::Yes));
        let wrong = Err(BadRequest::MessageAuthenticator);
        assert_eq!(check_request(&read(request), &other_secret()), wrong);
    }
}

/// Our packets begin with the Message-Authenticator, as these do: they are equal.
#[test]
fn a_status_server_is_written_as_the_rfc_prints_it() {
    for bytes in [STATUS_SERVER, STATUS_ACCT] {
        let packet = read(bytes);
        let writer =
            Writer::request(Code::StatusServer, packet.identifier(), *packet.authenticator());
        assert_eq!(writer.finish(&secret()).unwrap(), bytes);
    }
}
