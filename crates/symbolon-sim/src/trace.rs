//! What has happened, as lines with times: the timeline, and the hash by which two runs are compared.

use std::cell::Cell;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use tracing_subscriber::fmt::MakeWriter;

use crate::net::HostId;
use crate::os;
use crate::time::shown;

thread_local! {
    /// The host whose turn it is.
    static HOST: Cell<Option<HostId>> = const { Cell::new(None) };
}

/// Says whose turn it is.
pub(crate) fn set_host(host: Option<HostId>) {
    HOST.set(host);
}

/// The timeline. Clones are the same.
#[derive(Clone)]
pub(crate) struct Trace(Arc<Mutex<Inner>>);

struct Inner {
    lines: Vec<String>,
    hash: Sha256,
    echo: bool,
}

impl Trace {
    /// `echo`: each line is printed as it comes.
    pub(crate) fn new(echo: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner { lines: Vec::new(), hash: Sha256::new(), echo })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn say(&self, who: &str, what: &str) {
        let line = format!("{} {who:8} {what}", shown(os::now()));
        let mut inner = self.lock();
        inner.hash.update(line.as_bytes());
        inner.hash.update(b"\n");
        if inner.echo {
            println!("{line}");
        }
        inner.lines.push(line);
    }

    /// The first 16 digits of the hash of all lines.
    pub(crate) fn hash(&self) -> String {
        let hash = self.lock().hash.clone().finalize();
        hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// Has everything that the nodes log written into the timeline.
    pub(crate) fn take_logs(&self, filter: &str) {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .without_time()
            .with_ansi(false)
            .with_writer(Logs(self.clone()))
            .finish();
        // Once in a process: whoever comes second is not heard.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

struct Logs(Trace);

/// Gathers one line.
struct Line {
    trace: Trace,
    text: Vec<u8>,
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { trace: self.0.clone(), text: Vec::new() }
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let who = HOST.get().map_or_else(|| "world".to_owned(), |host| format!("host-{host}"));
        let text = String::from_utf8_lossy(&self.text);
        for line in text.lines() {
            self.trace.say(&who, line.trim());
        }
    }
}
