//! Types of attributes, and what they are called.

/// The type of a standard attribute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Kind(pub u8);

macro_rules! kinds {
    ($($name:ident = $number:literal, $what:literal;)*) => {
        impl Kind {
            $(#[doc = $what] pub const $name: Self = Self($number);)*
        }
    };
}

kinds! {
    USER_NAME = 1, "User-Name: who wants in.";
    USER_PASSWORD = 2, "User-Password, hidden ([`crate::Cover`]).";
    CHAP_PASSWORD = 3, "CHAP-Password: an identifier and a hash.";
    NAS_IP_ADDRESS = 4, "NAS-IP-Address of the client.";
    NAS_PORT = 5, "NAS-Port: which port of the client.";
    SERVICE_TYPE = 6, "Service-Type: what is asked for or granted.";
    FRAMED_PROTOCOL = 7, "Framed-Protocol.";
    FRAMED_IP_ADDRESS = 8, "Framed-IP-Address of the user.";
    FRAMED_IP_NETMASK = 9, "Framed-IP-Netmask of the user.";
    FRAMED_ROUTING = 10, "Framed-Routing.";
    FILTER_ID = 11, "Filter-Id: a filter that the client knows.";
    FRAMED_MTU = 12, "Framed-MTU: also how long an EAP packet may be, in bytes (RFC 3579 section 2.4).";
    FRAMED_COMPRESSION = 13, "Framed-Compression.";
    LOGIN_IP_HOST = 14, "Login-IP-Host.";
    LOGIN_SERVICE = 15, "Login-Service.";
    LOGIN_TCP_PORT = 16, "Login-TCP-Port.";
    REPLY_MESSAGE = 18, "Reply-Message: what the user is shown.";
    CALLBACK_NUMBER = 19, "Callback-Number.";
    FRAMED_ROUTE = 22, "Framed-Route.";
    STATE = 24, "State: what comes back unchanged with the answer to a challenge.";
    CLASS = 25, "Class: what comes back unchanged in accounting.";
    VENDOR_SPECIFIC = 26, "Vendor-Specific.";
    SESSION_TIMEOUT = 27, "Session-Timeout in seconds.";
    IDLE_TIMEOUT = 28, "Idle-Timeout in seconds.";
    TERMINATION_ACTION = 29, "Termination-Action.";
    CALLED_STATION_ID = 30, "Called-Station-Id.";
    CALLING_STATION_ID = 31, "Calling-Station-Id: where the user comes from.";
    NAS_IDENTIFIER = 32, "NAS-Identifier: what the client calls itself.";
    PROXY_STATE = 33, "Proxy-State: goes back unchanged and in order (RFC 2865 section 5.33).";
    ACCT_STATUS_TYPE = 40, "Acct-Status-Type: start, stop, interim and others.";
    ACCT_DELAY_TIME = 41, "Acct-Delay-Time in seconds.";
    ACCT_INPUT_OCTETS = 42, "Acct-Input-Octets.";
    ACCT_OUTPUT_OCTETS = 43, "Acct-Output-Octets.";
    ACCT_SESSION_ID = 44, "Acct-Session-Id.";
    ACCT_AUTHENTIC = 45, "Acct-Authentic.";
    ACCT_SESSION_TIME = 46, "Acct-Session-Time in seconds.";
    ACCT_INPUT_PACKETS = 47, "Acct-Input-Packets.";
    ACCT_OUTPUT_PACKETS = 48, "Acct-Output-Packets.";
    ACCT_TERMINATE_CAUSE = 49, "Acct-Terminate-Cause.";
    ACCT_MULTI_SESSION_ID = 50, "Acct-Multi-Session-Id.";
    ACCT_LINK_COUNT = 51, "Acct-Link-Count.";
    ACCT_INPUT_GIGAWORDS = 52, "Acct-Input-Gigawords: multiples of 2^32 octets (RFC 2869 section 5.1).";
    ACCT_OUTPUT_GIGAWORDS = 53, "Acct-Output-Gigawords: multiples of 2^32 octets (RFC 2869 section 5.2).";
    EVENT_TIMESTAMP = 55, "Event-Timestamp in seconds since 1970.";
    CHAP_CHALLENGE = 60, "CHAP-Challenge.";
    NAS_PORT_TYPE = 61, "NAS-Port-Type.";
    PORT_LIMIT = 62, "Port-Limit.";
    TUNNEL_TYPE = 64, "Tunnel-Type, tagged (RFC 2868 section 3.1).";
    TUNNEL_MEDIUM_TYPE = 65, "Tunnel-Medium-Type, tagged (RFC 2868 section 3.2).";
    TUNNEL_CLIENT_ENDPOINT = 66, "Tunnel-Client-Endpoint, tagged (RFC 2868 section 3.3).";
    TUNNEL_SERVER_ENDPOINT = 67, "Tunnel-Server-Endpoint, tagged (RFC 2868 section 3.4).";
    TUNNEL_PASSWORD = 69, "Tunnel-Password, tagged and hidden with a salt (RFC 2868 section 3.5).";
    CONNECT_INFO = 77, "Connect-Info.";
    EAP_MESSAGE = 79, "EAP-Message: a piece of an EAP packet (RFC 3579 section 3.1).";
    MESSAGE_AUTHENTICATOR = 80, "Message-Authenticator (RFC 3579 section 3.2).";
    TUNNEL_PRIVATE_GROUP_ID = 81, "Tunnel-Private-Group-Id, tagged: a VLAN (RFC 2868 section 3.6).";
    ACCT_INTERIM_INTERVAL = 85, "Acct-Interim-Interval in seconds.";
    NAS_PORT_ID = 87, "NAS-Port-Id.";
    FRAMED_POOL = 88, "Framed-Pool.";
    CHARGEABLE_USER_IDENTITY = 89, "Chargeable-User-Identity (RFC 4372).";
    NAS_FILTER_RULE = 92, "NAS-Filter-Rule (RFC 4849).";
    NAS_IPV6_ADDRESS = 95, "NAS-IPv6-Address of the client (RFC 3162).";
    FRAMED_INTERFACE_ID = 96, "Framed-Interface-Id (RFC 3162).";
    FRAMED_IPV6_PREFIX = 97, "Framed-IPv6-Prefix (RFC 3162).";
    LOGIN_IPV6_HOST = 98, "Login-IPv6-Host (RFC 3162).";
    FRAMED_IPV6_ROUTE = 99, "Framed-IPv6-Route (RFC 3162).";
    FRAMED_IPV6_POOL = 100, "Framed-IPv6-Pool (RFC 3162).";
    ERROR_CAUSE = 101, "Error-Cause (RFC 5176 section 3.5).";
    EAP_KEY_NAME = 102, "EAP-Key-Name (RFC 4072).";
    DELEGATED_IPV6_PREFIX = 123, "Delegated-IPv6-Prefix (RFC 4818).";
    FRAMED_IPV6_ADDRESS = 168, "Framed-IPv6-Address (RFC 6911).";
    DNS_SERVER_IPV6_ADDRESS = 169, "DNS-Server-IPv6-Address (RFC 6911).";
    ROUTE_IPV6_INFORMATION = 170, "Route-IPv6-Information (RFC 6911).";
}

/// Numbers of vendors (IANA private enterprise numbers) whose attributes have names here.
pub mod vendor {
    /// Cisco.
    pub const CISCO: u32 = 9;
    /// Citrix.
    pub const CITRIX: u32 = 66;
    /// Microsoft (RFC 2548).
    pub const MICROSOFT: u32 = 311;
    /// Check Point.
    pub const CHECK_POINT: u32 = 2620;
    /// Juniper.
    pub const JUNIPER: u32 = 2636;
    /// Fortinet.
    pub const FORTINET: u32 = 12356;
    /// Palo Alto Networks.
    pub const PALO_ALTO: u32 = 25461;
}

/// Types of Microsoft's attributes (RFC 2548 section 2).
pub mod microsoft {
    /// MS-CHAP-Response: 50 bytes.
    pub const CHAP_RESPONSE: u8 = 1;
    /// MS-CHAP-Error: an identifier and text.
    pub const CHAP_ERROR: u8 = 2;
    /// MS-MPPE-Encryption-Policy.
    pub const MPPE_ENCRYPTION_POLICY: u8 = 7;
    /// MS-MPPE-Encryption-Types.
    pub const MPPE_ENCRYPTION_TYPES: u8 = 8;
    /// MS-CHAP-Domain.
    pub const CHAP_DOMAIN: u8 = 10;
    /// MS-CHAP-Challenge.
    pub const CHAP_CHALLENGE: u8 = 11;
    /// MS-CHAP-MPPE-Keys, hidden as a password is.
    pub const CHAP_MPPE_KEYS: u8 = 12;
    /// MS-MPPE-Send-Key, hidden with a salt ([`crate::Cover`]).
    pub const MPPE_SEND_KEY: u8 = 16;
    /// MS-MPPE-Recv-Key, hidden with a salt ([`crate::Cover`]).
    pub const MPPE_RECV_KEY: u8 = 17;
    /// MS-CHAP2-Response: 50 bytes.
    pub const CHAP2_RESPONSE: u8 = 25;
    /// MS-CHAP2-Success: an identifier and text.
    pub const CHAP2_SUCCESS: u8 = 26;
    /// MS-CHAP2-CPW: a password is changed.
    pub const CHAP2_CPW: u8 = 27;
}
