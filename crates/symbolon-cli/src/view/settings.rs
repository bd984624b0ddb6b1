//! Settings in JSON. Times are numbers of seconds.

use serde::Serialize;
use symbolon_proto::v1;

#[derive(Serialize)]
pub(crate) struct Setting {
    name: String,
    value: u64,
    unit: &'static str,
    default: u64,
    min: u64,
    max: u64,
    /// What the values of a CHOICE are called, from 0 on; empty for others.
    choices: Vec<String>,
    /// False: the default stands.
    set: bool,
    description: String,
    /// Null: the value that stands is no risk.
    warning: Option<String>,
}

impl From<&v1::Setting> for Setting {
    fn from(setting: &v1::Setting) -> Self {
        Self {
            name: setting.name.clone(),
            value: setting.value,
            unit: setting.unit().as_str_name(),
            default: setting.default_value,
            min: setting.min,
            max: setting.max,
            choices: setting.choices.clone(),
            set: setting.is_set,
            description: setting.description.clone(),
            warning: Some(setting.warning.clone()).filter(|text| !text.is_empty()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct ChangedSettings {
    changed: Vec<Difference>,
    dry_run: bool,
}

#[derive(Serialize)]
struct Difference {
    name: String,
    before: u64,
    after: u64,
}

impl ChangedSettings {
    pub(crate) fn new(differences: &[v1::SettingDifference], dry_run: bool) -> Self {
        let changed = differences.iter().map(|it| Difference {
            name: it.name.clone(),
            before: it.before,
            after: it.after,
        });
        Self { changed: changed.collect(), dry_run }
    }
}
