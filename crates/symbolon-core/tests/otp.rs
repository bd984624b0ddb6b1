//! One-time passwords against the test vectors of their RFCs, and at the edges of the window.

use symbolon_core::otp::{Algorithm, Code, Parameters, ParametersError};
use symbolon_core::otp::{Position, check_seed, code_at, hotp, matching_step, resynchronise};
use symbolon_core::{Secret, Timestamp};

const SEED: &[u8] = b"1234567890";

/// The seeds of both RFCs: the ten digits over and over.
fn rfc_seed(bytes: usize) -> Secret {
    Secret::new(SEED.iter().copied().cycle().take(bytes).collect())
}

fn at(seconds: u64) -> Timestamp {
    Timestamp(seconds * 1000)
}

#[test]
fn hotp_values_are_those_of_rfc_4226_appendix_d() {
    let expected = [
        1_284_755_224,
        1_094_287_082,
        137_359_152,
        1_726_969_429,
        1_640_338_314,
        868_254_676,
        1_918_287_922,
        82_162_583,
        673_399_871,
        645_520_489,
    ];
    let seed = rfc_seed(20);
    for (counter, value) in (0..).zip(expected) {
        assert_eq!(hotp(&seed, counter, Algorithm::Sha1), value, "{counter}");
        let code = code_at(&seed, counter, Parameters::default());
        assert_eq!(code, value % 1_000_000, "{counter}");
    }
}

#[test]
fn totp_values_are_those_of_rfc_6238_appendix_b() {
    let kinds = [
        (Algorithm::Sha1, rfc_seed(20)),
        (Algorithm::Sha256, rfc_seed(32)),
        (Algorithm::Sha512, rfc_seed(64)),
    ];
    let expected: [(u64, [u32; 3]); 6] = [
        (59, [94_287_082, 46_119_246, 90_693_936]),
        (1_111_111_109, [7_081_804, 68_084_774, 25_091_201]),
        (1_111_111_111, [14_050_471, 67_062_674, 99_943_326]),
        (1_234_567_890, [89_005_924, 91_819_424, 93_441_116]),
        (2_000_000_000, [69_279_037, 90_698_825, 38_618_901]),
        (20_000_000_000, [65_353_130, 77_737_706, 47_863_826]),
    ];
    for (seconds, values) in expected {
        for ((algorithm, seed), value) in kinds.iter().zip(values) {
            let parameters = Parameters::totp(*algorithm, 8, 30).unwrap();
            let step = parameters.step(at(seconds), 0);
            let shown = format!("{algorithm:?} at {seconds}");
            assert_eq!(code_at(seed, step, parameters), value, "{shown}");

            let code = Code::parse(&format!("{value:08}")).unwrap();
            let found = matching_step(seed, parameters, Position::default(), code, at(seconds));
            assert_eq!(found, Some(step), "{shown}");
        }
    }
}

#[test]
fn a_code_is_taken_one_step_before_and_after_its_own() {
    let seed = rfc_seed(20);
    for period in [30, 60] {
        let parameters = Parameters::totp(Algorithm::Sha1, 6, period).unwrap();
        let step = 1000;
        let code = Code::parse(&format!("{:06}", code_at(&seed, step, parameters))).unwrap();
        let length = u64::from(period) * 1000;
        // The first and the last millisecond of each of the steps around.
        for (step_now, taken) in [(998, false), (999, true), (1000, true), (1001, true)] {
            for now in [step_now * length, (step_now + 1) * length - 1] {
                let found =
                    matching_step(&seed, parameters, Position::default(), code, Timestamp(now));
                assert_eq!(found, taken.then_some(step), "period {period} at {now}");
            }
        }
        let late = Timestamp(1002 * length);
        assert_eq!(matching_step(&seed, parameters, Position::default(), code, late), None);
    }
}

#[test]
fn the_window_ends_where_time_ends() {
    let parameters = Parameters::default();
    assert_eq!(Position::default().window(parameters, at(0)), (0, 1));
    assert_eq!(Position::default().window(parameters, Timestamp(29_999)), (0, 1));
    assert_eq!(Position::default().window(parameters, at(30)), (0, 2));
    assert_eq!(Position::default().window(parameters, at(3000)), (99, 101));
    let last = parameters.step(Timestamp(u64::MAX), 0);
    assert_eq!(
        Position::default().window(parameters, Timestamp(u64::MAX)),
        (last - 1, last + 1),
        "no overflow"
    );
}

/// The codes of the RFC seed at steps 910737 and 910738 are equal.
#[test]
fn of_two_matching_steps_the_highest_is_found() {
    let seed = rfc_seed(20);
    let parameters = Parameters::default();
    let code = Code::parse("911617").unwrap();
    for (step_now, found) in [
        (910_735, None),
        (910_736, Some(910_737)),
        (910_737, Some(910_738)),
        (910_738, Some(910_738)),
        (910_739, Some(910_738)),
        (910_740, None),
    ] {
        let step = matching_step(&seed, parameters, Position::default(), code, at(step_now * 30));
        assert_eq!(step, found, "now {step_now}");
    }
}

/// The code of the RFC seed at step 349495 is 000000: the value that a malformed code has too.
#[test]
fn a_malformed_code_matches_nothing() {
    let seed = rfc_seed(20);
    let parameters = Parameters::default();
    let now = at(349_495 * 30);
    let zeros = Code::parse("000000").unwrap();
    assert_eq!(
        matching_step(&seed, parameters, Position::default(), zeros, now),
        Some(349_495),
        "the code of six zeros is a code"
    );
    assert_eq!(matching_step(&seed, parameters, Position::default(), Code::NEVER, now), None);
}

#[test]
fn a_code_of_another_length_does_not_match() {
    let seed = rfc_seed(20);
    // Step 7 makes 82162583: with a leading zero it is the same number in more digits.
    let now = at(7 * 30);
    for (digits, text, right) in [
        (6, "162583", true),
        (6, "0162583", false),
        (6, "82162583", false),
        (7, "2162583", true),
        (7, "02162583", false),
        (8, "82162583", true),
        (8, "2162583", false),
    ] {
        let parameters = Parameters::totp(Algorithm::Sha1, digits, 30).unwrap();
        let code = Code::parse(text).unwrap();
        let found = matching_step(&seed, parameters, Position::default(), code, now);
        assert_eq!(found, right.then_some(7), "{text} of {digits} digits");
    }
}

#[test]
fn a_code_is_six_to_eight_digits_with_spaces_anywhere() {
    for good in ["287082", "287 082", " 287082 ", "2 8 7 0 8 2", "0000000", "94287082", "9428 7082"]
    {
        assert!(Code::parse(good).is_some(), "{good:?}");
    }
    for bad in [
        "",
        "      ",
        "28708",
        "2 8 7 0 8",
        "942870820",
        "9428708200000000000000",
        "28708a",
        "-287082",
        "+287082",
        "287.082",
        "287-082",
        "0x2870",
        "287082\n",
        "287\t082",
        "287\u{a0}082",
        "２８７０８２",
        "٢٨٧٠٨٢",
    ] {
        assert!(Code::parse(bad).is_none(), "{bad:?}");
    }
}

#[test]
fn spaces_do_not_change_what_a_code_matches() {
    let seed = rfc_seed(20);
    let spaced = Code::parse(" 287 082").unwrap();
    let found = matching_step(&seed, Parameters::default(), Position::default(), spaced, at(30));
    assert_eq!(found, Some(1));
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    for digits in [0, 5, 9, u8::MAX] {
        let refused = Parameters::totp(Algorithm::Sha1, digits, 30);
        assert_eq!(refused, Err(ParametersError::Digits), "{digits}");
    }
    for period in [0, 1, 29, 31, 45, 59, 61, 90, u32::MAX] {
        let refused = Parameters::totp(Algorithm::Sha1, 6, period);
        assert_eq!(refused, Err(ParametersError::Period), "{period}");
    }
    for digits in 6..=8 {
        for period in [30, 60] {
            let taken = Parameters::totp(Algorithm::Sha512, digits, period).unwrap();
            assert_eq!(
                (taken.algorithm(), taken.digits(), taken.period_seconds()),
                (Algorithm::Sha512, digits, Some(period))
            );
        }
    }
    let default = Parameters::totp(Algorithm::Sha1, 6, 30).unwrap();
    assert_eq!(Parameters::default(), default);
}

#[test]
fn a_seed_has_16_to_64_bytes() {
    for (bytes, good) in [(0, false), (15, false), (16, true), (64, true), (65, false)] {
        let expected = if good { Ok(()) } else { Err(ParametersError::Seed) };
        assert_eq!(check_seed(&rfc_seed(bytes)), expected, "{bytes}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let seed = rfc_seed(20);
    assert_eq!(format!("{seed:?}"), "Secret(..)");
    let sealed = symbolon_core::Sealed::new(b"ciphertext".to_vec());
    assert_eq!(format!("{sealed:?}"), "Sealed(10 bytes)");
    let code = Code::parse("287082").unwrap();
    assert_eq!(format!("{code:?}"), "Code(..)");
}

/// RFC 4226 appendix D: counters 0 to 9 are steps 1 to 10.
#[test]
fn a_counter_is_found_from_the_mark_on() {
    let seed = Secret::new(b"12345678901234567890".to_vec());
    let parameters = Parameters::hotp(Algorithm::Sha1, 6).unwrap();
    let values = [755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489];
    let found = |mark, value: u32| {
        let position = Position { mark, ..Position::default() };
        let code = Code::parse(&format!("{value:06}")).unwrap();
        matching_step(&seed, parameters, position, code, Timestamp(0))
    };
    for (step, value) in (1..).zip(values) {
        assert_eq!(code_at(&seed, step, parameters), value);
        assert_eq!(found(0, value), Some(step));
        assert_eq!(found(step - 1, value), Some(step), "the next one");
        assert_eq!(found(step, value), Some(step), "sent twice");
        assert_eq!(found(step + 1, value), None, "further back");
    }
    assert_eq!(found(0, code_at(&seed, 11, parameters)), None, "too far ahead");
    assert_eq!(found(1, code_at(&seed, 11, parameters)), Some(11));
}

#[test]
fn two_codes_in_a_row_tell_where_a_token_is() {
    let seed = Secret::new(b"12345678901234567890".to_vec());
    let code = |parameters, step| {
        Code::parse(&format!("{:06}", code_at(&seed, step, parameters))).unwrap()
    };
    let hotp = Parameters::hotp(Algorithm::Sha1, 6).unwrap();
    let position = Position { mark: 7, ..Position::default() };
    let find = |first, second| {
        let codes = [code(hotp, first), code(hotp, second)];
        resynchronise(&seed, hotp, position, codes, Timestamp(0))
    };
    assert_eq!(find(1006, 1007), Some(1007));
    assert_eq!(find(1007, 1008), None, "too far");
    assert_eq!(find(8, 9), Some(9));
    assert_eq!(find(7, 8), None, "the first is used");
    assert_eq!(find(20, 22), None, "not in a row");
    assert_eq!(find(21, 20), None, "the wrong way round");

    let totp = Parameters::default();
    let find = |step: u64, now: u64| {
        let codes = [code(totp, step - 1), code(totp, step)];
        resynchronise(&seed, totp, Position::default(), codes, at(now * 30))
    };
    assert_eq!(find(1100, 1000), Some(1100));
    assert_eq!(find(1101, 1000), None);
    assert_eq!(find(901, 1000), Some(901));
    assert_eq!(find(900, 1000), None);
}
