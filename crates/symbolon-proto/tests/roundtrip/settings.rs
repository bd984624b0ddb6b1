//! Settings.

use super::*;

fn setting() -> impl Strategy<Value = Setting> {
    proptest::sample::select(&SETTINGS[..]).prop_map(|info| info.setting)
}

pub(super) fn row() -> impl Strategy<Value = Settings> {
    (vec((setting(), number()), 0..4), index())
        .prop_map(|(values, changed_at)| Settings { values, changed_at })
}

pub(super) fn update() -> impl Strategy<Value = Command> {
    (vec((setting(), option::of(number())), 0..4), option::of(index())).prop_map(
        |(changes, revision)| Command::UpdateSettings(UpdateSettings { changes, revision }),
    )
}
