//! The id under which a request gets one answer, however often it is sent.

use std::{fmt, str::FromStr};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::{error::Failure, exit::Exit};

const BYTES: usize = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RequestId([u8; BYTES]);

impl RequestId {
    pub(crate) fn random() -> Result<Self, Failure> {
        random_bytes().map(Self)
    }

    pub(crate) fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// As many as fit, as the system draws them.
pub(crate) fn random_bytes<const COUNT: usize>() -> Result<[u8; COUNT], Failure> {
    let mut bytes = [0; COUNT];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(
            Exit::Software,
            format!("The system gives no random numbers: {error}."),
            "Look into the log of the system for the cause.",
        )
    })?;
    Ok(bytes)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for RequestId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        HEXLOWER_PERMISSIVE
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or("32 hexadecimal digits are wanted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_32_hexadecimal_digits() {
        let id: RequestId = "000102030405060708090A0b0c0d0e0f".parse().unwrap();
        assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0e0f");
        assert_eq!(id.to_vec().len(), 16);
        for bad in ["", "00", "000102030405060708090a0b0c0d0e0g"] {
            assert!(bad.parse::<RequestId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn no_two_are_the_same() {
        assert_ne!(RequestId::random().unwrap(), RequestId::random().unwrap());
    }
}
