//! The network: byte streams between hosts, which a seed delays, stalls, cuts and resets.
//!
//! What is written arrives in order or not at all, as TCP has it: a lost packet is a stall, a cut is a
//! silence that ends with the cut or with the patience of those who wait, and what is sent over different
//! connections arrives in any order.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use symbolon_check::Rng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{mpsc, oneshot};

use crate::time::{MILLISECOND, Nanos};

/// Bytes that a stream takes before somebody reads them.
const WINDOW_BYTES: usize = 256 << 10;
/// Quickest way from one host to another. No host is ever ahead of another by more than that.
pub(crate) const LATENCY_MIN: Nanos = 2 * MILLISECOND;

pub(crate) use symbolon_check::HostId;

/// How it is from one host to another, in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// By how many faults nothing gets through.
    pub(crate) cuts: u32,
    pub(crate) latency: (Nanos, Nanos),
    /// Of a thousand pieces so many are lost once and sent again after a while.
    pub(crate) loss_per_mille: u64,
}

impl Default for Link {
    fn default() -> Self {
        let latency = (LATENCY_MIN, LATENCY_MIN + 2 * MILLISECOND);
        Self { cuts: 0, latency, loss_per_mille: 0 }
    }
}

/// The network. Clones are the same.
#[derive(Clone)]
pub(crate) struct Net(Arc<Mutex<Inner>>);

struct Inner {
    now: Nanos,
    rng: Rng,
    links: BTreeMap<(HostId, HostId), Link>,
    /// Machines that are on: others neither take nor send anything.
    on: Vec<bool>,
    listeners: Vec<Option<mpsc::UnboundedSender<Stream>>>,
    asking: Vec<Asking>,
    pipes: BTreeMap<u64, Pipe>,
    next_pipe: u64,
}

/// Somebody who wants a connection.
struct Asking {
    from: HostId,
    to: HostId,
    due: Nanos,
    /// The answer on its way back.
    answer: Option<io::Result<Stream>>,
    done: oneshot::Sender<io::Result<Stream>>,
}

/// One direction of a connection.
struct Pipe {
    from: HostId,
    to: HostId,
    under_way: VecDeque<(Nanos, Vec<u8>)>,
    arrived: VecDeque<u8>,
    bytes: usize,
    last_due: Nanos,
    /// When the reader learns that the writer has closed it.
    end: Option<Nanos>,
    is_ended: bool,
    /// When both learn that it is no more.
    reset: Option<Nanos>,
    is_reset: bool,
    has_reader: bool,
    has_writer: bool,
    readers: Option<Waker>,
    writers: Option<Waker>,
}

impl Net {
    pub(crate) fn new(hosts: usize, rng: Rng) -> Self {
        let pairs = (0..hosts).flat_map(|from| (0..hosts).map(move |to| (from, to)));
        Self(Arc::new(Mutex::new(Inner {
            now: 0,
            rng,
            links: pairs.map(|pair| (pair, Link::default())).collect(),
            on: vec![false; hosts],
            listeners: (0..hosts).map(|_| None).collect(),
            asking: Vec::new(),
            pipes: BTreeMap::new(),
            next_pipe: 0,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self, from: HostId, to: HostId, change: impl FnOnce(&mut Link)) {
        self.lock().links.get_mut(&(from, to)).map(change);
    }

    /// All links are as they were made.
    pub(crate) fn mend_all(&self) {
        self.lock().links.values_mut().for_each(|link| *link = Link::default());
    }

    /// Whether bytes get from one to the other.
    pub(crate) fn is_open(&self, from: HostId, to: HostId) -> bool {
        self.lock().is_open(from, to)
    }

    /// Whether bytes get from one to the other as they should.
    pub(crate) fn is_well(&self, from: HostId, to: HostId) -> bool {
        let inner = self.lock();
        let link = inner.links.get(&(from, to)).copied().unwrap_or_default();
        let usual = Link::default();
        inner.is_open(from, to) && link.latency == usual.latency && link.loss_per_mille == 0
    }

    /// A machine is switched on or off. Off: whoever waits for it hears nothing; what it had open is reset
    /// when it is on again.
    pub(crate) fn switch(&self, host: HostId, on: bool) {
        let mut inner = self.lock();
        inner.on[host] = on;
        inner.listeners[host] = None;
        if on {
            let due = inner.now + LATENCY_MIN;
            for pipe in inner.pipes.values_mut().filter(|pipe| [pipe.from, pipe.to].contains(&host))
            {
                pipe.reset.get_or_insert(due);
            }
        }
    }

    /// Connections to a host that its program is given, until it ends.
    pub(crate) fn listen(&self, host: HostId) -> mpsc::UnboundedReceiver<Stream> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.lock().listeners[host] = Some(sender);
        receiver
    }

    /// A connection. Where nobody listens it is refused; where nobody is it waits.
    pub(crate) async fn connect(&self, from: HostId, to: HostId) -> io::Result<Stream> {
        let (done, answer) = oneshot::channel();
        {
            let mut inner = self.lock();
            let due = inner.arrival(from, to);
            inner.asking.push(Asking { from, to, due, answer: None, done });
        }
        answer.await.unwrap_or_else(|_| Err(io::ErrorKind::ConnectionAborted.into()))
    }

    /// Brings everything that is due by `now` to where it goes.
    pub(crate) fn deliver(&self, now: Nanos) {
        let mut inner = self.lock();
        inner.now = now;
        let woken = inner.carry();
        let asking = std::mem::take(&mut inner.asking);
        drop(inner);
        // Unlocked first: whoever is dropped or woken may come back here.
        woken.into_iter().for_each(Waker::wake);
        let left: Vec<_> =
            asking.into_iter().filter_map(|asking| self.answer(asking, now)).collect();
        self.lock().asking.extend(left);
    }

    /// One step of a connection that is being made; `None`: it is done.
    fn answer(&self, mut asking: Asking, now: Nanos) -> Option<Asking> {
        if asking.done.is_closed() {
            return None;
        }
        let is_back = asking.answer.is_some();
        let way = if is_back { (asking.to, asking.from) } else { (asking.from, asking.to) };
        if asking.due > now || !self.is_open(way.0, way.1) {
            return Some(asking);
        }
        if let Some(answer) = asking.answer.take() {
            let _ = asking.done.send(answer);
            return None;
        }
        let mut inner = self.lock();
        asking.due = inner.arrival(asking.to, asking.from);
        let listener = inner.listeners[asking.to].clone();
        let (ours, theirs) = inner.pair(asking.from, asking.to, self);
        drop(inner);
        let taken = listener.is_some_and(|listener| listener.send(theirs).is_ok());
        asking.answer =
            Some(if taken { Ok(ours) } else { Err(io::ErrorKind::ConnectionRefused.into()) });
        Some(asking)
    }
}

impl Inner {
    fn is_open(&self, from: HostId, to: HostId) -> bool {
        let is_cut = self.links.get(&(from, to)).is_some_and(|link| link.cuts > 0);
        !is_cut && self.on[from] && self.on[to]
    }

    /// When something gets there that is sent now.
    fn arrival(&mut self, from: HostId, to: HostId) -> Nanos {
        let link = self.links.get(&(from, to)).copied().unwrap_or_default();
        let way = self.rng.range(link.latency.0, link.latency.1 + 1);
        let again = if self.rng.chance(link.loss_per_mille) {
            self.rng.range(200 * MILLISECOND, 1000 * MILLISECOND)
        } else {
            0
        };
        self.now + way + again
    }

    fn pair(&mut self, from: HostId, to: HostId, net: &Net) -> (Stream, Stream) {
        let there = self.next_pipe;
        self.next_pipe += 2;
        self.pipes.insert(there, Pipe::new(from, to));
        self.pipes.insert(there + 1, Pipe::new(to, from));
        let ours = Stream { net: net.clone(), read: there + 1, write: there };
        let theirs = Stream { net: net.clone(), read: there, write: there + 1 };
        (ours, theirs)
    }

    /// Moves what is due. Who is to be woken.
    fn carry(&mut self) -> Vec<Waker> {
        let now = self.now;
        let mut woken = Vec::new();
        let Self { pipes, links, on, .. } = self;
        for pipe in pipes.values_mut() {
            let is_cut = links.get(&(pipe.from, pipe.to)).is_some_and(|link| link.cuts > 0);
            if is_cut || !on[pipe.from] || !on[pipe.to] {
                continue;
            }
            let mut changed = false;
            while let Some((_, bytes)) = pipe.under_way.pop_front_if(|(due, _)| *due <= now) {
                pipe.arrived.extend(bytes);
                changed = true;
            }
            if pipe.end.is_some_and(|end| end <= now) && pipe.under_way.is_empty() && !pipe.is_ended
            {
                pipe.is_ended = true;
                changed = true;
            }
            if pipe.reset.is_some_and(|reset| reset <= now) && !pipe.is_reset {
                pipe.is_reset = true;
                changed = true;
            }
            if changed {
                woken.extend(pipe.readers.take());
                woken.extend(pipe.writers.take().filter(|_| pipe.is_reset));
            }
        }
        pipes.retain(|_, pipe| pipe.has_reader || pipe.has_writer);
        woken
    }
}

impl Pipe {
    const fn new(from: HostId, to: HostId) -> Self {
        Self {
            from,
            to,
            under_way: VecDeque::new(),
            arrived: VecDeque::new(),
            bytes: 0,
            last_due: 0,
            end: None,
            is_ended: false,
            reset: None,
            is_reset: false,
            has_reader: true,
            has_writer: true,
            readers: None,
            writers: None,
        }
    }
}

/// One end of a connection.
pub(crate) struct Stream {
    net: Net,
    read: u64,
    write: u64,
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut inner = self.net.lock();
        let Some(pipe) = inner.pipes.get_mut(&self.read) else { return Poll::Ready(Ok(())) };
        if pipe.is_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if pipe.arrived.is_empty() {
            if pipe.is_ended {
                return Poll::Ready(Ok(()));
            }
            pipe.readers = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = buffer.remaining().min(pipe.arrived.len());
        let bytes: Vec<u8> = pipe.arrived.drain(..count).collect();
        pipe.bytes -= count;
        let writer = pipe.writers.take();
        drop(inner);
        writer.into_iter().for_each(Waker::wake);
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let inner = &mut *self.net.lock();
        let Some(pipe) = inner.pipes.get(&self.write) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if pipe.is_reset || (!pipe.has_reader && inner.on[pipe.to]) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let due = inner.arrival(pipe.from, pipe.to);
        let Some(pipe) = inner.pipes.get_mut(&self.write) else { return Poll::Pending };
        let count = bytes.len().min(WINDOW_BYTES - pipe.bytes.min(WINDOW_BYTES));
        if count == 0 {
            pipe.writers = Some(context.waker().clone());
            return Poll::Pending;
        }
        let due = due.max(pipe.last_due);
        pipe.last_due = due;
        pipe.bytes += count;
        pipe.under_way.push_back((due, bytes[..count].to_vec()));
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.net.lock().end(self.write);
        Poll::Ready(Ok(()))
    }
}

impl Inner {
    fn end(&mut self, pipe: u64) {
        let Some((from, to)) = self.pipes.get(&pipe).map(|pipe| (pipe.from, pipe.to)) else {
            return;
        };
        let due = self.arrival(from, to);
        if let Some(pipe) = self.pipes.get_mut(&pipe) {
            let due = due.max(pipe.last_due);
            pipe.end = pipe.end.or(Some(due));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut inner = self.net.lock();
        // A machine that is off says no more.
        if inner.pipes.get(&self.write).is_some_and(|pipe| inner.on[pipe.from]) {
            inner.end(self.write);
        }
        let mut woken = Vec::new();
        if let Some(pipe) = inner.pipes.get_mut(&self.write) {
            pipe.has_writer = false;
        }
        if let Some(pipe) = inner.pipes.get_mut(&self.read) {
            pipe.has_reader = false;
            pipe.readers = None;
            woken.extend(pipe.writers.take());
        }
        drop(inner);
        woken.into_iter().for_each(Waker::wake);
    }
}
