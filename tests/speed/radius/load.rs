//! The client: so many requests at once, each from a socket of its own under one identifier after the other.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use symbolon_core::Secret;
use symbolon_radius::{Code, Kind, Packet, Sent, Writer, check_reply};
use tokio::net::UdpSocket;
use tokio::time::{sleep_until, timeout};

use super::SECRET;
use super::codes::People;
use crate::proc;
use crate::results::{Asked, RadiusLine};

/// After that a device sends the same packet again.
const TRY: Duration = Duration::from_secs(2);
const TRIES: usize = 3;

/// Whom to ask, and as whom.
pub(super) struct Load {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) pids: Vec<u32>,
    pub(super) people: People,
    /// It gives back what it gets.
    pub(super) is_echo: bool,
}

/// A level under way.
struct Level<'l> {
    load: &'l Load,
    asked: Asked,
    begin: Instant,
    end: Duration,
    begun: AtomicUsize,
    again: AtomicUsize,
}

impl Load {
    pub(super) async fn level(&self, asked: Asked, at_once: u32, seconds: f64) -> RadiusLine {
        let taken = proc::processor_seconds(&self.pids);
        let level = Level {
            load: self,
            asked,
            begin: Instant::now(),
            end: Duration::from_secs_f64(seconds),
            begun: AtomicUsize::new(0),
            again: AtomicUsize::new(0),
        };
        let times = join_all((0..at_once).map(|_| level.device())).await;
        let took = level.begin.elapsed().as_secs_f64();
        let taken = proc::processor_seconds(&self.pids) - taken;
        let mut times: Vec<_> = times.into_iter().flatten().collect();
        times.sort();
        assert!(!times.is_empty(), "{asked:?}: nothing was asked");
        if took < seconds * 0.9 {
            println!("  {asked:?}: ended early, there were no more codes");
        }
        let within = |hundredths: usize| {
            let place = (times.len() * hundredths).div_ceil(100).saturating_sub(1);
            times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        let count = times.len() as f64;
        RadiusLine {
            per_second: count / took,
            p50_ms: within(50),
            p99_ms: within(99),
            server_us: taken / count * 1e6,
            again: level.again.load(Relaxed),
            ..RadiusLine::default()
        }
    }
}

impl Level<'_> {
    /// Asks until the time is over, and tells how long each answer took.
    async fn device(&self) -> Vec<Duration> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let secret = Secret::new(SECRET.as_bytes().to_vec());
        let mut times = Vec::new();
        for identifier in (0..=u8::MAX).cycle() {
            let number = self.begun.fetch_add(1, Relaxed);
            let Some(begin) = self.due(number).await else { break };
            let is_right = self.asked != Asked::Wrong;
            let Some((typed, name)) = self.load.people.next(number, is_right) else { break };
            let request = request(identifier, &name, &typed, &secret);
            let server = self.load.servers[number % self.load.servers.len()];
            let reply = self.exchange(&socket, server, &request).await;
            times.push(begin.elapsed());
            self.check(&request, &reply, &secret);
        }
        times
    }

    /// From when on the time of a request counts; `None` when the level is over. A timer that is late is not
    /// the server's; a device that was kept waiting is.
    async fn due(&self, number: usize) -> Option<Instant> {
        let due = match self.asked {
            Asked::Paced(rate) => {
                self.begin + Duration::from_secs_f64(number as f64 / f64::from(rate))
            }
            Asked::Right | Asked::Wrong => Instant::now(),
        };
        if due.duration_since(self.begin) >= self.end {
            return None;
        }
        if due <= Instant::now() {
            return Some(due);
        }
        sleep_until(due.into()).await;
        Some(Instant::now())
    }

    async fn exchange(&self, socket: &UdpSocket, server: SocketAddr, request: &[u8]) -> Vec<u8> {
        let mut reply = vec![0; 4096];
        for _ in 0..TRIES {
            socket.send_to(request, server).await.unwrap();
            while let Ok(received) = timeout(TRY, socket.recv_from(&mut reply)).await {
                let (length, _) = received.unwrap();
                // Another identifier: that one was asked for again meanwhile.
                if reply[1] == request[1] {
                    reply.truncate(length);
                    return reply;
                }
            }
            self.again.fetch_add(1, Relaxed);
        }
        panic!("{server} does not answer");
    }

    fn check(&self, request: &[u8], reply: &[u8], secret: &Secret) {
        if self.load.is_echo {
            assert_eq!(request, reply);
            return;
        }
        let sent = Sent::from(&Packet::read(request).unwrap());
        let code = check_reply(reply, &sent, secret).unwrap().code();
        let wanted =
            if self.asked == Asked::Wrong { Code::AccessReject } else { Code::AccessAccept };
        assert_eq!(code, wanted, "{:?}", self.asked);
    }
}

pub(super) fn request(identifier: u8, name: &str, typed: &str, secret: &Secret) -> Vec<u8> {
    let mut authenticator = [0; 16];
    let random = ring::rand::SystemRandom::new();
    ring::rand::SecureRandom::fill(&random, &mut authenticator).unwrap();
    let mut writer = Writer::request(Code::AccessRequest, identifier, authenticator);
    writer.attribute(Kind::USER_NAME, name.as_bytes());
    writer.user_password(typed.as_bytes(), secret);
    writer.finish(secret).unwrap()
}
