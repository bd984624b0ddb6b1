//! EAP-TTLS against a client that is made of the client's side of rustls.

use supplicant::{Inner, Outcome, Supplicant, avp, server, sign_in};
use symbolon_radius::{Conversation, Discarded, Failure, InnerMethod, ROUNDS_MAX, Step};

mod hostile;
mod supplicant;

use rustls::version::{TLS12, TLS13};

/// A prompt that is asked first.
const PROMPT: &str = "Password:";

fn conversation() -> Conversation {
    Conversation::new(server().0, None, PROMPT)
}

#[test]
fn a_password_through_the_tunnel_of_each_version() {
    for version in [&TLS12, &TLS13] {
        for eap_bytes in [1024, 300] {
            let inner = Inner::Pap { name: "alice", password: b"secret123456" };
            let mut supplicant = Supplicant::new(version, inner);
            supplicant.eap_bytes = eap_bytes;
            let Outcome::Credentials(mut conversation, credentials) =
                sign_in(conversation(), &mut supplicant)
            else {
                panic!("no credentials with {version:?}");
            };
            assert_eq!(credentials.identity, "alice");
            assert_eq!(credentials.password.as_slice(), b"secret123456");
            assert_eq!((credentials.method, credentials.answer), (InnerMethod::Pap, 1));
            assert_eq!(conversation.outer_identity(), b"anonymous@example.com");
            assert!(conversation.challenge("Code:").is_none(), "PAP asks once");
            let end = conversation.finish(true);
            assert_eq!(end.eap, [3, supplicant.identifier, 0, 4]);
            let keys = end.keys.unwrap();
            let msk = supplicant.msk(version);
            assert_eq!([*keys.recv(), *keys.send()].concat(), msk);
        }
    }
}

#[test]
fn a_password_and_then_a_code_by_gtc() {
    for version in [&TLS12, &TLS13] {
        let inner = Inner::Gtc { name: "alice", answers: vec![b"secret", b"123456"] };
        let mut supplicant = Supplicant::new(version, inner);
        let Outcome::Credentials(mut conversation, credentials) =
            sign_in(conversation(), &mut supplicant)
        else {
            panic!("no credentials");
        };
        assert_eq!(credentials.password.as_slice(), b"secret");
        assert_eq!((credentials.method, credentials.answer), (InnerMethod::Gtc, 1));
        let Some(Step::Send(request)) = conversation.challenge("Code:") else {
            panic!("no second prompt");
        };
        let Step::Credentials(credentials) = conversation.step(&supplicant.respond(&request))
        else {
            panic!("no second answer");
        };
        assert_eq!((credentials.identity.as_str(), credentials.answer), ("alice", 2));
        assert_eq!(credentials.password.as_slice(), b"123456");
        assert_eq!(supplicant.prompts, [PROMPT, "Code:"]);
        let end = conversation.finish(true);
        assert_eq!(end.keys.unwrap().recv(), &supplicant.msk(version)[..32]);
    }
}

#[test]
fn who_is_not_let_in_gets_no_keys() {
    let inner = Inner::Pap { name: "alice", password: b"wrong" };
    let mut supplicant = Supplicant::new(&TLS13, inner);
    let Outcome::Credentials(conversation, _) = sign_in(conversation(), &mut supplicant) else {
        panic!("no credentials");
    };
    let end = conversation.finish(false);
    assert_eq!(end.eap, [4, supplicant.identifier, 0, 4]);
    assert!(end.keys.is_none());
}

/// A caller that mistakes the state of a conversation lets nobody in, wherever it stands: with
/// TLS 1.2 there is a tunnel, with keys, before the client has said who it is.
#[test]
fn nobody_is_accepted_before_there_are_credentials() {
    for version in [&TLS12, &TLS13] {
        let mut before = 0;
        loop {
            let inner = Inner::Pap { name: "alice", password: b"secret" };
            let mut supplicant = Supplicant::new(version, inner);
            let mut conversation = conversation();
            let mut response = supplicant.identity();
            let mut decide = false;
            for _ in 0..before {
                match conversation.step(&response) {
                    Step::Send(request) => response = supplicant.respond(&request),
                    Step::Credentials(_) => decide = true,
                    _ => panic!("neither a request nor credentials"),
                }
            }
            assert!(conversation.challenge("Code:").is_none());
            let end = conversation.finish(true);
            assert_eq!((end.keys.is_some(), end.eap[0] == 3), (decide, decide), "{before}");
            if decide {
                break;
            }
            before += 1;
        }
        assert!(before > 3, "{before}");
    }
}

#[test]
fn what_a_client_wants_to_use_instead_is_told() {
    let mut refused = conversation();
    let Step::Send(request) = refused.step(&[2, 9, 0, 6, 1, b'a']) else { panic!("no start") };
    assert_eq!(request, [1, 10, 0, 6, 21, 0x20]);
    let Step::Failed { eap, reason } = refused.step(&[2, 10, 0, 7, 3, 25, 13]) else {
        panic!("a Nak is no failure");
    };
    assert_eq!(eap, [4, 10, 0, 4]);
    assert_eq!(reason.to_string(), "the client refuses EAP-TTLS and wants PEAP");
    let step = refused.step(&[2, 10, 0, 6, 21, 0]);
    assert!(matches!(step, Step::Discard(Discarded::NotAsked)), "it is over");

    for (inner, wanted) in [
        (Inner::Nak { name: "alice", wanted: &[4] }, "wants EAP-MD5"),
        (Inner::Raw(avp(3, 0, &[1; 17])), "wants to use CHAP"),
        (Inner::Raw(avp(11, 311, &[1; 16])), "insists on attribute 11 of vendor 311"),
        (Inner::Raw(avp(1, 311, &[1; 50])), "wants to use MS-CHAP in"),
        (
            Inner::Raw([avp(11, 311, &[1; 16]), avp(25, 311, &[1; 50])].concat()),
            "wants to use MS-CHAP-V2",
        ),
        (Inner::Raw(avp(1, 0, b"alice")), "no name or no password"),
        (Inner::Raw(avp(2, 0, b"secret")), "no name or no password"),
        (Inner::Raw([avp(1, 0, &[0xff]), avp(2, 0, b"x")].concat()), "no UTF-8"),
        (Inner::Raw(vec![0; 7]), "not well formed"),
        (Inner::Raw(vec![0; 4097]), "more than 4096 bytes"),
    ] {
        let mut supplicant = Supplicant::new(&TLS13, inner);
        let Outcome::Failed(reason) = sign_in(conversation(), &mut supplicant) else {
            panic!("no failure: {wanted}");
        };
        assert!(reason.to_string().contains(wanted), "{reason} {wanted}");
    }
}

/// An EAP packet in its pair: code, identifier, type, data.
fn eap(code: u8, identifier: u8, kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u8::try_from(5 + data.len()).unwrap();
    avp(79, 0, &[&[code, identifier, 0, length, kind], data].concat())
}

#[test]
fn who_breaks_the_rules_of_eap_in_the_tunnel_is_refused() {
    let name = eap(2, 5, 1, b"alice");
    let pap = || [avp(1, 0, b"mallory"), avp(2, 0, b"secret")].concat();
    let long = &[b'a'; 254];
    for (messages, reason) in [
        (vec![name.clone(), eap(2, 5, 6, b"secret")], Failure::Inner), // not to our request
        (vec![name.clone(), eap(1, 6, 6, b"secret")], Failure::Inner), // a request
        (vec![name.clone(), eap(2, 6, 1, b"mallory")], Failure::Inner), // another name
        (vec![name.clone(), eap(2, 6, 4, b"secret")], Failure::Inner), // another method
        (vec![name.clone(), avp(79, 0, b"x")], Failure::Inner),
        (vec![eap(2, 5, 6, b"secret")], Failure::Inner), // no name
        (vec![name, pap()], Failure::InnerMissing),
        (vec![eap(2, 5, 1, b"")], Failure::Identity),
        (vec![[avp(1, 0, long), avp(2, 0, b"secret")].concat()], Failure::Identity),
    ] {
        let mut supplicant = Supplicant::new(&TLS13, Inner::Script(messages));
        let Outcome::Failed(failure) = sign_in(conversation(), &mut supplicant) else {
            panic!("no failure: {reason}");
        };
        assert_eq!(failure, reason);
    }
    let outside = [&[2, 0, 1, 3, 1][..], long].concat();
    let step = conversation().step(&outside);
    assert!(matches!(step, Step::Failed { reason: Failure::Identity, .. }));
}

/// Only who decides may ask, and a conversation waits for one answer at a time.
#[test]
fn nothing_is_asked_while_an_answer_is_awaited() {
    let inner = Inner::Gtc { name: "alice", answers: vec![b"secret", b"123456"] };
    let mut supplicant = Supplicant::new(&TLS13, inner);
    let mut conversation = conversation();
    let mut response = supplicant.identity();
    loop {
        assert!(conversation.challenge("Code:").is_none());
        match conversation.step(&response) {
            Step::Send(request) => response = supplicant.respond(&request),
            Step::Credentials(_) => break,
            _ => panic!("neither a request nor credentials"),
        }
    }
    assert!(matches!(conversation.challenge("Code:"), Some(Step::Send(_))));
    assert!(conversation.challenge("Code:").is_none());
    assert!(conversation.finish(true).keys.is_none(), "the answer is not there yet");
}

#[test]
fn a_client_that_begins_is_asked_for_its_name() {
    let mut conversation = conversation();
    let Step::Send(request) = conversation.step(&[]) else { panic!("no request") };
    assert_eq!(request, [1, 0, 0, 5, 1]);
    let Step::Send(request) = conversation.step(&[2, 0, 0, 6, 1, b'a']) else { panic!("no start") };
    assert_eq!(request, [1, 1, 0, 6, 21, 0x20]);
}

#[test]
fn a_client_that_does_not_trust_the_certificate_is_told_of() {
    for version in [&TLS12, &TLS13] {
        let inner = Inner::Pap { name: "alice", password: b"secret" };
        let mut supplicant = Supplicant::new(version, inner);
        supplicant.distrust(version);
        let Outcome::Failed(Failure::Tls(error)) = sign_in(conversation(), &mut supplicant) else {
            panic!("no failure");
        };
        assert!(matches!(error, rustls::Error::AlertReceived(_)), "{error}");
    }
}

#[test]
fn packets_that_were_not_asked_for_change_nothing() {
    let inner = Inner::Pap { name: "alice", password: b"secret" };
    let mut supplicant = Supplicant::new(&TLS13, inner);
    let mut conversation = conversation();
    let mut response = supplicant.identity();
    let mut rounds = 0;
    let credentials = loop {
        for stray in [
            &[][..],
            &[2, 1],
            &[1, 1, 0, 6, 21, 0],
            &[2, 99, 0, 6, 21, 0],
            &[2, 99, 0, 6, 3, 25],
            &[3, 1, 0, 4],
        ] {
            let is_start = rounds == 0 && stray.is_empty();
            assert!(is_start || matches!(conversation.step(stray), Step::Discard(_)));
        }
        match conversation.step(&response) {
            Step::Send(request) => response = supplicant.respond(&request),
            Step::Credentials(credentials) => break credentials,
            _ => panic!("neither a request nor credentials"),
        }
        rounds += 1;
    };
    assert_eq!(credentials.identity, "alice");
    assert!(matches!(conversation.step(&response), Step::Discard(Discarded::NotAsked)));
    assert!(conversation.finish(true).keys.is_some());
}

#[test]
fn rounds_are_bounded() {
    let mut conversation = conversation();
    for _ in 0..ROUNDS_MAX {
        assert!(matches!(conversation.step(&[]), Step::Send(_)));
    }
    assert!(matches!(conversation.step(&[]), Step::Failed { reason: Failure::Rounds, .. }));
}

/// No session is resumed: the second sign-in of one client goes through the whole handshake, and
/// has to show its password.
#[test]
fn sessions_are_not_resumed() {
    for version in [&TLS12, &TLS13] {
        let mut supplicant =
            Supplicant::new(version, Inner::Pap { name: "alice", password: b"secret" });
        for _ in 0..2 {
            let Outcome::Credentials(conversation, _) = sign_in(conversation(), &mut supplicant)
            else {
                panic!("no credentials");
            };
            assert!(conversation.finish(true).keys.is_some());
            assert_eq!(supplicant.handshake(), Some(rustls::HandshakeKind::Full));
            supplicant.restart(version);
        }
    }
}

#[test]
fn requests_are_no_longer_than_the_client_can_take() {
    for (framed_mtu, bytes_max) in
        [(None, 1024), (Some(100), 512), (Some(1004), 1000), (Some(9000), 1400)]
    {
        let mut supplicant =
            Supplicant::new(&TLS13, Inner::Pap { name: "alice", password: b"secret" });
        let conversation = Conversation::new(server().0, framed_mtu, PROMPT);
        assert!(matches!(sign_in(conversation, &mut supplicant), Outcome::Credentials(..)));
        assert!(supplicant.longest <= bytes_max, "{framed_mtu:?}: {}", supplicant.longest);
    }
}
