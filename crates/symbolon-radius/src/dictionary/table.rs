//! The attributes that have names.

use super::{Definition, Key, ValueType};
use crate::attribute::{Kind, microsoft, vendor};

use ValueType::{Bytes, Integer, Ipv4, Ipv6, Ipv6Prefix, TaggedInteger, TaggedText, Text};

type Names = &'static [(&'static str, u32)];

/// One that an administrator may set.
const fn own(name: &'static str, kind: Kind, value: ValueType) -> Definition {
    Definition { name, key: Key::Standard(kind), value, names: &[], settable: true }
}

/// One whose numbers have names.
const fn named(name: &'static str, kind: Kind, value: ValueType, names: Names) -> Definition {
    Definition { name, key: Key::Standard(kind), value, names, settable: true }
}

/// One that belongs to the protocol, or that only clients send.
const fn fixed(name: &'static str, kind: Kind, value: ValueType) -> Definition {
    Definition { name, key: Key::Standard(kind), value, names: &[], settable: false }
}

/// One of a vendor.
const fn of(vendor: u32, name: &'static str, kind: u8, value: ValueType) -> Definition {
    Definition { name, key: Key::Vendor { vendor, kind }, value, names: &[], settable: true }
}

/// One of Microsoft that belongs to MS-CHAP and MPPE.
const fn chap(name: &'static str, kind: u8, value: ValueType) -> Definition {
    let key = Key::Vendor { vendor: vendor::MICROSOFT, kind };
    Definition { name, key, value, names: &[], settable: false }
}

/// RFC 2865 section 5.6.
const SERVICE_TYPES: Names = &[
    ("Login-User", 1),
    ("Framed-User", 2),
    ("Callback-Login-User", 3),
    ("Callback-Framed-User", 4),
    ("Outbound-User", 5),
    ("Administrative-User", 6),
    ("NAS-Prompt-User", 7),
    ("Authenticate-Only", 8),
    ("Callback-NAS-Prompt", 9),
    ("Call-Check", 10),
    ("Callback-Administrative", 11),
];
/// RFC 2868 section 3.1 and RFC 3580 section 3.31.
const TUNNEL_TYPES: Names = &[
    ("PPTP", 1),
    ("L2F", 2),
    ("L2TP", 3),
    ("AH", 6),
    ("IP", 7),
    ("ESP", 9),
    ("GRE", 10),
    ("VLAN", 13),
];
/// RFC 2868 section 3.2.
const TUNNEL_MEDIA: Names = &[("IPv4", 1), ("IPv6", 2), ("IEEE-802", 6)];
/// RFC 2865 section 5.29.
const TERMINATIONS: Names = &[("Default", 0), ("RADIUS-Request", 1)];
/// RFC 2865 section 5.7.
const FRAMED_PROTOCOLS: Names = &[("PPP", 1), ("SLIP", 2)];
/// RFC 2865 section 5.15.
const LOGIN_SERVICES: Names = &[("Telnet", 0), ("Rlogin", 1), ("TCP-Clear", 2), ("PortMaster", 3)];

pub(super) const TABLE: &[Definition] = &[
    fixed("User-Name", Kind::USER_NAME, Text),
    fixed("User-Password", Kind::USER_PASSWORD, Bytes),
    fixed("CHAP-Password", Kind::CHAP_PASSWORD, Bytes),
    fixed("NAS-IP-Address", Kind::NAS_IP_ADDRESS, Ipv4),
    fixed("NAS-Port", Kind::NAS_PORT, Integer),
    named("Service-Type", Kind::SERVICE_TYPE, Integer, SERVICE_TYPES),
    named("Framed-Protocol", Kind::FRAMED_PROTOCOL, Integer, FRAMED_PROTOCOLS),
    own("Framed-IP-Address", Kind::FRAMED_IP_ADDRESS, Ipv4),
    own("Framed-IP-Netmask", Kind::FRAMED_IP_NETMASK, Ipv4),
    own("Framed-Routing", Kind::FRAMED_ROUTING, Integer),
    own("Filter-Id", Kind::FILTER_ID, Text),
    own("Framed-MTU", Kind::FRAMED_MTU, Integer),
    own("Framed-Compression", Kind::FRAMED_COMPRESSION, Integer),
    own("Login-IP-Host", Kind::LOGIN_IP_HOST, Ipv4),
    named("Login-Service", Kind::LOGIN_SERVICE, Integer, LOGIN_SERVICES),
    own("Login-TCP-Port", Kind::LOGIN_TCP_PORT, Integer),
    own("Reply-Message", Kind::REPLY_MESSAGE, Text),
    own("Callback-Number", Kind::CALLBACK_NUMBER, Text),
    own("Framed-Route", Kind::FRAMED_ROUTE, Text),
    fixed("State", Kind::STATE, Bytes),
    own("Class", Kind::CLASS, Bytes),
    fixed("Vendor-Specific", Kind::VENDOR_SPECIFIC, Bytes),
    own("Session-Timeout", Kind::SESSION_TIMEOUT, Integer),
    own("Idle-Timeout", Kind::IDLE_TIMEOUT, Integer),
    named("Termination-Action", Kind::TERMINATION_ACTION, Integer, TERMINATIONS),
    fixed("Called-Station-Id", Kind::CALLED_STATION_ID, Text),
    fixed("Calling-Station-Id", Kind::CALLING_STATION_ID, Text),
    fixed("NAS-Identifier", Kind::NAS_IDENTIFIER, Text),
    fixed("Proxy-State", Kind::PROXY_STATE, Bytes),
    fixed("Acct-Status-Type", Kind::ACCT_STATUS_TYPE, Integer),
    fixed("Acct-Delay-Time", Kind::ACCT_DELAY_TIME, Integer),
    fixed("Acct-Input-Octets", Kind::ACCT_INPUT_OCTETS, Integer),
    fixed("Acct-Output-Octets", Kind::ACCT_OUTPUT_OCTETS, Integer),
    fixed("Acct-Session-Id", Kind::ACCT_SESSION_ID, Text),
    fixed("Acct-Authentic", Kind::ACCT_AUTHENTIC, Integer),
    fixed("Acct-Session-Time", Kind::ACCT_SESSION_TIME, Integer),
    fixed("Acct-Input-Packets", Kind::ACCT_INPUT_PACKETS, Integer),
    fixed("Acct-Output-Packets", Kind::ACCT_OUTPUT_PACKETS, Integer),
    fixed("Acct-Terminate-Cause", Kind::ACCT_TERMINATE_CAUSE, Integer),
    fixed("Acct-Multi-Session-Id", Kind::ACCT_MULTI_SESSION_ID, Text),
    fixed("Acct-Link-Count", Kind::ACCT_LINK_COUNT, Integer),
    fixed("Acct-Input-Gigawords", Kind::ACCT_INPUT_GIGAWORDS, Integer),
    fixed("Acct-Output-Gigawords", Kind::ACCT_OUTPUT_GIGAWORDS, Integer),
    fixed("Event-Timestamp", Kind::EVENT_TIMESTAMP, Integer),
    fixed("CHAP-Challenge", Kind::CHAP_CHALLENGE, Bytes),
    fixed("NAS-Port-Type", Kind::NAS_PORT_TYPE, Integer),
    own("Port-Limit", Kind::PORT_LIMIT, Integer),
    named("Tunnel-Type", Kind::TUNNEL_TYPE, TaggedInteger, TUNNEL_TYPES),
    named("Tunnel-Medium-Type", Kind::TUNNEL_MEDIUM_TYPE, TaggedInteger, TUNNEL_MEDIA),
    own("Tunnel-Client-Endpoint", Kind::TUNNEL_CLIENT_ENDPOINT, TaggedText),
    own("Tunnel-Server-Endpoint", Kind::TUNNEL_SERVER_ENDPOINT, TaggedText),
    fixed("Tunnel-Password", Kind::TUNNEL_PASSWORD, Bytes),
    fixed("Connect-Info", Kind::CONNECT_INFO, Text),
    fixed("EAP-Message", Kind::EAP_MESSAGE, Bytes),
    fixed("Message-Authenticator", Kind::MESSAGE_AUTHENTICATOR, Bytes),
    own("Tunnel-Private-Group-Id", Kind::TUNNEL_PRIVATE_GROUP_ID, TaggedText),
    own("Acct-Interim-Interval", Kind::ACCT_INTERIM_INTERVAL, Integer),
    fixed("NAS-Port-Id", Kind::NAS_PORT_ID, Text),
    own("Framed-Pool", Kind::FRAMED_POOL, Text),
    own("Chargeable-User-Identity", Kind::CHARGEABLE_USER_IDENTITY, Bytes),
    own("NAS-Filter-Rule", Kind::NAS_FILTER_RULE, Text),
    fixed("NAS-IPv6-Address", Kind::NAS_IPV6_ADDRESS, Ipv6),
    own("Framed-Interface-Id", Kind::FRAMED_INTERFACE_ID, Bytes),
    own("Framed-IPv6-Prefix", Kind::FRAMED_IPV6_PREFIX, Ipv6Prefix),
    own("Login-IPv6-Host", Kind::LOGIN_IPV6_HOST, Ipv6),
    own("Framed-IPv6-Route", Kind::FRAMED_IPV6_ROUTE, Text),
    own("Framed-IPv6-Pool", Kind::FRAMED_IPV6_POOL, Text),
    fixed("Error-Cause", Kind::ERROR_CAUSE, Integer),
    fixed("EAP-Key-Name", Kind::EAP_KEY_NAME, Bytes),
    own("Delegated-IPv6-Prefix", Kind::DELEGATED_IPV6_PREFIX, Ipv6Prefix),
    own("Framed-IPv6-Address", Kind::FRAMED_IPV6_ADDRESS, Ipv6),
    own("DNS-Server-IPv6-Address", Kind::DNS_SERVER_IPV6_ADDRESS, Ipv6),
    own("Route-IPv6-Information", Kind::ROUTE_IPV6_INFORMATION, Ipv6Prefix),
    chap("MS-CHAP-Response", microsoft::CHAP_RESPONSE, Bytes),
    chap("MS-CHAP-Error", microsoft::CHAP_ERROR, Bytes),
    chap("MS-MPPE-Encryption-Policy", microsoft::MPPE_ENCRYPTION_POLICY, Integer),
    chap("MS-MPPE-Encryption-Types", microsoft::MPPE_ENCRYPTION_TYPES, Integer),
    chap("MS-CHAP-Domain", microsoft::CHAP_DOMAIN, Bytes),
    chap("MS-CHAP-Challenge", microsoft::CHAP_CHALLENGE, Bytes),
    chap("MS-CHAP-MPPE-Keys", microsoft::CHAP_MPPE_KEYS, Bytes),
    chap("MS-MPPE-Send-Key", microsoft::MPPE_SEND_KEY, Bytes),
    chap("MS-MPPE-Recv-Key", microsoft::MPPE_RECV_KEY, Bytes),
    chap("MS-CHAP2-Response", microsoft::CHAP2_RESPONSE, Bytes),
    chap("MS-CHAP2-Success", microsoft::CHAP2_SUCCESS, Bytes),
    chap("MS-CHAP2-CPW", microsoft::CHAP2_CPW, Bytes),
    of(vendor::CISCO, "Cisco-AVPair", 1, Text),
    of(vendor::JUNIPER, "Juniper-Local-User-Name", 1, Text),
    of(vendor::CHECK_POINT, "CP-Gaia-User-Role", 229, Text),
    of(vendor::CHECK_POINT, "CP-Gaia-SuperUser-Access", 230, Integer),
    of(vendor::CITRIX, "Citrix-User-Groups", 16, Text),
    of(vendor::FORTINET, "Fortinet-Group-Name", 1, Text),
    of(vendor::FORTINET, "Fortinet-Client-IP-Address", 2, Ipv4),
    of(vendor::FORTINET, "Fortinet-Vdom-Name", 3, Text),
    of(vendor::FORTINET, "Fortinet-Access-Profile", 6, Text),
    of(vendor::PALO_ALTO, "PaloAlto-Admin-Role", 1, Text),
    of(vendor::PALO_ALTO, "PaloAlto-Admin-Access-Domain", 2, Text),
    of(vendor::PALO_ALTO, "PaloAlto-Panorama-Admin-Role", 3, Text),
    of(vendor::PALO_ALTO, "PaloAlto-Panorama-Admin-Access-Domain", 4, Text),
    of(vendor::PALO_ALTO, "PaloAlto-User-Group", 5, Text),
];
