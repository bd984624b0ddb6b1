//! The loop over a connection of RADIUS over TLS, RFC 6614.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use symbolon_core::{ApplicationId, CertificateName, Secret};
use symbolon_radius::{BadRequest, Code, HEADER_BYTES, Malformed, PACKET_BYTES_MAX, Packet};
use symbolon_service::{Entropy, Service};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::answer::{Answering, Asked, dropped};
use crate::devices::Devices;
use crate::request::{Refused, believe_over_tls};

/// What passwords are hidden with and packets are signed with, the same everywhere: RFC 6614 section 2.3. TLS
/// is what protects them.
const SECRET: &[u8] = b"radsec";
/// What to do about a request that was made with another.
const HINT: &str = "over TLS the shared secret is \"radsec\"";
/// Requests of one connection that are under way at once: identifiers have as many values. Beyond that nothing
/// is read.
const REQUESTS_MAX: usize = 256;
/// For how long a connection may have nothing to say.
const IDLE: Duration = Duration::from_secs(600);
/// For how long a device may not take what it is told.
const TAKE: Duration = Duration::from_secs(10);
/// For how long what is under way is waited for when a connection ends: longer than a request takes.
const FINISH: Duration = Duration::from_secs(11);
/// How often it is seen whether a device that asks nothing is one yet.
const LOOK: Duration = Duration::from_secs(5);

/// What serves the connections of devices that come over TLS.
pub struct RadsecPort {
    answering: Answering,
    secret: Secret,
}

impl std::fmt::Debug for RadsecPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RadsecPort").finish_non_exhaustive()
    }
}

/// Why a connection is ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the device has left")]
    Left,
    #[error("the node stops")]
    Stopped,
    #[error("the device had nothing to say for long")]
    Idle,
    #[error("the device does not take its replies")]
    Untaken,
    #[error("the network: {0}")]
    Network(#[from] io::Error),
    /// Whose device it is, nobody knows, or nobody any more.
    #[error("no application that is switched on has a name of its certificate")]
    Unknown,
    /// So that one whose name was removed does not go on as another.
    #[error("its certificate has become another application's")]
    Moved,
    /// RFC 6613 section 2.6.4: where the next packet begins, or who sends it, is not known then.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Ended {
    /// Whether the device hears what becomes of what is under way: what a connection carries may be of many devices behind a
    /// proxy, of which one has sent what ends it.
    const fn answers(&self) -> bool {
        matches!(self, Self::Stopped | Self::Malformed(_) | Self::Refused(_))
    }
}

impl RadsecPort {
    /// `tls` is what ends EAP-TTLS: see [`symbolon_radius::ttls_config_of`]. What the connections are protected
    /// with is the business of who accepts them.
    #[must_use]
    pub fn new(service: Arc<Service>, entropy: Arc<dyn Entropy>, tls: Arc<ServerConfig>) -> Self {
        let answering = Answering::new(service, entropy, tls);
        Self { answering, secret: Secret::new(SECRET.to_vec()) }
    }

    /// Answers the requests of a connection until it ends, or until `stop` is done, and then those that are under
    /// way. `names` are those of the certificate whose key the device has proved to hold, in its order.
    pub async fn serve(
        self: Arc<Self>,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        remote: SocketAddr,
        names: Vec<CertificateName>,
        stop: impl Future<Output = ()>,
    ) {
        let device = remote.ip().to_canonical();
        let (incoming, tasks) = (Incoming::default(), JoinSet::new());
        let application = None;
        let mut connection = Connection { port: self, device, names, application, incoming, tasks };
        let (mut reader, mut writer) = tokio::io::split(stream);
        let ended = connection.run(&mut reader, &mut writer, stop).await;
        connection.tell(&ended);
        _ = timeout(FINISH, connection.finish(&mut writer, ended.answers())).await;
        _ = timeout(TAKE, writer.shutdown()).await;
    }
}

/// A connection: whose it is, what has come of it that is no whole packet yet, and what is under way.
struct Connection {
    port: Arc<RadsecPort>,
    device: IpAddr,
    names: Vec<CertificateName>,
    /// As which application it asks; `None` until it was looked up.
    application: Option<ApplicationId>,
    incoming: Incoming,
    tasks: JoinSet<Option<Vec<u8>>>,
}

impl Connection {
    /// Answers requests for as long as it lasts, and tells why it does not.
    async fn run(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
        stop: impl Future<Output = ()>,
    ) -> Ended {
        tokio::pin!(stop);
        let mut busy = Instant::now();
        let mut look = busy;
        loop {
            let step = tokio::select! {
                biased;
                () = &mut stop => Err(Ended::Stopped),
                Some(reply) = self.tasks.join_next() => {
                    busy = Instant::now();
                    // Who panicked has told so, and says nothing.
                    send(writer, reply.ok().flatten()).await
                }
                read = self.incoming.read(reader), if self.tasks.len() < REQUESTS_MAX => {
                    busy = Instant::now();
                    match read {
                        Ok(0) => Err(Ended::Left),
                        Ok(_) => Ok(()),
                        Err(error) => Err(error.into()),
                    }
                }
                () = sleep_until(look) => {
                    look = Instant::now() + LOOK;
                    let is_idle = self.tasks.is_empty() && busy.elapsed() > IDLE;
                    self.devices().and(if is_idle { Err(Ended::Idle) } else { Ok(()) })
                }
            };
            if let Err(ended) = step.and_then(|()| self.begin()) {
                return ended;
            }
        }
    }

    /// Does what is under way: what was asked is decided, and what was told is written down, even if nobody
    /// hears of it.
    async fn finish(&mut self, writer: &mut (impl AsyncWrite + Unpin), mut hears: bool) {
        while let Some(reply) = self.tasks.join_next().await {
            hears = hears && send(writer, reply.ok().flatten()).await.is_ok();
        }
    }

    /// As which application it asks: the same for as long as it lasts.
    fn devices(&mut self) -> Result<Arc<Devices>, Ended> {
        let devices = self.port.answering.devices.named(&self.names).ok_or(Ended::Unknown)?;
        let now = devices.row.id;
        match self.application.replace(now) {
            Some(before) if before != now => Err(Ended::Moved),
            Some(_) => Ok(devices),
            None => {
                let (application, device) = (devices.principal.name.as_str(), self.device);
                let certificate = self.certificate();
                tracing::info!(application, %device, certificate, "a device has come over TLS");
                Ok(devices)
            }
        }
    }

    /// What its certificate says, for logs.
    fn certificate(&self) -> String {
        self.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// Has what has come answered, as far as there is room.
    fn begin(&mut self) -> Result<(), Ended> {
        while self.tasks.len() < REQUESTS_MAX {
            let Some(bytes) = self.incoming.take()? else {
                break;
            };
            self.receive(bytes)?;
        }
        Ok(())
    }

    fn receive(&mut self, bytes: Vec<u8>) -> Result<(), Ended> {
        let devices = self.devices()?;
        let packet = match Packet::read(&bytes) {
            Ok(packet) => packet,
            // RFC 6613 section 2.6.4: it is of no use here, and what follows may be.
            Err(odd @ (Malformed::UnknownCode(_) | Malformed::TooManyAttributes)) => {
                dropped(odd.label());
                return Ok(());
            }
            Err(malformed) => return Err(malformed.into()),
        };
        let asks = [Code::AccessRequest, Code::AccountingRequest, Code::StatusServer];
        if !asks.contains(&packet.code()) {
            dropped("other_code");
            return Ok(());
        }
        let believed = match believe_over_tls(&packet, &devices, &self.port.secret) {
            Ok(believed) => believed,
            // Whoever has the connection has another secret.
            Err(
                refused
                @ Refused::Bad(BadRequest::MessageAuthenticator | BadRequest::Authenticator),
            ) => return Err(refused.into()),
            Err(refused) => {
                let (application, device) = (devices.principal.name.as_str(), self.device);
                tracing::warn!(application, %device, %refused, hint = HINT, "a request is not answered");
                dropped(refused.label());
                return Ok(());
            }
        };
        let Some(place) = self.port.answering.place(&devices) else {
            dropped("overload");
            return Ok(());
        };
        let (port, device) = (Arc::clone(&self.port), self.device);
        self.tasks.spawn(async move {
            let packet = Packet::read(&bytes).ok()?;
            let (devices, believed, alive) = (&*devices, &believed, Code::AccessAccept);
            let asked = Asked { packet: &packet, device, devices, believed, alive };
            let (reply, _) = port.answering.reply(&asked).await;
            drop(place);
            reply
        });
        Ok(())
    }

    /// Writes down why it ends, if an administrator can do something about it.
    fn tell(&self, ended: &Ended) {
        let device = self.device;
        let names = self.certificate();
        match ended {
            Ended::Left
            | Ended::Stopped
            | Ended::Idle
            | Ended::Untaken
            | Ended::Moved
            | Ended::Network(_) => {
                tracing::debug!(%device, certificate = names, %ended, "a RADIUS connection has ended");
            }
            Ended::Unknown => {
                dropped("unknown_certificate");
                tracing::warn!(
                    %device,
                    certificate = names,
                    "a RADIUS connection is ended: no application that is switched on has a name of its certificate; \
                     if it is a device of yours, add a DNS name or an address in its subjectAltName to those that its \
                     application has: `symbolon application radius set APPLICATION --certificate NAME`, once for \
                     each name that is to stand"
                );
            }
            Ended::Malformed(malformed) => {
                dropped(malformed.label());
                let refused = malformed.to_string();
                tracing::warn!(%device, certificate = names, refused, "a RADIUS connection is ended");
            }
            Ended::Refused(bad) => {
                dropped(bad.label());
                tracing::warn!(
                    %device, certificate = names, refused = %bad, hint = HINT, "a RADIUS connection is ended"
                );
            }
        }
    }
}

async fn send(writer: &mut (impl AsyncWrite + Unpin), reply: Option<Vec<u8>>) -> Result<(), Ended> {
    let Some(reply) = reply else {
        return Ok(());
    };
    let sending = async {
        writer.write_all(&reply).await?;
        writer.flush().await
    };
    timeout(TAKE, sending).await.map_err(|_| Ended::Untaken)?.map_err(Ended::Network)
}

/// What has come and was not taken yet.
#[derive(Default)]
struct Incoming(Vec<u8>);

impl Incoming {
    /// How many bytes more there are. May be dropped and called again.
    async fn read(&mut self, reader: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.0.reserve(PACKET_BYTES_MAX);
        reader.read_buf(&mut self.0).await
    }

    /// The first packet, if it is there in whole: as many bytes as its length says.
    fn take(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        let Some([_, _, high, low]) = self.0.first_chunk() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length < HEADER_BYTES {
            return Err(Malformed::Short);
        }
        if length > PACKET_BYTES_MAX {
            return Err(Malformed::Long);
        }
        Ok((length <= self.0.len()).then(|| self.0.drain(..length).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(length: u16) -> Vec<u8> {
        let mut bytes = vec![7; length.into()];
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        bytes
    }

    #[test]
    fn packets_are_taken_one_by_one_however_they_come() {
        let (first, second) = (packet(20), packet(4_096));
        let all = [&first[..], &second].concat();
        for step in [1, 3, 21, 4_116] {
            let (mut incoming, mut taken) = (Incoming::default(), Vec::new());
            for part in all.chunks(step) {
                incoming.0.extend(part);
                while let Some(packet) = incoming.take().unwrap() {
                    taken.push(packet);
                }
            }
            assert_eq!(taken, [first.clone(), second.clone()], "in parts of {step}");
            assert!(incoming.0.is_empty());
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_found_before_more_is_read() {
        for (length, malformed) in
            [(0, Malformed::Short), (19, Malformed::Short), (4_097, Malformed::Long)]
        {
            let [high, low] = u16::to_be_bytes(length);
            let mut incoming = Incoming(vec![1, 1, high, low]);
            assert_eq!(incoming.take(), Err(malformed), "{length}");
        }
        assert_eq!(Incoming(vec![1, 1, 0]).take(), Ok(None));
        assert_eq!(Incoming(vec![1, 1, 0, 20]).take(), Ok(None));
    }
}
