//! What was spent at nodes that were left behind by a seize stays spent, and nobody has to help.

use std::time::Duration;

use symbolon_proto::v1::audit_event::Details;
use symbolon_proto::v1::audit_service_client::AuditServiceClient;
use symbolon_proto::v1::{
    AuditFilter, EnrollTokenRequest, EventType, QueryAuditRequest, TokenType,
};
use symbolon_testkit::{
    Client, Cluster, Code, Otp, Person, Verdict, now_seconds, request_id, wait_until,
};

use crate::seize::{PATIENCE, linked, seize, together_in};

/// Steps before and after the present one whose codes are taken: so a code that is taken at one side is
/// in time at the other for minutes.
const WINDOW: u64 = 10;
const PERIOD_SECONDS: u64 = 30;

/// Somebody with a HOTP token, whose codes are those of counters.
async fn counting(cluster: &Cluster, name: &str) -> Person {
    let admin = cluster.admin(1);
    admin.create_user(name).await.unwrap();
    let seed = format!("seed-of-{name}-{name}-20");
    let mut request = EnrollTokenRequest {
        username: name.to_owned(),
        seed: seed.clone().into_bytes(),
        ..EnrollTokenRequest::default()
    };
    request.set_type(TokenType::Hotp);
    admin.enroll_token(request).await.unwrap();
    Person { username: name.to_owned(), otp: Otp::from_seed(seed.as_bytes()) }
}

/// What a node says to a code of a person.
async fn shown(client: &Client, person: &Person, step: u64) -> Verdict {
    client.verdict(person.request_with(person.otp.code_of(step))).await.unwrap()
}

/// The same in a request of this id.
async fn shown_as(client: &Client, person: &Person, step: u64, id: &[u8]) -> Verdict {
    let mut request = person.request_with(person.otp.code_of(step));
    request.request_id = id.to_vec();
    client.verdict(request).await.unwrap()
}

/// All events of a type that a node tells.
pub(crate) async fn events(client: &Client, kind: EventType) -> Vec<Details> {
    let filter = AuditFilter { r#type: vec![kind.into()], ..AuditFilter::default() };
    let question = QueryAuditRequest { filter: Some(filter), ..QueryAuditRequest::default() };
    let request = client.request(question);
    let answers = AuditServiceClient::new(client.channel()).query(request).await;
    let mut answers = answers.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(part) = answers.message().await.unwrap() {
        events.extend(part.events.into_iter().filter_map(|event| event.details));
    }
    events
}

/// Waits until everything that lies in quarantine at these nodes is merged.
async fn all_merged(cluster: &Cluster, numbers: &[usize]) {
    for number in numbers {
        let name = cluster.node(*number).name();
        wait_until(&format!("what {name} decided is merged"), PATIENCE, async || {
            let held = cluster.admin(*number).quarantines().await.unwrap_or_default();
            !held.is_empty() && held.iter().all(|it| it.merged == it.verifications)
        })
        .await;
    }
}

/// Waits until a node warns of something, or does not any more.
pub(crate) async fn warned(cluster: &Cluster, number: usize, of: &str, is_warned: bool) {
    let what = format!("{} warns of {of}: {is_warned}", cluster.node(number).name());
    wait_until(&what, PATIENCE, async || {
        let status = cluster.admin(number).status().await;
        status.is_ok_and(|it| it.warnings.iter().any(|it| it.contains(of)) == is_warned)
    })
    .await;
}

struct People {
    /// Shows a code at both sides.
    anna: Person,
    /// Is cut off in the middle of a request, and sends it again at the other side.
    ben: Person,
    /// Shows a code at the side that is left behind.
    carl: Person,
    /// The same with a token that goes by the time.
    dora: Person,
    /// Guesses there.
    emil: Person,
}

async fn people(cluster: &Cluster) -> People {
    let people = People {
        anna: counting(cluster, "anna").await,
        ben: counting(cluster, "ben").await,
        carl: counting(cluster, "carl").await,
        dora: cluster.person("dora").await,
        emil: cluster.person("emil").await,
    };
    cluster.admin(1).set(&[("totp.window", WINDOW)]).await.unwrap();
    cluster.settled().await;
    people
}

/// The first step whose code counts after a seize at a time.
fn after_floor(seized_at: u64) -> u64 {
    (seized_at + 30) / PERIOD_SECONDS + WINDOW + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nodes_that_were_left_behind_have_taken_is_not_taken_again() {
    let (cluster, key) = linked(3).await;
    let people = people(&cluster).await;
    for number in [1, 2] {
        cluster.node(number).kill9();
    }
    seize(&cluster, 3, 2).await;
    let fresh = after_floor(now_seconds());

    // The others come back without a word of it, and are a quorum.
    cluster.cut(1, 3);
    cluster.cut(2, 3);
    for number in [1, 2] {
        cluster.node(number).spawn();
    }
    for number in [1, 2] {
        cluster.node(number).ready().await;
    }
    let at = |number: usize| cluster.anonymous(number).with_bearer(&key);
    let (there, here) = (at(1), at(3));
    let id = request_id();
    cluster.admin(1).create_user("of-epoch-one").await.unwrap();
    assert!(shown(&there, &people.anna, 1).await.is_allow());
    assert!(shown_as(&there, &people.ben, 1, &id).await.is_allow());
    assert!(shown(&there, &people.carl, 5).await.is_allow());
    for client in [&there, &at(2)] {
        let wrong = people.emil.request_with(people.emil.otp.wrong_code());
        assert!(!client.verdict(wrong).await.unwrap().is_allow());
    }
    // A token that counts must show two codes in a row since the seize.
    for person in [&people.anna, &people.ben] {
        assert!(!shown(&here, person, 0).await.is_allow());
    }
    assert!(shown(&here, &people.anna, 1).await.is_allow());
    assert!(shown_as(&here, &people.ben, 1, &id).await.is_allow());
    let wrong = people.emil.request_with(people.emil.otp.wrong_code());
    assert!(!here.verdict(wrong).await.unwrap().is_allow());
    wait_until("a code of after the floor is taken there", Duration::from_secs(120), async || {
        shown(&there, &people.dora, fresh).await.is_allow()
    })
    .await;

    cluster.heal();
    together_in(&cluster, 2).await;
    all_merged(&cluster, &[1, 2]).await;
    cluster.settled().await;
    spent_and_counted(&cluster, &people, fresh, &at).await;
    told_once(&cluster, &people).await;
    settled_by_an_administrator(&cluster).await;
    cluster.assert_same_state().await;
}

/// Codes that were used there are used, and failures count, though both nodes have brought the same.
async fn spent_and_counted(
    cluster: &Cluster,
    people: &People,
    fresh: u64,
    at: &impl Fn(usize) -> Client,
) {
    for number in cluster.numbers() {
        for (person, step) in [(&people.dora, fresh), (&people.carl, 5), (&people.anna, 1)] {
            let verdict = shown(&at(number), person, step).await;
            assert!(verdict.is_used(), "{} at {number}: {verdict:?}", person.username);
        }
        let emil = cluster.admin(number).get_user("emil").await.unwrap();
        assert_eq!(emil.failures, 3);
    }
}

/// One code was accepted by two requests. Every node says so, once.
async fn told_once(cluster: &Cluster, people: &People) {
    for number in cluster.numbers() {
        let told = events(&cluster.admin(number), EventType::AcceptedTwice).await;
        let [Details::AcceptedTwice(twice)] = &told[..] else { panic!("{} told", told.len()) };
        let user = twice.user.clone().unwrap();
        assert_eq!(user.username, people.anna.username);
        let (apart, here) = (twice.apart.clone().unwrap(), twice.here.clone().unwrap());
        let application = |it: &symbolon_proto::v1::AuditedOrigin| {
            it.application.as_ref().map(|it| it.name.clone()).unwrap()
        };
        assert_eq!((&*application(&apart), &*application(&here)), ("portal", "portal"));
        assert_eq!((apart.node_id, here.node_id), (1, 3));
        assert!(apart.time.is_some() && here.time.is_some());
        assert_ne!(apart.request_id, here.request_id);
        warned(cluster, number, "1 codes were accepted twice", true).await;
    }
    let metrics = cluster.node(3).metrics().await;
    let counted = metrics.sum("symbolon_accepted_twice_total", &[]);
    assert!((counted - 1.0).abs() < f64::EPSILON, "{counted}");
}

/// What waits for an administrator is told by every node until it is settled.
async fn settled_by_an_administrator(cluster: &Cluster) {
    for number in cluster.numbers() {
        warned(cluster, number, "1 writes that the cluster does not hold", true).await;
    }
    cluster.admin(3).acknowledge_doubles().await.unwrap();
    let again = cluster.admin(2).acknowledge_doubles().await.err().unwrap();
    assert_eq!(again.code(), Code::FailedPrecondition);
    for number in [1, 2] {
        let admin = cluster.admin(number);
        for held in admin.quarantines().await.unwrap() {
            assert_eq!(admin.give_up(&held.name, None).await.unwrap(), 1);
        }
    }
    for number in cluster.numbers() {
        warned(cluster, number, "accepted twice", false).await;
        warned(cluster, number, "lie in quarantine", false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_an_island_took_too_is_told_though_only_those_left_behind_had_merged_it() {
    let (cluster, key) = linked(3).await;
    let anna = counting(&cluster, "anna").await;
    cluster.settled().await;
    let at = |number: usize| cluster.anonymous(number).with_bearer(&key);
    cluster.cut(1, 3);
    cluster.cut(2, 3);
    cluster.node(3).island().await;
    assert!(shown(&at(3), &anna, 1).await.is_allow());
    let question = anna.request_with(anna.otp.code_of(1));
    wait_until("the code is taken on the side of two", PATIENCE, async || {
        at(1).verdict(question.clone()).await.is_ok_and(|verdict| verdict.is_allow())
    })
    .await;
    // The second has the code, and never hears what the island did.
    cluster.node(2).kill9();
    cluster.heal();
    for number in [1, 3] {
        warned(&cluster, number, "1 codes were accepted twice", true).await;
    }
    for number in [1, 3] {
        cluster.node(number).kill9();
    }
    cluster.node(2).spawn();
    cluster.node(2).alive().await;
    seize(&cluster, 2, 2).await;
    for number in [1, 3] {
        cluster.node(number).spawn();
    }
    together_in(&cluster, 2).await;
    all_merged(&cluster, &[1, 3]).await;
    cluster.settled().await;
    for number in cluster.numbers() {
        let told = events(&cluster.admin(number), EventType::AcceptedTwice).await;
        let [Details::AcceptedTwice(twice)] = &told[..] else { panic!("{} told", told.len()) };
        let nodes = [&twice.apart, &twice.here].map(|it| it.clone().unwrap().node_id);
        assert_eq!(nodes, [3, 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survivor_that_had_more_of_the_log_is_merged_where_it_denies_and_nowhere_else() {
    let (cluster, key) = linked(3).await;
    let carl = counting(&cluster, "carl").await;
    cluster.settled().await;
    cluster.cut(1, 3);
    cluster.cut(2, 3);
    wait_until("the master is on the side of two", PATIENCE, async || {
        cluster.admin(2).create_user("before").await.is_ok()
    })
    .await;
    let at = |number: usize| cluster.anonymous(number).with_bearer(&key);
    assert!(shown(&at(2), &carl, 3).await.is_allow());
    cluster.admin(2).set(&[("hotp.look_ahead", 20)]).await.unwrap();
    cluster.node(1).kill9();
    seize(&cluster, 3, 2).await;

    cluster.heal();
    wait_until("the survivor is back", PATIENCE, async || {
        let status = cluster.admin(2).status().await;
        status.is_ok_and(|status| status.epoch == 2 && !status.master.is_empty())
    })
    .await;
    all_merged(&cluster, &[2]).await;
    for number in [2, 3] {
        assert!(shown(&at(number), &carl, 3).await.is_used(), "at {number}");
        let users = cluster.admin(number).list_users().await.unwrap();
        assert!(users.iter().all(|user| user.username == "carl"), "nothing is written in silence");
        let merged = events(&cluster.admin(number), EventType::Merged).await;
        assert_eq!(merged.len(), 1);
        warned(&cluster, number, "2 writes that the cluster does not hold", true).await;
    }
}
