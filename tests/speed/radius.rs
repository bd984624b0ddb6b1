//! Sign-ins over RADIUS: what the same client gets from an echo, from FreeRADIUS with passwords in a file,
//! and from three nodes with codes that were never shown.

mod codes;
mod load;
mod servers;

use crate::plan::Plan;
use crate::results::{Asked, OfRadius, RadiusLine, RadiusServer};
use load::Load;
use servers::{Echo, FreeRadius, Nodes};

/// Packets that one port of a device has under way at most: an Identifier is a byte.
const AT_ONCE_MAX: u32 = 256;
/// Those that share the pace.
const PACED_AT_ONCE: u32 = 64;
/// In a second, when each comes at its moment.
const PACE: u32 = 1_000;
/// Part of the time of a level: there are many of them.
const PART: f64 = 0.5;
const USERS: usize = 60_000;
const USERS_QUICK: usize = 500;
/// What devices and servers share.
const SECRET: &str = "correct-horse-battery-staple";

pub(crate) async fn run(plan: &Plan) -> OfRadius {
    let users = if plan.is_quick { USERS_QUICK } else { USERS };
    let mut of = OfRadius { users, seconds: plan.seconds * PART, ..Default::default() };
    let echo = Echo::start().await;
    measure(plan, &echo.load(), RadiusServer::Echo, &mut of).await;
    if crate::peers::is_there("freeradius").await {
        let server = FreeRadius::start().await;
        measure(plan, &server.load(), RadiusServer::FreeRadius, &mut of).await;
        of.version = Some(servers::version().await);
    } else {
        println!("  FreeRADIUS is not installed: left out");
    }
    let nodes = Nodes::start(of.users).await;
    measure(plan, &nodes.load(), RadiusServer::Symbolon, &mut of).await;
    nodes.end().await;
    of
}

async fn measure(plan: &Plan, load: &Load, server: RadiusServer, of: &mut OfRadius) {
    let at_once: Vec<_> = plan.concurrency.iter().filter(|it| **it <= AT_ONCE_MAX).collect();
    let mut levels = vec![(Asked::Paced(PACE), PACED_AT_ONCE)];
    levels.extend(at_once.iter().map(|it| (Asked::Right, **it)));
    if server != RadiusServer::Echo {
        levels.extend(at_once.iter().map(|it| (Asked::Wrong, **it)));
    }
    for (asked, at_once) in levels {
        let told = load.level(asked, at_once, of.seconds).await;
        let line = RadiusLine { server, asked, at_once, ..told };
        println!("  {line:?}");
        of.lines.push(line);
    }
}
