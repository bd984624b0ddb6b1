//! Scripts of what people do and see, run against the state. The language is told in
//! `scripts/language.rs`; what must hold after every line, in `scripts/world.rs`.

#[cfg(test)]
#[path = "scripts/administration.rs"]
mod administration;
#[cfg(test)]
#[path = "scripts/command.rs"]
mod command;
#[cfg(test)]
#[path = "scripts/language.rs"]
mod language;
#[cfg(test)]
#[path = "scripts/words.rs"]
mod words;
#[cfg(test)]
#[path = "scripts/world.rs"]
mod world;

/// A test for each script.
macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let script = include_str!(concat!("scripts/", stringify!($name), ".txt"));
                if let Err(error) = world::run(script) {
                    panic!("tests/scripts/{}.txt, {error}", stringify!($name));
                }
            }
        )*
        const SCRIPTS: &[&str] = &[$(stringify!($name)),*];
    };
}

scripts! {
    accounts,
    administrators,
    applications,
    bypass,
    callers,
    challenges,
    claims,
    data_key,
    drift,
    epochs_apart,
    exempt,
    expiry,
    failures,
    group_commit,
    hotp,
    join_tokens,
    join_tokens_expire_together,
    limits,
    merge,
    merge_bounds,
    merge_twice,
    names_and_ids,
    nodes,
    one_code_two_tokens,
    one_time_use,
    pins,
    radius,
    recovery,
    retransmission,
    scopes,
    seize_help,
    seize_hotp,
    seize_keys,
    seize_limits,
    seize_totp,
    settings,
    stale,
    state_time,
    strangers,
    token_settings,
    tokens,
    two_matches,
    unknown_users,
    users,
    window,
}

#[test]
#[expect(clippy::disallowed_methods, reason = "lists the scripts themselves")]
fn no_script_is_forgotten() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".txt").map(str::to_owned))
        .collect();
    found.sort();
    assert_eq!(found, SCRIPTS);
}

#[test]
fn a_wrong_expectation_is_told_with_the_line_and_both_values() {
    let script = "at 0s cluster main\n\n# No token yet.\nat 1s user alice\n\
                  at 2s application vpn\nat 30s verify alice by vpn code 123456 -> allow\n";
    let expected = "line 6: at 30s verify alice by vpn code 123456 -> allow\n  \
                    expected: allow\n  found:    deny NO_TOKEN, failures 0";
    assert_eq!(world::run(script), Err(expected.to_owned()));
}

#[test]
fn a_line_that_is_not_understood_is_an_error() {
    for (bad, why) in [
        ("user alice", "a line starts with at, also or see, not user"),
        ("at noon cluster main", "noon is no time"),
        ("at 0s cluster main please", "not understood: please"),
        ("at 0s", "a command is missing"),
        ("at 0s cluster", "a name is missing"),
        ("see the sea -> blue", "the cannot be seen"),
        ("see time", "see what?"),
        ("at 0s tick seen -9", "seen -9 is before the first entry"),
    ] {
        let error = world::run(bad).unwrap_err();
        assert!(error.contains(why), "{bad}: {error}");
    }
}
