use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

fn parse(line: &str) -> Result<Command, clap::Error> {
    let words = ["symbolon"].into_iter().chain(line.split(' '));
    Program::try_parse_from(words).map(|program| program.command)
}

#[test]
fn the_cluster_has_a_name_of_its_own() {
    let Ok(Command::Init { cluster, .. }) = parse("init --config n.toml") else {
        panic!("no init");
    };
    assert_eq!(cluster.as_str(), "symbolon");
    assert!(parse("init --config n.toml --cluster two").is_ok());
    assert!(parse("init --config n.toml --cluster one/two").is_err());
    assert!(parse("init").is_err());
}

#[test]
fn a_join_needs_a_token_in_one_of_two_ways() {
    let join = |more: &str| parse(&format!("join --config n.toml --peer mfa-1:8444{more}"));
    assert!(join("").is_err());
    assert!(join(" --token a --token-file b").is_err());
    assert!(parse("join --config n.toml --peer mfa-1 --token a").is_err());
    let Ok(Command::Join { token: Some(token), peer, .. }) = join(" --token symbolon_join_x")
    else {
        panic!("no join");
    };
    assert_eq!(token.expose(), "symbolon_join_x");
    assert_eq!(format!("{token:?}"), "TokenText(..)");
    assert_eq!(peer.to_string(), "mfa-1:8444");
}

#[test]
fn a_token_file_may_end_in_a_newline() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let failure = join_token(None, Some(&path)).unwrap_err();
    assert_eq!(failure.exit, Failure::CONFIG);
    disk::replace(&path, b"symbolon_join_x\n").unwrap();
    let token = join_token(None, Some(&path)).unwrap();
    assert_eq!(token.expose(), "symbolon_join_x");
}

#[test]
fn a_server_and_a_check_need_only_settings() {
    assert!(matches!(parse("server --config n.toml"), Ok(Command::Server { .. })));
    assert!(matches!(parse("check-config --config n.toml"), Ok(Command::CheckConfig { .. })));
}

#[test]
fn settings_that_cannot_be_read_are_a_code_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("node.toml");
    let code = |command| format!("{:?}", run(command));
    let expected = format!("{:?}", ExitCode::from(78));
    assert_eq!(code(Command::Server { config: config.clone(), recover: false }), expected);
    assert_eq!(code(Command::CheckConfig { config }), expected);
}

#[test]
fn the_text_of_a_token_is_wiped_and_never_shown() {
    const fn wiped<T: zeroize::ZeroizeOnDrop>(_: &T) {}
    let token: TokenText = "symbolon_join_1_secret".parse().unwrap();
    let TokenText(text) = &token;
    wiped(text);
    assert_eq!(format!("{token:?}"), "TokenText(..)");
}
