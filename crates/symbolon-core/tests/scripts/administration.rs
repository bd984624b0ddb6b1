//! What scripts say of administrators and applications.

use symbolon_core::{
    AdministratorId, Application, ApplicationId, AuditRow, Caller, Command, CreateAdministrator,
    CreateApplication, DeleteAdministrator, DeleteApplication, ExemptionChange, Exemptions,
    KeyHash, LabelChange, LogIndex, Name, Profile, ProfileChange, ProfileField, RecordExport,
    RetireApplicationKey, Right, Rights, Role, RotateAdministratorToken, RotateApplicationKey,
    Scope, ScopePart, SourceRange, Sources, State, UpdateAdministrator, UpdateApplication,
    UserChange, UserName,
};

use crate::command::{drawn, hash, number, parse_name, root, sealed};
use crate::language::{Words, time, time_text};

/// `application NAME`, `administrator NAME`, `set-administrator NAME`, `rotate-token NAME`, `remove-administrator NAME`;
/// `set-application NAME`, `rotate-key NAME overlap TIME`, `retire-key NAME`, `remove-application NAME`.
pub(crate) fn command(
    verb: &str,
    name: String,
    words: &mut Words,
) -> Result<(Command, Caller), String> {
    let revision = words.option("at-revision")?;
    let revision = revision.map(|text| text.parse().map(LogIndex).map_err(|_| "a revision"));
    let revision = revision.transpose()?;
    let administrator = AdministratorId(number("administrator", &name));
    let application = ApplicationId(number("application", &name));
    let key = KeyHash(hash("new key", &name));
    let command = match verb {
        "application" => Command::CreateApplication(CreateApplication {
            application: ApplicationId(drawn("application", &name, words)?),
            key: KeyHash(hash("key", &name)),
            secret: sealed(&format!("sealed key of {name}"), words)?,
            name: parse_name(name)?,
            rights: Rights::VERIFY,
            sources: Sources::default(),
            exempt: Exemptions::default().with(exempt(words)?),
        }),
        "administrator" => Command::CreateAdministrator(CreateAdministrator {
            administrator: AdministratorId(drawn("administrator", &name, words)?),
            key,
            secret: sealed(&format!("sealed token of {name}"), words)?,
            role: role(words)?.unwrap_or_default(),
            scope: scope(words)?.unwrap_or_default(),
            name: parse_name(name)?,
        }),
        "set-administrator" => Command::UpdateAdministrator(UpdateAdministrator {
            administrator,
            role: role(words)?,
            scope: scope(words)?,
            disabled: words.option("disabled")?.map(|text| text == "yes"),
            revision,
        }),
        "rotate-token" => Command::RotateAdministratorToken(RotateAdministratorToken {
            administrator,
            key,
            secret: sealed(&format!("sealed token of {name}"), words)?,
        }),
        "remove-administrator" => {
            Command::DeleteAdministrator(DeleteAdministrator { administrator, revision })
        }
        "set-application" => Command::UpdateApplication(UpdateApplication {
            application,
            name: words.option("name")?.map(parse_name).transpose()?,
            rights: words.option("rights")?.map(|text| rights(&text)).transpose()?,
            sources: words.option("sources")?.map(|text| sources(&text)).transpose()?,
            disabled: words.option("disabled")?.map(|text| text == "yes"),
            exempt: exempt(words)?,
            revision,
        }),
        "rotate-key" => Command::RotateApplicationKey(RotateApplicationKey {
            application,
            key,
            secret: sealed(&format!("sealed key of {name}"), words)?,
            overlap_milliseconds: match words.option("overlap")? {
                Some(text) => time(&text)?.0,
                None => 0,
            },
        }),
        "retire-key" => Command::RetireApplicationKey(RetireApplicationKey { application }),
        "remove-application" => {
            Command::DeleteApplication(DeleteApplication { application, revision })
        }
        other => return Err(format!("no command {other}")),
    };
    Ok((command, root()))
}

/// `unknown allow|deny`, `off allow|deny`: what becomes of names that are nobody's, and of users who are
/// switched off.
fn exempt(words: &mut Words) -> Result<ExemptionChange, String> {
    let mut decision = |what| -> Result<Option<bool>, String> {
        Ok(words.option(what)?.map(|text| text == "allow"))
    };
    let (unknown_users, disabled_users) = (decision("unknown")?, decision("off")?);
    Ok(ExemptionChange { unknown_users, disabled_users, islands: None })
}

fn role(words: &mut Words) -> Result<Option<Role>, String> {
    let roles = [Role::Administrator, Role::HelpDesk, Role::Auditor];
    let named = |text: String| {
        let role = roles.into_iter().find(|role| role.name() == text);
        role.ok_or_else(|| format!("no role {text}"))
    };
    words.option("role")?.map(named).transpose()
}

/// Parts with commas between them, or `all`.
fn scope(words: &mut Words) -> Result<Option<Scope>, String> {
    let parse = |text: String| {
        let parts = text.split(',').filter(|part| *part != "all").map(ScopePart::parse);
        parts.collect::<Result<Vec<_>, _>>().and_then(Scope::new)
    };
    words.option("scope")?.map(parse).transpose().map_err(|error| error.to_string())
}

fn sources(text: &str) -> Result<Sources, String> {
    let ranges = text.split(',').filter(|range| *range != "all").map(SourceRange::parse);
    let sources = ranges.collect::<Result<Vec<_>, _>>().and_then(Sources::new);
    sources.map_err(|error| error.to_string())
}

fn rights(text: &str) -> Result<Rights, String> {
    text.split(',').try_fold(Rights::NONE, |rights, name| {
        Right::named(name).map(|right| rights.with(right)).ok_or_else(|| format!("no right {name}"))
    })
}

/// What of an application is not as it usually is.
pub(crate) fn application(row: &Application) -> String {
    let mut text = String::new();
    if let Some(old) = row.old_key {
        text.push_str(&format!(", old key until {}", time_text(old.until)));
    }
    if row.rights != Rights::VERIFY {
        text.push_str(&format!(", rights {}", row.rights));
    }
    for range in row.sources.texts() {
        text.push_str(&format!(", from {range}"));
    }
    if row.disabled {
        text.push_str(", disabled");
    }
    for (is_let_in, whom) in [
        (row.exempt.unknown_users, "names that are nobody's"),
        (row.exempt.disabled_users, "users who are switched off"),
    ] {
        text.push_str(&if is_let_in { format!(", lets in {whom}") } else { String::new() });
    }
    text
}

pub(crate) fn administrator(state: &State, name: String) -> Result<String, String> {
    let name = parse_name(name)?;
    let Some(row) = state.administrator_by_name(&name) else {
        return Ok("none".to_owned());
    };
    let mut text = row.role.name().to_owned();
    for part in row.scope.parts() {
        text.push_str(&format!(" {part}"));
    }
    if row.disabled {
        text.push_str(", disabled");
    }
    if row.reveal.is_some() {
        text.push_str(", token shown");
    }
    Ok(text)
}

pub(crate) fn audit(row: &AuditRow) -> String {
    match row {
        AuditRow::ApplicationUpdated(it) if it.exempt != ExemptionChange::default() => {
            format!("{:?}", it.exempt)
        }
        AuditRow::ApplicationUpdated(it) => {
            let was = &it.before;
            let sources = |it: &Sources| it.texts().collect::<Vec<_>>().join(" ");
            updated(&[
                "application".to_owned(),
                both("name", was.name.as_ref(), it.name.as_ref(), Name::to_string),
                both("rights", was.rights.as_ref(), it.rights.as_ref(), Rights::to_string),
                both("sources", was.sources.as_ref(), it.sources.as_ref(), sources),
                both("disabled", was.disabled.as_ref(), it.disabled.as_ref(), bool::to_string),
            ])
        }
        AuditRow::ApplicationKeyRotated { old_until, .. } => {
            format!("key rotated, old until {}", time_text(*old_until))
        }
        AuditRow::ApplicationKeyRetired { .. } => "old key retired".to_owned(),
        AuditRow::NamesNotAudited { names, since, .. } => {
            format!("{names} names since {} not audited", time_text(*since))
        }
        AuditRow::ApplicationDeleted { name, .. } => format!("application {name} deleted"),
        AuditRow::AdministratorCreated { name, role, .. } => format!("{} {name}", role.name()),
        AuditRow::AdministratorUpdated(it) => {
            let was = &it.before;
            let role = |role: &Role| role.name().to_owned();
            let scope =
                |it: &Scope| it.parts().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            updated(&[
                "administrator".to_owned(),
                both("role", was.role.as_ref(), it.role.as_ref(), role),
                both("scope", was.scope.as_ref(), it.scope.as_ref(), scope),
                both("disabled", was.disabled.as_ref(), it.disabled.as_ref(), bool::to_string),
            ])
        }
        AuditRow::AdministratorTokenRotated { .. } => "token rotated".to_owned(),
        AuditRow::AdministratorDeleted { name, .. } => format!("administrator {name} deleted"),
        other => format!("{other:?}"),
    }
}

pub(crate) fn user_updated(
    disabled: Option<bool>,
    profile: &[ProfileField],
    change: &UserChange,
) -> String {
    let labels = |it: &Vec<String>| it.join(" ");
    let change_of = |what, it: &Option<LabelChange>| {
        let (before, after) = (it.as_ref().map(|it| &it.before), it.as_ref().map(|it| &it.after));
        both(what, before, after, labels)
    };
    let fields: Vec<_> = profile.iter().map(|field| field.name()).collect();
    updated(&[
        "user".to_owned(),
        if change.renamed { "another name".to_owned() } else { String::new() },
        both("disabled", change.disabled_before.as_ref(), disabled.as_ref(), bool::to_string),
        fields.join(" "),
        change_of("groups", &change.groups),
        change_of("tags", &change.tags),
    ])
}

fn updated(parts: &[String]) -> String {
    let parts: Vec<_> = parts.iter().filter(|part| !part.is_empty()).map(|part| &**part).collect();
    let (what, rest) = parts.split_first().unwrap();
    if rest.is_empty() {
        format!("{what} as before")
    } else {
        format!("{what}: {}", rest.join(", "))
    }
}

/// `WHAT BEFORE to AFTER`; `nothing` for an empty list.
fn both<T>(
    what: &str,
    before: Option<&T>,
    after: Option<&T>,
    text: impl Fn(&T) -> String,
) -> String {
    let text = |it: &T| match text(it) {
        text if text.is_empty() => "nothing".to_owned(),
        text => text,
    };
    match (before.map(text), after.map(text)) {
        (None, None) => String::new(),
        (Some(before), Some(after)) => format!("{what} {before} to {after}"),
        half => panic!("{what} is told by half: {half:?}"),
    }
}

/// `groups A,B`, `tags A,B`, `language CODE`; `nothing` for none.
pub(crate) fn profile(words: &mut Words) -> Result<ProfileChange, String> {
    let mut fields = Vec::new();
    let mut list = |field: ProfileField| {
        let text = words.option(field.name())?;
        fields.extend(text.as_ref().map(|_| field));
        let text = text.filter(|text| text != "nothing").unwrap_or_default();
        let names = text.split(',').filter(|name| !name.is_empty());
        Ok::<_, String>(names.map(str::to_owned).collect::<Vec<_>>())
    };
    let (groups, tags) = (list(ProfileField::Groups)?, list(ProfileField::Tags)?);
    let language = list(ProfileField::Language)?.concat();
    let values = Profile::new(String::new(), Vec::new(), groups, tags, language);
    Ok(ProfileChange { fields, values: values.map_err(|error| error.to_string())? })
}

/// `export USER`.
pub(crate) fn export(name: &str) -> Result<Command, String> {
    let name = UserName::new(name).map_err(|error| error.to_string())?;
    Ok(Command::RecordExport(RecordExport { name }))
}
