//! What is written.

use symbolon_radius::attribute::vendor;
use symbolon_radius::{
    ATTRIBUTES_MAX, Code, Cover, Kind, PACKET_BYTES_MAX, Pair, Sent, WriteError, Writer,
    check_reply, eap_message,
};

use crate::{AUTHENTICATOR, read, request, secret};

#[test]
fn a_reply_to_an_access_request_begins_with_the_message_authenticator() {
    let asked = request(|writer| {
        writer.attribute(Kind::PROXY_STATE, b"first").attribute(Kind::USER_NAME, b"nemo");
        writer.attribute(Kind::PROXY_STATE, b"").attribute(Kind::PROXY_STATE, b"third");
    });
    let asked = read(&asked);
    for code in [Code::AccessAccept, Code::AccessReject, Code::AccessChallenge] {
        let mut writer = Writer::reply(code, &asked);
        writer.reply_message("hello");
        let bytes = writer.finish(&secret()).unwrap();
        let reply = check_reply(&bytes, &Sent::from(&asked), &secret()).ok().unwrap();
        assert_eq!(reply.code(), code);
        let kinds: Vec<_> = reply.attributes().map(|attribute| attribute.kind).collect();
        assert_eq!(kinds[0], Kind::MESSAGE_AUTHENTICATOR);
        let states: Vec<_> = reply.all(Kind::PROXY_STATE).collect();
        assert_eq!(states, [&b"first"[..], b"", b"third"]);
    }
}

#[test]
fn an_accounting_response_is_signed_for_the_status_only() {
    let mut writer = Writer::accounting_request(1);
    writer.attribute(Kind::PROXY_STATE, b"p").integer(Kind::ACCT_STATUS_TYPE, 2);
    let asked = writer.finish(&secret()).unwrap();
    let status = Writer::request(Code::StatusServer, 2, AUTHENTICATOR).finish(&secret()).unwrap();
    for (asked, signed) in [(asked, false), (status, true)] {
        let asked = read(&asked);
        let bytes = Writer::reply(Code::AccountingResponse, &asked).finish(&secret()).unwrap();
        let reply = check_reply(&bytes, &Sent::from(&asked), &secret()).ok().unwrap();
        assert_eq!(reply.first(Kind::MESSAGE_AUTHENTICATOR).is_some(), signed);
        assert_eq!(reply.first(Kind::PROXY_STATE), asked.first(Kind::PROXY_STATE));
    }
}

#[test]
fn codes_that_do_not_answer_are_refused() {
    let asked = request(|_| ());
    let accounting = Writer::accounting_request(1).finish(&secret()).unwrap();
    for (code, asked) in [
        (Code::AccountingResponse, &asked),
        (Code::AccessRequest, &asked),
        (Code::AccessAccept, &accounting),
        (Code::AccessChallenge, &accounting),
    ] {
        let written = Writer::reply(code, &read(asked)).finish(&secret());
        assert_eq!(written, Err(WriteError::Code), "{code:?}");
    }
    let written = Writer::request(Code::AccessAccept, 1, AUTHENTICATOR).finish(&secret());
    assert_eq!(written, Err(WriteError::Code));
}

#[test]
fn eap_goes_in_pieces_and_comes_back_whole() {
    for length in [0, 4, 253, 254, 1020] {
        let eap: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let bytes = request(|writer| {
            writer.eap_message(&eap);
        });
        let packet = read(&bytes);
        assert_eq!(packet.all(Kind::EAP_MESSAGE).count(), eap.len().div_ceil(253));
        assert_eq!(eap_message(&packet).as_deref(), (length > 0).then_some(&*eap));
    }
    let start = request(|writer| {
        writer.attribute(Kind::EAP_MESSAGE, b"");
    });
    assert_eq!(eap_message(&read(&start)).as_deref(), Some(&[][..]), "a client that begins");
}

#[test]
fn long_text_is_divided_between_characters() {
    let text = "ä".repeat(300);
    let bytes = request(|writer| {
        writer.reply_message(&text);
    });
    let packet = read(&bytes);
    let pieces: Vec<_> =
        packet.all(Kind::REPLY_MESSAGE).map(|piece| str::from_utf8(piece).unwrap()).collect();
    assert_eq!(pieces.len(), 3);
    assert_eq!(pieces.concat(), text);
}

#[test]
fn a_password_is_hidden_under_the_authenticator_of_the_request() {
    let secret = secret();
    let bytes = request(|writer| {
        writer.user_password(b"arctangent", &crate::secret());
    });
    let packet = read(&bytes);
    let cover = Cover::new(&secret, packet.authenticator());
    let hidden = packet.first(Kind::USER_PASSWORD).unwrap();
    assert_eq!(*cover.reveal_password(hidden).unwrap(), b"arctangent");
}

#[test]
fn attributes_of_the_settings() {
    let bytes = request(|writer| {
        writer.pair(&Pair::from_text("Tunnel-Type", "VLAN").unwrap());
        writer.pair(&Pair::from_text("Cisco-AVPair", "shell:priv-lvl=15").unwrap());
    });
    let packet = read(&bytes);
    assert_eq!(packet.first(Kind::TUNNEL_TYPE), Some(&[0, 0, 0, 13][..]));
    assert_eq!(packet.vendor(vendor::CISCO, 1).next(), Some(&b"shell:priv-lvl=15"[..]));
}

#[test]
fn packets_that_would_be_too_long_are_refused() {
    let mut writer = Writer::request(Code::AccessRequest, 1, AUTHENTICATOR);
    for _ in 0..15 {
        writer.attribute(Kind::CLASS, &[0; 253]);
    }
    assert_eq!(writer.room(), PACKET_BYTES_MAX - 38 - 15 * 255);
    writer.attribute(Kind::CLASS, &[0; 231]);
    assert_eq!(writer.room(), 0);
    writer.attribute(Kind::CLASS, b"");
    assert_eq!(writer.finish(&secret()), Err(WriteError::TooLong));

    let mut writer = Writer::request(Code::AccessRequest, 1, AUTHENTICATOR);
    for _ in 1..ATTRIBUTES_MAX {
        writer.attribute(Kind::CLASS, b"");
    }
    assert_eq!(writer.attribute(Kind::CLASS, b"").room(), PACKET_BYTES_MAX - 38 - 255 * 2);
    assert_eq!(writer.finish(&secret()), Err(WriteError::TooLong));
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let refused = |build: fn(&mut Writer)| {
        let mut writer = Writer::request(Code::AccessRequest, 1, AUTHENTICATOR);
        build(&mut writer);
        writer.attribute(Kind::CLASS, b"what comes after an error changes nothing");
        writer.finish(&secret()).unwrap_err().to_string()
    };
    let long = "the value of an attribute of type 25 is too long";
    assert_eq!(refused(|it| _ = it.attribute(Kind::CLASS, &[0; 254])), long);
    let long = "the value of an attribute of type 26 is too long";
    assert_eq!(refused(|it| _ = it.vendor(9, 1, &[0; 248])), long);
    let long = "a value is too long to be hidden";
    assert_eq!(refused(|it| _ = it.user_password(&[0; 129], &secret())), long);
    let second = refused(|it| _ = it.attribute(Kind::MESSAGE_AUTHENTICATOR, &[0; 16]));
    assert!(second.contains("type 80"), "{second}");
}
