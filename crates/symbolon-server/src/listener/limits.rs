//! What the ports allow.

use std::time::Duration;

/// What one port allows. What is not said here about HTTP is as hyper has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, those in their handshake included.
    pub connections_max: usize,
    /// Connections at once from one address; of IPv6, from one /64, which one machine may hold alone.
    /// When there are more, the oldest of them that is in its handshake is given up; else the new one.
    pub connections_per_address_max: usize,
    /// Handshakes at once: each costs a signature. When there are more, the oldest is given up.
    pub handshakes_max: usize,
    /// Longest TLS handshake.
    pub handshake: Duration,
    /// Longest wait for the first request of a connection. It bounds clients that connect and stay
    /// silent, or never finish the opening of HTTP/2.
    pub first_request: Duration,
    /// Longest time without a request under way, after the first.
    pub idle: Duration,
    /// Longest life of a connection, whatever it does.
    pub life: Option<Duration>,
    /// Longest wait for the header of an HTTP/1.1 request, the idle time before it included.
    pub header_read: Duration,
    /// Bytes of the buffer that such a header must fit into.
    pub header_buffer_bytes_max: usize,
    /// HTTP/2: requests at once on one connection.
    pub streams_max: u32,
    /// HTTP/2: bytes of a request's headers, unpacked.
    pub header_list_bytes_max: u32,
    /// HTTP/2: bytes of a frame that a client may send.
    pub frame_bytes_max: u32,
    /// HTTP/2: bytes of one request that a client may send ahead of who reads it.
    pub stream_window_bytes: u32,
    /// HTTP/2: bytes of all requests of a connection that a client may send ahead; 65,535 at least.
    pub connection_window_bytes: u32,
    /// Bytes at once of request bodies that have been read and have not ended: they wait in memory
    /// for the rest of their message. `None` where that is bounded by [`Self::streams_max`] and the
    /// longest message alone, because bodies are streams of any length.
    pub unread_bytes_max: Option<usize>,
    /// HTTP/2: how often a silent client is asked whether it is there.
    pub keep_alive_interval: Duration,
    /// HTTP/2: how long it may take to answer that.
    pub keep_alive_timeout: Duration,
    /// Longest wait for connections to finish after [`Stop`](crate::stop::Stop), and of one that is
    /// told to end.
    pub drain: Duration,
}

impl Limits {
    /// Of the port for clients.
    pub const API: Self = Self {
        connections_max: 16_384,
        // A load balancer or VPN concentrator is one address for all who come through it, and each of
        // its connections carries 256 requests; sixteen such addresses fill the port.
        connections_per_address_max: 1_024,
        handshakes_max: 512,
        handshake: Duration::from_secs(5),
        first_request: Duration::from_secs(60),
        idle: Duration::from_secs(600),
        life: None,
        header_read: Duration::from_secs(30),
        header_buffer_bytes_max: 64 * 1024,
        streams_max: 256,
        header_list_bytes_max: 16 * 1024,
        frame_bytes_max: 16 * 1024,
        stream_window_bytes: 32 * 1024,
        // h2 ends a connection on which short frames wait whose overhead, up to 256 bytes each, is
        // over half of this: all its requests at once must fit.
        connection_window_bytes: 256 * 1024,
        // Sixteen of the longest messages; a verification has some 200 bytes, and comes whole.
        unread_bytes_max: Some(256 * 1024),
        keep_alive_interval: Duration::from_secs(20),
        keep_alive_timeout: Duration::from_secs(20),
        // Longer than the deadline of a verification, 10 s.
        drain: Duration::from_secs(12),
    };

    /// Of the port for the other nodes: few of them, with large messages.
    pub const PEER: Self = Self {
        connections_max: 512,
        // Of handshakes alone: whoever's key is known by then has no such limit, and strangers have
        // their own. Eight nodes behind one address open 32 at once when they find this one again.
        // Less than all handshakes, so that one address cannot take them.
        connections_per_address_max: 64,
        handshakes_max: 128,
        // A peer has a few appends, batches and greetings under way on each of its connections.
        streams_max: 32,
        frame_bytes_max: 256 * 1024,
        stream_window_bytes: 1024 * 1024,
        connection_window_bytes: 1024 * 1024,
        // A snapshot is one request of any length, and peers are trusted.
        unread_bytes_max: None,
        drain: Duration::from_secs(5),
        ..Self::API
    };

    /// Of strangers on the port for the other nodes, who can only ask to join.
    pub const PEER_STRANGER: Self = Self {
        // Together with all handshakes this leaves a quarter of the port to peers, who need 32.
        connections_max: 256,
        // A joiner needs one; eight addresses have all.
        connections_per_address_max: 32,
        // Twice the time limit of a join.
        life: Some(Duration::from_secs(10)),
        streams_max: 4,
        frame_bytes_max: 16 * 1024,
        stream_window_bytes: 32 * 1024,
        connection_window_bytes: 64 * 1024,
        unread_bytes_max: Some(64 * 1024),
        ..Self::PEER
    };

    /// Of RADIUS over TLS: of what is beyond the handshake, the front end has its own limits.
    pub const RADSEC: Self = Self {
        // A device keeps one open, and a proxy a few.
        connections_max: 1_024,
        // Several devices come from behind one address; sixteen such addresses fill the port.
        connections_per_address_max: 64,
        handshakes_max: 128,
        ..Self::API
    };

    /// Of the local socket: for root alone, who has a few commands.
    pub const LOCAL: Self = Self { connections_max: 16, ..Self::API };

    /// Of the port for those who watch the node.
    pub const OPS: Self = Self {
        connections_max: 64,
        // Loopback, as a rule.
        connections_per_address_max: 64,
        first_request: Duration::from_secs(5),
        header_read: Duration::from_secs(5),
        header_buffer_bytes_max: 16 * 1024,
        drain: Duration::from_secs(1),
        ..Self::API
    };
}
