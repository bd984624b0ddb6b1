//! Tokens of all kinds through their lives, at nodes of a cluster. The codes are those of another
//! implementation.

use ring::hmac;
use symbolon_proto::v1::{EnrollTokenRequest, TokenType, VerifyRequest};
use symbolon_testkit::{Client, Cluster, Code, Otp};

use crate::support::cluster;

const ALLOW: &str = "ALLOW";
const SEED: &[u8] = b"12345678901234567890";

/// The code of a counter, RFC 4226 section 5.3.
fn hotp(counter: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SEED);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 0xf);
    let value = u32::from_be_bytes(tag[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", value % 1_000_000)
}

/// What every node answers in turn: ALLOW, or why not.
async fn decided(clients: &[Client], turn: usize, user: &str, code: &str) -> &'static str {
    let request = VerifyRequest {
        username: user.to_owned(),
        code: code.to_owned(),
        application: "portal".to_owned(),
        ..VerifyRequest::default()
    };
    let verdict = clients[turn % clients.len()].verdict(request).await.unwrap();
    if verdict.is_allow() { ALLOW } else { verdict.detail.as_str_name() }
}

/// A cluster that alice is known to, and its administrator at each node, who is told true reasons.
async fn with_alice() -> (Cluster, Vec<Client>) {
    let cluster = cluster().await;
    cluster.application("portal").await;
    let all = cluster.clients(cluster.admin_token());
    all[0].create_user("alice").await.unwrap();
    (cluster, all)
}

fn token(user: &str, change: impl FnOnce(&mut EnrollTokenRequest)) -> EnrollTokenRequest {
    let mut request =
        EnrollTokenRequest { username: user.to_owned(), ..EnrollTokenRequest::default() };
    change(&mut request);
    request
}

#[tokio::test]
async fn a_token_with_a_button_is_followed_and_set_right() {
    let (cluster, all) = with_alice().await;
    let request = token("alice", |request| {
        request.seed = SEED.to_vec();
        request.r#type = TokenType::Hotp.into();
        request.counter = 3;
        request.serial = "FT-1".to_owned();
    });
    let made = all[1].enroll_token(request.clone()).await.unwrap();
    assert!(made.otpauth_uri.starts_with("otpauth://hotp/test:alice?secret="));
    assert!(made.otpauth_uri.ends_with("&counter=3"), "{}", made.otpauth_uri);
    assert_eq!(made.token.unwrap().counter, 3);
    let taken = all[2].enroll_token(request).await.err().unwrap();
    assert_eq!(taken.code(), Code::AlreadyExists);

    // Each node goes on where another left off.
    for (turn, counter) in [3, 4, 9, 19].into_iter().enumerate() {
        assert_eq!(decided(&all, turn, "alice", &hotp(counter)).await, ALLOW, "{counter}");
    }
    assert_eq!(decided(&all, 0, "alice", &hotp(19)).await, "CODE_REPLAYED");
    assert_eq!(decided(&all, 1, "alice", &hotp(18)).await, "CODE_MISMATCH");
    assert_eq!(decided(&all, 2, "alice", &hotp(900)).await, "CODE_MISMATCH");
    let refused = all[0].resync_token("alice", [&hotp(900), &hotp(902)]).await.err().unwrap();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let right = all[0].resync_token("alice", [&hotp(901), &hotp(902)]).await.unwrap();
    assert_eq!(right.counter, 903);
    assert_eq!(decided(&all, 1, "alice", &hotp(902)).await, "CODE_REPLAYED");
    assert_eq!(decided(&all, 2, "alice", &hotp(903)).await, ALLOW);

    all[1].remove_token("alice", "FT-1").await.unwrap();
    assert_eq!(decided(&all, 2, "alice", &hotp(904)).await, "NO_TOKEN");
    let gone = all[0].remove_token("alice", "FT-1").await.err().unwrap();
    assert_eq!(gone.code(), Code::NotFound);
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn one_code_of_a_button_is_taken_once_however_many_bring_it() {
    let (cluster, all) = with_alice().await;
    let request = token("alice", |request| {
        request.seed = SEED.to_vec();
        request.r#type = TokenType::Hotp.into();
    });
    all[0].enroll_token(request).await.unwrap();
    for counter in 0..5 {
        let code = hotp(counter);
        let asked = (0..30).map(|turn| decided(&all, turn, "alice", &code));
        let answers = futures_util::future::join_all(asked).await;
        let count = |reason| answers.iter().filter(|answer| **answer == reason).count();
        assert_eq!(count(ALLOW), 1, "{answers:?}");
        assert_eq!(count("CODE_REPLAYED"), 29, "{answers:?}");
    }
    cluster.assert_same_state().await;
}

#[tokio::test]
async fn a_pending_token_opens_nothing_until_a_code_proves_it() {
    let (cluster, all) = with_alice().await;
    let made = all[0].enroll_token(token("alice", |request| request.pending = true)).await.unwrap();
    assert!(made.token.unwrap().pending);
    let otp = Otp::from_uri(&made.otpauth_uri);
    let step = otp.step_now();
    let code = otp.code_of(step);
    assert_eq!(decided(&all, 1, "alice", &code).await, "NO_TOKEN");
    let wrong = all[2].confirm_token("alice", &otp.wrong_code()).await.err().unwrap();
    assert_eq!(wrong.code(), Code::FailedPrecondition);
    let proved = all[1].confirm_token("alice", &code).await.unwrap();
    assert!(!proved.pending);
    assert_eq!(decided(&all, 2, "alice", &code).await, "CODE_REPLAYED");
    let next = otp.code_of(step + 1);
    assert_eq!(decided(&all, 0, "alice", &next).await, ALLOW);
    let again = all[1].confirm_token("alice", &next).await.err().unwrap();
    assert_eq!(again.code(), Code::FailedPrecondition);
    cluster.assert_same_state().await;
}
