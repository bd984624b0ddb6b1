//! Random scripts. Names, ids and times come from small sets, so that steps meet: what is rare in a
//! cluster is frequent here. A script follows from its seed alone.

use symbolon_core::{
    AdministratorId, ApplicationId, Caller, ExemptionChange, Exemptions, FirstFactor, NodeId, Role,
    Setting,
};

use crate::dice::Dice;

pub(crate) mod merge;
pub(crate) mod nodes;
mod pins;
pub(crate) mod radius;
mod wishes;

pub(crate) use wishes::{Token, Who, Wish};

impl Dice {
    pub(crate) fn within(&mut self, first: i64, last: i64) -> i64 {
        first + self.below(last.abs_diff(first) + 1).cast_signed()
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn sometimes<T>(
        &mut self,
        percent: u64,
        made: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let happens = self.chance(percent);
        happens.then(|| made(self))
    }
}

/// One proposal, and when it comes.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) pass: Pass,
    /// In the same log entry as the step before.
    pub(crate) same_entry: bool,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum Pass {
    /// Since the stamp before. A master that is behind stamps lower.
    Milliseconds(i64),
    /// To one of the times at which something ends, and so much more.
    ToEnd(usize, i64),
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Ask(Asked),
    /// The proposal so many before this comes once more.
    Again(usize),
    /// What it asks for comes once more, under an id of its own.
    Anew(usize),
    /// The node restarts: its state is made anew from rows and audit.
    Restart,
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Who asks, when not the one who usually does.
    pub(crate) caller: Option<Caller>,
    /// The proposing node.
    pub(crate) node: u64,
    /// Entries that the proposing node is behind.
    pub(crate) lag: u64,
    /// Milliseconds from when it was made to its stamp.
    pub(crate) age: i64,
    /// A request id that others may have too.
    pub(crate) shared_id: Option<u8>,
    /// What became of a first factor, where a code is shown.
    pub(crate) first_factor: FirstFactor,
    pub(crate) wish: Wish,
}

/// What a script is mostly about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Everything,
    Guessing,
    Tokens,
    Cluster,
    Keys,
    Callers,
    People,
    Pins,
}

pub(crate) fn script(seed: u64) -> Vec<Step> {
    let mut dice = Dice(seed);
    let theme = dice.pick(&[
        Theme::Everything,
        Theme::Everything,
        Theme::Guessing,
        Theme::Guessing,
        Theme::Tokens,
        Theme::Cluster,
        Theme::Keys,
        Theme::Callers,
        Theme::People,
        Theme::Pins,
    ]);
    let mut steps = if dice.chance(3) { Vec::new() } else { opening(&mut dice, theme) };
    let more = dice.within(20, 50);
    steps.extend((0..more).map(|_| step(&mut dice, theme)));
    steps
}

/// Lets everybody in without a code.
const EVERYBODY: ExemptionChange =
    ExemptionChange { unknown_users: Some(true), disabled_users: Some(true), islands: None };

/// A cluster, two applications, two users with tokens; and what the theme needs.
fn opening(dice: &mut Dice, theme: Theme) -> Vec<Step> {
    let mut wishes = vec![
        Wish::CreateCluster,
        Wish::application(1),
        Wish::application(2),
        Wish::user(1),
        Wish::user(2),
        Wish::token(1, 1),
        Wish::token(1, 2),
        Wish::token(2, 3),
    ];
    if theme == Theme::Callers {
        wishes.extend(callers(dice));
    }
    if theme == Theme::Everything && dice.chance(40) {
        wishes.extend(namesakes(dice));
    }
    // Somebody who has recovery codes and nothing else.
    if theme == Theme::People && dice.chance(50) {
        wishes.push(Wish::user(3));
        wishes.push(Wish::RecoveryCodes { user: 3, key_off: 0 });
    }
    // Somebody who has recovery codes and nothing else.
    if theme == Theme::People && dice.chance(50) {
        wishes.push(Wish::user(3));
        wishes.push(Wish::RecoveryCodes { user: 3, key_off: 0 });
    }
    if theme == Theme::Pins {
        wishes.push(Wish::Pin { user: 1, set: true, must_change: dice.chance(70), key_off: 0 });
        let setting = (Setting::PinExpirationDays, Some(dice.below(2)));
        wishes.push(Wish::Settings { changes: vec![setting], bound: false });
    }
    if theme == Theme::Guessing {
        wishes.extend(low_settings(dice));
    }
    if matches!(theme, Theme::Everything | Theme::Guessing | Theme::People) && dice.chance(25) {
        wishes.push(Wish::exempt(1, EVERYBODY));
    }
    if theme == Theme::Tokens {
        wishes.extend(token_settings(dice));
    }
    let nodes = match theme {
        Theme::Cluster | Theme::Keys | Theme::Guessing => dice.below(3),
        _ => 0,
    };
    // Rarely all places are taken, or all but one.
    let (nodes, join_tokens, tokens) = match (theme, dice.below(40)) {
        (Theme::Cluster, 0..=2) => (8, 0, 0),
        (Theme::Cluster, 3) => (nodes, 98, 0),
        (Theme::Tokens, 0..=2) => (nodes, 0, 14),
        _ => (nodes, 0, 0),
    };
    for node in 0..nodes {
        wishes.push(Wish::join_token(20 + node));
        let name = if nodes == 8 { 40 } else { 2 };
        wishes.push(Wish::join(20 + node, name + node));
    }
    wishes.extend((nodes == 8).then(|| Wish::join_token(29)));
    wishes.extend((0..join_tokens).map(|number| Wish::join_token(100 + number)));
    wishes.extend((0..tokens).map(|number| Wish::token(1, 100 + 4 * number)));
    if theme == Theme::Keys && dice.chance(80) {
        wishes.push(Wish::join_token(29));
        wishes.push(Wish::Rotate { id_off: 0, key_off: 0 });
        wishes.extend((0..=nodes).map(|_| Wish::ConfirmKey { node: None, id_off: 0 }));
    }
    wishes.into_iter().map(Step::usual).collect()
}

/// A help desk, a portal, and some whom a scope divides.
fn callers(dice: &mut Dice) -> [Wish; 5] {
    let (role, scope) = (Role::HelpDesk, dice.below(5));
    let (application, rights) = (3, dice.pick(&[1, 5, 5]));
    let (name, sources, key_off) = (application, 0, 0);
    let exempt = Exemptions::default();
    [
        Wish::Administrator { administrator: 2, name: 2, role, scope, key_off },
        Wish::Application { application, name, rights, sources, exempt, key_off },
        Wish::User { user: 3, name: 3, profile: 1 },
        Wish::User { user: 4, name: 4, profile: 3 },
        Wish::token(4, 5),
    ]
}

/// Two whom one name fits.
fn namesakes(dice: &mut Dice) -> [Wish; 3] {
    [
        Wish::User { user: 3, name: 4 + dice.below(2), profile: 0 },
        Wish::User { user: 4, name: 5 + dice.below(2), profile: 0 },
        Wish::token(3, 9),
    ]
}

/// So low that limits are met.
fn low_settings(dice: &mut Dice) -> Option<Wish> {
    let threshold = 1 + dice.below(3);
    let first_wait = 1 + dice.below(3);
    let changes = vec![
        (Setting::LockoutThreshold, Some(threshold)),
        (Setting::LockoutHardLimit, Some(threshold + 4 + dice.below(4))),
        (Setting::IslandAllowance, Some(dice.below(2))),
        (Setting::LockoutFirstWait, Some(first_wait)),
        (Setting::LockoutLongestWait, Some(first_wait + dice.below(9))),
        (Setting::UnknownNames, Some(1 + dice.below(2))),
    ];
    dice.sometimes(85, |_| Wish::Settings { changes, bound: false })
}

/// A window and a memory that are not the usual ones.
fn token_settings(dice: &mut Dice) -> Option<Wish> {
    let changes = vec![
        (Setting::TotpWindow, Some(dice.below(4))),
        (Setting::HotpLookAhead, Some(1 + dice.below(12))),
        (Setting::TotpDriftMemory, Some(1)),
    ];
    dice.sometimes(50, |_| Wish::Settings { changes, bound: false })
}

impl Step {
    fn usual(wish: Wish) -> Self {
        let what = What::Ask(Asked::usual(wish));
        Self { pass: Pass::Milliseconds(250), same_entry: false, what }
    }
}

impl Asked {
    const fn usual(wish: Wish) -> Self {
        Self {
            caller: None,
            node: 1,
            lag: 0,
            age: 0,
            shared_id: None,
            first_factor: FirstFactor::Good,
            wish,
        }
    }
}

fn step(dice: &mut Dice, theme: Theme) -> Step {
    let pass = match dice.below(16) {
        0..=8 => Pass::Milliseconds(dice.within(0, 3_000)),
        9..=11 => Pass::Milliseconds(dice.within(3_000, 40_000)),
        12 => Pass::Milliseconds(dice.within(-5_000, 0)),
        _ => Pass::ToEnd(dice.number(64), dice.within(-1, 1)),
    };
    let what = match dice.below(40) {
        0..=2 => What::Again(dice.number(6)),
        3 => What::Again(dice.number(40)),
        4..=6 => What::Anew(dice.number(6)),
        7 => What::Restart,
        // What ends is ended by ticks.
        _ if matches!(pass, Pass::ToEnd(..)) && dice.chance(20) => {
            What::Ask(Asked::usual(Wish::Tick))
        }
        _ => What::Ask(asked(dice, theme)),
    };
    Step { pass, same_entry: dice.chance(15), what }
}

fn asked(dice: &mut Dice, theme: Theme) -> Asked {
    let age = match dice.below(12) {
        0..=7 => dice.within(0, 2_000),
        8..=9 => dice.within(0, 30_000),
        10 => dice.pick(&[30_000, 30_001, -30_000, -30_001]),
        _ => dice.within(-35_000, 35_000),
    };
    Asked {
        caller: dice.sometimes(if theme == Theme::Callers { 45 } else { 6 }, |dice| {
            dice.pick(&[
                Caller::Administrator(AdministratorId(1)),
                Caller::Administrator(AdministratorId(2)),
                Caller::Administrator(AdministratorId(2)),
                Caller::Administrator(AdministratorId(3)),
                Caller::Administrator(AdministratorId(9)),
                Caller::Application(ApplicationId(1)),
                Caller::Application(ApplicationId(2)),
                Caller::Application(ApplicationId(3)),
                Caller::Application(ApplicationId(3)),
                Caller::Application(ApplicationId(9)),
                Caller::Node(NodeId(1)),
                Caller::Node(NodeId(2)),
                Caller::Node(NodeId(9)),
            ])
        }),
        node: 1 + dice.below(3),
        lag: if dice.chance(85) { 0 } else { 1 + dice.below(4) },
        age,
        shared_id: dice.sometimes(12, |dice| u8::try_from(dice.below(3)).unwrap()),
        first_factor: match dice.below(24) {
            0 => FirstFactor::Denied,
            1 => FirstFactor::Unreachable,
            _ => FirstFactor::Good,
        },
        wish: if nodes::may_come(dice, theme) {
            Wish::Nodes(nodes::wish(dice, theme))
        } else if radius::may_come(dice, theme) {
            Wish::Radius(radius::wish(dice))
        } else {
            wishes::wish(dice, theme)
        },
    }
}
