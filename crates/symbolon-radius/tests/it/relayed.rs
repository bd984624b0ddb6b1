//! A reply of another server that is passed on.

use symbolon_radius::attribute::{microsoft, vendor};
use symbolon_radius::{
    Code, Cover, HiddenError, Kind, Packet, Sent, Writer, carry, carry_on, check_reply, relay,
};

use crate::{other_secret, read, request, secret};

const RECV: (u32, u8) = (vendor::MICROSOFT, microsoft::MPPE_RECV_KEY);

/// What the other server was asked, and has replied.
fn exchange(build: impl FnOnce(&mut Writer)) -> (Vec<u8>, Vec<u8>) {
    let mut writer = Writer::request(Code::AccessRequest, 7, [0xcc; 16]);
    writer.attribute(Kind::PROXY_STATE, b"of this hop");
    let asked = writer.finish(&other_secret()).unwrap();
    let mut writer = Writer::reply(Code::AccessAccept, &read(&asked));
    build(&mut writer);
    let replied = writer.finish(&other_secret()).unwrap();
    (asked, replied)
}

/// What the client gets for it.
fn passed_on(
    (asked, replied): &(Vec<u8>, Vec<u8>),
    look: impl FnOnce(Packet<'_>, Cover<'_>),
) -> Result<(), HiddenError> {
    let (asked, far, near) = (read(asked), other_secret(), secret());
    let replied = check_reply(replied, &Sent::from(&asked), &far).ok().unwrap();
    let client = request(|writer| {
        writer.attribute(Kind::PROXY_STATE, b"of the client");
    });
    let client = read(&client);
    let mut writer = Writer::reply(Code::AccessAccept, &client);
    let mut salt = 0;
    let from = Cover::new(&far, asked.authenticator());
    let wanted = |attribute: &symbolon_radius::Attribute<'_>| attribute.kind != Kind::STATE;
    relay(&mut writer, &replied, &from, &near, wanted, || {
        salt += 1;
        [0, salt]
    })?;
    let bytes = writer.finish(&near).unwrap();
    let reply = check_reply(&bytes, &Sent::from(&client), &near).ok().unwrap();
    look(reply, Cover::new(&near, client.authenticator()));
    Ok(())
}

#[test]
fn keys_are_hidden_anew_and_the_rest_stays() {
    let exchange = exchange(|writer| {
        writer.attribute(Kind::CLASS, b"staff").attribute(Kind::STATE, b"theirs");
        writer.vendor_key(RECV, &[0x5a; 32], [1, 1], &other_secret());
        writer.vendor(vendor::MICROSOFT, microsoft::CHAP2_SUCCESS, b"\x01S=0");
        writer.vendor(vendor::CISCO, 1, b"shell:priv-lvl=15");
        let far = other_secret();
        let hidden = writer.cover(&far).hide_salted(b"tunnel", [2, 2]).unwrap();
        let keys = writer.cover(&far).hide_password(&[0x33; 32]).unwrap();
        writer.attribute(Kind::TUNNEL_PASSWORD, &[&[1], &*hidden].concat());
        writer.vendor(vendor::MICROSOFT, microsoft::CHAP_MPPE_KEYS, &keys);
    });
    passed_on(&exchange, |reply, cover| {
        assert_eq!(reply.all(Kind::PROXY_STATE).collect::<Vec<_>>(), [b"of the client"]);
        assert_eq!(reply.first(Kind::CLASS), Some(&b"staff"[..]));
        assert_eq!(reply.first(Kind::STATE), None);
        let key = reply.vendor(RECV.0, RECV.1).next().unwrap();
        assert_eq!(*cover.reveal_salted(key).unwrap(), [0x5a; 32]);
        let tunnel = reply.first(Kind::TUNNEL_PASSWORD).unwrap();
        assert_eq!(tunnel[0], 1);
        assert_eq!(*cover.reveal_salted(&tunnel[1..]).unwrap(), b"tunnel");
        assert_ne!(key[..2], tunnel[1..3], "each has its own salt");
        let keys = reply.vendor(vendor::MICROSOFT, microsoft::CHAP_MPPE_KEYS).next().unwrap();
        assert_eq!(*cover.reveal_password(keys).unwrap(), [0x33; 32]);
        let success = reply.vendor(vendor::MICROSOFT, microsoft::CHAP2_SUCCESS).next();
        assert_eq!(success, Some(&b"\x01S=0"[..]));
        assert_eq!(reply.vendor(vendor::CISCO, 1).next(), Some(&b"shell:priv-lvl=15"[..]));
    })
    .unwrap();
}

#[test]
fn keys_that_cannot_be_revealed_are_not_passed_on() {
    let exchange = exchange(|writer| {
        writer.vendor(RECV.0, RECV.1, &[0; 20]);
    });
    assert_eq!(passed_on(&exchange, |_, _| ()), Err(HiddenError::Length));
}

/// Two keys of Microsoft in one attribute, as RFC 2865 section 5.26 allows.
#[test]
fn several_in_one_attribute_are_told_apart() {
    let exchange = exchange(|writer| {
        let far = other_secret();
        let one = writer.cover(&far).hide_salted(&[1; 16], [1, 1]).unwrap();
        let two = writer.cover(&far).hide_salted(&[2; 16], [1, 2]).unwrap();
        let length = u8::try_from(one.len() + 2).unwrap();
        let start = [0, 0, 1, 55, microsoft::MPPE_SEND_KEY, length];
        let parts: [&[u8]; 4] = [&start, &one, &[microsoft::MPPE_RECV_KEY, length], &two];
        writer.attribute(Kind::VENDOR_SPECIFIC, &parts.concat());
    });
    passed_on(&exchange, |reply, cover| {
        for (kind, key) in
            [(microsoft::MPPE_SEND_KEY, [1; 16]), (microsoft::MPPE_RECV_KEY, [2; 16])]
        {
            let hidden = reply.vendor(vendor::MICROSOFT, kind).next().unwrap();
            assert_eq!(*cover.reveal_salted(hidden).unwrap(), key);
        }
    })
    .unwrap();
}

#[test]
fn what_is_kept_for_a_later_reply_has_nothing_that_is_hidden() {
    let (_, replied) = exchange(|writer| {
        writer.attribute(Kind::CLASS, b"staff").attribute(Kind::STATE, b"theirs");
        writer.vendor_key(RECV, &[0x5a; 32], [1, 1], &other_secret());
        writer.attribute(Kind::TUNNEL_PASSWORD, &[7; 19]);
        writer.vendor(vendor::CISCO, 1, b"shell:priv-lvl=15");
    });
    let carried = carry(&read(&replied), |it| it.kind != Kind::MESSAGE_AUTHENTICATOR);
    let later = request(|writer| carry_on(writer, &carried, |it| it.kind != Kind::STATE));
    let later = read(&later);
    let kinds: Vec<_> = later.attributes().map(|it| it.kind).collect();
    let wanted =
        [Kind::MESSAGE_AUTHENTICATOR, Kind::CLASS, Kind::PROXY_STATE, Kind::VENDOR_SPECIFIC];
    assert!(kinds.iter().all(|kind| wanted.contains(kind)), "{kinds:?}");
    assert_eq!(later.first(Kind::CLASS), Some(&b"staff"[..]));
    assert_eq!(later.vendor(vendor::CISCO, 1).collect::<Vec<_>>(), [b"shell:priv-lvl=15"]);
    assert_eq!(later.vendor(RECV.0, RECV.1).count(), 0, "a key is hidden");
}
