//! How long a trip to the disk takes: what every acknowledgement waits for.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::Instant;

const BYTES: usize = 300;
const TRIPS: usize = 500;
/// Before the first that counts.
const UNCOUNTED: usize = 50;

/// The median of appending a few hundred bytes to a file of its final size, and `fdatasync`, in
/// milliseconds.
pub(crate) fn sync_ms(directory: &Path) -> f64 {
    let path = directory.join("sync");
    let mut file = File::create(&path).unwrap();
    file.write_all(&vec![0; BYTES * (TRIPS + UNCOUNTED)]).unwrap();
    file.sync_all().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut times = Vec::new();
    for _ in 0..TRIPS + UNCOUNTED {
        let begin = Instant::now();
        file.write_all(&[1; BYTES]).unwrap();
        file.sync_data().unwrap();
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    std::fs::remove_file(path).unwrap();
    let mut times = times.split_off(UNCOUNTED);
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap()
}
