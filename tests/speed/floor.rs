//! The floor: what the same client gets from a server that does nothing. It is tonic's own, with the TLS
//! and the messages of a node; there is no log, no disk and no state behind it. Server and client are one
//! process: this program, run again.

use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll};

use clap::{CommandFactory as _, Parser as _};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::PrivateKeyDer;
use symbolon_proto::v1;
use symbolon_proto::v1::verification_service_server::{
    VerificationService, VerificationServiceServer,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status};

/// Connections that wait for their server.
const WAITING_MAX: usize = 64;

/// The first word of the command line of such a process; the others are those of `symbolon`.
const WORD: &str = "--in-floor";

/// What `symbolon` runs, and nothing else of it.
#[derive(clap::Parser)]
struct Program {
    #[command(subcommand)]
    command: symbolon_cli::Command,
}

/// A process that asks the floor within it.
pub(crate) fn command(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(WORD).args(words).arg("--floor").kill_on_drop(true);
    command
}

/// Does what such a process does, if this is one.
pub(crate) fn run() -> Option<ExitCode> {
    let mut words: Vec<_> = std::env::args().collect();
    if words.get(1).is_none_or(|word| word != WORD) {
        return None;
    }
    words.remove(1);
    let home = tempfile::TempDir::with_prefix("symbolon-floor-").unwrap();
    let code = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let floor = Floor::start(home.path()).await;
        words.extend(["--server".to_owned(), floor.url]);
        for (option, file) in [("--ca", floor.ca), ("--token-file", floor.token_file)] {
            words.extend([option.to_owned(), file.to_str().unwrap().to_owned()]);
        }
        let program = Program::parse_from(words);
        symbolon_cli::run(program.command, Program::command()).await
    });
    Some(code)
}

/// Where it is, and what a client needs to ask it.
struct Floor {
    url: String,
    ca: PathBuf,
    token_file: PathBuf,
}

impl Floor {
    /// In this process, for as long as its runtime lives.
    async fn start(directory: &Path) -> Self {
        let (acceptor, authority) = identity();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (ca, token_file) = (directory.join("floor.pem"), directory.join("floor.token"));
        std::fs::write(&ca, authority).unwrap();
        // As long as the API key of an application.
        write_secret(&token_file, &format!("sya_{}_{}", "0".repeat(16), "A".repeat(43)));
        let (accepted, connections) = mpsc::channel(WAITING_MAX);
        tokio::spawn(accept(listener, acceptor, accepted));
        let server = Server::builder().add_service(VerificationServiceServer::new(Echo));
        tokio::spawn(server.serve_with_incoming(ReceiverStream::new(connections)));
        Self { url, ca, token_file }
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    accepted: mpsc::Sender<io::Result<Secured>>,
) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        let (acceptor, accepted) = (acceptor.clone(), accepted.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(tcp).await {
                let _ = accepted.send(Ok(Secured(stream))).await;
            }
        });
    }
}

/// A certificate for loopback, and the one that signs it. Versions, suites and provider are those of a
/// node.
fn identity() -> (TlsAcceptor, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), authority)
}

/// Answers at once, whatever is asked.
struct Echo;

#[tonic::async_trait]
impl VerificationService for Echo {
    async fn verify(
        &self,
        _: Request<v1::VerifyRequest>,
    ) -> Result<Response<v1::VerifyResponse>, Status> {
        Ok(Response::new(v1::VerifyResponse {
            decision: v1::Decision::Allow.into(),
            node: "node-1".to_owned(),
            log_index: 1_000_000,
            request_id: vec![7; 16],
            ..Default::default()
        }))
    }
}

/// A connection as tonic's server wants it.
struct Secured(TlsStream<TcpStream>);

impl Connected for Secured {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Readable by its owner alone, as a token file is to be.
fn write_secret(file: &Path, text: &str) {
    let mut options = std::fs::File::options();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
