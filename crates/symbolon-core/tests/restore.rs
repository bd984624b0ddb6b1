//! What a state refuses to be restored from, and that every field counts in the digest.

use std::collections::BTreeSet;
use std::sync::Arc;

use symbolon_core::limits::{FAILURES_MAX, NODES_MAX, REPLIES_MAX, TOKENS_PER_USER_MAX};
use symbolon_core::otp::{Algorithm, Parameters};
use symbolon_core::{
    Administrator, AdministratorId, Application, ApplicationId, AuditEvent, AuditRow, Block,
    Bypass, Caller, Challenge, ChallengeId, Cluster, ClusterId, DataKeyId, DataKeys, Digest,
    Exemptions, Fingerprint, Floor, JoinToken, JoinTokenId, Journal, JournalId, KeyHash, KeyPin,
    LineageId, LogIndex, Node, NodeId, OldKey, OtherEpoch, Reason, RecoveryCodes, RequestId,
    RestoreError, Rights, Role, Rotation, Row, Scalars, Sealed, Serial, Setting, Settings, State,
    Strangers, Timestamp, Token, TokenId, User, UserId, UserPin, Violation,
};

/// Copies of one row, each with `$field` set to something else.
macro_rules! altered {
    ($kind:ident, $row:expr, { $($field:ident: $value:expr),* $(,)? }) => {{
        // Names every field: a new one does not compile until it stands here.
        let $kind { $($field: _),* } = $row;
        vec![$({
            let mut row = $row.clone();
            row.$field = $value;
            Row::$kind(row)
        }),*]
    }};
}

#[path = "restore/radius.rs"]
mod radius;
#[path = "restore/rows.rs"]
mod rows;

use rows::*;

const USER: UserId = UserId(10);
const TOKEN: TokenId = TokenId(20);

#[test]
fn every_field_of_every_row_counts_in_the_digest() {
    let mut rows = rows();
    rows.push(Row::DataKeys(data_keys()));
    rows.push(Row::Settings(settings()));
    rows.push(Row::Challenge(challenge()));
    rows.push(Row::Journal(journal()));
    rows.push(Row::RadiusClient(radius::client()));
    let whole = digest(&rows);
    for (place, row) in rows.iter().enumerate() {
        for (field, altered) in alterations(row).into_iter().enumerate() {
            let mut rows = rows.clone();
            rows[place] = altered;
            assert_ne!(digest(&rows), whole, "field {field} of {row:?}");
        }
        let mut fewer = rows.clone();
        fewer.remove(place);
        assert_ne!(digest(&fewer), whole, "without {row:?}");
    }
}

/// What is used up stands in the row of its user: a node that has lost it is to be told from the others.
#[test]
fn what_a_user_has_left_counts_in_the_digest() {
    let of = |until, codes: RecoveryCodes| {
        let bypass = Some(Arc::new(Bypass { until: Timestamp(until), ..bypass() }));
        let recovery_codes = Some(Arc::new(codes));
        digest(&[Row::User(User { bypass, recovery_codes, ..user() })])
    };
    let all = [of(2, recovery_codes()), of(3, recovery_codes())];
    let used = of(2, RecoveryCodes { used: 7, ..recovery_codes() });
    assert!(all[0] != all[1] && !all.contains(&used));
    let pins = [false, true].map(|must_change| {
        let sealed = Sealed::new(vec![1, 0, 0, 0, 1, 7]);
        let pin = UserPin { sealed, set_at: Timestamp(3), must_change };
        digest(&[Row::User(User { pin: Some(Arc::new(pin)), ..user() })])
    });
    assert_ne!(pins[0], pins[1]);
    let asks = Challenge { chosen: None, ..challenge() };
    assert_ne!(digest(&[Row::Challenge(asks)]), digest(&[Row::Challenge(challenge())]));
}

/// The digest is stored with the rows and checked at every start, also by a later release: when it
/// is computed otherwise, no data directory can be opened any more.
#[test]
fn the_digest_is_computed_as_release_0_1_0_did() {
    let expected = "a2a37d1a13856594849947345ed59761250564a12c10ec13d2772835f13559d7";
    let mut rows = rows();
    for row in &mut rows {
        // What came later, and is nothing to a user who has not failed since.
        if let Row::User(user) = row {
            user.failed_at = Timestamp(0);
            user.failed_by.clear();
        }
    }
    assert_eq!(digest(&rows).to_string(), expected);
}

#[test]
fn the_order_of_the_rows_does_not_count() {
    let mut rows = rows();
    let whole = digest(&rows);
    rows.reverse();
    assert_eq!(digest(&rows), whole);
    assert_eq!(restore(&rows).map(|state| state.digest()), Ok(whole));
}

#[test]
fn scalars_that_are_not_the_rows_own_are_refused() {
    let rows = rows();
    let state = restore(&rows).unwrap();
    assert_eq!(state.check(), Ok(()));
    let own = state.scalars();
    let other_clock = Scalars { clock: own.clock.plus(1), ..own };
    let other_chain = Scalars { audit_chain: Digest([1; 32]), ..own };
    let other_digest = Scalars { digest: Digest([1; 32]), ..own };
    for scalars in [other_clock, other_chain, other_digest] {
        let refused = State::restore(rows.clone(), scalars, []).map(|_| ());
        assert!(
            matches!(refused, Err(RestoreError::Digest { expected, .. }) if expected == scalars.digest),
            "{refused:?}"
        );
    }
}

#[test]
fn rows_that_contradict_each_other_are_refused() {
    let (user, token, node) = (user(), token(), node(1));
    let orphan = Token { id: TokenId(21), ..token.clone() };
    let double = User { tokens: vec![TOKEN, TOKEN], ..user.clone() };
    let namesake = User { id: UserId(11), tokens: Vec::new(), ..user.clone() };
    let poor = User { tokens: vec![TOKEN, TokenId(21)], ..user.clone() };
    let failing = User { failures: FAILURES_MAX + 1, ..user.clone() };
    let more_than_failed = User { failed_by: vec![(ApplicationId(30), 4)], ..user.clone() };
    let without_time = User { failed_at: Timestamp(0), ..user.clone() };
    let (first, second) = (ApplicationId(30), ApplicationId(31));
    let out_of_order = User { failed_by: vec![(second, 1), (first, 1)], ..user.clone() };
    let none = User { failed_by: vec![(first, 0)], ..user };
    let out_of_range = Settings { values: vec![(Setting::LockoutThreshold, 0)], ..settings() };
    let same_name = Node { name: node.name.clone(), ..self::node(2) };
    let same_pin = Node { pin: node.pin, ..self::node(2) };
    let elsewhere = Application { id: ApplicationId(31), ..application() };
    let guest = JoinToken { used_by: Some(NodeId(7)), ..join_token() };
    let later = Token { seed: Sealed::new(vec![1, 0, 0, 0, 2, 9]), ..token };
    let leap = DataKeys { active: DataKeyId(3), ..data_keys() };
    let stranger = Rotation { holders: BTreeSet::from([NodeId(7)]), ..rotation() };
    let stranger = DataKeys { rotation: Some(stranger), ..data_keys() };
    let other_cluster = Cluster { id: ClusterId([9; 16]), ..cluster() };
    for (row, violation) in [
        (Row::Token(orphan), Violation::TokenWithoutUser(TokenId(21))),
        (Row::User(double), Violation::UserWithoutToken(USER)),
        (Row::User(poor), Violation::UserWithoutToken(USER)),
        (Row::User(namesake), Violation::UserName(USER)),
        (Row::User(failing), Violation::Failures(USER)),
        (Row::Node(same_name), Violation::NodeTwice(NodeId(1))),
        (Row::Node(same_pin), Violation::NodeTwice(NodeId(1))),
        (Row::Application(elsewhere), Violation::ApplicationName),
        (Row::JoinToken(guest), Violation::JoinToken(JoinTokenId(40))),
        (Row::Token(later), Violation::DataKey),
        (Row::DataKeys(leap), Violation::DataKey),
        (Row::DataKeys(stranger), Violation::DataKey),
        (Row::User(more_than_failed), Violation::Failures(USER)),
        (Row::User(without_time), Violation::Failures(USER)),
        (Row::User(out_of_order), Violation::Failures(USER)),
        (Row::User(none), Violation::Failures(USER)),
        (Row::Settings(out_of_range), Violation::Settings),
        (Row::Cluster(other_cluster), Violation::NoCluster),
    ] {
        // The last row of an id stands.
        let mut rows = rows();
        rows.push(row);
        assert_eq!(refusal(&rows), Some(RestoreError::Violation(violation)));
    }
    let without_cluster = &rows()[1..];
    let refused = Some(RestoreError::Violation(Violation::NoCluster));
    assert_eq!(refusal(without_cluster), refused);
}

#[test]
fn rows_beyond_a_limit_are_refused() {
    let limit = Some(RestoreError::Violation(Violation::Limit));
    let nodes = |count: usize| {
        let mut rows = rows();
        rows.extend((1..=count as u64).map(node).map(Row::Node));
        rows
    };
    assert_eq!(refusal(&nodes(NODES_MAX)), None);
    assert_eq!(refusal(&nodes(NODES_MAX + 1)), limit);

    let tokens = |count: usize| {
        let ids: Vec<_> = (0..count as u64).map(|id| TokenId(20 + id)).collect();
        let mut rows = rows();
        rows.extend(ids.iter().map(|id| Row::Token(Token { id: *id, ..token() })));
        rows.push(Row::User(User { tokens: ids, ..user() }));
        rows
    };
    assert_eq!(refusal(&tokens(TOKENS_PER_USER_MAX)), None);
    assert_eq!(refusal(&tokens(TOKENS_PER_USER_MAX + 1)), limit);
}

#[test]
fn beyond_their_limit_the_oldest_reply_is_forgotten() {
    let rows = rows();
    let scalars = restore(&rows).unwrap().scalars();
    let caller = Caller::Administrator(AdministratorId(2));
    let id = |number: usize| RequestId((number as u128).to_be_bytes());
    let events = (0..=REPLIES_MAX).map(|number| AuditEvent {
        index: LogIndex(number as u64),
        ordinal: 0,
        at: scalars.clock,
        caller,
        request_id: id(number),
        fingerprint: Fingerprint([0; 16]),
        node: NodeId(1),
        row: AuditRow::TokenEnrolled { user: USER, token: TOKEN },
    });
    let state = State::restore(rows, scalars, events).unwrap();
    assert_eq!(state.replies_len(), REPLIES_MAX);
    assert_eq!(state.remembered(caller, id(0)), None);
    assert!(state.remembered(caller, id(1)).is_some());
    assert!(state.remembered(caller, id(REPLIES_MAX)).is_some());
}

/// The digest that these rows have, whether or not they fit together.
fn digest(rows: &[Row]) -> Digest {
    match State::restore(rows.to_vec(), Scalars::default(), []) {
        Err(RestoreError::Digest { found, .. }) => found,
        other => panic!("nothing has the digest 0: {other:?}"),
    }
}

fn restore(rows: &[Row]) -> Result<State, RestoreError> {
    let scalars = Scalars { digest: digest(rows), ..Scalars::default() };
    State::restore(rows.to_vec(), scalars, [])
}

fn refusal(rows: &[Row]) -> Option<RestoreError> {
    restore(rows).err()
}

/// One row of each kind.
fn rows() -> Vec<Row> {
    vec![
        Row::Cluster(cluster()),
        Row::Administrator(administrator()),
        Row::Application(application()),
        Row::User(user()),
        Row::Token(token()),
        Row::Node(node(1)),
        Row::JoinToken(join_token()),
    ]
}

fn node(id: u64) -> Node {
    Node {
        id: NodeId(id),
        name: name(&format!("n{id}")),
        pin: KeyPin([u8::try_from(id).unwrap_or(0); 32]),
        peer_address: "peer".to_owned(),
        api_address: "api".to_owned(),
        superseded: false,
        changed_at: LogIndex(5),
    }
}

fn join_token() -> JoinToken {
    JoinToken {
        id: JoinTokenId(40),
        secret: KeyHash([6; 32]),
        reveal: reveal(2, 200),
        expires_at: Timestamp(300),
        used_by: None,
        changed_at: LogIndex(6),
    }
}

fn alterations(row: &Row) -> Vec<Row> {
    match row {
        Row::Cluster(row) => cluster_alterations(row),
        Row::Administrator(row) => altered!(Administrator, row, {
            id: AdministratorId(3),
            name: name("toor"),
            key: KeyHash([0; 32]),
            role: Role::Auditor,
            scope: scope("group:sales"),
            disabled: true,
            reveal: reveal(1, 100),
            created_at: Timestamp(3),
            changed_at: LogIndex(0),
        }),
        Row::Application(row) => application_alterations(row),
        Row::User(row) => altered!(User, row, {
            id: UserId(11),
            name: user_name("alicf"),
            display_name: display_name(""),
            failures: 4,
            failed_at: Timestamp(9),
            failed_by: vec![(ApplicationId(30), 3)],
            tokens: vec![TOKEN, TokenId(21)],
            created_at: Timestamp(0),
            changed_at: LogIndex(0),
            disabled: true,
            block: Some(Block {
                reason: Reason::new("stolen").unwrap_or_else(|error| panic!("{error}")),
                since: Timestamp(1),
                until: Timestamp(2),
            }),
            pin: Some(Arc::new(UserPin { sealed: Sealed::new(vec![1, 0, 0, 0, 1, 7]), set_at: Timestamp(3), must_change: true })),
            bypass: Some(Arc::new(bypass())),
            recovery_codes: Some(Arc::new(recovery_codes())),
            profile: known().kept(),
            revision: LogIndex(9),
        }),
        Row::Token(row) => token_alterations(row),
        Row::Node(row) => altered!(Node, row, {
            id: NodeId(2),
            name: name("n2"),
            pin: KeyPin([2; 32]),
            peer_address: "peers".to_owned(),
            api_address: "apis".to_owned(),
            superseded: true,
            changed_at: LogIndex(0),
        }),
        Row::DataKeys(row) => data_keys_alterations(row),
        Row::Settings(row) => altered!(Settings, row, {
            values: vec![(Setting::LockoutThreshold, 8)],
            changed_at: LogIndex(0),
        }),
        Row::Challenge(row) => challenge_alterations(row),
        Row::RadiusClient(row) => radius::alterations(row),
        Row::Journal(row) => altered!(Journal, row, {
            id: JournalId([9; 16]),
            node: NodeId(2),
            merged: 8,
            changed_at: LogIndex(6),
        }),
        Row::JoinToken(row) => altered!(JoinToken, row, {
            id: JoinTokenId(41),
            secret: KeyHash([0; 32]),
            reveal: None,
            expires_at: Timestamp(301),
            used_by: Some(NodeId(1)),
            changed_at: LogIndex(0),
        }),
    }
}

fn rotation() -> Rotation {
    Rotation {
        id: DataKeyId(2),
        key: Sealed::new(vec![6; 3]),
        started_at: Timestamp(10),
        holders: BTreeSet::from([NodeId(1)]),
    }
}

fn challenge_alterations(row: &Challenge) -> Vec<Row> {
    altered!(Challenge, row, {
        id: ChallengeId([9; 16]),
        user: UserId(11),
        application: ApplicationId(31),
        chosen: Some(Fingerprint([9; 16])),
        tries: 2,
        expires_at: Timestamp(401),
    })
}

fn journal() -> Journal {
    Journal { id: JournalId([3; 16]), node: NodeId(1), merged: 7, changed_at: LogIndex(5) }
}

fn challenge() -> Challenge {
    Challenge {
        id: ChallengeId([1; 16]),
        user: USER,
        application: ApplicationId(30),
        chosen: Some(Fingerprint([2; 16])),
        tries: 1,
        expires_at: Timestamp(400),
    }
}

fn settings() -> Settings {
    Settings { values: vec![(Setting::LockoutThreshold, 7)], changed_at: LogIndex(5) }
}

fn data_keys() -> DataKeys {
    DataKeys { active: DataKeyId(1), rotation: Some(rotation()), retired_at: LogIndex(6) }
}

fn data_keys_alterations(row: &DataKeys) -> Vec<Row> {
    let rotations = [
        Rotation { id: DataKeyId(3), ..rotation() },
        Rotation { key: Sealed::new(vec![6; 4]), ..rotation() },
        Rotation { started_at: Timestamp(11), ..rotation() },
        Rotation { holders: BTreeSet::new(), ..rotation() },
        Rotation { holders: BTreeSet::from([NodeId(2)]), ..rotation() },
    ];
    let mut rows = altered!(DataKeys, row, {
        active: DataKeyId(2),
        rotation: None,
        retired_at: LogIndex(7),
    });
    let altered = |rotation| Row::DataKeys(DataKeys { rotation: Some(rotation), ..row.clone() });
    rows.extend(rotations.map(altered));
    rows
}

fn application_alterations(row: &Application) -> Vec<Row> {
    let more = [None, reveal(0, 100), reveal(1, 101)]
        .map(|reveal| Row::Application(Application { reveal, ..row.clone() }));
    let mut rows = altered!(Application, row, {
        id: ApplicationId(31),
        name: name("vpm"),
        key: KeyHash([0; 32]),
        old_key: Some(OldKey { key: KeyHash([3; 32]), until: Timestamp(9) }),
        reveal: None,
        rights: Rights::ADMINISTRATOR,
        sources: sources("192.0.2.0/24"),
        disabled: true,
        exempt: Exemptions { unknown_users: true, disabled_users: false, islands: true },
        strangers: Strangers { met: 1, ..Strangers::default() },
        created_at: Timestamp(0),
        changed_at: LogIndex(0),
    });
    rows.extend(more);
    let met = Strangers { met: 1, ..Strangers::default() };
    for unknown_users in [false, true] {
        let exempt = Exemptions { unknown_users, disabled_users: true, islands: false };
        rows.push(Row::Application(Application { exempt, ..row.clone() }));
    }
    for strangers in [Strangers { since: Timestamp(1), ..met }, Strangers { untold: 1, ..met }] {
        rows.push(Row::Application(Application { strangers, ..row.clone() }));
    }
    rows
}

fn other(ours: u32, theirs: u32) -> OtherEpoch {
    OtherEpoch { epoch: 2 + u64::from(ours), lineage: LineageId([7; 16]), ours, theirs }
}

fn cluster_alterations(row: &Cluster) -> Vec<Row> {
    let floor =
        |at: u64, recovery_codes_held| Some(Floor { at: Timestamp(at), recovery_codes_held });
    let mut rows = altered!(Cluster, row, {
        id: ClusterId([0; 16]),
        name: name("mail"),
        epoch: 2,
        lineage: LineageId([0; 16]),
        ca_certificate: vec![3; 4],
        ca_key: Sealed::new(vec![4; 4]),
        created_at: Timestamp(0),
        floor: floor(7, true),
        last_node: 9,
        others: vec![other(0, 0)],
        doubles: 3,
        removed: vec![Timestamp(5)],
    });
    for others in [vec![other(1, 0)], vec![other(0, 1)], vec![other(0, 0), other(1, 1)]] {
        rows.push(Row::Cluster(Cluster { others, ..row.clone() }));
    }
    for floor in [floor(7, false), floor(8, true), floor(0, false)] {
        rows.push(Row::Cluster(Cluster { floor, ..row.clone() }));
    }
    rows
}

fn token_alterations(row: &Token) -> Vec<Row> {
    let more = [
        parameters(Algorithm::Sha256, 6, 30),
        parameters(Algorithm::Sha512, 6, 30),
        parameters(Algorithm::Sha1, 8, 30),
        Parameters::hotp(Algorithm::Sha1, 6).unwrap_or_else(|error| panic!("{error}")),
    ]
    .map(|parameters| Row::Token(Token { parameters, ..row.clone() }));
    let mut rows = altered!(Token, row, {
        id: TokenId(21),
        user: UserId(11),
        parameters: parameters(Algorithm::Sha1, 6, 60),
        seed: Sealed::new(vec![5; 4]),
        serial: Some(Serial::new("S-1").unwrap_or_else(|error| panic!("{error}"))),
        pending: true,
        mark: 9,
        drift: -2,
        epoch: 2,
        awaits_second: true,
        created_at: Timestamp(0),
        changed_at: LogIndex(0),
    });
    rows.extend(more);
    rows
}
