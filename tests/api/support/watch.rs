//! Waiting for something to come about, and looking at a node from outside.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Waits until the condition holds.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < end, "it did not come about that {what}");
        sleep(POLL).await;
    }
}

pub(crate) async fn within<T>(seconds: u64, what: &str, future: impl Future<Output = T>) -> T {
    match timeout(Duration::from_secs(seconds), future).await {
        Ok(value) => value,
        Err(_) => panic!("it took longer than {seconds} s that {what}"),
    }
}

/// Status and body of a page of plain HTTP.
pub(crate) async fn page(address: &str, path: &str) -> (u16, String) {
    let question = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(question.as_bytes()).await.unwrap();
    within(10, "a page comes", stream.read_to_end(&mut answer))
        .await
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// A number of `/metrics`; 0 where it was never counted. `labels` are as they are written there.
pub(crate) async fn metric(address: &str, name_and_labels: &str) -> f64 {
    let (_, text) = page(address, "/metrics").await;
    text.lines()
        .filter_map(|line| line.rsplit_once(' '))
        .find(|(name, _)| *name == name_and_labels)
        .map_or(0.0, |(_, value)| value.parse().unwrap())
}
