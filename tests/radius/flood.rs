//! Somebody floods a port, from addresses that are no device's and from one that is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use symbolon_core::Secret;
use symbolon_proto::v1;
use symbolon_radius::{Code, Packet, Writer};
use symbolon_testkit::{Cluster, Node, Person, rounds, wait_until};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::support::{SECRET, cluster_of, get, radius};
use crate::wire::access_request;

/// How long it lasts in the gate, and what says otherwise.
const USUAL_SECONDS: usize = 5;
const SECONDS: &str = "SYMBOLON_FLOOD_SECONDS";
/// Packets in a second, if the machine can send them.
const FLOOD: u64 = 50_000;
/// Sign-ins in a second.
const SIGN_INS: usize = 20;
/// How often a device sends a request, and how long it waits each time.
const TRIES: usize = 3;
const TRY: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(20);
const ACCEPT: u8 = 2;
const PROXY_STATE: u8 = 33;
/// As many hundredths of the sign-ins are answered.
const ANSWERED_MIN: usize = 95;
/// As many hundredths of what was in memory before are in memory at most.
const MEMORY_MAX: u64 = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_what_is_no_request_keeps_nobody_out_and_learns_nothing() {
    let seconds = rounds(SECONDS, USUAL_SECONDS);
    let cluster = cluster_of(1, v1::RadiusPolicy::default()).await;
    let (node, server) = (cluster.node(1), radius(&cluster, 1));
    let people = cluster.people("user", SIGN_INS * seconds).await;
    // From the first one on the device must sign.
    assert_eq!(sign_in(server, cluster.person("first").await).await, Some(1));
    wait_until("it is noted", SOON, async || get(&cluster, 1).await.signers == ["127.0.0.1"]).await;

    let before = node.usage().resident_bytes;
    let flood = Flood::start(server).await;
    let (sign_ins, most) = sign_ins(node, server, people).await;
    let (rate, replies) = flood.stop().await;

    let looked_at = looked_at(&cluster).await;
    let answered = |tries| sign_ins.iter().filter(|it| **it == Some(tries)).count();
    let by_tries: Vec<_> = (1..=TRIES).map(answered).collect();
    let (answered, all) = (by_tries.iter().sum::<usize>(), sign_ins.len());
    println!(
        "{rate} packets/s for {seconds} s, {looked_at} were looked at; {answered} of {all} sign-ins were \
         answered, by tries {by_tries:?}; in memory before {before}, at most {most}"
    );
    assert_eq!(replies, 0, "nobody who floods learns anything");
    assert!(answered * 100 >= all * ANSWERED_MIN, "{answered} of {all} are answered");
    assert!(most * 100 <= before * MEMORY_MAX, "{before} bytes in memory, then {most}");
}

/// Each at its moment, and the most bytes in memory meanwhile.
async fn sign_ins(
    node: &Node,
    server: SocketAddr,
    people: Vec<Person>,
) -> (Vec<Option<usize>>, u64) {
    let mut due = interval(Duration::from_secs(1) / u32::try_from(SIGN_INS).unwrap());
    let (mut tasks, mut most) = (JoinSet::new(), 0);
    for person in people {
        due.tick().await;
        tasks.spawn(sign_in(server, person));
        most = most.max(node.usage().resident_bytes);
    }
    let told = tasks.join_all().await;
    (told, most.max(node.usage().resident_bytes))
}

/// Asks as a device does: the same packet again when nothing comes back. Tells by how many it was heard.
async fn sign_in(server: SocketAddr, person: Person) -> Option<usize> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let request = access_request(&person.username, &person.otp.code(), SECRET, true);
    let mut reply = vec![0; 4096];
    for number in 1..=TRIES {
        socket.send_to(&request, server).await.unwrap();
        if let Ok(received) = timeout(TRY, socket.recv_from(&mut reply)).await {
            received.unwrap();
            assert_eq!(reply[..2], [ACCEPT, request[1]], "{}", person.username);
            return Some(number);
        }
    }
    None
}

/// Packets that were dropped after the kernel had handed them over.
async fn looked_at(cluster: &Cluster) -> f64 {
    cluster.node(1).metrics().await.sum("symbolon_radius_dropped_total", &[])
}

struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    begin: Instant,
    /// With what came back.
    senders: JoinSet<usize>,
}

impl Flood {
    async fn start(server: SocketAddr) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut senders = JoinSet::new();
        let stranger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
        let device = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut of_stranger = nonsense();
        // It is no device even when all that it says is right.
        of_stranger.push(access_request("user-1", "000000", SECRET, true));
        for (socket, packets) in [(stranger, of_stranger), (device, nonsense())] {
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            senders.spawn(async move { send(&socket, server, &packets, &stop, &sent).await });
        }
        Self { stop, sent, begin: Instant::now(), senders }
    }

    /// How many packets were sent in a second, and how many came back.
    async fn stop(self) -> (u64, usize) {
        let rate = self.sent.load(Relaxed) as f64 / self.begin.elapsed().as_secs_f64();
        self.stop.store(true, Relaxed);
        let replies = self.senders.join_all().await;
        (rate as u64, replies.into_iter().sum())
    }
}

/// Half of the flood.
async fn send(
    socket: &UdpSocket,
    server: SocketAddr,
    packets: &[Vec<u8>],
    stop: &AtomicBool,
    sent: &AtomicU64,
) -> usize {
    let mut due = interval(Duration::from_millis(1));
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut packets, mut replies) = (packets.iter().cycle(), 0);
    while !stop.load(Relaxed) {
        due.tick().await;
        for packet in packets.by_ref().take(usize::try_from(FLOOD / 2 / 1_000).unwrap()) {
            // The buffer is full for a moment: as good as lost.
            if socket.try_send_to(packet, server).is_ok() {
                sent.fetch_add(1, Relaxed);
            }
        }
        while socket.try_recv_from(&mut [0; 4096]).is_ok() {
            replies += 1;
        }
    }
    replies
}

/// What is no request of a device, in all the ways in which it can be none.
fn nonsense() -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for length in [0, 1, 19, 20, 64, 300, 4_096, 4_097, 9_000] {
        packets.push(random(length));
    }
    let right = || access_request("user-1", "000000", SECRET, true);
    packets.push(right()[..30].to_vec());
    let with = |change: fn(&mut Vec<u8>)| {
        let mut packet = right();
        change(&mut packet);
        packet
    };
    // Its length is more than there is, more than can be, and less than a header.
    packets.push(with(|packet| packet[3] += 1));
    packets.push(with(|packet| packet[2] = 0xff));
    packets.push(with(|packet| packet[3] = 19));
    // An attribute is longer than the packet, or has no length at all.
    packets.push(with(|packet| packet[21] = 0xff));
    packets.push(with(|packet| packet[21] = 0));
    packets.push(with(|packet| packet[21] = 1));
    // Longer than a packet may be, and says so.
    packets.push(with(|packet| {
        packet.resize(5_000, 0);
        packet[2..4].copy_from_slice(&5_000_u16.to_be_bytes());
    }));
    // Signed with another secret, or by nobody, or what was signed was changed.
    packets.push(access_request("user-1", "000000", "another secret than theirs", true));
    packets.push(access_request("user-1", "000000", SECRET, false));
    packets.push(with(|packet| packet[10] ^= 1));
    packets.push(unsigned_proxy_state());
    packets.push(reply());
    packets
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).unwrap();
    bytes
}

/// What a proxy that does not sign passes on.
fn unsigned_proxy_state() -> Vec<u8> {
    let mut packet = access_request("user-1", "000000", SECRET, false);
    packet.extend([PROXY_STATE, 6, 1, 2, 3, 4]);
    let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
    packet[2..4].copy_from_slice(&length);
    packet
}

/// A signed Access-Accept where a request is expected.
fn reply() -> Vec<u8> {
    let request = access_request("user-1", "000000", SECRET, true);
    let packet = Packet::read(&request).unwrap();
    let secret = Secret::new(SECRET.as_bytes().to_vec());
    Writer::reply(Code::AccessAccept, &packet).finish(&secret).unwrap()
}
