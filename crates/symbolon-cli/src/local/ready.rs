//! Whether a node is ready, as its plain HTTP port tells.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);
/// Enough for the status line.
const ANSWER_BYTES_MAX: u64 = 256;

/// False also when nobody answers.
pub(super) async fn is_ready(metrics: &str) -> bool {
    let answer = timeout(ANSWER_TIME_MAX, status_line(metrics)).await;
    matches!(answer, Ok(Ok(line)) if is_ok(&line))
}

async fn status_line(address: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let question = format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn is_ok(status_line: &str) -> bool {
    let mut words = status_line.split(' ');
    words.next().is_some_and(|version| version.starts_with("HTTP/1."))
        && words.next() == Some("200")
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn ready_when_answered(answer: &'static str) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut question = [0; 512];
            let bytes = stream.read(&mut question).await.unwrap();
            assert!(question[..bytes].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let ready = is_ready(&address).await;
        server.await.unwrap();
        ready
    }

    #[tokio::test]
    async fn only_200_is_ready() {
        assert!(ready_when_answered("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await);
        assert!(!ready_when_answered("HTTP/1.1 503 Service Unavailable\r\n\r\n").await);
        assert!(!ready_when_answered("").await);
    }

    #[tokio::test]
    async fn nobody_there_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        assert!(!is_ready(&address).await);
    }
}
