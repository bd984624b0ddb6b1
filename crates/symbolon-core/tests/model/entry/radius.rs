//! What is asked about devices that ask by RADIUS.

use std::sync::Arc;

use symbolon_core::{
    ApplicationId, CertificateNames, Command, LogIndex, NoteRadiusSigner, RadiusPolicy,
    RadiusTarget, RemoveRadiusClient, SessionReport, SessionStatus, SetRadiusClient, SourceRange,
    Sources,
};

use super::make::{Maker, user_name};
use crate::script::radius::Wish;

impl Maker<'_> {
    pub(super) fn about_radius(&self, wish: &Wish) -> Command {
        match wish {
            Wish::Set {
                application,
                ranges,
                certificates,
                timeout,
                new_secrets,
                overlap,
                bound,
                key_off,
            } => {
                let target = |timeout_milliseconds| RadiusTarget {
                    address: "radius:1812".to_owned(),
                    timeout_milliseconds,
                };
                Command::SetRadiusClient(SetRadiusClient {
                    application: ApplicationId(*application),
                    policy: RadiusPolicy {
                        ranges: ranges_of(*ranges),
                        certificates: certificates_of(*certificates),
                        targets: timeout.map(target).into_iter().collect(),
                        ..RadiusPolicy::default()
                    },
                    secrets: self.sealed(*key_off, 9),
                    new_secrets: *new_secrets,
                    overlap_milliseconds: *overlap,
                    revision: bound.then(|| self.revision(*application).unwrap_or_default()),
                })
            }
            Wish::Remove { application, bound } => {
                Command::RemoveRadiusClient(RemoveRadiusClient {
                    application: ApplicationId(*application),
                    revision: self.revision(*application).filter(|_| *bound),
                })
            }
            Wish::Signs { application, device } => Command::NoteRadiusSigner(NoteRadiusSigner {
                application: ApplicationId(*application),
                device: match device {
                    0 => "::ffff:192.0.1.7".parse().unwrap(),
                    5 => "2001:db8::7".parse().unwrap(),
                    network => format!("192.0.{network}.7").parse().unwrap(),
                },
            }),
            Wish::Tells { application, user, bytes } => {
                let name = (*user > 0).then(|| user_name(*user));
                Command::TellSession(Arc::new(SessionReport {
                    application: ApplicationId(*application),
                    device: "2001:db8::7".parse().unwrap(),
                    status: SessionStatus::Stop,
                    user_name: name.as_ref().map(ToString::to_string).unwrap_or_default(),
                    name,
                    session: "s".repeat(bytes[0]),
                    station: "c".repeat(bytes[1]),
                    seconds: 60,
                    octets_in: u64::MAX,
                    octets_out: 1,
                    cause: 1,
                }))
            }
        }
    }

    fn revision(&self, application: u64) -> Option<LogIndex> {
        self.view.radius_client(ApplicationId(application)).map(|row| row.changed_at)
    }
}

/// Of each application its own network, and some that two could have.
fn ranges_of(number: u64) -> Sources {
    let ranges: &[&str] = match number {
        0 => &[],
        1 => &["192.0.1.0/24"],
        2 => &["192.0.2.0/24", "2001:db8::7/128"],
        3 => &["192.0.3.0/24"],
        4 => &["192.0.1.0/24", "192.0.2.0/24"],
        _ => &["192.0.1.7/32", "192.0.4.0/24"],
    };
    Sources::new(ranges.iter().map(|range| SourceRange::parse(range).unwrap())).unwrap()
}

/// Of each application its own name, and some that two could have.
fn certificates_of(number: u64) -> CertificateNames {
    let names: &[&str] = match number {
        1 => &["vpn.example"],
        2 => &["MAIL.example.", "192.0.1.7"],
        3 => &["wifi.example", "vpn.example"],
        _ => &[],
    };
    CertificateNames::parse(names.iter().copied()).unwrap()
}
