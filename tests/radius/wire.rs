//! Packets that are sent byte for byte, as no client sends them.

use std::net::SocketAddr;
use std::time::Duration;

use symbolon_core::Secret;
use symbolon_radius::{Code, Cover, Kind, Writer};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// For a reply to come, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(6);

/// An Access-Request whose authenticator is drawn by the system.
pub(crate) fn access_request(name: &str, password: &str, secret: &str, signed: bool) -> Vec<u8> {
    let mut random = [0; 17];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random).unwrap();
    let (authenticator, identifier) = (*random.first_chunk::<16>().unwrap(), random[16]);
    let secret = Secret::new(secret.as_bytes().to_vec());
    if signed {
        let mut writer = Writer::request(Code::AccessRequest, identifier, authenticator);
        writer.attribute(Kind::USER_NAME, name.as_bytes());
        writer.user_password(password.as_bytes(), &secret);
        return writer.finish(&secret).unwrap();
    }
    let hidden = Cover::new(&secret, &authenticator).hide_password(password.as_bytes()).unwrap();
    let mut bytes = vec![1, identifier, 0, 0];
    bytes.extend(authenticator);
    for (kind, value) in [(1, name.as_bytes()), (2, &hidden)] {
        bytes.extend([kind, u8::try_from(value.len() + 2).unwrap()]);
        bytes.extend(value);
    }
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
    bytes
}

/// Sends a packet from a new port, and waits for what comes back.
pub(crate) async fn exchange(server: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    send(&socket, server, request).await
}

pub(crate) async fn send(
    socket: &UdpSocket,
    server: SocketAddr,
    request: &[u8],
) -> Option<Vec<u8>> {
    socket.send_to(request, server).await.unwrap();
    let mut reply = vec![0; 4096];
    let (length, _) = timeout(PATIENCE, socket.recv_from(&mut reply)).await.ok()?.unwrap();
    reply.truncate(length);
    Some(reply)
}
