//! Names that mean the same, and what somebody learns who does not know any.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use symbolon_proto::v1::{ReasonDetail, VerifyRequest, VerifyResponse};
use symbolon_testkit::{Client, Code};

use crate::support::{cluster, state};

/// So many failures in a row lock nobody, at three nodes and once again.
const CALLS: u64 = 20;
const APPLICATION: &str = "portal";

#[tokio::test]
async fn names_that_mean_the_same_are_one_user() {
    let cluster = cluster().await;
    let application = cluster.application(APPLICATION).await;
    let zoe = cluster.admin(1).create_person("zo\u{eb}").await.unwrap();
    let id = cluster.admin(1).get_user("zo\u{eb}").await.unwrap().id;

    // Other case, decomposed, both, of double width.
    let forms = ["ZO\u{cb}", "zoe\u{308}", "ZOE\u{308}", "\u{ff3a}o\u{eb}", "zo\u{eb}"];
    for (at, form) in forms.into_iter().enumerate() {
        let admin = cluster.admin(1 + at % 3);
        let refused = admin.create_user(form).await.err().unwrap();
        assert_eq!(refused.code(), Code::AlreadyExists, "{form}: {refused}");
        assert!(refused.message().contains("user"), "{form}: {refused}");
        assert_eq!(admin.get_user(form).await.unwrap().id, id, "{form}");
    }
    let decomposed = VerifyRequest { username: "ZOE\u{308}".to_owned(), ..zoe.request() };
    let verdict = cluster.anonymous(2).with_bearer(&application).verdict(decomposed).await;
    assert!(verdict.unwrap().is_allow());

    // The same name in other forms, at every node at once.
    for round in 0..10 {
        let forms = ["R\u{c9}MY", "re\u{301}my", "R\u{e9}mY"].map(|form| format!("{form}{round}"));
        let asked = cluster.numbers().zip(&forms).map(async |(number, form)| {
            let made = cluster.admin(number).create_user(form).await;
            made.map_or_else(|status| status.code(), |_| Code::Ok)
        });
        let codes = join_all(asked).await;
        let count = |wanted| codes.iter().filter(|code| **code == wanted).count();
        assert_eq!((count(Code::Ok), count(Code::AlreadyExists)), (1, 2), "{codes:?}");
    }
    assert_eq!(state::users(&cluster).await.len(), 11);
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn a_name_that_is_nobodys_looks_and_costs_like_any_other() {
    let cluster = cluster().await;
    let key = cluster.application(APPLICATION).await;
    let known = cluster.person("known").await;
    cluster.admin(1).create_user("without-token").await.unwrap();
    let code = known.otp.wrong_code();
    let question = |name: &str| VerifyRequest {
        username: name.to_owned(),
        code: code.clone(),
        ..VerifyRequest::default()
    };
    let questions = ["known", "nobody", "without-token"].map(question);

    for application in cluster.clients(&key) {
        let mut costs = BTreeSet::new();
        for question in &questions {
            costs.insert(entries(&application, question).await);
        }
        assert_eq!(costs, BTreeSet::from([CALLS]), "each is one proposal");

        let mut shapes = Vec::new();
        for question in &questions {
            shapes.push(shape(&application, question).await);
        }
        assert!(shapes.windows(2).all(|two| two[0] == two[1]), "a stranger can tell them apart");
        let told = &shapes[0];
        assert_eq!(told.decision().as_str_name(), "DENY");
        assert_eq!(told.reason().as_str_name(), "DENIED");
        assert!(told.reason_detail() == ReasonDetail::Unspecified);
    }

    // Who may know is told: the name that exists has met its wait meanwhile, and looked no different.
    let mut details = Vec::new();
    for question in questions {
        let question = VerifyRequest { application: APPLICATION.to_owned(), ..question };
        details
            .push(cluster.admin(2).verify(question).await.unwrap().reason_detail().as_str_name());
    }
    assert_eq!(details, ["WAITING", "UNKNOWN_USER", "NO_TOKEN"]);
    cluster.assert_same_state().await;
}

/// Log entries that so many verifications cost, one after the other.
async fn entries(application: &Client, question: &VerifyRequest) -> u64 {
    // State time may pass in an entry of its own; then they are counted again.
    let mut counted = Vec::new();
    for _ in 0..2 {
        let mut indexes = Vec::new();
        for _ in 0..CALLS {
            let answer = application.verify(question.clone()).await.unwrap();
            indexes.push(answer.log_index);
        }
        counted.push(indexes[indexes.len() - 1] - indexes[0] + 1);
        if counted.contains(&CALLS) {
            return CALLS;
        }
    }
    counted[0]
}

/// An answer without what differs from call to call.
async fn shape(application: &Client, question: &VerifyRequest) -> VerifyResponse {
    let answer = application.verify(question.clone()).await.unwrap();
    assert_eq!(answer.request_id.len(), 16);
    assert!(answer.log_index > 0);
    VerifyResponse { log_index: 0, request_id: Vec::new(), ..answer }
}
