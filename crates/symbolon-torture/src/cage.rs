//! Namespaces: of processes, so that none outlives this one; of mounts, so that all disks are gone then; of
//! the network, so that nothing is heard outside.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::tap;

/// For ten thousand connections, and what else there is.
const FILES_MAX: u64 = 65_536;

/// Becomes this program once more, in namespaces of its own. Why that failed.
pub(crate) fn enter(arguments: &[String]) -> String {
    let Ok(program) = std::env::current_exe() else {
        return "who am I?".to_owned();
    };
    let error = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(program)
        .args(arguments)
        .arg("--inside")
        .exec();
    format!("unshare cannot be run: {error}")
}

/// Makes the place habitable.
pub(crate) fn furnish() {
    run("mount", &["-t", "tmpfs", "tmpfs", "/run"]);
    fs::create_dir_all("/run/netns").unwrap();
    run("ip", &["link", "set", "lo", "up"]);
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.map_or(FILES_MAX, |maximum| maximum.min(FILES_MAX)));
    let limit = Rlimit { current, maximum };
    setrlimit(Resource::Nofile, limit).unwrap_or_else(|error| panic!("open files: {error}"));
}

/// Runs a program, which must do well.
pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {} {said}", output.status);
}

/// The address of a port of the switch: 0 is where the clients are.
pub(crate) fn address(port: usize) -> std::net::IpAddr {
    let last = u8::try_from(port).unwrap_or(u8::MAX);
    [198, 18, 0, 10 + last].into()
}

fn name(port: usize) -> String {
    format!("torture-{port}")
}

/// What a program is started by to be at that port.
pub(crate) fn way_in(port: usize) -> Vec<String> {
    vec!["nsenter".to_owned(), format!("--net={}", place(port).display())]
}

fn place(port: usize) -> PathBuf {
    PathBuf::from("/run/netns").join(name(port))
}

/// The network card of a port, as a file. Port 0 is in this namespace.
pub(crate) fn port(number: usize) -> File {
    let device = if number == 0 { tap::open() } else { elsewhere(number) };
    let device = device.unwrap_or_else(|error| panic!("no network device: {error}"));
    let name = name(number);
    let at = |arguments: &[&str]| match number {
        0 => run("ip", arguments),
        _ => run("ip", &[&["-n", &name], arguments].concat()),
    };
    let hardware = format!("02:00:00:00:00:{number:02x}");
    at(&["link", "set", tap::NAME, "address", &hardware, "up"]);
    at(&["link", "set", "lo", "up"]);
    at(&["addr", "add", &format!("{}/24", address(number)), "dev", tap::NAME]);
    device
}

/// A device is made in the namespace of the thread that makes it.
fn elsewhere(number: usize) -> io::Result<File> {
    run("ip", &["netns", "add", &name(number)]);
    let there = File::open(place(number))?;
    let made = std::thread::spawn(move || {
        move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network))?;
        tap::open()
    });
    made.join().unwrap_or_else(|_| Err(io::Error::other("the thread ended")))
}
