//! Whatever bytes come in, and whatever is written.

use proptest::collection::vec;
use proptest::prelude::*;
use symbolon_radius::attribute::vendor;
use symbolon_radius::{
    Code, Cover, EapPacket, HEADER_BYTES, Kind, Packet, Sent, Signed, Writer, check_reply,
    check_request, eap_message,
};

use crate::{other_secret, read, secret};

/// Bytes that have a chance to be a packet: a header with a length that fits, then attributes of
/// which some are cut off.
fn packets() -> impl Strategy<Value = Vec<u8>> {
    let attribute = (any::<u8>(), 0..40_u8, vec(any::<u8>(), 0..40));
    let attributes = vec(attribute, 0..20);
    let header = (any::<[u8; 18]>(), proptest::option::weighted(0.9, 1..13_u8), -2..3_i32);
    (header, attributes).prop_map(|((random, code, off), attributes)| {
        let mut bytes = random.to_vec();
        bytes.splice(2..2, [0, 0]);
        for (kind, length, value) in attributes {
            // Mostly the right length.
            let length = if length < 4 { length } else { u8::try_from(value.len() + 2).unwrap() };
            bytes.extend([kind, length]);
            bytes.extend(value);
        }
        let length = i32::try_from(bytes.len()).unwrap() + off.min(0) + i32::from(off == 2);
        bytes[2..4].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        bytes[0] = code.unwrap_or(bytes[0]);
        bytes
    })
}

fn look_at(bytes: &[u8]) {
    if let Ok(eap) = EapPacket::read(bytes) {
        let written = eap.write().unwrap();
        assert_eq!(bytes[..written.len()], written);
    }
    let Ok(packet) = Packet::read(bytes) else { return };
    let attributes: usize = packet.attributes().map(|it| it.value.len() + 2).sum();
    assert_eq!(attributes + HEADER_BYTES, packet.bytes().len());
    let secret = secret();
    let cover = Cover::new(&secret, packet.authenticator());
    for attribute in packet.attributes() {
        assert!(packet.first(attribute.kind).is_some());
        drop(cover.reveal_password(attribute.value));
        drop(cover.reveal_salted(attribute.value));
        let _ = EapPacket::read(attribute.value);
    }
    let _ = packet.vendor(vendor::MICROSOFT, 11).count();
    let _ = (check_request(&packet, &secret), eap_message(&packet));
    let _ = check_reply(bytes, &Sent::from(&packet), &secret).is_ok();
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in vec(any::<u8>(), 0..100)) {
        look_at(&bytes);
    }

    #[test]
    fn no_packet_does_harm(bytes in packets()) {
        look_at(&bytes);
    }

    #[test]
    fn what_is_written_is_read(
        identifier: u8,
        authenticator: [u8; 16],
        attributes in vec((1..=255_u8, vec(any::<u8>(), 0..=253)), 0..15),
    ) {
        let attributes: Vec<_> = attributes.into_iter().filter(|(kind, _)| *kind != 80).collect();
        let mut writer = Writer::request(Code::AccessRequest, identifier, authenticator);
        for (kind, value) in &attributes {
            writer.attribute(Kind(*kind), value);
        }
        let bytes = writer.finish(&secret()).unwrap();
        let packet = read(&bytes);
        prop_assert_eq!(packet.authenticator(), &authenticator);
        prop_assert_eq!(check_request(&packet, &secret()), Ok(Signed::Yes));
        prop_assert!(check_request(&packet, &other_secret()).is_err());
        let got: Vec<_> = packet.attributes().skip(1).map(|it| (it.kind.0, it.value.to_vec())).collect();
        prop_assert_eq!(got, attributes);

        let reply = Writer::reply(Code::AccessReject, &packet).finish(&secret()).unwrap();
        let sent = Sent::from(&packet);
        let states: Vec<_> = packet.all(Kind::PROXY_STATE).collect();
        let reply = check_reply(&reply, &sent, &secret()).ok().unwrap();
        prop_assert_eq!(reply.all(Kind::PROXY_STATE).collect::<Vec<_>>(), states);
    }

    #[test]
    fn what_is_hidden_comes_out(
        value in vec(any::<u8>(), 0..=128),
        authenticator: [u8; 16],
        salt: [u8; 2],
    ) {
        let (near, far) = (secret(), other_secret());
        let (cover, other) = (Cover::new(&near, &authenticator), Cover::new(&far, &[1; 16]));
        let hidden = cover.hide_salted(&value, salt).unwrap();
        prop_assert_eq!(&*cover.reveal_salted(&hidden).unwrap(), &value);
        let carried = cover.carry_over(&hidden, &other, salt).unwrap();
        prop_assert_eq!(&*other.reveal_salted(&carried).unwrap(), &value);
        let shown = cover.reveal_password(&cover.hide_password(&value).unwrap()).unwrap();
        prop_assert!(value.starts_with(&shown));
        prop_assert!(value[shown.len()..].iter().all(|byte| *byte == 0));
    }
}
