//! Commands on a node's own machine: settings, init, join, server.

use std::path::{Path, PathBuf};

use symbolon_testkit::Cluster;
use tempfile::TempDir;

use crate::machine;
use crate::program::{
    Asking, CONFIGURATION, DONE, NO, NOT_PERMITTED, Ran, UNAVAILABLE, USAGE, binary, program, run,
};

/// A place for one node.
struct Place(TempDir);

impl Place {
    fn new(name: &str) -> Self {
        let place = Self(TempDir::new().unwrap());
        place.settings(&format!(
            "[node]\nname = \"{name}\"\ndata_dir = \"data\"\n\n\
             [listen]\napi = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nmetrics = \"127.0.0.1:0\"\n\n\
             [keys]\nkek = {{ file = \"kek\" }}\n"
        ));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn settings(&self, text: &str) {
        machine::write(&self.path("node.toml"), text);
    }

    async fn run(&self, command: &str, more: &[&str]) -> Ran {
        run(program().arg(command).arg("--config").arg(self.path("node.toml")).args(more)).await
    }
}

#[tokio::test]
async fn a_command_line_with_a_mistake_is_usage() {
    for line in ["--help", "--version", "help verify", "cluster join-token create --help"] {
        assert!(run(program().args(line.split(' '))).await.ends(DONE).len() > 10, "{line}");
    }
    let mistakes = [
        "",
        "frobnicate",
        "user",
        "user add",
        "verify alice --method sms",
        "verify alice --request-id 12",
        "token enroll alice --digits 5",
        "token enroll alice --period 45",
        "cluster join-token create --life 59",
        "user list --output yaml",
        "user list --timeout 0",
        "dev --nodes 4",
        "init",
        "join --config node.toml --peer 127.0.0.1:1",
        "join --config node.toml --token T --peer nowhere",
        "server --config",
        "store",
        "store verify",
        "store inspect --data-dir d --output yaml",
        "completions tcsh",
    ];
    for line in mistakes {
        let ran = run(program().args(line.split_whitespace())).await;
        assert_eq!(ran.ends(USAGE), "", "{line}");
        let said = ran.stderr();
        assert!(said.starts_with("error: ") || said.contains("Usage: "), "{line}: {said}");
    }
}

#[tokio::test]
async fn shells_get_completions_of_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(program().args(["completions", shell])).await.ends(DONE);
        for word in ["symbolon", "check-config", "join-token", "enroll", "--token-file"] {
            // fish writes long options without their dashes.
            let word = if shell == "fish" { word.trim_start_matches('-') } else { word };
            assert!(script.contains(word), "{shell} lacks {word}");
        }
        if shell == "bash" {
            // It is longer than an argument may be.
            let place = TempDir::new().unwrap();
            let file = place.path().join("symbolon.bash");
            machine::write(&file, &script);
            let check = tokio::process::Command::new("bash").arg("-n").arg(&file).status();
            assert!(check.await.unwrap().success(), "bash cannot read it");
        }
    }
}

#[tokio::test]
async fn settings_are_checked_all_at_once() {
    let place = Place::new("n1");
    let said = place.run("check-config", &[]).await.ends(DONE);
    assert!(said.starts_with("ok: ") && said.contains("n1"), "{said}");

    place.settings(
        "surprise = 1\n[node]\nname = \"two words\"\ndata_dir = \"data\"\n\
         [listen]\napi = \"localhost:1\"\npeer = \"127.0.0.1:7\"\nmetrics = \"127.0.0.1:7\"\n\
         [advertise]\napi = \"http://mfa\"\n[keys]\nkek = { file = \"data/kek\" }\n\
         [tls]\nkey = \"k.pem\"\nmin_version = \"1.1\"\ncipher_suites = [\"TLS_RSA_WITH_NULL_MD5\"]\n\
         [log]\nformat = \"xml\"\nfilter = \"loud\"\n",
    );
    let mistakes = [
        "surprise",
        "node.name",
        "listen.api",
        "listen.metrics",
        "advertise.api",
        "keys.kek.file",
        "tls.key",
        "tls.min_version",
        "tls.cipher_suites",
        "log.format",
        "log.filter",
    ];
    // Whoever needs the settings says the same.
    for command in ["check-config", "init", "server"] {
        let ran = place.run(command, &[]).await;
        assert_eq!(ran.ends(CONFIGURATION), "");
        let told = ran.stderr();
        for mistake in mistakes {
            assert!(told.contains(mistake), "{command} does not tell {mistake}:\n{told}");
        }
        assert_eq!(told.lines().count(), 1 + mistakes.len(), "{told}");
    }

    place.settings("[node\nname = 1");
    let ran = place.run("check-config", &[]).await;
    ran.ends(CONFIGURATION);
    assert!(ran.stderr().contains("node.toml:1:6: this is not TOML"), "{}", ran.stderr());
    let ran = run(program().args(["check-config", "--config", "nowhere.toml"])).await;
    ran.ends(CONFIGURATION);
    assert!(ran.stderr().contains("nowhere.toml"), "{}", ran.stderr());
    assert_eq!(machine::entries(place.0.path()), [place.path("node.toml")], "nothing was made");
}

#[tokio::test]
async fn a_cluster_is_made_once_and_its_secrets_are_its_owners() {
    let place = Place::new("n1");
    let words = place.run("server", &[]).await.fails(CONFIGURATION);
    assert!(words.contains("symbolon init") && words.contains("symbolon join"), "{words}");

    let said = place.run("init", &["--cluster", "acme"]).await.ends(DONE);
    for told in ["acme", "n1", "ca.pem", "symbolon server"] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let token_file = said.lines().find_map(|line| line.split_once("bearer token: ")).unwrap().1;
    let secrets = [place.path("kek"), token_file.trim().into()];
    let before = secrets.each_ref().map(|path| machine::bytes(path));
    let token = String::from_utf8_lossy(&before[1]).trim().to_owned();
    assert!(token.starts_with("symbolon_admin_") && !said.contains(&token), "{said}");
    for path in &secrets {
        assert_eq!(machine::mode(path), 0o600, "{}", path.display());
    }
    assert_eq!(machine::mode(&place.path("data")), 0o700);

    let words = place.run("init", &[]).await.fails(CONFIGURATION);
    assert!(words.contains("exists"), "{words}");
    let other = place.path("other.token");
    let again = ["--admin-token-file", other.to_str().unwrap()];
    let words = place.run("init", &again).await.fails(CONFIGURATION);
    assert!(words.contains("already"), "{words}");
    assert!(!exists(&other), "a token of nothing is left");
    let token = format!("symbolon_join_{:016x}_{1}_{1}", 7, "A".repeat(43));
    let join = ["--token", &token, "--peer", "127.0.0.1:9"];
    let words = place.run("join", &join).await.fails(CONFIGURATION);
    assert!(words.contains("already"), "{words}");
    assert!(secrets.each_ref().map(|path| machine::bytes(path)) == before, "it has changed");

    machine::set_mode(&secrets[0], 0o640);
    for (command, more) in [("server", &[][..]), ("init", &again)] {
        let words = place.run(command, more).await.fails(CONFIGURATION);
        assert!(words.contains("chmod 0600"), "{command}: {words}");
    }
    assert!(!exists(&other), "a token of nothing is left");
    let ran = place.run("check-config", &[]).await;
    ran.ends(CONFIGURATION);
    assert!(ran.stderr().contains("chmod 0600"), "{}", ran.stderr());

    machine::set_mode(&secrets[0], 0o600);
    machine::write(&secrets[0], "too short");
    let words = place.run("server", &[]).await.fails(CONFIGURATION);
    assert!(words.contains("kek"), "{words}");
    machine::write(&secrets[0], &"x".repeat(before[0].len()));
    let words = place.run("server", &[]).await.fails(CONFIGURATION);
    assert!(words.contains("KEK"), "another key than it was made with: {words}");
}

#[tokio::test]
async fn the_settings_may_be_named_without_a_directory() {
    let place = Place::new("n1");
    let mut command = program();
    command.args(["init", "--config", "node.toml"]).current_dir(place.0.path());
    run(&mut command).await.ends(DONE);
    for made in ["admin.token", "kek", "data/header"] {
        assert!(exists(&place.path(made)), "{made}");
    }
}

#[tokio::test]
async fn the_administrators_token_does_not_lie_with_the_data() {
    let place = Place::new("n1");
    let within = place.path("data/sub/admin.token");
    machine::write(&within.with_file_name("x"), "");
    let token_file = ["--admin-token-file", within.to_str().unwrap()];
    let words = place.run("init", &token_file).await.fails(CONFIGURATION);
    assert!(words.contains("data directory"), "{words}");
    assert!(!exists(&within));
}

#[tokio::test]
async fn a_join_that_is_refused_says_why_and_leaves_no_node() {
    let cluster = Cluster::start(binary(), 2).await;
    let asking = Asking::administrator(&cluster);
    let peer = cluster.node(2).peer().to_string();
    let token = async || {
        let told = asking.json("cluster join-token create").await;
        told["join_token"].as_str().unwrap().to_owned()
    };
    let (good, used) = (token().await, token().await);
    let of_another = format!("{}{}", &good[..good.len() - 43], "A".repeat(43));
    let guessed = good.replace(&good[31..40], "AAAAAAAAA");
    let join = async |place: &Place, token: &str, peer: &str| {
        place.run("join", &["--token", token, "--peer", peer]).await
    };

    let first = Place::new("first");
    assert!(join(&first, &used, &peer).await.ends(DONE).contains("number 3"));
    let late = Place::new("late");
    for (token, peer, codes, words) in [
        ("made up", &*peer, [USAGE; 2], "no join token"),
        (&*good, "127.0.0.1:9", [UNAVAILABLE; 2], "127.0.0.1:9"),
        (&*of_another, &*peer, [NO, NOT_PERMITTED], "cannot prove"),
        (&*guessed, &*peer, [NO, NOT_PERMITTED], "make another"),
        (&*used, &*peer, [NO, NOT_PERMITTED], "another node"),
    ] {
        let ran = join(&late, token, peer).await;
        let said = ran.fails(ran.code());
        assert!(codes.contains(&ran.code()), "{}: {said}", ran.code());
        assert!(said.to_lowercase().contains(words), "{words}: {said}");
        assert!(!said.contains(&good[31..74]), "the secret is shown: {said}");
    }
    let nowhere = late.run("server", &[]).await.fails(CONFIGURATION);
    assert!(nowhere.contains("symbolon join"), "{nowhere}");

    // By a file, which others cannot see on the command line.
    let file = late.path("join.token");
    machine::write(&file, &good);
    let by_file = ["--token-file", file.to_str().unwrap(), "--peer", &peer];
    assert!(late.run("join", &by_file).await.ends(DONE).contains("number 4"));
    assert!(!exists(&late.path("data/join.key")), "the key of the join is left");
}

#[tokio::test]
async fn a_join_without_a_master_is_unavailable() {
    let cluster = Cluster::start(binary(), 3).await;
    let told = Asking::administrator(&cluster).json("cluster join-token create").await;
    cluster.node(1).kill9();
    cluster.node(2).kill9();
    let peer = cluster.node(3).peer().to_string();
    let join = ["--token", told["join_token"].as_str().unwrap(), "--peer", &peer];
    let words = Place::new("late").run("join", &join).await.fails(UNAVAILABLE);
    assert!(words.contains("master"), "{words}");
}

fn exists(path: &Path) -> bool {
    path.exists()
}
