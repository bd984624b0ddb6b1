//! The randomness and the time of this process, which come from the seed.
//!
//! The standard library, `ring`, `getrandom` and whoever else asks libc gets its answers here: a function
//! that the program defines goes before libc's. So equal seeds make equal keys, equal signatures, equal hash
//! maps and equal times, whatever library they are made in.
#![expect(unsafe_code, reason = "libc's functions are replaced, whose arguments are raw pointers")]

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the simulator asks the kernel in the way of x86-64: see this file");

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where the sequence of random numbers is.
static STATE: AtomicU64 = AtomicU64::new(0);
/// Simulated nanoseconds since the start.
static NOW: AtomicU64 = AtomicU64::new(0);

/// What the monotonic clock shows at the start, so that times before it can be named.
const MONOTONIC_START: u64 = 1_000_000;
/// What the wall clock shows at the start: 2026-12-01T00:00:00Z.
pub(crate) const WALL_START: u64 = 1_796_083_200;

const NANOSECONDS: u64 = 1_000_000_000;

/// Starts the sequence of random numbers anew.
pub(crate) fn seed(seed: u64) {
    STATE.store(symbolon_check::mix(seed), Ordering::SeqCst);
}

/// Sets the time, in nanoseconds since the start.
pub(crate) fn set_now(nanoseconds: u64) {
    NOW.store(nanoseconds, Ordering::SeqCst);
}

/// Nanoseconds since the start.
pub(crate) fn now() -> u64 {
    NOW.load(Ordering::SeqCst)
}

/// Real seconds on some clock that never stops: for what the simulation costs, never for what it does.
pub(crate) fn real_seconds() -> f64 {
    let mut time = TimeSpec { seconds: 0, nanoseconds: 0 };
    // SAFETY: clock_gettime(CLOCK_MONOTONIC) writes to the structure that it is given, which outlives the call.
    unsafe { raw(CLOCK_GETTIME, 1, (&raw mut time) as c_long, 0, 0, 0, 0) };
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let real = time.seconds as f64 + time.nanoseconds as f64 / 1e9;
    real
}

fn draw() -> u64 {
    symbolon_check::mix(STATE.fetch_add(symbolon_check::STEP, Ordering::SeqCst))
}

#[repr(C)]
struct TimeSpec {
    seconds: i64,
    nanoseconds: i64,
}

#[cfg(target_arch = "x86_64")]
const GETRANDOM: c_long = 318;
#[cfg(target_arch = "x86_64")]
const CLOCK_GETTIME: c_long = 228;

unsafe extern "C" {
    fn __errno_location() -> *mut c_int;
}

/// libc's `getrandom`.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, _: c_uint) -> isize {
    // SAFETY: the caller gives a buffer of that length to write to, or a length of 0.
    let buffer: &mut [u8] = match length {
        0 => &mut [],
        _ => unsafe { std::slice::from_raw_parts_mut(buffer.cast(), length) },
    };
    for part in buffer.chunks_mut(8) {
        part.copy_from_slice(&draw().to_le_bytes()[..part.len()]);
    }
    isize::try_from(length).unwrap_or(isize::MAX)
}

/// libc's `clock_gettime`.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut c_void) -> c_int {
    let start = if clock == 0 { WALL_START } else { MONOTONIC_START };
    let now = start * NANOSECONDS + now();
    let parts = [now / NANOSECONDS, now % NANOSECONDS].map(u64::cast_signed);
    let time = time.cast::<TimeSpec>();
    // SAFETY: the caller gives a place for a `timespec`, which has this form.
    unsafe { *time = TimeSpec { seconds: parts[0], nanoseconds: parts[1] } };
    0
}

/// libc's `syscall`, by which some ask for random bytes. It takes as many arguments as there are; on this
/// machine those that a call does not have are read from registers and ignored.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    if number == GETRANDOM {
        let buffer = std::ptr::with_exposed_provenance_mut(a.cast_unsigned() as usize);
        // SAFETY: the arguments are those of getrandom.
        return unsafe { getrandom(buffer, b.cast_unsigned() as usize, 0) } as c_long;
    }
    // SAFETY: the caller asks the kernel for just this.
    let answer = unsafe { raw(number, a, b, c, d, e, f) };
    if (-4095..0).contains(&answer) {
        // SAFETY: libc gives each thread a place for its error number.
        unsafe { *__errno_location() = c_int::try_from(-answer).unwrap_or(c_int::MAX) };
        return -1;
    }
    answer
}

/// Asks the kernel.
///
/// # Safety
/// What the call asks of its arguments.
#[cfg(target_arch = "x86_64")]
#[expect(clippy::many_single_char_names, reason = "they have no other")]
unsafe fn raw(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    let answer;
    // SAFETY: the kernel's calling convention: it changes `rcx`, `r11` and the answer's register.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    answer
}
