//! `symbolon settings`

mod explain;

use std::{
    io,
    path::{Path, PathBuf},
};

use symbolon_proto::v1::{
    ApplySettingsRequest, GetSettingsRequest, GetSettingsResponse, Setting, SettingDifference,
    SettingUnit, SettingValue, UpdateSettingsRequest,
    settings_service_client::SettingsServiceClient,
};

use crate::{
    args::Options,
    context::Context,
    duration,
    error::Failure,
    exit::Exit,
    files,
    output::{self, Format},
    table, view,
};

const FILE_BYTES_MAX: u64 = 64 << 10;

/// Arguments of `symbolon settings`.
#[derive(clap::Args)]
pub struct SettingsArguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: SettingsCommand,
}

#[derive(clap::Subcommand)]
enum SettingsCommand {
    /// Show the settings, or one of them with what it does
    Get {
        /// Name of a setting
        name: Option<String>,
    },
    /// Change settings, all that are named or none
    Set {
        /// For example lockout.threshold=5 or lockout.first_wait=1m; NAME=default is the default
        #[arg(required = true, value_name = "NAME=VALUE")]
        settings: Vec<String>,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Tell what would become of a sign-in now, before any code is looked at, and which rule says so
    Explain {
        /// As the user signs in
        user: String,
        /// For this application; for any otherwise
        #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
        application: String,
    },
    /// Print what has been set, for `symbolon settings apply`
    Export,
    /// Make the settings those of a file: what it does not name is the default again
    Apply {
        /// What `symbolon settings export` has printed; - is the standard input
        file: PathBuf,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) async fn run(arguments: SettingsArguments) -> Result<Exit, Failure> {
    let SettingsArguments { options, command } = arguments;
    let context = Context::new(&options)?;
    let format = options.output.output;
    match command {
        SettingsCommand::Get { name } => {
            let found = get(&context).await?;
            match name {
                None => show(format, &found.settings)?,
                Some(name) => show_one(format, named(&found.settings, &name)?)?,
            }
        }
        SettingsCommand::Set { settings, dry_run } => {
            let known = get(&context).await?.settings;
            let changes = settings.iter().map(|text| assignment(&known, text));
            let changes = changes.collect::<Result<_, _>>()?;
            let question = UpdateSettingsRequest { changes, etag: String::new(), dry_run };
            let done = context
                .write(question, async |channel, request| {
                    SettingsServiceClient::new(channel).update_settings(request).await
                })
                .await?;
            changed(format, &done.differences, &done.settings, dry_run)?;
        }
        SettingsCommand::Explain { user, application } => {
            explain::run(&context, user, application, format).await?;
        }
        SettingsCommand::Export => export(format, &get(&context).await?.settings)?,
        SettingsCommand::Apply { file, dry_run } => {
            let found = get(&context).await?;
            let settings = read(&found.settings, &text_of(&file)?)?;
            // Whoever wrote the file looked at the settings as they are now, or did not look.
            let question = ApplySettingsRequest { settings, etag: found.etag, dry_run };
            let done = context
                .write(question, async |channel, request| {
                    SettingsServiceClient::new(channel).apply_settings(request).await
                })
                .await?;
            changed(format, &done.differences, &done.settings, dry_run)?;
        }
    }
    Ok(Exit::Done)
}

async fn get(context: &Context) -> Result<GetSettingsResponse, Failure> {
    context
        .read(GetSettingsRequest {}, async |channel, request| {
            SettingsServiceClient::new(channel).get_settings(request).await
        })
        .await
}

fn named<'s>(known: &'s [Setting], name: &str) -> Result<&'s Setting, Failure> {
    known.iter().find(|setting| setting.name == name).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|setting| &*setting.name).collect();
        Failure::usage(
            format!("There is no setting {name:?}."),
            format!("The settings are {}.", names.join(", ")),
        )
    })
}

/// Reads `name = value`.
fn assignment(known: &[Setting], text: &str) -> Result<SettingValue, Failure> {
    let Some((name, value)) = text.split_once('=') else {
        let problem = format!("{text:?} is not NAME=VALUE.");
        return Err(Failure::usage(problem, "Write for example lockout.threshold=5."));
    };
    let (name, value) = (name.trim(), value.trim());
    let setting = named(known, name)?;
    let parsed = match (setting.unit(), value) {
        (_, "default") => Some(None),
        (SettingUnit::Seconds, text) => duration::parse(text).map(|time| Some(time.as_secs())),
        (SettingUnit::Choice, text) => {
            let mut words = setting.choices.iter().zip(0..);
            words.find(|(word, _)| *word == text).map(|(_, place)| Some(place))
        }
        (_, text) => text.parse().ok().map(Some),
    };
    let value = parsed.ok_or_else(|| {
        let remedy = match setting.unit() {
            SettingUnit::Seconds => "Write a time: 30s, 5m, 1h, 90d, or `default`.".to_owned(),
            SettingUnit::Choice => {
                format!("Write one of {}, or `default`.", setting.choices.join(", "))
            }
            _ => "Write a whole number, or `default`.".to_owned(),
        };
        Failure::usage(format!("{value:?} is no value of {name}."), remedy)
    })?;
    Ok(SettingValue { name: name.to_owned(), value })
}

/// Reads what [`export`] writes: a setting a line, `#` before what is for people.
fn read(known: &[Setting], text: &str) -> Result<Vec<SettingValue>, Failure> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(|line| assignment(known, line)).collect()
}

fn text_of(file: &Path) -> Result<String, Failure> {
    let read = files::read_bytes(file, FILE_BYTES_MAX).and_then(|bytes| {
        let text = std::str::from_utf8(&bytes).map(str::to_owned);
        text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))
    });
    read.map_err(|error| {
        Failure::configuration(
            format!("{} cannot be read: {error}.", file.display()),
            "Name a file that `symbolon settings export` has written.",
        )
    })
}

fn value(setting: &Setting, value: u64) -> String {
    match setting.unit() {
        SettingUnit::Seconds => duration::shown(value),
        SettingUnit::Choice => {
            let word = usize::try_from(value).ok().and_then(|place| setting.choices.get(place));
            word.cloned().unwrap_or_else(|| value.to_string())
        }
        _ => value.to_string(),
    }
}

fn show(format: Format, settings: &[Setting]) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(&settings.iter().map(view::Setting::from).collect::<Vec<_>>());
    }
    let rows = settings.iter().map(|setting| {
        let by = if setting.is_set { "set" } else { "default" };
        vec![
            setting.name.clone(),
            value(setting, setting.value),
            by.to_owned(),
            value(setting, setting.default_value),
            format!("{} to {}", value(setting, setting.min), value(setting, setting.max)),
        ]
    });
    output::line(&table::rows(&["SETTING", "VALUE", "BY", "DEFAULT", "RANGE"], rows))?;
    warnings(settings);
    Ok(())
}

fn show_one(format: Format, setting: &Setting) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(&view::Setting::from(setting));
    }
    output::line(&table::properties([
        ("Setting", setting.name.clone()),
        ("Value", value(setting, setting.value)),
        ("Default", value(setting, setting.default_value)),
        ("Range", format!("{} to {}", value(setting, setting.min), value(setting, setting.max))),
        ("Meaning", setting.description.clone()),
    ]))?;
    warnings(std::slice::from_ref(setting));
    Ok(())
}

fn warnings(settings: &[Setting]) {
    for setting in settings.iter().filter(|setting| !setting.warning.is_empty()) {
        let (name, warning) = (&setting.name, &setting.warning);
        output::note(&format!("Warning: {name} = {}: {warning}", value(setting, setting.value)));
    }
}

fn export(format: Format, settings: &[Setting]) -> Result<(), Failure> {
    let set: Vec<_> = settings.iter().filter(|setting| setting.is_set).collect();
    if format == Format::Json {
        let all: serde_json::Map<_, _> =
            set.iter().map(|setting| (setting.name.clone(), setting.value.into())).collect();
        return output::json(&all);
    }
    if set.is_empty() {
        return output::line("# Every setting is at its default.");
    }
    for setting in set {
        output::line(&format!("{} = {}", setting.name, value(setting, setting.value)))?;
    }
    Ok(())
}

fn changed(
    format: Format,
    differences: &[SettingDifference],
    settings: &[Setting],
    dry_run: bool,
) -> Result<(), Failure> {
    if format == Format::Json {
        return output::json(&view::ChangedSettings::new(differences, dry_run));
    }
    let verb = if dry_run { "would change" } else { "changed" };
    if differences.is_empty() {
        output::line(&format!("Nothing {verb}."))?;
    }
    for SettingDifference { name, before, after } in differences {
        let setting = named(settings, name)?;
        let (before, after) = (value(setting, *before), value(setting, *after));
        output::line(&format!("{name} {verb} from {before} to {after}."))?;
    }
    let touched = |setting: &&Setting| differences.iter().any(|it| it.name == setting.name);
    warnings(&settings.iter().filter(touched).cloned().collect::<Vec<_>>());
    Ok(())
}
