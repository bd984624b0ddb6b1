//! What each step of the tour does and looks at.

use std::time::Duration;

use symbolon_proto::v1::VerifyRequest;
use tokio::time::{Instant, sleep};

use super::{
    codes::Codes,
    tour::{Held, NotHeld, Outcome},
};
use crate::{
    commands::{cluster, promote, user, verify},
    context::{BearerToken, Context},
    local::{LocalCluster, node::Node, provision::SampleUser},
    otpauth::OtpauthUri,
    request_id::RequestId,
    server_address::ServerAddress,
    view::{Status, Verification},
};

/// For a cluster to come to what is expected of it.
const COME_ABOUT_TIME_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

pub(super) async fn start(cluster: &mut LocalCluster) -> Outcome<String> {
    let status = cluster.start().await?;
    let master = status.master.ok_or_else(|| NotHeld::because("No master is named."))?;
    Ok(Held { detail: format!("{master} is the master."), value: master })
}

pub(super) async fn enrol(cluster: &LocalCluster) -> Outcome<(OtpauthUri, OtpauthUri)> {
    let mut users = cluster.provision().await?.into_iter();
    let mut next = || {
        let uri = users.next().and_then(|SampleUser { otpauth, .. }| otpauth);
        uri.as_deref()
            .and_then(OtpauthUri::parse)
            .ok_or_else(|| NotHeld::because("The server gave no otpauth URI of a TOTP token."))
    };
    Ok(Held {
        value: (next()?, next()?),
        detail: "Their secrets come out of the otpauth URIs, as with a QR code.".to_owned(),
    })
}

/// Who asks for verifications, and where.
pub(super) struct Asker {
    pub(super) context: Context,
    /// The first is a subordinate.
    pub(super) first: ServerAddress,
    pub(super) others: Vec<ServerAddress>,
}

pub(super) async fn asker(cluster: &LocalCluster, master: &str) -> Outcome<Asker> {
    let (masters, subordinates): (Vec<_>, Vec<_>) =
        cluster.nodes.iter().partition(|node| node.name == master);
    let mut servers = subordinates.into_iter().chain(masters).filter_map(Node::server);
    let first = servers.next().ok_or_else(|| NotHeld::because("No node has an address."))?;
    let asker = Asker {
        context: Context {
            token: Some(BearerToken::read(&cluster.api_key_file())?),
            ..cluster.administrator()?
        },
        first,
        others: servers.collect(),
    };
    // Nobody of that name: the answer shows that the key is known, and tells nothing else.
    let answer = decide(&asker.context, "nobody", "000000").await?;
    match answer.decision {
        "DENY" => Ok(Held {
            detail: format!("Its key is good; a user that does not exist: {}.", said(&answer)),
            value: asker,
        }),
        _ => Err(NotHeld::because(format!("A user that does not exist: {}.", said(&answer)))),
    }
}

/// A user and a code that was accepted.
pub(super) struct Used {
    user: &'static str,
    code: String,
    /// By a node without a quorum.
    island: bool,
}

pub(super) async fn sign_in(
    at: &Context,
    codes: Codes,
    user: &'static str,
    uri: &OtpauthUri,
    step: u64,
) -> Outcome<Used> {
    let code = codes
        .code(uri, step)
        .await
        .map_err(|error| NotHeld::because(format!("There is no code: {error}.")))?;
    let start = Instant::now();
    let answer = decide(at, user, &code).await?;
    let milliseconds = start.elapsed().as_millis();
    match answer.decision {
        "ALLOW" => Ok(Held {
            detail: format!("{} after {milliseconds} ms.", said(&answer)),
            value: Used { user, code, island: answer.island },
        }),
        _ => Err(NotHeld::because(format!("{}.", said(&answer)))),
    }
}

/// The same, where no quorum is in reach.
pub(super) async fn sign_in_at_island(
    at: &Context,
    codes: Codes,
    user: &'static str,
    uri: &OtpauthUri,
    step: u64,
) -> Outcome<Used> {
    let held = sign_in(at, codes, user, uri, step).await?;
    if held.value.island { Ok(held) } else { Err(NotHeld::because("It had a quorum.")) }
}

pub(super) async fn refuses_a_user(cluster: &LocalCluster, at: &ServerAddress) -> Outcome {
    let context = cluster.administrator()?.at(at);
    match user::add(&context, "dave".to_owned(), String::new()).await {
        Ok(_) => Err(NotHeld::because("dave was added.")),
        Err(refused) => Ok(Held::because(refused.to_string())),
    }
}

pub(super) async fn start_again(cluster: &mut LocalCluster, name: &str) -> Outcome {
    let node = cluster.nodes.iter_mut().find(|node| node.name == name);
    let node = node.ok_or_else(|| NotHeld::because(format!("{name} is no node of this tour.")))?;
    node.start()?;
    node.ready().await?;
    Ok(Held::because(format!("{name} is there again.")))
}

/// That the log knows which code was used without it. The node where that was is asked first: it waits for
/// the log once a quorum is there.
pub(super) async fn merged(asker: &Asker, used: &Used) -> Outcome {
    let end = Instant::now() + COME_ABOUT_TIME_MAX;
    while decide(&asker.context.at(&asker.first), used.user, &used.code).await?.island {
        if Instant::now() >= end {
            return Err(NotHeld::because("It is still without a quorum."));
        }
        sleep(POLL).await;
    }
    let both: Vec<_> = [&asker.first].into_iter().chain(&asker.others).cloned().collect();
    refused(&asker.context, &both, used).await
}

pub(super) async fn refused(asker: &Context, servers: &[ServerAddress], used: &Used) -> Outcome {
    let mut details = Vec::new();
    for server in servers {
        let answer = decide(&asker.at(server), used.user, &used.code).await?;
        if answer.decision != "DENY" || answer.reason != Some("CODE_ALREADY_USED") {
            return Err(NotHeld::because(format!("{}.", said(&answer))));
        }
        details.push(said(&answer));
    }
    Ok(Held::because(format!("{}.", details.join("; "))))
}

async fn decide(at: &Context, user: &str, code: &str) -> Result<Verification, NotHeld> {
    let question = VerifyRequest {
        username: user.to_owned(),
        code: code.to_owned(),
        request_id: RequestId::random()?.to_vec(),
        ..VerifyRequest::default()
    };
    Ok(verify::verify(at, question).await?.into())
}

fn said(answer: &Verification) -> String {
    let reason = answer.reason.map(|reason| format!(" {reason}"));
    format!("{} says {}{}", answer.node, answer.decision, reason.unwrap_or_default())
}

pub(super) async fn kill(cluster: &mut LocalCluster, master: &str) -> Outcome {
    let node = cluster.nodes.iter_mut().find(|node| node.name == master);
    let node =
        node.ok_or_else(|| NotHeld::because(format!("{master} is no node of this tour.")))?;
    let pid = node.pid().map_or_else(|| "?".to_owned(), |pid| pid.to_string());
    node.kill().await;
    Ok(Held::because(format!("{master}, process {pid}, is gone.")))
}

pub(super) async fn new_master(
    cluster: &LocalCluster,
    left: &[ServerAddress],
    old: &str,
) -> Outcome {
    let context = Context { servers: left.to_vec(), ..cluster.administrator()? };
    let named = until(&context, |status| {
        status.master.as_deref().filter(|name| *name != old).map(str::to_owned)
    })
    .await?;
    Ok(Held::because(format!("{named} is the master now.")))
}

pub(super) async fn add_carol(cluster: &LocalCluster, left: &[ServerAddress]) -> Outcome {
    let context = Context { servers: left.to_vec(), ..cluster.administrator()? };
    let answer = user::add(&context, "carol".to_owned(), "Carol".to_owned()).await?;
    Ok(Held::because(format!("carol is entry {} of the log.", answer.log_index)))
}

pub(super) async fn restart(
    cluster: &mut LocalCluster,
    name: &str,
    left: &[ServerAddress],
) -> Outcome<ServerAddress> {
    let node = cluster.nodes.iter_mut().find(|node| node.name == name);
    let node = node.ok_or_else(|| NotHeld::because(format!("{name} is no node of this tour.")))?;
    node.start()?;
    node.ready().await?;
    let server = node.server().ok_or_else(|| NotHeld::because("It has no address."))?;
    let context = cluster.administrator()?;
    let survivors = Context { servers: left.to_vec(), ..context.clone() };
    let target = cluster::status(&survivors).await?.applied_index;
    let returned = context.at(&server);
    let reached =
        until(&returned, |status| (status.applied_index >= target).then_some(status.applied_index))
            .await?;
    user::get(&returned, "carol".to_owned(), true).await?;
    Ok(Held {
        detail: format!("{name} has entry {reached} of the log, and knows carol."),
        value: server,
    })
}

pub(super) async fn promote(cluster: &LocalCluster, node: &str) -> Outcome {
    let done = promote::transfer(&cluster.administrator()?, node.to_owned()).await?;
    if done.master != node {
        return Err(NotHeld::because(format!("{} is the master.", done.master)));
    }
    Ok(Held::because(format!("{} handed over to {node}.", done.previous)))
}

/// Has a node go on without the others.
pub(super) async fn seize(cluster: &LocalCluster, node: &str) -> Outcome {
    let at = cluster.administrator()?;
    let status = cluster::status(&at).await?;
    let (seizure, _) = promote::seize::ask(&at, node, Some(status.cluster_name)).await?;
    let left = seizure.left_behind.join(", ");
    Ok(Held::because(format!("{node} leads in epoch {}; left behind: {left}.", seizure.epoch)))
}

/// That a node which was left behind is a subordinate now.
pub(super) async fn fenced(cluster: &LocalCluster, old: &str, left: &[ServerAddress]) -> Outcome {
    let context = Context { servers: left.to_vec(), ..cluster.administrator()? };
    let role = until(&context, |status| {
        let node = status.nodes.iter().find(|node| node.name == old)?;
        matches!(node.role, "SUBORDINATE" | "LEARNER").then_some(node.role)
    })
    .await?;
    Ok(Held::because(format!("{old} is a {role} of the new epoch.")))
}

pub(super) async fn equal_digests(cluster: &LocalCluster) -> Outcome {
    let context = cluster.administrator()?;
    let end = Instant::now() + COME_ABOUT_TIME_MAX;
    loop {
        let mut found = Vec::new();
        for server in &context.servers {
            let status = cluster::status(&context.at(server)).await?;
            found.push((status.applied_index, status.digest));
        }
        found.dedup();
        match found.as_slice() {
            [(index, digest)] => {
                let digest: String = digest.chars().take(16).collect();
                let detail = format!("At entry {index} the digest is {digest}... on each of them.");
                return Ok(Held::because(detail));
            }
            _ if Instant::now() >= end => {
                return Err(NotHeld::because("The digests differ, or the nodes drift apart."));
            }
            _ => sleep(POLL).await,
        }
    }
}

/// Asks for the status until it shows what is looked for.
async fn until<T>(context: &Context, find: impl Fn(&Status) -> Option<T>) -> Result<T, NotHeld> {
    let end = Instant::now() + COME_ABOUT_TIME_MAX;
    loop {
        let status = cluster::status(context).await.map(Status::from);
        if let Ok(status) = &status
            && let Some(found) = find(status)
        {
            return Ok(found);
        }
        if Instant::now() >= end {
            status?;
            let seconds = COME_ABOUT_TIME_MAX.as_secs();
            return Err(NotHeld::because(format!("It did not come about within {seconds} s.")));
        }
        sleep(POLL).await;
    }
}
