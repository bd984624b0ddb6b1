//! HTTP/1.1 as far as it is needed to ask a server on loopback.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const TIME_MAX: Duration = Duration::from_secs(60);

/// What is answered, as JSON, whatever its status; `None`: nobody answers.
pub(super) async fn post(
    address: SocketAddr,
    path: &str,
    token: Option<&str>,
    kind: &str,
    body: &str,
) -> Option<Value> {
    let authorization = token.map(|token| format!("authorization: {token}\r\n"));
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: {kind}\r\n\
         content-length: {}\r\n{}\r\n{body}",
        body.len(),
        authorization.unwrap_or_default()
    );
    let answer = timeout(TIME_MAX, exchange(address, &request)).await.ok()?.ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}

async fn exchange(address: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
