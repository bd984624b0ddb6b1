//! Sealed fields open where they were sealed, and nowhere else.

use symbolon_core::{DataKeyId, Sealed, Secret};
use symbolon_store::{DataKey, FieldRef, Keyring, SealError};

const FIRST: DataKeyId = DataKeyId::FIRST;
const SECOND: DataKeyId = DataKeyId(2);

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn keyring() -> Keyring {
    Keyring::new(DataKey::generate().unwrap())
}

fn seed_of(token: u64) -> FieldRef {
    FieldRef::new("token", token, "seed")
}

#[test]
fn sealed_field_opens_again() {
    let keyring = keyring();
    for text in ["", "12345678901234567890"] {
        let sealed = keyring.seal(FIRST, &seed_of(1), &secret(text)).unwrap();
        assert_eq!(keyring.open(&seed_of(1), &sealed).unwrap(), secret(text));
        assert_eq!(sealed.as_bytes().len(), 1 + 4 + 24 + text.len() + 16);
        assert_eq!(sealed.as_bytes()[..5], [1, 0, 0, 0, 1], "the frozen layout");
    }
}

#[test]
fn sealed_field_does_not_open_elsewhere() {
    let keyring = keyring();
    let sealed = keyring.seal(FIRST, &seed_of(1), &secret("seed")).unwrap();
    for elsewhere in [
        seed_of(2),
        FieldRef::new("token", 1, "pin"),
        FieldRef::new("user", 1, "seed"),
        // Equal when the parts are merely put together.
        FieldRef::new("tokens", 1, "eed"),
        FieldRef::of_bytes("token", &[&1_u64.to_be_bytes()[..], b"s"].concat(), "eed"),
    ] {
        assert_eq!(keyring.open(&elsewhere, &sealed), Err(SealError::Refused), "{elsewhere:?}");
    }
}

#[test]
fn sealed_field_does_not_open_under_another_key() {
    let sealed = keyring().seal(FIRST, &seed_of(1), &secret("seed")).unwrap();
    assert_eq!(keyring().open(&seed_of(1), &sealed), Err(SealError::Refused));
}

#[test]
fn sealed_field_names_its_key() {
    let mut key = DataKey::generate().unwrap().to_secret().expose().to_vec();
    key[3] = 2;
    let second = Keyring::new(DataKey::from_secret(&Secret::new(key)).unwrap());
    let sealed = second.seal(SECOND, &seed_of(1), &secret("seed")).unwrap();
    assert_eq!(keyring().open(&seed_of(1), &sealed), Err(SealError::KeyId { id: SECOND }));
}

#[test]
fn damaged_field_does_not_open() {
    let keyring = keyring();
    let sealed = keyring.seal(FIRST, &seed_of(1), &secret("seed")).unwrap();
    for length in 0..sealed.as_bytes().len() {
        let torn = Sealed::new(sealed.as_bytes()[..length].to_vec());
        assert!(keyring.open(&seed_of(1), &torn).is_err(), "{length} bytes");
    }
    for place in 0..sealed.as_bytes().len() {
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[place] ^= 1;
        assert!(keyring.open(&seed_of(1), &Sealed::new(bytes)).is_err(), "byte {place}");
    }
}

#[test]
fn equal_values_seal_differently() {
    let keyring = keyring();
    let one = keyring.seal(FIRST, &seed_of(1), &secret("seed")).unwrap();
    let other = keyring.seal(FIRST, &seed_of(1), &secret("seed")).unwrap();
    assert_ne!(one, other);
}

#[test]
fn fingerprint_depends_on_content_and_key() {
    let keyring = keyring();
    assert_eq!(keyring.fingerprint(b"request"), keyring.fingerprint(b"request"));
    assert_ne!(keyring.fingerprint(b"request"), keyring.fingerprint(b"request "));
    assert_ne!(keyring.fingerprint(b"request"), self::keyring().fingerprint(b"request"));
}

#[test]
fn fingerprint_is_frozen() {
    // Checked against Python: hmac(hmac(key, b"symbolon fingerprint v1"), b"request")[:16].
    let key = Secret::new([&1_u32.to_be_bytes()[..], &[7; 32]].concat());
    let keyring = Keyring::new(DataKey::from_secret(&key).unwrap());
    assert_eq!(u128::from_be_bytes(keyring.fingerprint(b"request")), FINGERPRINT);
}

#[test]
fn data_key_survives_being_handed_over() {
    let key = DataKey::generate().unwrap();
    let sealed = Keyring::new(key.clone()).seal(FIRST, &seed_of(1), &secret("seed")).unwrap();
    let handed_over = DataKey::from_secret(&key.to_secret()).unwrap();
    assert_eq!(Keyring::new(handed_over).open(&seed_of(1), &sealed).unwrap(), secret("seed"));
    for wrong in [0, 3, 35, 37] {
        let error = DataKey::from_secret(&Secret::new(vec![0; wrong])).unwrap_err();
        assert_eq!(error, SealError::NotAKey);
    }
}

#[test]
fn keyring_opens_under_every_key_it_holds_and_seals_under_the_one_that_is_named() {
    let first = keyring();
    let both = first.clone().with(DataKey::generate_as(SECOND).unwrap());
    let old = first.seal(FIRST, &seed_of(1), &secret("seed")).unwrap();
    let new = both.seal(SECOND, &seed_of(1), &secret("seed")).unwrap();
    for sealed in [&old, &new] {
        assert_eq!(both.open(&seed_of(1), sealed).unwrap(), secret("seed"));
    }
    assert_eq!(both.seal(FIRST, &seed_of(1), &secret("")).unwrap().as_bytes()[4], 1);
    let refused = first.seal(SECOND, &seed_of(1), &secret("seed"));
    assert_eq!(refused, Err(SealError::KeyId { id: SECOND }));

    let second = both.clone().without_older_than(SECOND);
    assert_eq!(second.open(&seed_of(1), &old), Err(SealError::KeyId { id: FIRST }));
    assert_eq!(second.open(&seed_of(1), &new).unwrap(), secret("seed"));
    assert!(first.without_older_than(SECOND).holds(FIRST), "a keyring is never left without a key");
}

#[test]
fn fingerprints_stay_when_the_data_key_is_changed() {
    let first = keyring();
    let second =
        first.clone().with(DataKey::generate_as(SECOND).unwrap()).without_older_than(SECOND);
    assert_eq!(second.fingerprint(b"request"), first.fingerprint(b"request"));
    let key = second.fingerprint_key();
    let handed_over = Keyring::of(second.data_keys().to_vec(), Some(&key)).unwrap();
    assert_eq!(handed_over.fingerprint(b"request"), first.fingerprint(b"request"));
    assert!(Keyring::of(Vec::new(), Some(&key)).is_err());
}

#[test]
fn keys_do_not_print() {
    let key = Secret::new([&1_u32.to_be_bytes()[..], &[0xab; 32]].concat());
    let key = DataKey::from_secret(&key).unwrap();
    assert_eq!(format!("{key:?}"), "DataKey(1, ..)");
    assert_eq!(format!("{:?}", Keyring::new(key)), "Keyring([DataKey(1, ..)])");
}

const FINGERPRINT: u128 = 0xd21f_c4f0_b0ef_4da2_f1a1_0f0e_3c3b_54cf;
