//! Limits with a list of exceptions that may only get shorter.
//!
//! An exception names the size that is tolerated. When the thing shrinks the entry must follow, so
//! what was won is not lost again.

use super::Breach;

pub(super) struct Ratchet {
    /// What is counted, for messages: "lines".
    pub(super) unit: &'static str,
    pub(super) max: usize,
    /// Key and tolerated size.
    pub(super) exceptions: &'static [(&'static str, usize)],
}

/// A thing that was counted.
pub(super) struct Counted {
    pub(super) path: String,
    pub(super) line: usize,
    /// What an exception would be called.
    pub(super) key: String,
    pub(super) count: usize,
}

impl Ratchet {
    pub(super) fn check(&self, things: &[Counted]) -> Vec<Breach> {
        let mut breaches: Vec<_> =
            things.iter().filter_map(|thing| self.check_one(thing)).collect();
        let stale = self.exceptions.iter().filter(|(key, _)| !things.iter().any(|t| t.key == *key));
        breaches.extend(stale.map(|(key, _)| {
            Breach::in_file(key, "is an exception of tidy but does not exist: remove the entry")
        }));
        breaches
    }

    fn check_one(&self, Counted { path, line, key, count }: &Counted) -> Option<Breach> {
        let Self { unit, max, exceptions } = self;
        let tolerated = exceptions.iter().find(|(name, _)| name == key).map(|(_, size)| *size);
        let text = match tolerated {
            None if count > max => format!("{key}: {count} {unit}, at most {max} are allowed"),
            None => return None,
            Some(size) if *count > size => {
                format!("{key}: {count} {unit}, the exception says {size}")
            }
            Some(_) if count <= max => format!("{key}: {count} {unit}: remove its exception"),
            Some(size) if *count < size => format!("{key}: lower its exception to {count}"),
            Some(_) => return None,
        };
        Some(Breach::at(path, *line, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATCHET: Ratchet =
        Ratchet { unit: "lines", max: 10, exceptions: &[("old.rs", 20), ("new.rs", 15)] };

    fn breaches(sizes: &[(&str, usize)]) -> Vec<String> {
        let counted = |&(key, count): &(&str, usize)| Counted {
            path: key.to_owned(),
            line: 0,
            key: key.to_owned(),
            count,
        };
        let things: Vec<_> = sizes.iter().map(counted).collect();
        RATCHET.check(&things).into_iter().map(|breach| breach.text).collect()
    }

    #[test]
    fn within_the_limit_or_exactly_at_the_exception_passes() {
        assert!(breaches(&[("a.rs", 10), ("old.rs", 20), ("new.rs", 15)]).is_empty());
    }

    #[test]
    fn growth_fails() {
        let found = breaches(&[("a.rs", 11), ("old.rs", 21), ("new.rs", 15)]);
        assert_eq!(
            found,
            ["a.rs: 11 lines, at most 10 are allowed", "old.rs: 21 lines, the exception says 20"]
        );
    }

    #[test]
    fn an_exception_must_follow_what_shrank() {
        let found = breaches(&[("old.rs", 19), ("new.rs", 3)]);
        assert_eq!(
            found,
            ["old.rs: lower its exception to 19", "new.rs: 3 lines: remove its exception"]
        );
    }

    #[test]
    fn an_exception_for_nothing_fails() {
        assert_eq!(breaches(&[("old.rs", 20)]).len(), 1);
    }
}
