//! Passwords and keys that travel hidden.

use symbolon_radius::{Cover, HiddenError, PASSWORD_BYTES_MAX, SALTED_BYTES_MAX};

use crate::{AUTHENTICATOR, other_secret, secret};

#[test]
fn passwords_of_every_length() {
    let secret = secret();
    let cover = Cover::new(&secret, &AUTHENTICATOR);
    for length in 0..=PASSWORD_BYTES_MAX {
        let password = vec![b'p'; length];
        let hidden = cover.hide_password(&password).unwrap();
        assert_eq!(hidden.len(), length.div_ceil(16).max(1) * 16);
        assert_eq!(*cover.reveal_password(&hidden).unwrap(), password);
    }
    let long = cover.hide_password(&[b'p'; PASSWORD_BYTES_MAX + 1]);
    assert_eq!(long, Err(HiddenError::TooLong));
    for length in [0, 1, 15, 17, 127, 129, 144] {
        let revealed = cover.reveal_password(&vec![0; length]);
        assert_eq!(revealed.err(), Some(HiddenError::Length), "{length}");
    }
}

#[test]
fn zeros_within_a_password_stay_and_those_behind_it_go() {
    let secret = secret();
    let cover = Cover::new(&secret, &AUTHENTICATOR);
    let hidden = cover.hide_password(b"a\0b\0\0").unwrap();
    assert_eq!(*cover.reveal_password(&hidden).unwrap(), b"a\0b");
}

#[test]
fn keys_of_every_length() {
    let secret = secret();
    let cover = Cover::new(&secret, &AUTHENTICATOR);
    for length in 0..=SALTED_BYTES_MAX {
        let key = vec![0xa5; length];
        let hidden = cover.hide_salted(&key, [0, 7]).unwrap();
        assert_eq!(hidden[..2], [0x80, 7]);
        assert_eq!(hidden.len(), 2 + (length + 1).div_ceil(16) * 16);
        assert_eq!(*cover.reveal_salted(&hidden).unwrap(), key);
    }
    assert_eq!(cover.hide_salted(&[0; SALTED_BYTES_MAX + 1], [0, 0]), Err(HiddenError::TooLong));
    for length in [0, 1, 2, 3, 17, 19] {
        let revealed = cover.reveal_salted(&vec![0; length]);
        assert_eq!(revealed.err(), Some(HiddenError::Length), "{length}");
    }
}

/// Computed by another program (Python's hashlib) from the text of RFC 2548 section 2.4.2.
#[test]
fn a_key_as_another_program_hides_it() {
    let secret = secret();
    let cover = Cover::new(&secret, &AUTHENTICATOR);
    let key: Vec<u8> = (0..32).collect();
    let hidden = cover.hide_salted(&key, [0x12, 0x34]).unwrap();
    let hex: String = hidden.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, include_str!("mppe-key.hex").trim());
}

#[test]
fn keys_are_carried_over_to_another_secret() {
    let (near, far) = (secret(), other_secret());
    let (from, to) = (Cover::new(&far, &[7; 16]), Cover::new(&near, &AUTHENTICATOR));
    let key = [0x5a; 32];
    let hidden = from.hide_salted(&key, [1, 2]).unwrap();
    let carried = from.carry_over(&hidden, &to, [3, 4]).unwrap();
    assert_eq!(carried[..2], [0x83, 4]);
    assert_eq!(*to.reveal_salted(&carried).unwrap(), key);
    let tagged = [&[9][..], &hidden].concat();
    let carried = from.carry_over_tunnel_password(&tagged, &to, [3, 4]).unwrap();
    assert_eq!(carried[..3], [9, 0x83, 4]);
    assert_eq!(*to.reveal_salted(&carried[1..]).unwrap(), key);
    assert_eq!(from.carry_over_tunnel_password(&[], &to, [3, 4]), Err(HiddenError::Length));
}

#[test]
fn another_secret_is_told_by_a_length_that_cannot_be() {
    let (near, far) = (secret(), other_secret());
    let (right, wrong) = (Cover::new(&near, &AUTHENTICATOR), Cover::new(&far, &AUTHENTICATOR));
    let senseless = (0..=u8::MAX).filter(|salt| {
        let hidden = right.hide_salted(&[0x5a; 15], [0, *salt]).unwrap();
        wrong.reveal_salted(&hidden).err() == Some(HiddenError::Senseless)
    });
    assert!(senseless.count() > 200, "a length over 15 is likely: 240 of 256");
}
