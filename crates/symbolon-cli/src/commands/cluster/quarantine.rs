//! `symbolon cluster quarantine`

use symbolon_proto::v1::{
    DiscardQuarantineRequest, ListQuarantinesRequest, Quarantine, QuarantinedWrite,
    ReapplyQuarantineRequest, ShowQuarantineRequest, WriteId,
    quarantine_service_client::QuarantineServiceClient,
};

use super::status;
use crate::{
    context::Context,
    error::Failure,
    exit::Exit,
    output::{self, Format},
    server_address::ServerAddress,
    table,
    view::quarantine::{Found, Given, Reapplied, Write},
};

/// What to do with what nodes took that the cluster went on without.
#[derive(clap::Subcommand)]
pub(super) enum QuarantineCommand {
    /// Show what lies in quarantine, at every node that answers
    List,
    /// Show the writes of a quarantine, and how each stands
    Show {
        /// Name of the quarantine
        name: String,
    },
    /// Apply writes again in your name: all that are open, or those that are named
    Reapply {
        /// Name of the quarantine
        name: String,
        /// A write, as `show` names it; may be given more than once
        #[arg(long, value_name = "ENTRY.PLACE", value_parser = write_id)]
        write: Vec<WriteId>,
        /// Also what is about something that has changed since
        #[arg(long)]
        over: bool,
    },
    /// Give writes up for good: those that are named, or all of it, which is then removed from the disk
    Discard {
        /// Name of the quarantine
        name: String,
        /// A write, as `show` names it; may be given more than once
        #[arg(long, value_name = "ENTRY.PLACE", value_parser = write_id, required_unless_present = "all")]
        write: Vec<WriteId>,
        /// The whole quarantine
        #[arg(long, conflicts_with = "write")]
        all: bool,
    },
}

pub(super) async fn run(
    context: &Context,
    command: QuarantineCommand,
    format: Format,
) -> Result<Exit, Failure> {
    match command {
        QuarantineCommand::List => list(context, format).await,
        QuarantineCommand::Show { name } => show(context, name, format).await,
        QuarantineCommand::Reapply { name, write, over } => {
            reapply(context, (name, write, over), format).await
        }
        QuarantineCommand::Discard { name, write, .. } => {
            discard(context, name, write, format).await
        }
    }
}

fn write_id(text: &str) -> Result<WriteId, String> {
    let parsed = text.split_once('.').and_then(|(index, ordinal)| {
        Some(WriteId { log_index: index.parse().ok()?, ordinal: ordinal.parse().ok()? })
    });
    parsed.ok_or_else(|| "it is not of the form ENTRY.PLACE, as 1234.0".to_owned())
}

fn in_short(id: Option<&WriteId>) -> String {
    id.map_or_else(String::new, |id| format!("{}.{}", id.log_index, id.ordinal))
}

/// Each node that answers, and what lies in quarantine there.
async fn everywhere(context: &Context) -> Result<Vec<(Context, Vec<Quarantine>)>, Failure> {
    if context.is_local() {
        return Ok(vec![(context.clone(), at(context).await?)]);
    }
    let status = status(context).await?;
    let addresses = status.nodes.iter().filter_map(|node| node.api_address.parse().ok());
    let mut found = Vec::new();
    let mut failures = Vec::new();
    for server in addresses.collect::<Vec<ServerAddress>>() {
        let context = context.at(&server);
        match at(&context).await {
            Ok(quarantines) => found.push((context, quarantines)),
            Err(failure) => failures.push((server, failure)),
        }
    }
    if found.is_empty() && !failures.is_empty() {
        return Err(Failure::together(failures.into_iter().map(|(_, failure)| failure)));
    }
    for (server, _) in failures {
        output::note(&format!("{server} did not answer: what lies there is not shown."));
    }
    Ok(found)
}

async fn at(context: &Context) -> Result<Vec<Quarantine>, Failure> {
    let question = ListQuarantinesRequest {};
    let answer = context.read(question, async |channel, request| {
        QuarantineServiceClient::new(channel).list_quarantines(request).await
    });
    Ok(answer.await?.quarantine)
}

/// The node that holds a quarantine, and what it tells of it.
async fn holder(context: &Context, name: &str) -> Result<(Context, Quarantine), Failure> {
    let all = everywhere(context).await?;
    let mut all = all.into_iter().flat_map(|(context, held)| {
        held.into_iter().map(move |quarantine| (context.clone(), quarantine))
    });
    let found = all.find(|(_, quarantine)| quarantine.name == name);
    found.ok_or_else(|| {
        Failure::new(
            Exit::No,
            format!("No node that answers has a quarantine {name}."),
            "`symbolon cluster quarantine list` shows those that there are.",
        )
    })
}

async fn list(context: &Context, format: Format) -> Result<Exit, Failure> {
    let all = everywhere(context).await?.into_iter().flat_map(|(_, held)| held);
    let found: Vec<Found> = all.map(Found::from).collect();
    match format {
        Format::Json => output::json(&found)?,
        Format::Table if found.is_empty() => output::line("Nothing lies in quarantine.")?,
        Format::Table => {
            let rows = found.iter().map(|it| {
                vec![
                    it.name.clone(),
                    it.node.clone(),
                    it.epoch.to_string(),
                    it.writes.to_string(),
                    it.open.to_string(),
                    it.conflicts.to_string(),
                    format!("{} of {}", it.merged, it.verifications),
                    table::or_dash(it.written_at.as_deref()),
                ]
            });
            let header = [
                "Name",
                "At",
                "Epoch",
                "Writes",
                "Open",
                "In conflict",
                "Verifications merged",
                "Left behind",
            ];
            output::line(&table::rows(&header, rows))?;
        }
    }
    Ok(Exit::Done)
}

async fn show(context: &Context, name: String, format: Format) -> Result<Exit, Failure> {
    let (context, quarantine) = holder(context, &name).await?;
    let question = ShowQuarantineRequest { name };
    let mut answers = context
        .follow(question, async |channel, request| {
            QuarantineServiceClient::new(channel).show_quarantine(request).await
        })
        .await?;
    let mut writes = Vec::new();
    loop {
        match answers.message().await {
            Ok(Some(part)) => writes.extend(part.write),
            Ok(None) => break,
            Err(status) => return Err(Failure::status("The node", &status)),
        }
    }
    match format {
        Format::Json => {
            output::json(&writes.into_iter().map(Write::from).collect::<Vec<_>>())?;
        }
        Format::Table => {
            output::line(&table::rows(
                &["Write", "Time", "By", "What", "About", "Stands"],
                writes.iter().map(row),
            ))?;
            output::note(&format!(
                "{} of {} verifications are merged.",
                quarantine.merged, quarantine.verifications
            ));
        }
    }
    Ok(Exit::Done)
}

fn row(write: &QuarantinedWrite) -> Vec<String> {
    let stands = match write.state().as_str_name() {
        "CONFLICT" => format!("CONFLICT: {}", write.conflict),
        "APPLIED" => format!("APPLIED at {}", write.applied_at),
        state => state.to_owned(),
    };
    let by = write.caller.as_ref().map(|caller| match &*caller.name {
        "" => caller.id.clone(),
        name => name.to_owned(),
    });
    let about = write.event.first().map(crate::commands::audit::about).unwrap_or_default();
    vec![
        in_short(write.id.as_ref()),
        table::or_dash(crate::view::time(write.time.as_ref()).as_deref()),
        table::or_dash(by.as_deref()),
        write.command.clone(),
        table::or_dash(Some(&about)),
        stands,
    ]
}

async fn reapply(
    context: &Context,
    (name, write, over): (String, Vec<WriteId>, bool),
    format: Format,
) -> Result<Exit, Failure> {
    let (context, _) = holder(context, &name).await?;
    let mut done = Vec::new();
    let mut after = None;
    loop {
        let question =
            ReapplyQuarantineRequest { name: name.clone(), write: write.clone(), over, after };
        let answer = context
            .decide(question, async |channel, request| {
                QuarantineServiceClient::new(channel).reapply_quarantine(request).await
            })
            .await?;
        done.extend(answer.write);
        after = answer.next;
        if after.is_none() {
            break;
        }
    }
    let done: Vec<Reapplied> = done.into_iter().map(Reapplied::from).collect();
    let refused = done.iter().filter(|write| write.refusal.is_some()).count();
    match format {
        Format::Json => output::json(&done)?,
        Format::Table => {
            for write in done.iter().filter(|write| write.refusal.is_some()) {
                let why = write.refusal.as_deref().unwrap_or_default();
                output::line(&output::printable(&format!("{}: not applied: {why}.", write.write)))?;
            }
            output::line(&format!("{} applied, {refused} not.", done.len() - refused))?;
        }
    }
    Ok(if refused == 0 { Exit::Done } else { Exit::No })
}

async fn discard(
    context: &Context,
    name: String,
    write: Vec<WriteId>,
    format: Format,
) -> Result<Exit, Failure> {
    let (context, _) = holder(context, &name).await?;
    let question = DiscardQuarantineRequest { name, write };
    let answer = context
        .decide(question, async |channel, request| {
            QuarantineServiceClient::new(channel).discard_quarantine(request).await
        })
        .await?;
    match format {
        Format::Json => output::json(&Given { given_up: answer.writes })?,
        Format::Table => output::line(&format!("{} open writes are given up.", answer.writes))?,
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_named_as_it_is_shown() {
        let id = write_id("1234.7").unwrap();
        assert_eq!((id.log_index, id.ordinal), (1234, 7));
        assert_eq!(in_short(Some(&id)), "1234.7");
        for text in ["", "1234", "1234.", ".7", "a.b", "1.2.3"] {
            assert!(write_id(text).is_err(), "{text}");
        }
    }
}
