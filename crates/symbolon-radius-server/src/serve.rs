//! The loop over a socket.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use symbolon_core::ApplicationId;
use symbolon_radius::{Code, Kind, Packet, Signed};
use symbolon_service::{Entropy, Service};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::answer::{Answering, Asked, dropped};
use crate::devices::Devices;
use crate::duplicates::{Duplicates, Key, Seen};
use crate::request::{Believed, believe};

/// A byte more than a packet can have, so that a longer datagram is seen to be longer.
const DATAGRAM_BYTES: usize = 4_097;
/// For how long it is noted that a device signs, at most.
const NOTE_TIME: std::time::Duration = std::time::Duration::from_secs(5);

/// What a port is for. Status-Server is answered at both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortKind {
    /// Access-Request.
    Authentication,
    /// Accounting-Request.
    Accounting,
}

/// A port for the requests of one kind.
pub struct RadiusPort {
    kind: PortKind,
    socket: Arc<UdpSocket>,
    answering: Answering,
    duplicates: Mutex<Duplicates>,
    /// Devices of which it is just being noted that they sign.
    noting: Mutex<HashSet<(ApplicationId, IpAddr)>>,
}

impl std::fmt::Debug for RadiusPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RadiusPort").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl RadiusPort {
    /// A port over a socket that is bound. `tls` is what ends EAP-TTLS: see [`symbolon_radius::ttls_config_of`].
    ///
    /// # Errors
    /// The system's, when the socket cannot be used within this runtime.
    pub fn new(
        kind: PortKind,
        socket: std::net::UdpSocket,
        service: Arc<Service>,
        entropy: Arc<dyn Entropy>,
        tls: Arc<ServerConfig>,
    ) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            kind,
            socket: Arc::new(UdpSocket::from_std(socket)?),
            answering: Answering::new(service, entropy, tls),
            duplicates: Mutex::default(),
            noting: Mutex::default(),
        })
    }

    /// Looks at a datagram: what costs little is done before a task is begun.
    fn receive(self: &Arc<Self>, datagram: &[u8], from: SocketAddr, tasks: &mut JoinSet<()>) {
        let now = Instant::now();
        // Who is not known learns nothing, not even that something listens.
        let Some(devices) = self.answering.devices.at(from.ip()) else {
            tracing::warn!(
                device = %from.ip(),
                "a request is not answered: no application that is switched on has this address; if it is a \
                 device of yours, add it to those of its application: `symbolon application radius set APPLICATION \
                 --device ADDRESS`, once for each that is to stand"
            );
            return dropped("unknown_device");
        };
        let packet = match Packet::read(datagram) {
            Ok(packet) => packet,
            Err(malformed) => return dropped(malformed.label()),
        };
        let asked = match self.kind {
            PortKind::Authentication => Code::AccessRequest,
            PortKind::Accounting => Code::AccountingRequest,
        };
        if packet.code() != asked && packet.code() != Code::StatusServer {
            return dropped("other_code");
        }
        let believed = match believe(&packet, &devices, from.ip(), &self.answering.service) {
            Ok(believed) => believed,
            Err(refused) => {
                let application = devices.principal.name.as_str();
                tracing::warn!(application, device = %from.ip(), %refused, "a request is not answered");
                return dropped(refused.label());
            }
        };
        let key = Key { from, code: packet.code().number(), identifier: packet.identifier() };
        let mut duplicates = self.duplicates.lock().unwrap_or_else(PoisonError::into_inner);
        match duplicates.see(key, packet.authenticator(), now) {
            Seen::New => {}
            Seen::UnderWay => return dropped("under_way"),
            Seen::Answered(reply) => {
                metrics::counter!("symbolon_radius_repeated_total").increment(1);
                _ = self.socket.try_send_to(&reply, from);
                return;
            }
        }
        let Some(place) = self.answering.place(&devices) else {
            duplicates.answer(key, packet.authenticator(), None);
            return dropped("overload");
        };
        drop(duplicates);
        let (port, bytes) = (Arc::clone(self), packet.bytes().to_vec());
        tasks.spawn(async move {
            port.answer(&bytes, from, key, &devices, &believed).await;
            drop(place);
        });
    }

    async fn answer(
        &self,
        bytes: &[u8],
        from: SocketAddr,
        key: Key,
        devices: &Devices,
        believed: &Believed,
    ) {
        let Ok(packet) = Packet::read(bytes) else {
            return;
        };
        let alive = match self.kind {
            PortKind::Authentication => Code::AccessAccept,
            PortKind::Accounting => Code::AccountingResponse,
        };
        let asked = Asked { packet: &packet, device: from.ip(), devices, believed, alive };
        let (reply, outcome) = self.answering.reply(&asked).await;
        self.keep(key, &packet, reply.as_deref());
        if let Some(reply) = reply
            && let Err(error) = self.socket.send_to(&reply, from).await
        {
            tracing::warn!(device = %from, %error, "a reply was not sent");
        }
        // EAP and Status-Server are signed by whoever signs nothing else.
        let signs = believed.signed == Signed::Yes && packet.first(Kind::EAP_MESSAGE).is_none();
        if signs && packet.code() == Code::AccessRequest && outcome == "accept" {
            self.note_signer(devices, from).await;
        }
    }

    fn keep(&self, key: Key, packet: &Packet<'_>, reply: Option<&[u8]>) {
        let mut duplicates = self.duplicates.lock().unwrap_or_else(PoisonError::into_inner);
        duplicates.answer(key, packet.authenticator(), reply);
    }

    /// From the first signed request on that let somebody in, whoever takes the signature off is found out.
    async fn note_signer(&self, devices: &Devices, from: SocketAddr) {
        let device = from.ip().to_canonical();
        let row = &devices.row;
        // Accounting is signed in a way of its own, whatever the device can do else.
        if self.kind == PortKind::Accounting
            || row.policy.signed != symbolon_core::Signed::Auto
            || row.must_sign(device)
        {
            return;
        }
        let noting = (row.id, device);
        if !self.noting.lock().unwrap_or_else(PoisonError::into_inner).insert(noting) {
            return;
        }
        let deadline = Instant::now() + NOTE_TIME;
        if let Err(error) =
            self.answering.service.note_radius_signer(row.id, device, deadline).await
        {
            tracing::debug!(%device, %error, "it is noted later that a device signs");
        }
        self.noting.lock().unwrap_or_else(PoisonError::into_inner).remove(&noting);
    }
}

/// Answers requests until `stop` is done, and then those that are under way.
pub async fn serve(port: RadiusPort, stop: impl Future<Output = ()>) {
    let port = Arc::new(port);
    let mut tasks = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM_BYTES];
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            received = port.socket.recv_from(&mut buffer) => match received {
                Ok((length, from)) => {
                    // In a flood there is always something to receive, and what has ended would pile up.
                    while tasks.try_join_next().is_some() {}
                    port.receive(buffer.get(..length).unwrap_or_default(), from, &mut tasks);
                }
                // An ICMP error of an earlier reply, say.
                Err(error) => tracing::debug!(%error, "nothing was received"),
            },
            Some(_) = tasks.join_next() => {}
        }
    }
    while tasks.join_next().await.is_some() {}
}
