//! Programs that come as Debian packages.

use std::{fs, path::Path};

use crate::{
    Result,
    workspace::{self, Workspace},
};

pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
}

/// Programs that tests start, and the compiler of the fuzzers' engine.
const PROGRAMS: &[Program] = &[
    Program { name: "oathtool", package: "oathtool" },
    Program { name: "pskctool", package: "pskctool" },
    Program { name: "faketime", package: "faketime" },
    Program { name: "g++", package: "g++" },
    Program { name: "expect", package: "expect" },
    Program { name: "freeradius", package: "freeradius" },
    Program { name: "radclient", package: "freeradius-utils" },
    Program { name: "radsecproxy", package: "radsecproxy" },
    Program { name: "eapol_test", package: "eapoltest" },
    Program { name: "pamtester", package: "pamtester" },
    Program { name: "openvpn", package: "openvpn" },
    Program { name: "charon-systemd", package: "charon-systemd" },
    Program { name: "swanctl", package: "strongswan-swanctl" },
    Program {
        name: "/usr/lib/ipsec/plugins/libstrongswan-eap-radius.so",
        package: "libcharon-extra-plugins",
    },
    Program {
        name: "/usr/lib/ipsec/plugins/libstrongswan-openssl.so",
        package: "libstrongswan-standard-plugins",
    },
    Program { name: "sshd", package: "openssh-server" },
    Program { name: "ssh", package: "openssh-client" },
    Program { name: "/usr/lib/openvpn/radiusplugin.so", package: "openvpn-auth-radius" },
    Program { name: PAM_RADIUS, package: "libpam-radius-auth" },
    Program { name: "ip", package: "iproute2" },
    Program { name: "unshare", package: "util-linux" },
    Program { name: "h2load", package: "nghttp2-client" },
];

/// Where Debian has what has no program.
#[cfg(target_arch = "x86_64")]
const PAM_RADIUS: &str = "/usr/lib/x86_64-linux-gnu/security/pam_radius_auth.so";
#[cfg(not(target_arch = "x86_64"))]
const PAM_RADIUS: &str = "/usr/lib/aarch64-linux-gnu/security/pam_radius_auth.so";

pub(crate) fn ensure_programs(workspace: &Workspace) -> Result {
    ensure(workspace, PROGRAMS)
}

pub(super) fn ensure(workspace: &Workspace, programs: &[Program]) -> Result {
    let missing = programs.iter().filter(|program| !workspace::on_path(program.name));
    let packages: Vec<_> = missing.map(|program| program.package).collect();
    match packages.is_empty() {
        true => Ok(()),
        false => install(workspace, &packages),
    }
}

pub(crate) fn install(workspace: &Workspace, packages: &[&str]) -> Result {
    let packages_shown = packages.join(", ");
    if !workspace::on_path("apt-get") {
        return Err(format!("please install: {packages_shown} (there is no apt-get here)").into());
    }
    println!("setup: installing Debian packages: {packages_shown}");
    let mut arguments =
        vec!["install", "-y", "-qq", "-o=Dpkg::Use-Pty=0", "--no-install-recommends"];
    arguments.extend(packages);
    if lists_present() && apt_get(workspace, &arguments).is_ok() {
        return Ok(());
    }
    println!("setup: fetching Debian's package lists");
    apt_get(workspace, &["update", "-qq"])?;
    apt_get(workspace, &arguments)
}

fn apt_get(workspace: &Workspace, arguments: &[&str]) -> Result {
    let is_root = workspace::capture(workspace.command("id").arg("-u"))?.trim() == "0";
    let mut command = workspace.command(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.arg("env");
    }
    workspace::run(command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments))
}

fn lists_present() -> bool {
    fs::read_dir(Path::new("/var/lib/apt/lists")).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
    })
}
