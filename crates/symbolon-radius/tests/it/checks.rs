//! What is signed, and what a changed byte comes to.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use symbolon_radius::attribute::{microsoft, vendor};
use symbolon_radius::{
    BadReply, BadRequest, Code, Kind, Malformed, Packet, Sent, Signed, Writer, check_reply,
    check_request,
};

use crate::{AUTHENTICATOR, other_secret, read, request, secret};

/// The same packet with another attribute at its end, and a length that says so.
fn with(bytes: &[u8], attribute: &[u8]) -> Vec<u8> {
    let whole = [bytes, attribute].concat();
    let length = u16::try_from(whole.len()).unwrap().to_be_bytes();
    [&whole[..2], &length, &whole[4..]].concat()
}

#[test]
fn any_changed_byte_of_a_signed_request_is_found() {
    let good = request(|writer| {
        writer.attribute(Kind::USER_NAME, b"nemo").integer(Kind::NAS_PORT, 3);
    });
    assert_eq!(check_request(&read(&good), &secret()), Ok(Signed::Yes));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        if let Ok(packet) = Packet::read(&bad) {
            let checked = check_request(&packet, &secret());
            // What is left of a packet whose Message-Authenticator became another attribute.
            let unsigned = packet.first(Kind::MESSAGE_AUTHENTICATOR).is_none();
            assert!(checked.is_err() || unsigned, "byte {at}");
        }
    }
}

#[test]
fn a_message_authenticator_is_one_and_has_16_bytes() {
    let wrong = Err(BadRequest::MessageAuthenticator);
    let good = request(|_| ());
    let again = with(&good, &good[20..38]);
    assert_eq!(check_request(&read(&again), &secret()), wrong, "twice");
    for length in [0, 15, 17] {
        let bare = &good[..20];
        let value = vec![0; length];
        let header = [80, u8::try_from(length).unwrap() + 2];
        let bytes = with(bare, &[&header[..], &value].concat());
        assert_eq!(check_request(&read(&bytes), &secret()), wrong, "{length} bytes");
    }
}

#[test]
fn a_request_with_eap_or_for_the_status_is_signed_or_discarded() {
    let bare = &request(|_| ())[..20];
    let eap = with(bare, &[79, 4, 2, 1]);
    assert_eq!(check_request(&read(&eap), &secret()), Err(BadRequest::Unsigned));
    let plain = with(bare, &[1, 3, b'n']);
    assert_eq!(check_request(&read(&plain), &secret()), Ok(Signed::No));
    let mut status = plain;
    status[0] = 12;
    assert_eq!(check_request(&read(&status), &secret()), Err(BadRequest::Unsigned));
}

#[test]
fn accounting_requests_prove_the_secret_by_their_authenticator() {
    let mut writer = Writer::accounting_request(9);
    writer.integer(Kind::ACCT_STATUS_TYPE, 1).attribute(Kind::ACCT_SESSION_ID, b"0001");
    let good = writer.finish(&secret()).unwrap();
    assert_eq!(check_request(&read(&good), &secret()), Ok(Signed::Yes));
    let wrong = Err(BadRequest::Authenticator);
    assert_eq!(check_request(&read(&good), &other_secret()), wrong);
    let mut bad = good;
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(check_request(&read(&bad), &secret()), wrong);
}

#[test]
fn replies_are_no_requests() {
    let asked = request(|_| ());
    let accept = Writer::reply(Code::AccessAccept, &read(&asked)).finish(&secret()).unwrap();
    let checked = check_request(&read(&accept), &secret());
    assert_eq!(checked, Err(BadRequest::NotARequest));
}

#[test]
fn replies_are_taken_from_who_was_asked_only() {
    let asked = request(|_| ());
    let sent = Sent::from(&read(&asked));
    let mut writer = Writer::reply(Code::AccessAccept, &read(&asked));
    writer.vendor(vendor::MICROSOFT, microsoft::CHAP2_SUCCESS, b"\x01S=00");
    let good = writer.finish(&secret()).unwrap();
    let fault = |bytes: &[u8], sent: &Sent| check_reply(bytes, sent, &secret()).err();
    assert_eq!(fault(&good, &sent), None);
    assert_eq!(fault(&good[..19], &sent), Some(BadReply::Malformed(Malformed::Short)));
    let stray = Some(BadReply::Stray);
    assert_eq!(fault(&good, &Sent { identifier: 43, ..sent }), stray);
    assert_eq!(fault(&good, &Sent { code: Code::AccountingRequest, ..sent }), stray);
    assert_eq!(fault(&asked, &sent), stray, "a request is no reply");
    for at in 4..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(fault(&bad, &sent).is_some(), "byte {at}");
    }
    assert!(check_reply(&good, &sent, &other_secret()).is_err());
}

/// The Response Authenticator alone is not believed when there is more: here it is right.
#[test]
fn a_wrong_message_authenticator_in_a_reply_is_found() {
    let asked = request(|_| ());
    let sent = Sent::from(&read(&asked));
    let forged = with_response_authenticator(&[80, 18], &[7; 16]);
    let fault = check_reply(&forged, &sent, &secret()).err();
    assert_eq!(fault, Some(BadReply::MessageAuthenticator));
    let eap = with_response_authenticator(&[79, 6], &[3, 42, 0, 4]);
    assert_eq!(check_reply(&eap, &sent, &secret()).err(), Some(BadReply::Unsigned));
}

/// An Access-Accept to [`request`] with one attribute, signed by MD5 only (RFC 2865 section 3).
fn with_response_authenticator(header: &[u8], value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(20 + header.len() + value.len()).unwrap();
    let start = [2, 42, 0, length];
    let parts: [&[u8]; 5] = [&start, &AUTHENTICATOR, header, value, b"xyzzy5461"];
    let hash = Md5::digest(parts.concat());
    [&start[..], &hash, header, value].concat()
}

/// The value of a Message-Authenticator over these bytes.
fn mac(bytes: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Md5>::new_from_slice(b"xyzzy5461").unwrap();
    mac.chain_update(bytes).finalize().into_bytes().to_vec()
}

/// The first of two is right.
#[test]
fn two_message_authenticators_are_wrong_whatever_they_are() {
    let mut bytes = with(&request(|_| ()), &[&[80, 18][..], &[7; 16]].concat());
    bytes[22..38].fill(0);
    let value = mac(&bytes);
    bytes[22..38].copy_from_slice(&value);
    let wrong = Err(BadRequest::MessageAuthenticator);
    assert_eq!(check_request(&read(&bytes), &secret()), wrong);
}

/// Some clients sign an Accounting-Request, with zeros for the authenticator that is not yet there.
#[test]
fn an_accounting_request_may_be_signed_and_then_rightly() {
    for right in [true, false] {
        let mut bytes = with(&[4, 9, 0, 20], &[&[0; 16][..], &[80, 18], &[0; 16]].concat());
        let value = if right { mac(&bytes) } else { vec![7; 16] };
        bytes[22..38].copy_from_slice(&value);
        let hash = Md5::digest([&bytes[..], b"xyzzy5461"].concat());
        bytes[4..20].copy_from_slice(&hash);
        let expected = if right { Ok(Signed::Yes) } else { Err(BadRequest::MessageAuthenticator) };
        assert_eq!(check_request(&read(&bytes), &secret()), expected);
    }
}
