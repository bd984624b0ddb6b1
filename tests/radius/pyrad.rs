//! pyrad: a client in Python, which signs, checks signatures, and answers challenges.

use std::net::SocketAddr;

use crate::everyone::{Everyone, NAMES};
use crate::machine::{run, write};
use crate::support::{SECRET, radius};

/// Signs in: prints the code of the last reply. What pyrad does not believe, it raises.
const SCRIPT: &str = r#"
import io, sys
from pyrad import packet
from pyrad.client import Client
from pyrad.dictionary import Dictionary

host, port, secret, user, password, code = sys.argv[1:]
words = """ATTRIBUTE User-Name 1 string
ATTRIBUTE User-Password 2 string
ATTRIBUTE Reply-Message 18 string
ATTRIBUTE State 24 octets
ATTRIBUTE Class 25 octets
ATTRIBUTE Filter-Id 11 string
ATTRIBUTE Message-Authenticator 80 octets
"""
client = Client(server=host, authport=int(port), secret=secret.encode(),
                dict=Dictionary(io.StringIO(words)))
client.timeout, client.retries = 6, 1

def ask(typed, state):
    request = client.CreateAuthPacket(code=packet.AccessRequest, User_Name=user)
    request["User-Password"] = request.PwCrypt(typed)
    if state:
        request["State"] = state
    request.add_message_authenticator()
    reply = client.SendPacket(request)
    if not reply.verify_message_authenticator(
            secret=secret.encode(), original_authenticator=request.authenticator):
        sys.exit("the reply is not signed")
    return reply

reply = ask(password, None)
if reply.code == packet.AccessChallenge:
    reply = ask(code, reply["State"][0])
print(reply.code)
"#;

/// Whether that ends with an Access-Accept, and not with an Access-Reject.
async fn sign_in(server: SocketAddr, user: &str, password: &str, code: &str) -> bool {
    let directory = tempfile::Builder::new().prefix("symbolon-test-").tempdir().unwrap();
    let script = directory.path().join("ask.py");
    write(&script, SCRIPT);
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    let script = script.to_string_lossy();
    let arguments = [&*script, &host, &port, SECRET, user, password, code];
    let (exit, said) = run(&python(), &arguments).await;
    assert_eq!(exit, Some(0), "{said}");
    match said.trim() {
        "2" => true,
        "3" => false,
        other => panic!("{user}: {other}"),
    }
}

/// The Python that the gate has set up.
#[expect(clippy::disallowed_methods, reason = "which Python there is is no setting of a node")]
fn python() -> String {
    std::env::var("SYMBOLON_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

#[tokio::test]
async fn pyrad_signs_in_and_believes_what_it_is_told() {
    let everyone = Everyone::called(NAMES, Default::default()).await;
    let server = radius(&everyone.cluster, 1);
    let client =
        async |user: &str, password: &str, code: &str| sign_in(server, user, password, code).await;
    everyone.come(client).await;
}
