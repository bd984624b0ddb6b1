//! gRPC over TLS without a generated client, so that any bytes can be sent to any method.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Frame};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::{Code, Status};

/// A connection, and what every call on it carries.
#[derive(Clone)]
pub(crate) struct Wire {
    sender: SendRequest<Either<Full<Bytes>, Endless>>,
    headers: HeaderMap,
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: Status,
    pub(crate) headers: HeaderMap,
    /// The messages, each with its frame.
    pub(crate) body: Bytes,
}

/// TCP and TLS.
pub(crate) async fn secured(
    address: SocketAddr,
    config: ClientConfig,
) -> io::Result<TlsStream<TcpStream>> {
    secure(TcpStream::connect(address).await?, address, config).await
}

async fn secure(
    stream: TcpStream,
    address: SocketAddr,
    config: ClientConfig,
) -> io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::from(address.ip()), stream).await
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr, config: ClientConfig) -> io::Result<Self> {
        Self::over(secured(address, config).await?).await
    }

    /// From another address of this machine.
    pub(crate) async fn connect_from(
        source: SocketAddr,
        address: SocketAddr,
        config: ClientConfig,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(source)?;
        Self::over(secure(socket.connect(address).await?, address, config).await?).await
    }

    /// Over a socket of this machine.
    pub(crate) async fn local(socket: &Path) -> io::Result<Self> {
        Self::over(UnixStream::connect(socket).await?).await
    }

    async fn over<S>(stream: S) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(stream);
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), stream).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self { sender, headers: HeaderMap::new() })
    }

    /// The same connection with another header on every call.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        self.with_value(name, HeaderValue::from_str(value).unwrap())
    }

    pub(crate) fn with_value(&self, name: &'static str, value: HeaderValue) -> Self {
        let mut other = self.clone();
        other.headers.insert(HeaderName::from_static(name), value);
        other
    }

    pub(crate) fn bearing(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// Sends any bytes as the body of a call.
    pub(crate) async fn send(&self, method: &str, body: Bytes) -> hyper::Result<Reply> {
        self.exchange(method, Either::Left(Full::new(body))).await
    }

    /// Whether the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Opens a call and never sends its message.
    pub(crate) async fn send_without_end(&self, method: &str) -> hyper::Result<Reply> {
        self.send_a_part(method, Bytes::new()).await
    }

    /// Opens a call and sends these bytes and never the rest.
    pub(crate) async fn send_a_part(&self, method: &str, part: Bytes) -> hyper::Result<Reply> {
        self.exchange(method, Either::Right(Endless(Some(part)))).await
    }

    async fn exchange(
        &self,
        method: &str,
        body: Either<Full<Bytes>, Endless>,
    ) -> hyper::Result<Reply> {
        let mut request = Request::post(format!("https://localhost{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(body)
            .unwrap();
        request.headers_mut().extend(self.headers.clone());
        let response = self.sender.clone().send_request(request).await?;
        let headers = response.headers().clone();
        let body = response.into_body().collect().await?;
        // A refusal comes with headers alone.
        let trailers = body.trailers().unwrap_or(&headers);
        let status = Status::from_header_map(trailers);
        Ok(Reply {
            status: status.unwrap_or_else(|| Status::unknown("no gRPC status")),
            body: body.to_bytes(),
            headers,
        })
    }

    /// A call with one message each way.
    pub(crate) async fn ask<A: Message + Default>(
        &self,
        method: &str,
        question: &impl Message,
    ) -> Result<A, Status> {
        let reply = self.send(method, framed(&question.encode_to_vec())).await;
        let reply = reply.unwrap_or_else(|error| panic!("{method}: {error}"));
        match reply.status.code() {
            Code::Ok => Ok(A::decode(reply.body.slice(5..)).unwrap()),
            _ => Err(reply.status),
        }
    }
}

/// A message as gRPC frames it.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(0);
    frame.put_u32(message.len().try_into().unwrap());
    frame.put_slice(message);
    frame.freeze()
}

/// A body that begins and never ends.
struct Endless(Option<Bytes>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.0.take().filter(|part| !part.is_empty());
        part.map_or(Poll::Pending, |part| Poll::Ready(Some(Ok(Frame::data(part)))))
    }
}
