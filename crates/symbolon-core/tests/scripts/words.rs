//! What a script says of answers and of the state.

use symbolon_core::{
    Answer, AuditRow, BlockUser, CancelBypass, Command, ConfirmToken, CreateRecoveryCodes,
    Decision, DeleteUser, GrantBypass, JoinTokenId, Match, NodeId, Proof, Reply, ResyncToken,
    Reveal, Serial, SetPin, SettingChange, Standing, TokenId, UnblockUser, UpdateUser, UserName,
    Verdict, Verified,
};

use crate::administration;
use crate::command::{merge, nodes, number, parse_name, radius};
use crate::language::{Words, time_text};
use crate::world::World;

/// An answer to `command`, as scripts write it.
pub(crate) fn outcome(world: &World, command: &Command, answer: &Answer) -> String {
    match (answer.reply, command) {
        (Reply::Verified(verdict), Command::Verify(outcome)) => {
            let spent = world.events.iter().rev().find_map(|event| match &event.row {
                AuditRow::Verified(verified)
                    if event.index == answer.index
                        && verified.user_name == outcome.user_name
                        && verified.verdict == verdict =>
                {
                    Some((&verified.spent[..], verified.proof))
                }
                _ => None,
            });
            verdict_text(world, verdict, spent.unwrap_or_default())
        }
        (Reply::ClusterCreated, Command::CreateCluster(_)) => "created".to_owned(),
        (Reply::UserCreated(id), Command::CreateUser(c)) if c.user == id => "created".to_owned(),
        (Reply::TokenEnrolled(id), Command::EnrollToken(c)) if c.token == id => {
            "created".to_owned()
        }
        (Reply::ApplicationCreated(id), Command::CreateApplication(c)) if c.application == id => {
            "created".to_owned()
        }
        (Reply::JoinTokenCreated(id), Command::CreateJoinToken(c)) if c.join_token == id => {
            "created".to_owned()
        }
        (Reply::NodeAdmitted(id), Command::AdmitNode(_)) => format!("joined as node {id}"),
        (Reply::NodeAdmitted(id), Command::ReadmitNode(_)) => format!("back as node {id}"),
        (Reply::DataKeyRotationStarted(id), Command::RotateDataKey(c)) if c.id == id => {
            "created".to_owned()
        }
        (Reply::TokenChanged(id), Command::RemoveToken(c)) if c.token == id => "done".to_owned(),
        (
            Reply::TokenChanged(id),
            Command::ConfirmToken(ConfirmToken { shown })
            | Command::ResyncToken(ResyncToken { shown }),
        ) if shown.token == id => "done".to_owned(),
        (
            Reply::UserChanged(id),
            Command::UpdateUser(UpdateUser { user, .. })
            | Command::BlockUser(BlockUser { user, .. })
            | Command::UnblockUser(UnblockUser { user, .. })
            | Command::SetPin(SetPin { user, .. })
            | Command::GrantBypass(GrantBypass { user, .. })
            | Command::CancelBypass(CancelBypass { user, .. })
            | Command::CreateRecoveryCodes(CreateRecoveryCodes { user, .. })
            | Command::DeleteUser(DeleteUser { user, .. }),
        ) if *user == id => "done".to_owned(),
        (Reply::AdministratorCreated(_), Command::CreateAdministrator(_)) => "created".to_owned(),
        (Reply::ApplicationChanged(_) | Reply::AdministratorChanged(_), _) => "done".to_owned(),
        (Reply::SettingsChanged, Command::UpdateSettings(_)) => "done".to_owned(),
        (Reply::Done, _) => "done".to_owned(),
        (Reply::Refused(refusal), _) => format!("refused {refusal:?}"),
        (reply, _) => format!("{reply:?}"),
    }
}

fn verdict_text(world: &World, verdict: Verdict, (spent, proof): (&[Match], Proof)) -> String {
    let by = match proof {
        Proof::Code => String::new(),
        Proof::Bypass => " by bypass".to_owned(),
        Proof::RecoveryCode(number) => format!(" by recovery {number}"),
        Proof::Challenge => " by challenge".to_owned(),
        Proof::Exempt => " by exemption".to_owned(),
    };
    let mark: String = spent
        .iter()
        .map(|spent| format!(", mark {} = {}", world.wallet.name(spent.token), spent.step))
        .collect();
    match verdict.decision {
        Decision::Allow if verdict.failures == 0 => format!("allow{by}{mark}"),
        Decision::Allow => format!("allow{by}{mark}, failures {}", verdict.failures),
        Decision::Deny(denial) => {
            format!("deny {}{by}, failures {}{mark}", denial.name(), verdict.failures)
        }
        Decision::Challenge { id, prompt } => {
            let [number, ..] = id.0;
            format!("asks {} {number}{by}{mark}, failures {}", prompt.name(), verdict.failures)
        }
    }
}

/// What the state shows.
pub(crate) fn see(world: &World, mut words: Words) -> Result<String, String> {
    let what = words.next("what to see")?;
    let text = match what.as_str() {
        "time" => time_text(world.state().clock()),
        "due" => world.state().next_due().map_or_else(|| "nothing".to_owned(), time_text),
        "replies" => world.state().replies_len().to_string(),
        "user" => user(world, words.next("a user")?)?,
        "challenges" => challenges(world, words.next("a user")?)?,
        "revision" => revision(world, words.next("a user")?)?,
        "changed" => changed(world, words.next("a user")?)?,
        "mark" => mark(world, &words.next("a token")?)?,
        "token" => token(world, &words.next("a token")?),
        "serial" => serial(world, words.next("a serial number")?)?,
        "application" => application(world, words.next("an application")?)?,
        "radius" => radius::client(world.state(), &words.next("an application")?),
        "device" => radius::device(world.state(), &words.next("an address")?)?,
        "must-sign" => radius::must_sign(world.state(), &words.next("an address")?)?,
        "administrator" => administration::administrator(world.state(), words.next("a name")?)?,
        "join-token" => join_token(world, &words.next("a join token")?),
        "journal" => merge::journal(world.state(), &words.next("a journal")?),
        "doubles" => merge::doubles(world.state()),
        "epoch" => nodes::epoch(world.state()),
        "nodes" => nodes::nodes(world.state()),
        "node" => node(world, &words.next("a node's number")?)?,
        "data-keys" => data_keys(world),
        "audit" => audit(world)?,
        "events" => world.events.len().to_string(),
        other => return Err(format!("{other} cannot be seen")),
    };
    words.end()?;
    Ok(text)
}

fn user(world: &World, name: String) -> Result<String, String> {
    let name = UserName::new(name).map_err(|error| error.to_string())?;
    let Some(user) = world.state().user_by_name(&name) else {
        return Ok("none".to_owned());
    };
    let tokens: Vec<_> = user.tokens.iter().map(|id| world.wallet.name(*id)).collect();
    let standing = match world.state().standing(user, None, world.state().clock()) {
        Standing::Disabled => "disabled, ".to_owned(),
        Standing::Blocked => "blocked, ".to_owned(),
        Standing::PinExpired => "PIN expired, ".to_owned(),
        Standing::Waiting(until) => format!("waits until {}s, ", until.seconds()),
        _ => String::new(),
    };
    let pin = user.pin.as_ref();
    let pin = pin.map_or_else(String::new, |pin| format!("PIN of {}, ", time_text(pin.set_at)));
    let mut help = String::new();
    if let Some(bypass) = &user.bypass {
        help += &format!("bypass until {}, ", time_text(bypass.until));
    }
    if let Some(codes) = &user.recovery_codes {
        help += &format!("{} recovery codes, ", codes.left());
    }
    let text =
        format!("{standing}{pin}{help}failures {}, tokens {}", user.failures, tokens.join(" "));
    Ok(text.trim_end().to_owned())
}

/// Open challenges, with the answers that could not be taken.
fn challenges(world: &World, name: String) -> Result<String, String> {
    let name = UserName::new(name).map_err(|error| error.to_string())?;
    let user = world.state().user_by_name(&name).ok_or("nobody")?;
    let open: Vec<_> = world
        .state()
        .challenges_of(user.id)
        .map(|open| {
            let [number, ..] = open.id.0;
            format!("{number} until {} after {}", time_text(open.expires_at), open.tries)
        })
        .collect();
    Ok(if open.is_empty() { "none".to_owned() } else { open.join(", ") })
}

/// The log index of the last change by an administrator.
fn revision(world: &World, name: String) -> Result<String, String> {
    let name = UserName::new(name).map_err(|error| error.to_string())?;
    let user = world.state().user_by_name(&name).ok_or("nobody")?;
    Ok(user.revision.to_string())
}

/// The log index of the last change that matters to outcomes.
fn changed(world: &World, name: String) -> Result<String, String> {
    let name = UserName::new(name).map_err(|error| error.to_string())?;
    let user = world.state().user_by_name(&name).ok_or("nobody")?;
    Ok(format!("entry {}", user.changed_at))
}

fn mark(world: &World, name: &str) -> Result<String, String> {
    let token = world.state().token(TokenId(number("token", name)));
    Ok(token.ok_or_else(|| format!("no token {name}"))?.mark.to_string())
}

fn token(world: &World, name: &str) -> String {
    let Some(token) = world.state().token(TokenId(number("token", name))) else {
        return "none".to_owned();
    };
    let proved = if token.pending { "pending" } else { "proved" };
    let epoch = if token.epoch == 0 { String::new() } else { format!(", epoch {}", token.epoch) };
    let waits = if token.awaits_second { ", awaits a second" } else { "" };
    format!("{proved}, mark {}, drift {}{epoch}{waits}", token.mark, token.drift)
}

fn serial(world: &World, text: String) -> Result<String, String> {
    let serial = Serial::new(text).map_err(|error| error.to_string())?;
    let token = world.state().token_by_serial(&serial);
    Ok(token.map_or_else(|| "none".to_owned(), |token| world.wallet.name(token.id)))
}

fn reveal(reveal: Option<&Reveal>) -> String {
    reveal.map_or_else(
        || "hidden".to_owned(),
        |reveal| format!("shown until {}", time_text(reveal.until)),
    )
}

fn application(world: &World, name: String) -> Result<String, String> {
    let found = world.state().application_by_name(&parse_name(name)?).cloned();
    Ok(found.map_or_else(
        || "none".to_owned(),
        |application| {
            let key = reveal(application.reveal.as_ref());
            format!("key {key}{}", administration::application(&application))
        },
    ))
}

fn join_token(world: &World, name: &str) -> String {
    let id = JoinTokenId(number("join token", name));
    world.state().join_token(id).map_or_else(
        || "none".to_owned(),
        |token| {
            let used = token
                .used_by
                .map_or_else(|| "unused".to_owned(), |node| format!("used by node {node}"));
            let secret = reveal(token.reveal.as_ref());
            format!("{used}, expires at {}, secret {secret}", time_text(token.expires_at))
        },
    )
}

fn node(world: &World, number: &str) -> Result<String, String> {
    let id = NodeId(number.parse().map_err(|_| "a node's number")?);
    Ok(world.state().node(id).map_or_else(
        || "none".to_owned(),
        |node| format!("{} at {}, {}", node.name, node.peer_address, node.api_address),
    ))
}

/// The active key, how many fields are not under it, and what is under way.
fn data_keys(world: &World) -> String {
    let state = world.state();
    let keys = state.data_keys();
    let left = state.sealed_under_others();
    let Some(rotation) = keys.rotation else {
        return format!("{} active, {left} left, retired at {}", keys.active, keys.retired_at);
    };
    let holders: Vec<_> = rotation.holders.iter().map(ToString::to_string).collect();
    let holders = format!("held by {}", holders.join(" "));
    format!("{} active, {left} left, {} {holders}", keys.active, rotation.id).trim_end().to_owned()
}

/// The newest event.
fn verified(world: &World, verified: &Verified) -> String {
    let whose = verified.user.map_or("nobody", |_| "a user");
    let verdict = verdict_text(world, verified.verdict, (&verified.spent, verified.proof));
    format!("{} is {whose}, from {}: {verdict}", verified.user_name, verified.client_ip)
}

fn audit(world: &World) -> Result<String, String> {
    let event = world.events.last().ok_or("nothing happened yet")?;
    Ok(match &event.row {
        AuditRow::Verified(it) => verified(world, it),
        AuditRow::UserCreated { name, .. } => format!("user {name}"),
        AuditRow::UserUpdated { disabled, profile, change, .. } => {
            administration::user_updated(*disabled, profile, change)
        }
        AuditRow::UserBlocked { reason, until, .. } => {
            format!("user blocked until {}: {reason}", time_text(*until))
        }
        AuditRow::UserUnblocked { reason, failures, .. } => {
            format!("user unblocked, {failures} failures forgotten: {reason}")
        }
        AuditRow::UserDeleted { name, tokens, .. } => {
            format!("user {name} deleted with {tokens} tokens")
        }
        AuditRow::PinSet { must_change, .. } => {
            if *must_change { "PIN set, to be changed" } else { "PIN set" }.to_owned()
        }
        AuditRow::PinChanged { .. } => "PIN changed".to_owned(),
        AuditRow::PinCleared { .. } => "PIN cleared".to_owned(),
        AuditRow::BypassGranted { reason, until, .. } => {
            format!("bypass until {}: {reason}", time_text(*until))
        }
        AuditRow::BypassCancelled { reason, .. } => format!("no bypass: {reason}"),
        AuditRow::RecoveryCodesCreated { .. } => "recovery codes".to_owned(),
        AuditRow::PersonalDataExported { user, name } => {
            let whose = user.map_or("nobody", |_| "a user");
            format!("{name} exported, who is {whose}")
        }
        AuditRow::TokenEnrolled { .. }
        | AuditRow::TokenConfirmed { .. }
        | AuditRow::TokenResynchronised { .. }
        | AuditRow::TokenRemoved { .. } => about_token(world, &event.row),
        AuditRow::ApplicationCreated { name, .. } => format!("application {name}"),
        AuditRow::ApplicationUpdated(_)
        | AuditRow::ApplicationKeyRotated { .. }
        | AuditRow::ApplicationKeyRetired { .. }
        | AuditRow::ApplicationDeleted { .. }
        | AuditRow::NamesNotAudited { .. }
        | AuditRow::AdministratorCreated { .. }
        | AuditRow::AdministratorUpdated(_)
        | AuditRow::AdministratorTokenRotated { .. }
        | AuditRow::AdministratorDeleted { .. } => administration::audit(&event.row),
        AuditRow::RadiusClientSet { .. }
        | AuditRow::RadiusClientRemoved { .. }
        | AuditRow::RadiusClientSigns { .. }
        | AuditRow::SessionTold { .. } => radius::audit(&event.row),
        AuditRow::ClusterCreated { .. }
        | AuditRow::JoinTokenCreated { .. }
        | AuditRow::NodeAdmitted { .. }
        | AuditRow::NodeAddressesChanged { .. }
        | AuditRow::EpochStarted { .. }
        | AuditRow::NodeReadmitted { .. }
        | AuditRow::NodeRemoved { .. }
        | AuditRow::EpochDiscarded { .. }
        | AuditRow::RecoveryCodesReleased
        | AuditRow::ClockConfirmed => nodes::audit(&event.row),
        AuditRow::Merged(_)
        | AuditRow::MergeRefused { .. }
        | AuditRow::AcceptedTwice(_)
        | AuditRow::DoublesAcknowledged { .. } => merge::audit(world, &event.row),
        AuditRow::JoinTokenExpired { .. } => "join token expired".to_owned(),
        AuditRow::DataKeyRotationStarted { id } => format!("data key {id} is to come"),
        AuditRow::DataKeyActivated { id } => format!("data key {id} is active"),
        AuditRow::DataKeyRetired { id } => format!("data key {id} is retired"),
        AuditRow::SettingsChanged { changes } => settings(changes),
    })
}

fn about_token(world: &World, row: &AuditRow) -> String {
    let name = |token: &TokenId| world.wallet.name(*token);
    match row {
        AuditRow::TokenEnrolled { token, .. } => format!("token {}", name(token)),
        AuditRow::TokenConfirmed { token, step, .. } => {
            format!("token {} is proved at {step}", name(token))
        }
        AuditRow::TokenResynchronised { token, step, drift, .. } => {
            format!("token {} is at {step}, drift {drift}", name(token))
        }
        AuditRow::TokenRemoved { token, .. } => format!("token {} is gone", name(token)),
        other => unreachable!("{other:?}"),
    }
}

fn settings(changes: &[SettingChange]) -> String {
    let change = |change: &SettingChange| {
        let SettingChange { setting, before, after } = change;
        format!("{} {before} to {after}", setting.info().name)
    };
    changes.iter().map(change).collect::<Vec<_>>().join(", ")
}
