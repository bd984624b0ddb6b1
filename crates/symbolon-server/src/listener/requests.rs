//! Requests of one connection: what is under way, and what it holds.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::BoxError;
use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Limits;

/// How much a connection is used.
struct Use {
    under_way: usize,
    asked: bool,
    /// Since when nothing is under way.
    idle_since: Instant,
}

/// What is known about the requests of a connection.
pub(super) struct Requests {
    limits: Limits,
    /// When the connection must end, whatever it does.
    over: Option<Instant>,
    inner: Mutex<Use>,
    unread: Option<Arc<Semaphore>>,
}

/// What time says about a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing before this instant.
    Stays(Instant),
    /// It has never asked anything.
    Silent,
    /// It has nothing more to ask.
    Idle,
    /// It has been there for as long as it may.
    Over,
}

impl Requests {
    /// Of a connection that has just begun.
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        let now = Instant::now();
        let inner = Use { under_way: 0, asked: false, idle_since: now };
        Arc::new(Self {
            limits,
            over: limits.life.map(|life| now + life),
            inner: Mutex::new(inner),
            unread: limits.unread_bytes_max.map(|bytes| Arc::new(Semaphore::new(bytes))),
        })
    }

    fn inner(&self) -> MutexGuard<'_, Use> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request, under way until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        let mut inner = self.inner();
        inner.asked = true;
        inner.under_way += 1;
        UnderWay(Arc::clone(self))
    }

    /// Counts what is read of a body, until it is dropped.
    pub(super) fn metered<B>(&self, body: B) -> Metered<B> {
        Metered { body, unread: self.unread.clone(), held: None }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let now = Instant::now();
        if self.over.is_some_and(|over| over <= now) {
            return Verdict::Over;
        }
        let Use { under_way, asked, idle_since } = *self.inner();
        let (ends, verdict) = match (under_way, asked) {
            (0, false) => (idle_since + self.limits.first_request, Verdict::Silent),
            (0, true) => (idle_since + self.limits.idle, Verdict::Idle),
            (_, _) => (now + self.limits.idle, Verdict::Idle),
        };
        if ends <= now {
            return verdict;
        }
        // A first request that comes meanwhile makes another limit count.
        let ends = ends.min(now + self.limits.idle);
        Verdict::Stays(self.over.map_or(ends, |over| ends.min(over)))
    }
}

/// A request that is under way.
pub(super) struct UnderWay(Arc<Requests>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut inner = self.0.inner();
        inner.under_way -= 1;
        inner.idle_since = Instant::now();
    }
}

/// The body of a request. Who reads it keeps what it has read until the message is whole, and drops
/// it then; so what has been read is counted against the connection for as long.
pub(super) struct Metered<B> {
    body: B,
    unread: Option<Arc<Semaphore>>,
    held: Option<OwnedSemaphorePermit>,
}

impl<B> Metered<B> {
    fn hold(&mut self, bytes: usize) -> Result<(), BoxError> {
        let Some(unread) = &self.unread else { return Ok(()) };
        let refused = || BoxError::from(symbolon_grpc::too_much_unread());
        let bytes = u32::try_from(bytes).map_err(|_| refused())?;
        let more = Arc::clone(unread).try_acquire_many_owned(bytes).map_err(|_| refused())?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

impl<B> Body for Metered<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let frame = frame.map(|frame| {
            let frame = frame.map_err(Into::into)?;
            self.hold(frame.data_ref().map_or(0, Bytes::len))?;
            Ok(frame)
        });
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer; its request is under way until it has gone out.
pub(super) struct Answer<B> {
    pub(super) body: B,
    pub(super) _under_way: UnderWay,
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
