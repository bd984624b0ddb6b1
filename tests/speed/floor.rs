//! The floor: what the same client gets from a server that does nothing. TLS, HTTP/2, tonic and messages
//! are those of a node; there is no log, no disk and no state behind it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use symbolon_proto::v1;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tonic::server::{Grpc, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// Where it is, and what a client needs to ask it.
pub(crate) struct Floor {
    pub(crate) url: String,
    pub(crate) ca: PathBuf,
    pub(crate) token_file: PathBuf,
}

impl Floor {
    pub(crate) async fn start(directory: &Path) -> Self {
        let (acceptor, authority) = identity();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (ca, token_file) = (directory.join("floor.pem"), directory.join("floor.token"));
        std::fs::write(&ca, authority).unwrap();
        std::fs::write(&token_file, "nobody").unwrap();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tcp.set_nodelay(true).unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(tcp).await else { return };
                    let service = TowerToHyperService::new(tower::service_fn(answer));
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    // It ends when the client does.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, ca, token_file }
    }
}

/// A certificate for loopback, and the one that signs it.
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
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (TlsAcceptor::from(Arc::new(config)), authority)
}

/// Answers by the path alone, whatever is asked.
async fn answer(
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let request = http::Request::from_parts(parts, Body::new(body));
    let made = || v1::ImportResult {
        outcome: v1::import_result::Outcome::Created.into(),
        ..Default::default()
    };
    Ok(match path.as_str() {
        "/symbolon.v1.VerificationService/Verify" => {
            unary(request, |_: v1::VerifyRequest| v1::VerifyResponse {
                decision: v1::Decision::Allow.into(),
                node: "n1".to_owned(),
                log_index: 1_000_000,
                request_id: vec![7; 16],
                ..Default::default()
            })
            .await
        }
        "/symbolon.v1.UserService/ImportUsers" => {
            unary(request, |asked: v1::ImportUsersRequest| v1::ImportUsersResponse {
                results: asked.users.iter().map(|_| made()).collect(),
            })
            .await
        }
        "/symbolon.v1.UserService/ImportTokens" => {
            unary(request, |asked: v1::ImportTokensRequest| v1::ImportTokensResponse {
                results: asked.tokens.iter().map(|_| made()).collect(),
            })
            .await
        }
        "/symbolon.v1.ApplicationService/CreateApplication" => {
            let api_key =
                "sya_0123456789abcdef_0123456789abcdef0123456789abcdef01234567890".to_owned();
            unary(request, move |_: v1::CreateApplicationRequest| v1::CreateApplicationResponse {
                api_key: api_key.clone(),
                ..Default::default()
            })
            .await
        }
        "/symbolon.v1.UserService/ListUsers" => {
            unary(request, |_: v1::ListUsersRequest| v1::ListUsersResponse::default()).await
        }
        _ => {
            unary(request, |_: v1::DeleteApplicationRequest| {
                v1::DeleteApplicationResponse::default()
            })
            .await
        }
    })
}

struct Unary<F>(F);

impl<Q, A, F> UnaryService<Q> for Unary<F>
where
    F: Fn(Q) -> A,
{
    type Response = A;
    type Future = Ready<Result<Response<A>, Status>>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        ready(Ok(Response::new((self.0)(request.into_inner()))))
    }
}

async fn unary<Q, A>(request: http::Request<Body>, answer: impl Fn(Q) -> A) -> http::Response<Body>
where
    Q: prost::Message + Default + 'static,
    A: prost::Message + Default + 'static,
{
    let codec: ProstCodec<A, Q> = ProstCodec::default();
    Grpc::new(codec).unary(Unary(answer), request).await
}
