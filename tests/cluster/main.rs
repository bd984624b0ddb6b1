//! What a cluster of real processes promises, under load, with codes of another program.

#[cfg(test)]
mod apart;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bridge;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod deaf;
#[cfg(test)]
mod enrolment;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod frozen;
#[cfg(test)]
mod guessing;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod islands;
#[cfg(test)]
mod load;
#[cfg(test)]
mod local;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod members;
#[cfg(test)]
mod merge;
#[cfg(test)]
mod moments;
#[cfg(test)]
mod one_code;
#[cfg(test)]
mod pairing;
#[cfg(test)]
mod pins;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod recover;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod retransmission;
#[cfg(test)]
mod rolled_back;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod seize;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
#[path = "../soak/soak.rs"]
mod soak;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod support;
