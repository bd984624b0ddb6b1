//! The use cases over a log of one node: a state that is applied to at once, and a view of it that
//! can be held back.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod bench;
mod callers;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod data_key;
#[cfg(test)]
mod exempt;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod pins;
#[cfg(test)]
mod radius;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod retry;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod tolerance;
