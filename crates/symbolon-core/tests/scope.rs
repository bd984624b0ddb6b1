//! Ranges of addresses, where IPv4 and IPv6 meet.

#[cfg(test)]
mod tests {
    use symbolon_core::{ScopeError, SourceRange};

    /// Of a range in IPv6 that holds all of IPv4, the prefix is about more than that: what is written after
    /// it counts as address, not as IPv4.
    #[test]
    fn a_prefix_of_ipv4_in_ipv6_is_of_ipv4_from_96_bits_on() {
        let range = |text| SourceRange::parse(text).map(|range| range.to_string());
        assert_eq!(range("::ffff:0.0.0.0/96").as_deref(), Ok("0.0.0.0/0"));
        assert_eq!(range("::ffff:192.0.2.0/120").as_deref(), Ok("192.0.2.0/24"));
        assert_eq!(range("::ffff:0.0.0.0/95"), Err(ScopeError::BitsBeyond));
        assert_eq!(range("::/80").as_deref(), Ok("::/80"));
    }
}
