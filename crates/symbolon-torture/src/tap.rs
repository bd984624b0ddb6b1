//! A network device whose other end is a file: what is sent through it is read, one frame at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;

use rustix::fs::OFlags;
use rustix::ioctl::{Opcode, Updater, ioctl};

/// Its name, in its own namespace.
pub(crate) const NAME: &str = "eth0";

const TUNSETIFF: Opcode = 0x4004_54ca;
const IFF_TAP: u16 = 2;
/// Without a header before each frame.
const IFF_NO_PI: u16 = 0x1000;

/// `struct ifreq`
#[repr(C)]
struct Request {
    name: [u8; 16],
    flags: u16,
    rest: [u8; 22],
}

/// Makes the device in the namespace of this thread.
pub(crate) fn open() -> io::Result<File> {
    let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file =
        File::options().read(true).write(true).custom_flags(nonblock).open("/dev/net/tun")?;
    let mut request = Request { name: [0; 16], flags: IFF_TAP | IFF_NO_PI, rest: [0; 22] };
    request.name[..NAME.len()].copy_from_slice(NAME.as_bytes());
    attach(&file, &mut request)?;
    Ok(file)
}

#[expect(unsafe_code, reason = "rustix has no call for this one")]
fn attach(file: &File, request: &mut Request) -> io::Result<()> {
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, and `Request` is as long and laid out as that.
    unsafe {
        let call = Updater::<TUNSETIFF, Request>::new(request);
        ioctl(file, call)?;
    }
    Ok(())
}
