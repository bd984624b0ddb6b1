//! RADIUS packets and the EAP packets in them, as anybody on the network sends them.

#![no_main]

use symbolon_core::Secret;
use symbolon_radius::attribute::{microsoft, vendor};
use symbolon_radius::{
    Code, Cover, EapPacket, Kind, Packet, Sent, Writer, check_reply, check_request, eap_message,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    look_at_eap(bytes);
    let Ok(packet) = Packet::read(bytes) else { return };
    assert!(bytes.starts_with(packet.bytes()));
    let secret = Secret::new(b"xyzzy5461".to_vec());
    let _ = check_request(&packet, &secret);
    let _ = check_reply(bytes, &Sent::from(&packet), &secret).is_ok();
    if let Some(eap) = eap_message(&packet) {
        look_at_eap(&eap);
    }
    look_at_values(&packet, &secret);
    write_again(&packet, &secret);
});

fn look_at_eap(bytes: &[u8]) {
    let Ok(packet) = EapPacket::read(bytes) else { return };
    let _ = packet.wanted().count();
    let written = packet.write().expect("no longer than it was");
    assert!(bytes.starts_with(&written));
}

fn look_at_values(packet: &Packet<'_>, secret: &Secret) {
    let (cover, other) = (Cover::new(secret, packet.authenticator()), Cover::new(secret, &[7; 16]));
    for attribute in packet.attributes() {
        let _ = packet.text(attribute.kind);
        let _ = packet.integer(attribute.kind);
        let _ = cover.carry_over_tunnel_password(attribute.value, &other, [1, 2]);
        if let Ok(password) = cover.reveal_password(attribute.value) {
            let again = cover.hide_password(&password).expect("no longer than it was");
            assert_eq!(*cover.reveal_password(&again).expect("just hidden"), *password);
        }
    }
    for kind in [microsoft::CHAP2_RESPONSE, microsoft::MPPE_RECV_KEY] {
        for value in packet.vendor(vendor::MICROSOFT, kind) {
            let _ = cover.carry_over(value, &other, [1, 2]);
        }
    }
}

/// The same attributes in a request of ours, and a reply to that.
fn write_again(packet: &Packet<'_>, secret: &Secret) {
    let mut writer =
        Writer::request(Code::AccessRequest, packet.identifier(), *packet.authenticator());
    let kept: Vec<_> =
        packet.attributes().filter(|it| it.kind != Kind::MESSAGE_AUTHENTICATOR).collect();
    for attribute in &kept {
        writer.attribute(attribute.kind, attribute.value);
    }
    // The Message-Authenticator of ours may be what does not fit any more.
    let Ok(bytes) = writer.finish(secret) else { return };
    let request = Packet::read(&bytes).expect("our own");
    check_request(&request, secret).expect("signed");
    assert!(request.attributes().skip(1).eq(kept.iter().copied()));
    let mut writer = Writer::reply(Code::AccessChallenge, &request);
    writer.reply_message("Code?").eap_message(&[1, 1, 0, 5, 6]);
    let Ok(reply) = writer.finish(secret) else { return };
    let reply = check_reply(&reply, &Sent::from(&request), secret).ok().expect("ours");
    assert!(reply.all(Kind::PROXY_STATE).eq(request.all(Kind::PROXY_STATE)));
}
