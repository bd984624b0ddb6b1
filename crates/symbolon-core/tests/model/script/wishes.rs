//! What people and nodes ask for, before it is known what there is.

use symbolon_core::pin::PinFault;
use symbolon_core::{ExemptionChange, Exemptions, ProfileField, Role, Setting};

use super::{Theme, nodes, pins, radius};
use crate::dice::Dice;

#[derive(Clone, Debug)]
pub(crate) enum Wish {
    CreateCluster,
    User {
        user: u64,
        name: u64,
        profile: u64,
    },
    Update {
        user: u64,
        named: bool,
        disabled: Option<bool>,
        fields: Vec<ProfileField>,
        profile: u64,
        bound: bool,
    },
    Block {
        user: u64,
        milliseconds: u64,
    },
    Unblock {
        user: u64,
    },
    Delete {
        user: u64,
        bound: bool,
    },
    Pin {
        user: u64,
        /// Whether there is to be one.
        set: bool,
        must_change: bool,
        key_off: i64,
    },
    /// An answer to the open challenge in this place, or to one that there is not.
    Answer {
        name: u64,
        application: u64,
        open: Option<usize>,
        /// Equal numbers are equal PINs.
        pin: Result<u8, PinFault>,
        next: u8,
        key_off: i64,
    },
    Bypass {
        user: u64,
        milliseconds: u64,
    },
    NoBypass {
        user: u64,
    },
    /// Of a name.
    Export {
        name: u64,
    },
    RecoveryCodes {
        user: u64,
        key_off: i64,
    },
    Enroll {
        user: u64,
        token: u64,
        serial: Option<u64>,
        mark: u64,
        pending: bool,
        key_off: i64,
    },
    /// The code that is so many steps from where the token stands.
    Confirm {
        token: Token,
        off: i64,
    },
    Resync {
        token: u64,
        off: i64,
    },
    Remove {
        token: u64,
    },
    Verify {
        name: u64,
        application: u64,
        shown: Vec<(Token, i64)>,
        /// So many of the last of these with a wrong PIN.
        without_pin: usize,
        recovery_code: Option<u8>,
        known: Who,
        /// The challenge that may come of it.
        next: u8,
    },
    Application {
        application: u64,
        name: u64,
        rights: u64,
        sources: u64,
        exempt: Exemptions,
        key_off: i64,
    },
    /// Rights, sources and names by their numbers.
    UpdateApplication {
        application: u64,
        name: Option<u64>,
        rights: Option<u64>,
        sources: Option<u64>,
        disabled: Option<bool>,
        exempt: ExemptionChange,
        bound: bool,
    },
    RotateApplicationKey {
        application: u64,
        overlap: u64,
        key_off: i64,
    },
    RetireApplicationKey {
        application: u64,
    },
    DeleteApplication {
        application: u64,
        bound: bool,
    },
    Administrator {
        administrator: u64,
        name: u64,
        role: Role,
        scope: u64,
        key_off: i64,
    },
    UpdateAdministrator {
        administrator: u64,
        role: Option<Role>,
        scope: Option<u64>,
        disabled: Option<bool>,
        bound: bool,
    },
    RotateAdministratorToken {
        administrator: u64,
        key_off: i64,
    },
    DeleteAdministrator {
        administrator: u64,
        bound: bool,
    },
    JoinToken {
        join_token: u64,
        life: u64,
        key_off: i64,
    },
    Join {
        join_token: u64,
        secret: bool,
        name: u64,
        pin: u64,
    },
    Address {
        node: u64,
        peer: u64,
        api: u64,
    },
    Nodes(nodes::Wish),
    Radius(radius::Wish),
    Tick,
    Rotate {
        id_off: i64,
        key_off: i64,
    },
    /// By a node that does not have it, or by this one.
    ConfirmKey {
        node: Option<u64>,
        id_off: i64,
    },
    /// The field in this place among those that are left, or any other.
    Reseal {
        place: Option<usize>,
        spoiled: Option<u64>,
    },
    Retire {
        id_off: i64,
    },
    Settings {
        changes: Vec<(Setting, Option<u64>)>,
        bound: bool,
    },
}

/// A token that somebody shows a code of.
#[derive(Clone, Debug)]
pub(crate) enum Token {
    /// One of their own.
    Own(usize),
    Any(u64),
}

/// Whom the serving node takes the name for.
#[derive(Clone, Debug)]
pub(crate) enum Who {
    AsSeen,
    Nobody,
    Another(u64),
}

impl Wish {
    pub(super) const fn user(user: u64) -> Self {
        Self::User { user, name: user, profile: 0 }
    }

    pub(super) const fn token(user: u64, token: u64) -> Self {
        Self::Enroll { user, token, serial: None, mark: 0, pending: false, key_off: 0 }
    }

    pub(super) const fn application(application: u64) -> Self {
        let exempt = Exemptions { unknown_users: false, disabled_users: false, islands: false };
        let name = application;
        Self::Application { application, name, rights: 1, sources: 0, exempt, key_off: 0 }
    }

    pub(super) const fn exempt(application: u64, exempt: ExemptionChange) -> Self {
        let (name, rights, sources, disabled) = (None, None, None, None);
        Self::UpdateApplication {
            application,
            name,
            rights,
            sources,
            disabled,
            exempt,
            bound: false,
        }
    }

    pub(super) const fn join_token(join_token: u64) -> Self {
        Self::JoinToken { join_token, life: 600_000, key_off: 0 }
    }

    pub(super) const fn join(join_token: u64, node: u64) -> Self {
        Self::Join { join_token, secret: true, name: node, pin: node }
    }
}

pub(super) fn wish(dice: &mut Dice, theme: Theme) -> Wish {
    // People, tokens, codes, cluster, keys, settings, callers, PINs.
    let weights: [u64; 8] = match theme {
        Theme::Everything => [4, 4, 8, 4, 4, 1, 2, 1],
        Theme::Guessing => [2, 1, 24, 1, 0, 2, 1, 0],
        Theme::Tokens => [1, 10, 10, 0, 0, 1, 0, 0],
        Theme::Cluster => [1, 1, 3, 14, 1, 2, 0, 0],
        Theme::Keys => [0, 1, 1, 3, 24, 0, 1, 0],
        Theme::Callers => [4, 3, 4, 1, 0, 0, 20, 0],
        Theme::People => [14, 2, 4, 0, 0, 0, 1, 0],
        Theme::Pins => [2, 0, 2, 0, 0, 0, 0, 24],
    };
    let mut left = dice.below(weights.iter().sum());
    let mut place = 0;
    while left >= weights[place] {
        left -= weights[place];
        place += 1;
    }
    match place {
        0 => people(dice),
        1 => tokens(dice),
        2 => code(dice, theme),
        3 => cluster(dice),
        4 => keys(dice),
        5 => settings(dice),
        6 => callers(dice),
        _ => pins::wish(dice),
    }
}

/// Mostly 1 or 2, sometimes up to 4, rarely 0.
pub(super) fn user(dice: &mut Dice) -> u64 {
    match dice.below(20) {
        0 => 0,
        1..=4 => 3 + dice.below(2),
        _ => 1 + dice.below(2),
    }
}

fn people(dice: &mut Dice) -> Wish {
    let user = user(dice);
    match dice.below(21) {
        0..=2 => {
            let name = if dice.chance(80) { user } else { 1 + dice.below(6) };
            Wish::User { user, name, profile: dice.below(4) }
        }
        3..=6 => {
            let all = ProfileField::ALL;
            let fields = all.into_iter().filter(|_| dice.chance(40)).collect();
            Wish::Update {
                user,
                named: dice.chance(30),
                disabled: dice.sometimes(40, |dice| dice.chance(50)),
                fields,
                profile: dice.below(4),
                bound: dice.chance(40),
            }
        }
        7..=8 => {
            let longest = 3_650 * 24 * 3600 * 1000;
            let milliseconds = dice.pick(&[0, 1, 1_000, 20_000, longest, longest + 1]);
            Wish::Block { user, milliseconds }
        }
        9 => Wish::Unblock { user },
        10..=12 => pins::pin(dice, user),
        13..=15 => {
            let milliseconds = dice.pick(&[0, 1, 1_000, 60_000, 3_600_000, 3_600_001]);
            Wish::Bypass { user, milliseconds }
        }
        16 => Wish::NoBypass { user },
        17..=18 => Wish::RecoveryCodes { user, key_off: key_off(dice) },
        20 => Wish::Export { name: user },
        _ => Wish::Delete { user, bound: dice.chance(50) },
    }
}

pub(super) fn key_off(dice: &mut Dice) -> i64 {
    if dice.chance(95) { 0 } else { dice.pick(&[-1, 1]) }
}

fn tokens(dice: &mut Dice) -> Wish {
    let token = if dice.chance(3) { 0 } else { 1 + dice.below(8) };
    match dice.below(9) {
        0..=2 => Wish::Enroll {
            user: user(dice),
            token,
            serial: dice.sometimes(30, |dice| dice.below(3)),
            mark: dice.pick(&[0, 0, 0, 7]),
            pending: dice.chance(50),
            key_off: key_off(dice),
        },
        3..=4 => {
            let token =
                if dice.chance(80) { Token::Own(dice.number(3)) } else { Token::Any(token) };
            Wish::Confirm { token, off: dice.pick(&[-2, -1, 0, 0, 1, 2, 9, 10]) }
        }
        5..=7 => {
            let token = if dice.chance(80) { 1 + dice.below(3) } else { token };
            let off = dice.pick(&[-101, -100, -2, -1, 0, 1, 2, 5, 99, 100, 101, 998, 999, 1000]);
            Wish::Resync { token, off }
        }
        _ => Wish::Remove { token },
    }
}

fn code(dice: &mut Dice, theme: Theme) -> Wish {
    let wrong = if theme == Theme::Guessing { 65 } else { 20 };
    let count = if dice.chance(wrong) { 0 } else { dice.pick(&[1, 1, 2, 3, 17]) };
    let off = [-2, -1, -1, 0, 0, 0, 1, 1, 2, 9, 10];
    let shown = (0..count)
        .map(|_| {
            let token = match dice.below(10) {
                0 => Token::Any(1 + dice.below(8)),
                _ => Token::Own(dice.number(3)),
            };
            // With many codes, one that is used would spoil them all.
            (token, if count == 17 { 2 } else { dice.pick(&off) })
        })
        .collect();
    let known = match dice.below(40) {
        0 => Who::Nobody,
        1 => Who::Another(dice.below(3)),
        _ => Who::AsSeen,
    };
    let application = if dice.chance(95) { 1 + dice.below(2) } else { 3 + dice.below(2) };
    let name = if theme == Theme::Guessing && dice.chance(80) { 1 } else { user(dice) };
    let name = if dice.chance(10) { 4 + dice.below(5) } else { name };
    let mut shown: Vec<_> = shown;
    if count == 17 && dice.chance(50) {
        // The last one alone would be right.
        shown[16].1 = 0;
    }
    let without_pin = if dice.chance(12) { 1 + dice.number(3) } else { 0 };
    let recovery_code = dice.sometimes(10, |dice| dice.pick(&[0, 1, 1, 2, 10, 11]));
    let next = pins::next(dice);
    Wish::Verify { name, application, shown, without_pin, recovery_code, known, next }
}

fn cluster(dice: &mut Dice) -> Wish {
    let join_token = 1 + dice.below(4);
    match dice.below(19) {
        16.. => Wish::Nodes(nodes::wish(dice, Theme::Everything)),
        0..=3 => {
            let week = 7 * 24 * 3600 * 1000;
            let life = dice.pick(&[0, 1, 5_000, 5_000, 60_000, 60_000, week, week + 1]);
            Wish::JoinToken { join_token, life, key_off: key_off(dice) }
        }
        4..=8 => {
            let join_token = if dice.chance(90) { dice.below(20) } else { 20 + dice.below(4) };
            let name = 2 + dice.below(5);
            let pin = if dice.chance(85) { name } else { 2 + dice.below(5) };
            Wish::Join { join_token, secret: dice.chance(85), name, pin }
        }
        9..=10 => new_application(dice),
        11..=12 => {
            let (peer, api) = (dice.below(2), dice.below(2));
            Wish::Address { node: 1 + dice.below(3), peer, api }
        }
        13 if dice.chance(20) => Wish::CreateCluster,
        _ => Wish::Tick,
    }
}

fn keys(dice: &mut Dice) -> Wish {
    let off = |dice: &mut Dice| if dice.chance(90) { 0 } else { dice.pick(&[-1, 1]) };
    match dice.below(16) {
        0 => Wish::Rotate { id_off: off(dice), key_off: off(dice) },
        1..=3 => {
            let node = dice.sometimes(30, |dice| 1 + dice.below(3));
            Wish::ConfirmKey { node, id_off: off(dice) }
        }
        4 => Wish::join(29, 7),
        5..=12 => Wish::Reseal {
            place: dice.sometimes(90, |dice| dice.number(3)),
            spoiled: dice.sometimes(15, |dice| dice.below(3)),
        },
        _ => Wish::Retire { id_off: off(dice) },
    }
}

fn settings(dice: &mut Dice) -> Wish {
    let count = dice.pick(&[1, 1, 2, 3]);
    let changes = (0..count)
        .map(|_| {
            let (setting, values) = dice.pick(&[
                (Setting::LockoutThreshold, [0, 1, 5, 10, 97, 101]),
                (Setting::LockoutFirstWait, [0, 1, 2, 30, 3600, 86_401]),
                (Setting::LockoutLongestWait, [0, 1, 60, 3600, 2_592_000, 2_592_001]),
                (Setting::LockoutHardLimit, [1, 2, 13, 16, 100, 101]),
                (Setting::IslandAllowance, [0, 1, 2, 3, 10, 11]),
                (Setting::UnknownNames, [0, 1, 1, 2, 60, 1_000_001]),
                (Setting::TotpWindow, [0, 0, 2, 3, 10, 11]),
                (Setting::HotpLookAhead, [0, 1, 2, 11, 100, 101]),
                (Setting::TotpDriftMemory, [0, 1, 1, 1, 1, 2]),
                (Setting::BlockDuration, [59, 60, 61, 7_776_000, 315_360_000, 315_360_001]),
            ]);
            (setting, dice.sometimes(80, |dice| dice.pick(&values)))
        })
        .collect();
    Wish::Settings { changes, bound: dice.chance(40) }
}

fn new_application(dice: &mut Dice) -> Wish {
    let application = 1 + dice.below(4);
    let name = if dice.chance(70) { application } else { 1 + dice.below(4) };
    let (rights, sources) = (dice.below(6), dice.below(2));
    let [unknown_users, disabled_users, islands] = [20, 20, 20].map(|of| dice.chance(of));
    let exempt = Exemptions { unknown_users, disabled_users, islands };
    Wish::Application { application, name, rights, sources, exempt, key_off: key_off(dice) }
}

fn callers(dice: &mut Dice) -> Wish {
    let application = 1 + dice.below(3);
    let administrator = 1 + dice.below(4);
    let roles = [Role::Administrator, Role::HelpDesk, Role::HelpDesk, Role::Auditor];
    let bound = dice.chance(40);
    match dice.below(20) {
        0..=1 => new_application(dice),
        2..=4 => Wish::UpdateApplication {
            application,
            name: dice.sometimes(40, |dice| 1 + dice.below(4)),
            rights: dice.sometimes(50, |dice| dice.below(6)),
            sources: dice.sometimes(40, |dice| dice.below(3)),
            disabled: dice.sometimes(40, |dice| dice.chance(40)),
            exempt: ExemptionChange {
                unknown_users: dice.sometimes(30, |dice| dice.chance(60)),
                disabled_users: dice.sometimes(30, |dice| dice.chance(60)),
                islands: dice.sometimes(10, |dice| dice.chance(50)),
            },
            bound,
        },
        5..=6 => {
            let longest = 90 * 24 * 3600 * 1000;
            let overlap = dice.pick(&[0, 1, 5_000, 30_000, 60_000, longest, longest + 1]);
            Wish::RotateApplicationKey { application, overlap, key_off: key_off(dice) }
        }
        7 => Wish::RetireApplicationKey { application },
        8 => Wish::DeleteApplication { application, bound },
        9..=12 => {
            let name = if dice.chance(80) { administrator } else { 1 + dice.below(4) };
            let (role, scope) = (dice.pick(&roles), dice.below(5));
            Wish::Administrator { administrator, name, role, scope, key_off: key_off(dice) }
        }
        13..=16 => Wish::UpdateAdministrator {
            administrator,
            role: dice.sometimes(50, |dice| dice.pick(&roles)),
            scope: dice.sometimes(50, |dice| dice.below(5)),
            disabled: dice.sometimes(40, |dice| dice.chance(40)),
            bound,
        },
        17 => Wish::RotateAdministratorToken { administrator, key_off: key_off(dice) },
        18 => Wish::DeleteAdministrator { administrator, bound },
        _ => Wish::Tick,
    }
}
