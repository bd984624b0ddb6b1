//! RADIUS, spoken to a cluster of real processes by clients and servers that are not the product's own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod accounting;
mod again;
mod codes;
mod device_certificates;
mod devices;
mod documents;
mod eap;
mod everyone;
mod flood;
mod freeradius;
mod machine;
mod mschap;
mod openvpn;
mod pam;
mod pool;
mod pyrad;
mod radclient;
mod radsec;
mod radsec_faults;
mod radsecproxy;
mod relay;
mod strongswan;
mod support;
mod targets;
mod tls;
mod vpn_certificates;
mod wire;
