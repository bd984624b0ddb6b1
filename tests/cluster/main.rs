//! What a cluster of real processes promises, under load, with codes of another program.

#[cfg(test)]
mod failover;
#[cfg(test)]
mod load;
#[cfg(test)]
mod one_code;
#[cfg(test)]
mod support;
