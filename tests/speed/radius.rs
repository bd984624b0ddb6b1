//! Sign-ins over RADIUS: what the same client gets from an echo, from FreeRADIUS with passwords in a file,
//! and from three nodes with codes that were never shown.

mod codes;
mod load;
mod servers;

use crate::plan::Plan;
use crate::results::{Asked, OfRadius, RadiusLine, RadiusServer};
use load::Load;
use servers::{Echo, FreeRadius, Nodes};

/// Devices that ask at once, beside those of other measurements: each has one request under way.
const MANY_AT_ONCE: u32 = 1_024;
/// Each level is measured so often, and the best counts: others that share the machine take from one server
/// and not from the next.
pub(crate) const ROUNDS: usize = 2;
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
    let mut loads = vec![(RadiusServer::Echo, echo.load())];
    let freeradius = if crate::peers::is_there("freeradius").await {
        let server = FreeRadius::start().await;
        loads.push((RadiusServer::FreeRadius, server.load()));
        of.version = Some(servers::version().await);
        Some(server)
    } else {
        println!("  FreeRADIUS is not installed: left out");
        None
    };
    let nodes = Nodes::start(of.users).await;
    loads.push((RadiusServer::Symbolon, nodes.load()));
    measure(plan, &loads, &mut of).await;
    drop(freeradius);
    nodes.end().await;
    of
}

/// Asks one server after the other at each level, so that they are compared at about the same time.
async fn measure(plan: &Plan, loads: &[(RadiusServer, Load)], of: &mut OfRadius) {
    let mut at_once = plan.concurrency.to_vec();
    at_once.extend((!plan.is_quick).then_some(MANY_AT_ONCE));
    let mut levels = vec![(Asked::Paced(PACE), PACED_AT_ONCE)];
    levels.extend(at_once.iter().map(|it| (Asked::Right, *it)));
    levels.extend(at_once.iter().map(|it| (Asked::Wrong, *it)));
    for (asked, at_once) in levels {
        let mut best = vec![None; loads.len()];
        for _ in 0..ROUNDS {
            for (best, (server, load)) in best.iter_mut().zip(loads) {
                // An echo knows no wrong passwords.
                if (*server, asked) == (RadiusServer::Echo, Asked::Wrong) {
                    continue;
                }
                let told = load.level(asked, at_once, of.seconds).await;
                let line = RadiusLine { server: *server, asked, at_once, ..told };
                println!("  {line:?}");
                if best.is_none_or(|best| line.is_better(best)) {
                    *best = Some(line);
                }
            }
        }
        of.lines.extend(best.into_iter().flatten());
    }
    of.lines.sort_by_key(|line| line.server as u8);
}
