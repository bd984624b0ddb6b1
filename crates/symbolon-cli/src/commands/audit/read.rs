//! Questions to the audit. An answer that breaks off is gone on with at the next server, after the last
//! event that came: the place of an event is the same everywhere.

use symbolon_proto::v1::{
    AuditCursor, AuditEvent, AuditFilter, AuditOrder, QueryAuditRequest, TailAuditRequest,
    audit_service_client::AuditServiceClient,
};
use tonic::{Code, Status};

use super::asked::Asked;
use super::line::Printer;
use crate::{call::cut_off, context::Context, error::Failure};

/// Of one question.
const LIMIT_MAX: u64 = 100_000;
/// How often an answer may break off without an event in between.
const BREAKS_MAX: u32 = 5;

/// How far an answer has come.
#[derive(Default)]
struct Progress {
    after: Option<AuditCursor>,
    breaks: u32,
}

impl Progress {
    fn came(&mut self, events: &[AuditEvent]) {
        if let Some(AuditEvent { log_index, ordinal, .. }) = events.last() {
            self.after = Some(AuditCursor { log_index: *log_index, ordinal: *ordinal });
            self.breaks = 0;
        }
    }

    /// Whether another server may go on with it.
    fn broke(&mut self, status: &Status) -> Result<(), Failure> {
        self.breaks += 1;
        let may = match status.code() {
            Code::Unavailable => true,
            _ => std::error::Error::source(status).is_some(),
        };
        if may && self.breaks < BREAKS_MAX {
            return Ok(());
        }
        Err(Failure::status("The node that answered", status))
    }
}

/// Whether there is more than was asked for.
pub(super) async fn query(
    context: &Context,
    asked: Asked,
    printer: &mut Printer,
) -> Result<bool, Failure> {
    let Asked { filter, from, to, limit, oldest_first } = asked;
    let order = if oldest_first { AuditOrder::OldestFirst } else { AuditOrder::NewestFirst };
    let mut left = limit;
    let mut progress = Progress::default();
    loop {
        let question = QueryAuditRequest {
            filter: Some(filter.clone()),
            from,
            to,
            limit: u32::try_from(left.min(LIMIT_MAX)).unwrap_or(u32::MAX),
            order: order.into(),
            after: progress.after,
        };
        let mut answers = context
            .follow(question, async |channel, request| {
                AuditServiceClient::new(channel).query(request).await
            })
            .await?;
        let ended = loop {
            match context.next_part(&mut answers).await {
                Ok(answer) => {
                    printer.print(&answer.events)?;
                    progress.came(&answer.events);
                    left = left.saturating_sub(answer.events.len() as u64);
                    if let Some(extent) = &answer.extent {
                        printer.extent(extent, answer.end.is_some());
                    }
                    if let Some(end) = answer.end {
                        break Ok(end);
                    }
                }
                Err(status) => break Err(status),
            }
        };
        match ended {
            Ok(end) if end.next.is_none() => return Ok(false),
            Ok(_) if left == 0 => return Ok(true),
            Ok(_) => {}
            Err(_) if left == 0 => return Ok(true),
            Err(status) => progress.broke(&status)?,
        }
    }
}

/// Goes on until it fails.
pub(super) async fn tail(
    context: &Context,
    filter: AuditFilter,
    last: u32,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut progress = Progress::default();
    loop {
        let question =
            TailAuditRequest { filter: Some(filter.clone()), last, after: progress.after };
        let mut answers = context
            .follow(question, async |channel, request| {
                AuditServiceClient::new(channel).tail(request).await
            })
            .await?;
        let status = loop {
            match answers.message().await {
                Ok(Some(answer)) => {
                    if let Some(extent) = &answer.extent {
                        printer.extent(extent, false);
                    }
                    printer.print(&answer.events)?;
                    progress.came(&answer.events);
                }
                Ok(None) => break cut_off(),
                Err(status) => break status,
            }
        };
        progress.broke(&status)?;
    }
}
