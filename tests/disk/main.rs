//! What is on the disks of a cluster: after power was lost, after a disk failed.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod full;
#[cfg(test)]
mod islands;
#[cfg(test)]
mod last_words;
#[cfg(test)]
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tampered;
