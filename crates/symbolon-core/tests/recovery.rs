//! Recovery codes: their form, how they are made, and how they are kept.

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use symbolon_core::Secret;
    use symbolon_core::recovery::{RECOVERY_CODES, RecoveryCode, RecoverySet};

    fn code(seed: usize) -> RecoveryCode {
        let byte = |place: usize| u8::try_from((seed * 37 + place * 11) % 240).unwrap();
        RecoveryCode::from_random(&std::array::from_fn::<u8, 12, _>(byte)).unwrap()
    }

    fn ten() -> [RecoveryCode; RECOVERY_CODES] {
        std::array::from_fn(code)
    }

    #[test]
    fn a_code_is_read_in_whatever_case_and_grouping() {
        let set = RecoverySet::new(&ten(), [7; 16]);
        let shown = code(4).shown();
        assert_eq!((shown.len(), shown.matches('-').count()), (14, 2));
        let plain = shown.replace('-', "");
        for typed in [
            shown.to_string(),
            plain.clone(),
            shown.to_lowercase(),
            shown.replace('-', " "),
            format!(" {}--{} ", &plain[..5], &plain[5..]),
        ] {
            let read = RecoveryCode::parse(&typed).unwrap();
            assert_eq!(set.number(&read), Some(5), "{typed}");
        }
    }

    #[test]
    fn what_has_not_the_form_is_none() {
        let good = "23456789ABCD";
        assert!(RecoveryCode::parse(good).is_some());
        for odd in ["", "23456789ABC", "23456789ABCDE", "23456789ABC_", "23456789ABC\u{c4}"] {
            assert!(RecoveryCode::parse(odd).is_none(), "{odd}");
        }
        // Letters and digits that are taken for one another are in none.
        for twin in ["0", "1", "I", "L", "O", "U", "o"] {
            assert!(RecoveryCode::parse(&good.replace('D', twin)).is_none(), "{twin}");
        }
    }

    #[test]
    fn each_character_is_drawn_as_often_as_any_other() {
        let mut count = std::collections::BTreeMap::new();
        for byte in 0..=u8::MAX {
            if let Some(code) = RecoveryCode::from_random(&[byte; 12]) {
                *count.entry(code.shown().chars().next().unwrap()).or_insert(0) += 1;
            }
        }
        assert_eq!(count.len(), 30);
        assert_eq!(count.values().copied().collect::<BTreeSet<_>>(), BTreeSet::from([8]));
        // An unfair byte is passed over.
        let mixed = [&[255; 8][..], &[0; 12]].concat();
        assert_eq!(*RecoveryCode::from_random(&mixed).unwrap().shown(), *"2222-2222-2222");
        assert!(RecoveryCode::from_random(&[0; 11]).is_none());
    }

    #[test]
    fn a_set_knows_its_codes_by_number_and_no_others() {
        let set = RecoverySet::new(&ten(), [7; 16]);
        for (number, code) in (1..).zip(&ten()) {
            assert_eq!(set.number(code), Some(number));
        }
        assert_eq!(set.number(&code(10)), None);
        assert_eq!(RecoverySet::nobody().number(&code(0)), None);
        let other = RecoverySet::new(&ten(), [8; 16]);
        assert!(other.as_secret() != set.as_secret(), "the salt counts");
    }

    #[test]
    fn a_set_is_read_as_it_was_kept() {
        let set = RecoverySet::new(&ten(), [7; 16]);
        let bytes = set.as_secret().expose().to_vec();
        assert_eq!((bytes.len(), bytes[0], &bytes[1..17]), (337, 1, &[7; 16][..]));
        let read = RecoverySet::from_secret(Secret::new(bytes.clone())).unwrap();
        assert_eq!(read.number(&code(9)), Some(10));
        let other_version = [&[2][..], &bytes[1..]].concat();
        for bad in [vec![], other_version, bytes[..336].to_vec(), [&bytes[..], &[0]].concat()] {
            assert!(RecoverySet::from_secret(Secret::new(bad)).is_err());
        }
        // For nobody there is no code, and no secret in what is shown.
        let shown = format!("{set:?} {:?}", code(1));
        assert_eq!(shown, "RecoverySet(..) RecoveryCode(..)");
    }
}
