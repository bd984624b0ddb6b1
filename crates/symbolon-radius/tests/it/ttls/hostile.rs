//! Clients that mean harm, or know no better.

use proptest::collection::vec;
use proptest::prelude::*;
use rustls::version::TLS13;
use symbolon_radius::{Failure, Step};

use super::conversation;
use super::supplicant::{Inner, Supplicant};

/// A response to the request that came last.
fn answer(request: &[u8], flags: u8, data: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(6 + data.len()).unwrap().to_be_bytes();
    [&[2, request[1], high, low, 21, flags], data].concat()
}

fn failure(steps: &[(u8, &[u8])]) -> Failure {
    let mut conversation = conversation();
    let Step::Send(mut request) = conversation.step(&[2, 0, 0, 6, 1, b'a']) else {
        panic!("no start");
    };
    for (flags, data) in steps {
        match conversation.step(&answer(&request, *flags, data)) {
            Step::Send(next) => request = next,
            Step::Failed { eap, reason } => {
                assert_eq!(eap[0], 4);
                return reason;
            }
            _ => panic!("neither a request nor a failure"),
        }
    }
    panic!("no failure");
}

#[test]
fn flags_and_lengths_that_cannot_be() {
    for steps in [
        &[(0x20, &[][..])][..],
        &[(0x01, &[])],
        &[(0x80, &[0, 0, 1])],
        &[(0x40, &[])],
        &[(0xc0, &[0, 1, 0, 0, 9])],
        &[(0xc0, &[0, 0, 0, 2, 9]), (0x40, &[9, 9])],
    ] {
        assert_eq!(failure(steps), Failure::Fragment, "{steps:?}");
    }
}

#[test]
fn what_is_no_tls_gets_an_alert_first() {
    let failed = failure(&[(0, b"GET / HTTP/1.1\r\n\r\n"), (0, &[])]);
    assert!(matches!(failed, Failure::Tls(_)), "{failed}");
}

#[test]
fn acknowledgements_without_end_are_bounded() {
    let steps = vec![(0, &[][..]); 60];
    assert_eq!(failure(&steps), Failure::Rounds);
}

#[test]
fn a_client_that_does_not_wait_for_the_rest_is_refused() {
    let mut supplicant = Supplicant::new(&TLS13, Inner::Raw(vec![]));
    let mut conversation = conversation();
    let mut response = supplicant.identity();
    loop {
        let Step::Send(request) = conversation.step(&response) else { panic!("no request") };
        if request[5] & 0x40 != 0 {
            let step = conversation.step(&answer(&request, 0, b"more of mine"));
            assert!(matches!(step, Step::Failed { reason: Failure::Fragment, .. }));
            return;
        }
        response = supplicant.respond(&request);
    }
}

/// A conversation that has come to an end of its own is left alone, whatever comes.
fn run(responses: &[Vec<u8>], follow: bool) {
    let mut conversation = conversation();
    let mut identifier = 0;
    for response in responses {
        let mut response = response.clone();
        if follow && response.len() > 1 {
            (response[0], response[1]) = (2, identifier);
        }
        match conversation.step(&response) {
            Step::Send(request) => identifier = request[1],
            Step::Credentials(_) => panic!("nobody has said anything through the tunnel"),
            Step::Failed { .. } | Step::Discard(_) => (),
        }
    }
    assert!(conversation.finish(true).keys.is_none());
}

proptest! {
    #[test]
    fn no_bytes_do_harm(responses in vec(vec(any::<u8>(), 0..40), 0..8), follow: bool) {
        run(&responses, follow);
    }

    #[test]
    fn no_pieces_do_harm(pieces in vec((any::<u8>(), vec(any::<u8>(), 0..300)), 0..8)) {
        let begin = vec![2, 0, 0, 6, 1, b'a'];
        let pieces = pieces.iter().map(|(flags, data)| answer(&[1, 0], flags & 0xc0, data));
        run(&std::iter::once(begin).chain(pieces).collect::<Vec<_>>(), true);
    }
}
