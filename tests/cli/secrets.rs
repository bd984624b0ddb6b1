//! No secret stands in clear in a log, however much is logged, in a data directory, or in what is
//! told to those who watch.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::{BASE32_NOPAD, BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use symbolon_proto::v1::{Algorithm, EnrollTokenRequest, VerifyRequest};
use symbolon_testkit::{Cluster, Options, Otp};

use crate::machine;
use crate::program::{Asking, DONE, NO, binary};
use crate::unsealed::unsealed;

/// A name that is no secret: what finds it would find a secret too.
const USER: &str = "user-of-no-secret";
/// A level alone leaves the libraries that could log what they carry at `warn`: they are named.
const LIBRARIES: [&str; 6] = ["h2", "openraft", "rustls", "sled", "tonic", "tower"];
const IMPORTED: &[u8; 20] = b"imported seed 123456";

#[tokio::test]
async fn no_secret_is_written_down_or_logged() {
    let named: String = LIBRARIES.iter().map(|library| format!(",{library}=trace")).collect();
    let log_filter = format!("trace{named}");
    let options = Options { log_filter, ..Options::default() };
    let mut cluster = Cluster::start_with(binary(), options).await;
    let mut secrets = Secrets::default();
    secrets.add("the administrator's token", &bearer(cluster.admin_token()));
    exercise(&cluster, &mut secrets).await;
    refuse(&cluster, &mut secrets).await;
    // A master dies, a node joins and copies everything, all start again from what is on disk.
    cluster.node(1).kill9();
    cluster.wait_for_master().await;
    cluster.node(1).start().await;
    cluster.add_node().await;
    cluster.terminate_all().await;
    cluster.start_all().await;
    let mut pages = Vec::new();
    for node in cluster.nodes() {
        pages.push(node.metrics().await.text().to_owned());
    }
    cluster.terminate_all().await;

    for (node, page) in cluster.nodes().iter().zip(pages) {
        secrets
            .add("the key encryption key", &machine::bytes(&node.data_dir().with_file_name("kek")));
        secrets.assert_absent(&format!("{} tells watchers", node.name()), page.as_bytes());
        let log = node.log_text();
        for library in LIBRARIES {
            let target = |level| format!("\"level\":\"{level}\",\"target\":\"{library}");
            let says_all = log.contains(&target("TRACE")) || log.contains(&target("DEBUG"));
            assert!(says_all, "{} logs nothing of {library}", node.name());
        }
        secrets.assert_absent(&format!("the log of {}", node.name()), log.as_bytes());
        data_directory(&node.data_dir(), &secrets);
    }
    // The search finds each of them where nothing is sealed.
    let node = cluster.node(1);
    let kek = node.data_dir().with_file_name("kek");
    secrets.assert_found(&unsealed(&node.data_dir(), &kek));
}

fn data_directory(directory: &Path, secrets: &Secrets) {
    let mut all = Vec::new();
    for path in machine::files_below(directory) {
        let bytes = machine::bytes(&path);
        secrets.assert_absent(&path.display().to_string(), &bytes);
        all.extend(bytes);
    }
    assert!(Text::of(&all).0.contains(USER), "the search does not find what must be there");
}

/// Everything that makes, shows or takes a secret.
async fn exercise(cluster: &Cluster, secrets: &mut Secrets) {
    let asking = Asking::administrator(cluster);
    cluster.admin(1).create_user(USER).await.unwrap();
    for (number, algorithm) in
        [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].into_iter().enumerate()
    {
        let request = EnrollTokenRequest {
            username: USER.to_owned(),
            algorithm: algorithm.into(),
            digits: 8,
            ..EnrollTokenRequest::default()
        };
        let told = cluster.admin(1 + number).enroll_token(request).await.unwrap();
        secrets.add_seed(&told.otpauth_uri);
    }
    let import = EnrollTokenRequest {
        username: USER.to_owned(),
        seed: IMPORTED.to_vec(),
        ..EnrollTokenRequest::default()
    };
    let told = cluster.admin(2).enroll_token(import).await.unwrap();
    secrets.add_seed(&told.otpauth_uri);
    let by_command = asking.json(&format!("token enroll {USER}")).await;
    secrets.add_seed(by_command["otpauth_uri"].as_str().unwrap());

    let key = cluster.application("portal").await;
    secrets.add("an API key", &bearer(&key));
    let key_file = cluster.directory().join("portal.key");
    machine::write(&key_file, &key);
    machine::set_mode(&key_file, 0o600);
    let join = asking.json("cluster join-token create").await;
    let join = join["join_token"].as_str().unwrap();
    secrets.add("a join token", &BASE64URL_NOPAD.decode(&join.as_bytes()[31..74]).unwrap());

    let otp = Otp::from_uri(&told.otpauth_uri);
    let portal = asking.with_token_file(&key_file);
    let verify = format!("verify {USER} --code");
    portal.run(&format!("{verify} {}", otp.code())).await.ends(DONE);
    portal.run(&format!("{verify} {}", otp.code())).await.ends(NO);
    for client in cluster.clients(&key) {
        let code = "18273645 and a PIN 4711".to_owned();
        let context = "what the user sees".to_owned();
        let question =
            VerifyRequest { username: USER.to_owned(), code, context, ..VerifyRequest::default() };
        client.verify(question).await.unwrap();
    }
    secrets.texts.insert("a code as typed", "18273645".to_owned());
}

/// Secrets that come with a mistake are secrets all the same.
async fn refuse(cluster: &Cluster, secrets: &mut Secrets) {
    let stray = "AstraySecretThatSomebodySentByMistake1234567";
    secrets.texts.insert("a secret in the wrong place", stray.to_owned());
    let key = cluster.application("other").await;
    secrets.add("another API key", &bearer(&key));
    let client = cluster.anonymous(2);
    for token in [stray.to_owned(), format!("{key}x"), format!("symbolon_app_{stray}")] {
        client.with_bearer(&token).status().await.err().unwrap();
    }
    let known = client.with_bearer(&key);
    let odd = |username: &str, code: &str, client_ip: &str| VerifyRequest {
        username: username.to_owned(),
        code: code.to_owned(),
        client_ip: client_ip.to_owned(),
        ..VerifyRequest::default()
    };
    known.verify(odd(USER, &stray.repeat(2), "")).await.err().unwrap();
    known.verify(odd(USER, stray, "")).await.unwrap();
    known.verify(odd("two words", stray, "")).await.err().unwrap();
    known.verify(odd(USER, "1", stray)).await.err().unwrap();
    let import = EnrollTokenRequest {
        username: USER.to_owned(),
        seed: stray.repeat(2).into_bytes(),
        ..EnrollTokenRequest::default()
    };
    cluster.admin(3).enroll_token(import).await.err().unwrap();
    // Whoever types a password where the name belongs is refused without a word of it.
    known.verify(odd(&format!("{stray} {stray}"), "1", "")).await.err().unwrap();
}

/// The random part of a bearer token.
fn bearer(token: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(&token.as_bytes()[token.len() - 43..]).unwrap()
}

/// What must not be found, by what it is.
#[derive(Default)]
struct Secrets {
    bytes: Vec<(&'static str, Vec<u8>)>,
    texts: BTreeMap<&'static str, String>,
}

impl Secrets {
    fn add(&mut self, what: &'static str, secret: &[u8]) {
        assert!(secret.len() >= 16, "{what} is too short to be searched for");
        self.bytes.push((what, secret.to_vec()));
    }

    fn add_seed(&mut self, otpauth: &str) {
        let (_, rest) = otpauth.split_once("?secret=").unwrap();
        let (seed, _) = rest.split_once('&').unwrap();
        self.add("a seed", &BASE32_NOPAD.decode(seed.as_bytes()).unwrap());
    }

    /// That what was planted is found where it lies open, each one, and in whatever form.
    fn assert_found(&self, content: &[u8]) {
        let planted = ["a seed", "an API key", "another API key", "a join token"];
        let planted = self.bytes.iter().filter(|(what, _)| planted.contains(what));
        let content = Text::of(content);
        for (what, secret) in planted.clone() {
            assert!(
                content.0.contains(&Text::of(secret).0),
                "{what} is not found without its seal"
            );
            for form in forms(secret) {
                let written = Text(format!("as {form}."));
                assert!(self.find(&written).is_some(), "{what} is missed: {form:?}");
            }
        }
        assert_eq!(planted.count(), 8, "5 seeds, 2 API keys, a join token");
    }

    fn assert_absent(&self, place: &str, content: &[u8]) {
        let found = self.find(&Text::of(content));
        assert!(found.is_none(), "{place} has {found:?}");
    }

    /// The first secret in a text, and how it is written there.
    fn find(&self, content: &Text) -> Option<(&'static str, String)> {
        let bytes = self
            .bytes
            .iter()
            .flat_map(|(what, secret)| forms(secret).into_iter().map(move |form| (*what, form)));
        let texts = self.texts.iter().map(|(what, text)| (*what, text.clone()));
        bytes.chain(texts).find(|(_, form)| content.0.contains(form))
    }
}

/// Bytes as a string with a character each, so that any bytes can be searched as text.
struct Text(String);

impl Text {
    fn of(bytes: &[u8]) -> Self {
        Self(bytes.iter().copied().map(char::from).collect())
    }
}

/// A secret as it is, as programs write bytes, and as `Debug` does.
fn forms(secret: &[u8]) -> Vec<String> {
    let debug = format!("{secret:?}");
    let hexadecimal_debug = format!("{secret:x?}");
    let escaped = secret.escape_ascii().to_string();
    vec![
        Text::of(secret).0,
        Text::of(&secret.iter().rev().copied().collect::<Vec<_>>()).0,
        HEXLOWER.encode(secret),
        HEXUPPER.encode(secret),
        BASE32_NOPAD.encode(secret),
        BASE32_NOPAD.encode(secret).to_lowercase(),
        BASE64.encode(secret),
        BASE64_NOPAD.encode(secret),
        BASE64URL_NOPAD.encode(secret),
        debug.trim_matches(['[', ']']).to_owned(),
        hexadecimal_debug.trim_matches(['[', ']']).to_owned(),
        escaped,
    ]
}
