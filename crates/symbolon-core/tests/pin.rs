//! PINs: the rules, how they are kept, and how a PIN and a code are told apart.

#[cfg(test)]
mod tests {
    use symbolon_core::otp::{Algorithm, Code, Parameters, Position, matching_step};
    use symbolon_core::pin::{Pin, PinFault, PinOrder, PinRecord, PinRules, SALT_BYTES, Typed};
    use symbolon_core::{Phone, PhoneKind, Secret, Setting, Settings, State, Timestamp};

    const RULES: PinRules = PinRules { min_length: 4, prevent_weak: true, history: 5 };

    fn pin(text: &str) -> Pin {
        Pin::new(text).unwrap()
    }

    fn check(text: &str, rules: PinRules) -> Result<(), PinFault> {
        pin(text).check(rules, &[], None)
    }

    fn salt(byte: u8) -> [u8; SALT_BYTES] {
        [byte; SALT_BYTES]
    }

    #[test]
    fn a_pin_is_4_to_16_digits_and_nothing_else() {
        for good in ["4711", "4711471147114711"] {
            assert_eq!(pin(good).expose(), good);
        }
        for bad in ["", "471", "47114711471147110", "4711a", "47 11", " 4711", "４７１１", "-4711"]
        {
            assert_eq!(Pin::new(bad).unwrap_err(), PinFault::Characters, "{bad:?}");
        }
    }

    #[test]
    fn the_rules_are_those_of_the_settings() {
        assert_eq!(Settings::default().pin_rules(), RULES);
        let changes = [
            (Setting::PinMinLength, Some(8)),
            (Setting::PinPreventWeak, Some(0)),
            (Setting::PinHistory, Some(0)),
        ];
        let rules = PinRules { min_length: 8, prevent_weak: false, history: 0 };
        assert_eq!(Settings::default().with(&changes).pin_rules(), rules);
    }

    #[test]
    fn a_short_one_is_refused_with_the_length_that_is_asked_for() {
        let rules = PinRules { min_length: 6, ..RULES };
        assert_eq!(check("47114", rules), Err(PinFault::Short(6)));
        assert_eq!(check("471147", rules), Ok(()));
        assert!(PinFault::Short(6).to_string().contains('6'));
    }

    #[test]
    fn three_digits_that_count_or_are_the_same_are_weak() {
        for counts in ["1235", "9012", "4567", "0321", "4987", "471123"] {
            assert_eq!(check(counts, RULES), Err(PinFault::Sequence), "{counts}");
        }
        for same in ["1113", "7999", "0005", "471444"] {
            assert_eq!(check(same, RULES), Err(PinFault::Repeated), "{same}");
        }
        // Not around the end of the digits, and not with gaps.
        for good in ["8901", "1098", "1357", "1223", "1212", "4711", "1144"] {
            assert_eq!(check(good, RULES), Ok(()), "{good}");
        }
        for weak in ["1234", "1111"] {
            let rules = PinRules { prevent_weak: false, ..RULES };
            assert_eq!(check(weak, rules), Ok(()), "{weak}");
        }
    }

    #[test]
    fn four_digits_of_a_telephone_number_are_weak() {
        let phone = |number: &str| Phone::new(PhoneKind::Mobile, number.to_owned(), String::new());
        let phones = [phone("+49301592604").unwrap(), phone("+15550182").unwrap()];
        let check = |text: &str, rules| pin(text).check(rules, &phones, None);
        for weak in ["4930", "2604", "0182", "8159268", "75926"] {
            assert_eq!(check(weak, RULES), Err(PinFault::Telephone), "{weak}");
        }
        assert_eq!(check("0159", PinRules { prevent_weak: false, ..RULES }), Ok(()));
        // Three are no run, and neither are the end of one number and the beginning of the next.
        for good in ["5927", "6041", "0415"] {
            assert_eq!(check(good, RULES), Ok(()), "{good}");
        }
    }

    #[test]
    fn the_present_one_and_those_of_the_history_cannot_come_again() {
        let all = ["2001", "3002", "4003", "5004"].map(pin);
        let mut record = None;
        for (number, pin) in (1..).zip(&all) {
            record = Some(PinRecord::new(pin, salt(number), record.as_ref(), 10));
        }
        let record = record.as_ref();
        let again = |history: usize| {
            let rules = PinRules { history, ..RULES };
            let refused = |pin: &&Pin| pin.check(rules, &[], record) == Err(PinFault::Used);
            all.iter().filter(refused).map(Pin::expose).collect::<Vec<_>>()
        };
        assert_eq!(again(10), ["2001", "3002", "4003", "5004"]);
        assert_eq!(again(2), ["3002", "4003", "5004"]);
        assert_eq!(again(0), ["5004"]);
        assert_eq!(pin("6005").check(RULES, &[], record), Ok(()));
    }

    #[test]
    fn no_more_is_kept_than_the_history_asks_for() {
        let record = |history| {
            let mut record = PinRecord::new(&pin("1001"), salt(0), None, history);
            for number in 1..30_u8 {
                let next = pin(&format!("{}", 2000 + u32::from(number) * 7));
                record = PinRecord::new(&next, salt(number), Some(&record), history);
            }
            record.as_secret().expose().len()
        };
        assert_eq!([0, 5, 10, 1_000].map(record), [1, 6, 11, 11].map(|pins| 1 + pins * 48));
    }

    #[test]
    fn a_record_of_the_longest_history_is_read_and_a_longer_one_is_not() {
        let of = |pins: usize| {
            let bytes = [&[1][..], &vec![7; pins * 48][..]].concat();
            PinRecord::from_secret(Secret::new(bytes)).is_ok()
        };
        assert_eq!([0, 1, 10, 11, 12, 13].map(of), [false, true, true, true, false, false]);
    }

    /// A history that was switched off for a while can hold one twice.
    #[test]
    fn a_pin_that_is_kept_twice_is_known() {
        let first = PinRecord::new(&pin("4711"), salt(1), None, 5);
        let second = PinRecord::new(&pin("4711"), salt(2), Some(&first), 5);
        assert!(second.knows(&pin("4711"), 5) && !second.knows(&pin("4712"), 5));
    }

    #[test]
    fn a_pin_is_typed_before_the_code_unless_it_is_set_otherwise() {
        assert_eq!(State::default().pin_order(), PinOrder::Before);
    }

    #[test]
    fn the_present_one_alone_fits() {
        let first = PinRecord::new(&pin("4711"), salt(1), None, 5);
        let second = PinRecord::new(&pin("4712"), salt(2), Some(&first), 5);
        assert!(first.fits(b"4711") && second.fits(b"4712"));
        for wrong in [&b""[..], b"471", b"47111", b"4713"] {
            assert!(!first.fits(wrong) && !second.fits(wrong), "{wrong:?}");
        }
        assert!(!second.fits(b"4711"), "the one before");
        for typed in [&b""[..], b"0000", b"4711"] {
            assert!(!PinRecord::nobody().fits(typed), "{typed:?}");
        }
    }

    /// What is on disk: a byte 1, then 16 bytes of salt and HMAC-SHA-256 of the PIN under it.
    #[test]
    fn the_format_stays() {
        let record = PinRecord::new(&pin("4711"), *b"0123456789abcdef", None, 5);
        let hex: String =
            record.as_secret().expose().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "0130313233343536373839616263646566\
             d6f9c71fc9711c566dabe39ff39faefa37960c057643f999c307fa0b671c42ae"
        );
        let read = PinRecord::from_secret(record.as_secret().clone()).unwrap();
        assert!(read.fits(b"4711"));
        let pieces = [&[1][..], &[0; 47]].concat();
        for bad in [vec![], vec![1], vec![2; 49], pieces, vec![1; 1 + 12 * 48]] {
            assert!(PinRecord::from_secret(Secret::new(bad.clone())).is_err(), "{}", bad.len());
        }
    }

    #[test]
    fn nothing_shows_a_pin() {
        let pin = pin("4711471147114711");
        let record = PinRecord::new(&pin, salt(1), None, 5);
        let typed = Typed::new("4711471147114711123456");
        let shown = format!("{pin:?} {record:?} {typed:?}");
        assert_eq!(shown, "Pin(..) PinRecord(..) Typed(..)");
        for fault in [
            PinFault::Characters,
            PinFault::Short(6),
            PinFault::Sequence,
            PinFault::Repeated,
            PinFault::Telephone,
            PinFault::Used,
        ] {
            assert!(!fault.to_string().contains("4711"), "{fault}");
        }
    }

    /// Whether the code is that of RFC 6238 appendix B at 59 s, and what is left of what was typed.
    fn split(text: &str, digits: u8, order: PinOrder) -> (bool, String) {
        let typed = Typed::new(text);
        let (code, rest) = typed.split(digits, order);
        (is_right(code, digits), String::from_utf8(rest.to_vec()).unwrap())
    }

    fn is_right(code: Code, digits: u8) -> bool {
        let seed = Secret::new(b"12345678901234567890".to_vec());
        let parameters = Parameters::totp(Algorithm::Sha1, digits, 30).unwrap();
        matching_step(&seed, parameters, Position::default(), code, Timestamp(59_000)).is_some()
    }

    #[test]
    fn a_pin_stands_before_or_after_the_code() {
        use PinOrder::{After, Before};
        let right = |pin: &str| (true, pin.to_owned());
        assert_eq!(split("4711287082", 6, Before), right("4711"));
        assert_eq!(split("4711 287 082", 6, Before), right("4711"));
        assert_eq!(split("471194287082", 8, Before), right("4711"));
        assert_eq!(split("2870824711", 6, After), right("4711"));
        assert_eq!(split("942870824711", 8, After), right("4711"));
        // The same digits, for a token with more of them.
        assert_eq!(split("4711287082", 8, After), (false, "82".to_owned()));
        assert_eq!(split("287082", 6, Before), right(""));
        assert_eq!(split("287082", 6, After), right(""));
        let longest = "4711471147114711";
        assert_eq!(split(&format!("{longest}94287082"), 8, Before), right(longest));
    }

    #[test]
    fn what_is_no_pin_and_code_is_nothing() {
        let long = format!("{}287082", "1".repeat(19));
        for odd in ["", "87082", "4711-287082", "4711a287082", &long, "４７１１287082"] {
            for order in [PinOrder::Before, PinOrder::After] {
                assert!(!split(odd, 6, order).0, "{odd}");
            }
        }
        assert!(is_right(Typed::new("287 082").code(), 6));
        assert!(!is_right(Typed::new("287082x").code(), 6));
    }
}
