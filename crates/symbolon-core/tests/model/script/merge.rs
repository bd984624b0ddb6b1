//! What nodes decided apart and merge.

use symbolon_core::MergeKind;

use crate::dice::Dice;

#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// One of a few.
    pub(crate) journal: u8,
    /// From the number that comes next.
    pub(crate) first_off: i64,
    pub(crate) records: Vec<Option<Record>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) user: u64,
    pub(crate) kind: MergeKind,
    /// Tokens, and codes so many steps from where each stands.
    pub(crate) marks: Vec<(u64, i64)>,
    pub(crate) at_off: i64,
    pub(crate) recovery_code: Option<u8>,
    pub(crate) here: Here,
}

/// What was found in the audit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Here {
    Nobody,
    Unknown,
    Other,
    Own,
}

pub(super) fn wish(dice: &mut Dice) -> Wish {
    let most = if dice.chance(4) { 20 } else { 3 };
    let records = 1 + dice.below(most);
    Wish {
        journal: dice.pick(&[1, 1, 1, 2]),
        first_off: dice.pick(&[0, 0, 0, 0, 0, -1, -2, 1, -9]),
        records: (0..records).map(|_| dice.sometimes(90, record)).collect(),
    }
}

fn record(dice: &mut Dice) -> Record {
    let marks = dice.below(3);
    let kind = dice.pick(&[
        MergeKind::Accepted,
        MergeKind::Accepted,
        MergeKind::Failed,
        MergeKind::Spent,
        MergeKind::Resynchronised,
    ]);
    Record {
        user: 1 + dice.below(3),
        kind,
        marks: (0..marks)
            .map(|_| {
                let off = dice.pick(&[0, 0, 1, 1, 2, 3, -1, 10, 11, 101, 102, 1_000, 1_001]);
                (1 + dice.below(4), off)
            })
            .collect(),
        at_off: dice.pick(&[0, 0, -20_000, -90_000, 20_000, 50_000]),
        recovery_code: dice.sometimes(25, |dice| u8::try_from(1 + dice.below(10)).unwrap()),
        here: dice.pick(&[Here::Nobody, Here::Nobody, Here::Unknown, Here::Other, Here::Own]),
    }
}
