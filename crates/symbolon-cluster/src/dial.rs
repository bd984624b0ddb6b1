//! How a node reaches the peer port of another.

use std::io;

use symbolon_service::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Bytes both ways.
pub trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// Makes connections to peer ports. What goes over them is TLS in any case.
pub trait Dial: Send + Sync + 'static {
    /// A connection to `address`, `host:port`. Whoever asks gives up after a while.
    fn dial<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Line>>>;
}

/// Over TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Dial for Tcp {
    fn dial<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Line>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            // Messages are small and somebody waits for each.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Line>)
        })
    }
}
