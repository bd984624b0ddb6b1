//! No secret stands in clear in a log, however much is logged, in a data directory, or in what is
//! told to those who watch.

use std::path::{Path, PathBuf};

use symbolon_proto::v1::{Algorithm, EnrollTokenRequest, VerifyRequest, set_pin_request::Change};
use symbolon_testkit::{Cluster, Node, Options, Otp, Secrets, wait_until};

use crate::machine;
use crate::program::{Asking, DONE, NO, TIME_MAX, USAGE, binary};
use crate::unsealed::{unsealed_log, unsealed_snapshot};

/// A name that is no secret: what finds it would find a secret too.
const USER: &str = "user-of-no-secret";
/// A level alone leaves the libraries that could log what they carry at `warn`: they are named.
const LIBRARIES: [&str; 6] = ["h2", "openraft", "rustls", "sled", "tonic", "tower"];
/// Log entries from one snapshot to the next: the fewest that the settings allow.
const SNAPSHOT_ENTRIES: u64 = 1_000;
/// More than what is planted takes, and fewer than stay in the log behind a snapshot. API keys and join
/// tokens are in a snapshot for as long as they may be shown again, which is 30 s.
const ENTRIES_OF_SECRETS: u64 = 80;
/// How many of what must be found where nothing is sealed.
const PLANTED: [(&str, usize); 3] = [("a seed", 5), ("an API key", 2), ("a join token", 1)];
const IMPORTED: &[u8; 20] = b"imported seed 123456";
/// Keeps a PIN to the end.
const PIN_HOLDER: &str = "user-with-a-pin";
/// The longest there are: shorter ones would be found by chance.
const PINS: [&str; 3] = ["8392605174936281", "5061839274052816", "7294058361720495"];

#[tokio::test]
async fn no_secret_is_written_down_or_logged() {
    let storage = format!("disk_reserve = \"16MiB\"\nsnapshot_entries = {SNAPSHOT_ENTRIES}");
    let named: String = LIBRARIES.iter().map(|library| format!(",{library}=trace")).collect();
    let log_filter = format!("trace{named}");
    let options = Options { log_filter: log_filter.clone(), storage, ..Options::default() };
    let mut cluster = Cluster::start_with(binary(), options).await;
    let mut secrets = Secrets::default();
    secrets.add_bearer("the administrator's token", cluster.admin_token());
    // So much of no interest would only make the logs longer.
    start_again(&cluster, (&log_filter, "warn")).await;
    let almost = SNAPSHOT_ENTRIES - ENTRIES_OF_SECRETS;
    fill(&cluster, async || applied(&cluster).await >= almost).await;
    start_again(&cluster, ("warn", &log_filter)).await;
    exercise(&cluster, &mut secrets).await;
    refuse(&cluster, &mut secrets).await;
    snapshots(&cluster, &secrets).await;
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
    audit(&cluster, &secrets).await;
    exports(&cluster, &secrets).await;
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
    // The search finds each of them where nothing is sealed, but for PINs: what is sealed are hashes.
    let node = cluster.node(1);
    let (data, kek) = (node.data_dir(), node.data_dir().with_file_name("kek"));
    let mut pins = Secrets::default();
    PINS.iter().for_each(|pin| pins.add("a PIN", pin.as_bytes()));
    pins.assert_absent("the opened log", &unsealed_log(&data, &kek));
    pins.assert_absent("the opened snapshot", &unsealed_snapshot(&data, &kek));
    secrets.assert_found("the log", &unsealed_log(&data, &kek), &PLANTED);
    secrets.assert_found("the snapshot", &unsealed_snapshot(&data, &kek), &PLANTED);
}

/// What each node tells of the audit, to people and to programs.
async fn audit(cluster: &Cluster, secrets: &Secrets) {
    for node in cluster.nodes() {
        let asking = Asking::administrator(cluster).at(node.api().to_string());
        for format in ["table", "json"] {
            let query = format!("--output {format} audit query --limit 10000 --oldest");
            let told = asking.run(&query).await.ends(DONE);
            secrets.assert_absent(&format!("{query} at {}", node.name()), told.as_bytes());
            for expected in [USER, "VERIFIED", "TOKEN_ENROLLED", "PIN_SET", "JOIN_TOKEN_CREATED"] {
                assert!(told.contains(expected), "{expected} at {}", node.name());
            }
        }
    }
}

/// What is told of people and settings to whoever may ask, and what is handed to a person.
async fn exports(cluster: &Cluster, secrets: &Secrets) {
    let asking = Asking::administrator(cluster);
    for format in ["table", "json"] {
        for (command, expected) in [
            ("settings export".to_owned(), "pin.min_length"),
            ("user list".to_owned(), PIN_HOLDER),
            (format!("user show {USER}"), USER),
            (format!("user show {PIN_HOLDER}"), PIN_HOLDER),
            (format!("token list {USER}"), "SHA512"),
            (format!("user export-personal-data {USER}"), "RECOVERY_CODES_CREATED"),
            (format!("user export-personal-data {PIN_HOLDER}"), "PIN_SET"),
        ] {
            let command = format!("--output {format} {command}");
            let told = asking.run(&command).await.ends(DONE);
            assert!(told.contains(expected), "{command}: {told}");
            secrets.assert_absent(&command, told.as_bytes());
        }
    }
    let file = cluster.directory().join("export");
    let command = format!("user export-personal-data {USER} -o {}", file.display());
    asking.run(&command).await.ends(DONE);
    secrets.assert_absent(&command, &machine::bytes(&file));
}

/// With another filter of the log.
async fn start_again(cluster: &Cluster, (old, new): (&str, &str)) {
    cluster.terminate_all().await;
    for file in cluster.nodes().iter().map(Node::config_file) {
        let settings = machine::text(&file);
        let old = format!("filter = \"{old}\"");
        assert!(settings.contains(&old), "{settings}");
        machine::write(&file, &settings.replace(&old, &format!("filter = \"{new}\"")));
    }
    cluster.start_all().await;
}

/// Entries of the log.
async fn applied(cluster: &Cluster) -> u64 {
    cluster.admin(1).status().await.unwrap().applied_index
}

/// Adds users of no interest until that is so.
async fn fill(cluster: &Cluster, enough: impl AsyncFn() -> bool) {
    let admin = cluster.admin(cluster.wait_for_master().await);
    let mut number = applied(cluster).await;
    wait_until("the log is long enough", TIME_MAX, async || {
        number += 1;
        admin.create_user(&format!("filler-{number}")).await.unwrap();
        enough().await
    })
    .await;
}

/// Lets each node take a snapshot of all that is there, and looks into it.
async fn snapshots(cluster: &Cluster, secrets: &Secrets) {
    let planted = applied(cluster).await;
    let has_one = |node: &Node| newest_snapshot(node).is_some_and(|(index, _)| index >= planted);
    fill(cluster, async || cluster.nodes().iter().all(has_one)).await;
    for node in cluster.nodes() {
        let (_, path) = newest_snapshot(node).unwrap();
        secrets.assert_absent(&path.display().to_string(), &machine::bytes(&path));
    }
}

/// Files are named by the index of their last entry, in 20 digits.
fn newest_snapshot(node: &Node) -> Option<(u64, PathBuf)> {
    let files = machine::entries(&node.data_dir().join("snapshots"));
    let whole = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "snap"));
    let newest = whole.max()?;
    let index = newest.file_name()?.to_str()?.get(..20)?.parse().ok()?;
    Some((index, newest))
}

fn data_directory(directory: &Path, secrets: &Secrets) {
    let mut all = Vec::new();
    for path in machine::files_below(directory) {
        let bytes = machine::bytes(&path);
        secrets.assert_absent(&path.display().to_string(), &bytes);
        all.extend(bytes);
    }
    let name = USER.as_bytes();
    let is_there = all.windows(name.len()).any(|bytes| bytes == name);
    assert!(is_there, "the search does not find what must be there");
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
    secrets.add_bearer("an API key", &key);
    let key_file = cluster.directory().join("portal.key");
    machine::write(&key_file, &key);
    machine::set_mode(&key_file, 0o600);
    let heidi = asking.json("admin add heidi --role help-desk").await;
    secrets.add_bearer("another administrator's token", heidi["token"].as_str().unwrap());
    let heidi = asking.json("admin rotate-token heidi").await;
    secrets.add_bearer("a token that was changed", heidi["token"].as_str().unwrap());
    asking.run("application add gate").await.ends(DONE);
    let rotated = asking.json("application rotate-key gate --overlap 24h").await;
    secrets.add_bearer("a key that was changed", rotated["api_key"].as_str().unwrap());
    let join = asking.json("cluster join-token create").await;
    secrets.add_join_token(join["join_token"].as_str().unwrap());

    let otp = Otp::from_uri(&told.otpauth_uri);
    pins(cluster, secrets, &otp).await;
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
    secrets.add_text("a code as typed", "18273645");
}

fn asks(code: &str) -> VerifyRequest {
    VerifyRequest {
        username: USER.to_owned(),
        application: "portal".to_owned(),
        code: code.to_owned(),
        ..VerifyRequest::default()
    }
}

/// Gives PINs, shows them with codes that are right and with codes that are wrong, and takes them away.
async fn pins(cluster: &Cluster, secrets: &mut Secrets, otp: &Otp) {
    let asking = Asking::administrator(cluster);
    let file = cluster.directory().join("pin");
    let [first, second, refused] = PINS;
    for pin in PINS {
        secrets.add("a PIN", pin.as_bytes());
    }
    cluster.admin(1).set_pin(USER, Change::Pin(first.to_owned())).await.unwrap();
    machine::write(&file, second);
    let set = format!("user pin {USER} --set-file {}", file.display());
    asking.run(&set).await.ends(DONE);
    asking.run(&set).await.fails(USAGE);
    cluster.admin(2).set_pin(USER, Change::Pin(format!("{refused}1"))).await.err().unwrap();
    cluster.admin(1).set(&[("pin.min_length", 16)]).await.unwrap();
    let drawn = cluster.admin(3).set_pin(USER, Change::Generate(true)).await.unwrap();
    secrets.add("a PIN", drawn.generated_pin.as_bytes());
    for (number, pin) in [second, &drawn.generated_pin].into_iter().enumerate() {
        let typed = format!("{pin}{}", otp.code_of(otp.step_now() - 1));
        cluster.admin(1 + number).verify(asks(&typed)).await.unwrap();
    }
    for code in cluster.admin(2).create_recovery_codes(USER).await.unwrap() {
        secrets.add_text("a recovery code", &code);
        secrets.add_text("a recovery code", &code.replace('-', ""));
        cluster.admin(3).verify(asks(&code)).await.unwrap();
        cluster.admin(1).verify(asks(&code)).await.unwrap();
    }
    cluster.admin(2).set_pin(USER, Change::Clear(true)).await.unwrap();
    cluster.admin(3).create_user(PIN_HOLDER).await.unwrap();
    cluster.admin(3).set_pin(PIN_HOLDER, Change::Pin(first.to_owned())).await.unwrap();
}

/// Secrets that come with a mistake are secrets all the same.
async fn refuse(cluster: &Cluster, secrets: &mut Secrets) {
    let stray = "AstraySecretThatSomebodySentByMistake1234567";
    secrets.add_text("a secret in the wrong place", stray);
    let key = cluster.application("other").await;
    secrets.add_bearer("an API key", &key);
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
