//! The command line of administration.

use std::ffi::OsString;

use clap::{ArgMatches, Args, FromArgMatches, Subcommand, builder::OsStringValueParser};

use crate::{
    commands::{
        AdminArguments, ApplicationArguments, AuditArguments, BenchArguments, ClusterArguments,
        CompletionsArguments, PromoteArguments, SettingsArguments, TokenArguments, UserArguments,
        VerifyArguments,
    },
    demo::DemoArguments,
    dev::DevArguments,
    output::Format,
};

/// What an administrator can do.
#[derive(Subcommand)]
pub enum Command {
    /// Users
    User(UserArguments),
    /// One-time-password tokens of users
    Token(TokenArguments),
    /// People who administer, and what each may do
    Admin(AdminArguments),
    /// Programs that ask for verifications
    Application(ApplicationArguments),
    /// Ask whether a user's second factor is good: exit code 0 is yes, 1 is no, 3 asks for more
    Verify(VerifyArguments),
    /// What happened: every decision and every change
    Audit(AuditArguments),
    /// What holds for the whole cluster
    Settings(SettingsArguments),
    /// The cluster and its nodes
    Cluster(ClusterArguments),
    /// Make another node the master: the two change places, and sign-ins go on
    PromoteSubordinate(PromoteArguments),
    /// Load a running cluster with verifications, and tell how fast it answers
    Bench(BenchArguments),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
    /// Run a whole cluster on this machine for trying things out
    Dev(DevArguments),
    /// Run a narrated, self-checking tour on a throw-away cluster
    Demo(DemoArguments),
}

/// Where the cluster is, who asks, and how results are shown.
#[derive(Args, Clone)]
pub(crate) struct Options {
    /// Where to ask; name several to have them tried in turn. Root on a node may ask its local socket,
    /// unix:DATA_DIR/run/admin.sock, without a token: for `cluster status`, `promote-subordinate` and
    /// `cluster quarantine list` and `show`
    #[arg(
        long,
        value_name = "URL",
        env = "SYMBOLON_SERVER",
        value_delimiter = ',',
        default_value = "https://127.0.0.1:8443",
        global = true,
        help_heading = CONNECTION
    )]
    pub(crate) server: Vec<String>,

    /// The cluster's CA certificate
    #[arg(
        long,
        value_name = "FILE",
        env = "SYMBOLON_CA",
        value_parser = OsStringValueParser::new(),
        global = true,
        help_heading = CONNECTION
    )]
    pub(crate) ca: Option<OsString>,

    /// File with the bearer token of who asks
    #[arg(
        long,
        value_name = "FILE",
        env = "SYMBOLON_TOKEN_FILE",
        value_parser = OsStringValueParser::new(),
        global = true,
        help_heading = CONNECTION
    )]
    pub(crate) token_file: Option<OsString>,

    /// How long to try at most
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=3600),
        global = true,
        help_heading = CONNECTION
    )]
    pub(crate) timeout: u64,

    #[command(flatten)]
    pub(crate) output: OutputOption,
}

/// How results are shown.
#[derive(Args, Clone, Copy)]
pub(crate) struct OutputOption {
    /// How to show results
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, global = true)]
    pub(crate) output: Format,
}

const CONNECTION: &str = "Connection";

/// The options of the commands here, understood before the command as well: what stands there holds
/// for the command. A command that is not of this crate does not get them.
#[derive(Clone, Copy, Debug)]
pub struct Everywhere;

impl Args for Everywhere {
    fn augment_args(command: clap::Command) -> clap::Command {
        Options::augment_args(command).mut_args(|arg| arg.global(false))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Everywhere {
    /// clap hands the values down to the options of the same names of the command.
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), clap::Error> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Parser)]
    #[command(name = "symbolon")]
    pub(crate) struct Cli {
        #[command(flatten)]
        _options: Everywhere,
        #[command(subcommand)]
        pub(crate) command: Command,
    }

    pub(crate) fn parsed(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
    }

    fn options(line: &str) -> Options {
        match parsed(line) {
            Ok(Command::User(arguments)) => arguments.options,
            Ok(_) => panic!("{line}: another command"),
            Err(error) => panic!("{line}: {error}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_anywhere() {
        for line in [
            "symbolon --server https://a --ca c --timeout 5 --output json user list",
            "symbolon user --server https://a --ca c --timeout 5 --output json list",
            "symbolon user list --server https://a --ca c --timeout 5 --output json",
            "symbolon --server https://a user --ca c --timeout 5 list --output json",
        ] {
            let options = options(line);
            assert_eq!(options.server, ["https://a"], "{line}");
            assert_eq!(options.ca, Some("c".into()), "{line}");
            assert_eq!(options.timeout, 5, "{line}");
            assert_eq!(options.output.output, Format::Json, "{line}");
        }
    }

    #[test]
    fn servers_are_tried_in_the_order_given() {
        let options = options("symbolon user list --server https://b:1 --server a:2,c");
        assert_eq!(options.server, ["https://b:1", "a:2", "c"]);
    }

    #[test]
    fn there_are_defaults() {
        let options = options("symbolon user list");
        assert_eq!(options.timeout, 30);
        assert_eq!(options.output.output, Format::Table);
    }

    #[test]
    fn mistakes_are_found() {
        for line in [
            "symbolon",
            "symbolon user",
            "symbolon user add",
            "symbolon user list --timeout 0",
            "symbolon user list --output yaml",
            "symbolon verify alice --request-id 12",
            "symbolon verify alice --method sms",
            "symbolon token enroll alice --digits 5",
            "symbolon token enroll alice --period 45",
            "symbolon token enroll alice --seed GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "symbolon cluster join-token create --life 59",
            "symbolon completions tcsh",
            "symbolon dev --nodes 4",
            "symbolon audit query --type nothing",
            "symbolon audit query --since yesterday",
            "symbolon audit query --limit 0",
            "symbolon audit query --newest --oldest",
            "symbolon audit tail -n 10001",
            "symbolon login",
            "symbolon admin add heidi",
            "symbolon admin add heidi --role root",
            "symbolon admin set heidi",
            "symbolon application add vpn --right everything",
            "symbolon application set vpn",
            "symbolon application rotate-key vpn --overlap 91d",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
