//! A node that is taken out of the cluster and joins it anew, empty: as the manual has it done with a machine
//! that is replaced, and with a data directory that the cluster does not take back.

use std::sync::{Arc, Mutex, PoisonError};

use symbolon_check::Emptied;

use crate::faults;
use crate::host::Running;
use crate::net::HostId;
use crate::operator::{Operator, deadline};
use crate::time::{Nanos, SECOND};
use crate::world::World;

/// How far it is.
enum Stage {
    /// The others are to remove it; `true` once they have.
    Removing(Arc<Mutex<bool>>),
    /// Its machine is empty, and gets a token.
    Joining(Arc<Mutex<Option<String>>>),
}

/// Nodes that are being replaced.
#[derive(Default)]
pub(crate) struct Replacing {
    under_way: Vec<(HostId, Nanos, Stage)>,
    /// Where machines were emptied, and the lineage that they had been in.
    pub(crate) emptied: Vec<Emptied>,
}

impl Replacing {
    pub(crate) fn is_under_way(&self, id: HostId) -> bool {
        self.under_way.iter().any(|(host, ..)| *host == id)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Begins with it. Where it is asked for.
    pub(crate) fn begin(
        &mut self,
        world: &World,
        operator: &Operator,
        id: HostId,
    ) -> Option<HostId> {
        let (asked, running) = other(world, id).filter(|_| !self.is_under_way(id))?;
        self.remove(world, operator, id, running);
        Some(asked)
    }

    fn remove(&mut self, world: &World, operator: &Operator, id: HostId, asked: Running) {
        let removed = Arc::<Mutex<bool>>::default();
        self.under_way.push((id, world.now + 12 * SECOND, Stage::Removing(Arc::clone(&removed))));
        let name = world.hosts[id].machine.name.clone();
        operator.order(world, asked, "removal", async move |service, principal| {
            let done = service.remove_node(&principal, None, &name, deadline()).await;
            *removed.lock().unwrap_or_else(PoisonError::into_inner) = done.is_ok();
            done.map_or_else(
                |error| error.to_string(),
                |done| format!("REMOVED {name} at {}", done.index),
            )
        });
    }

    /// Goes on with what is due.
    pub(crate) fn step(&mut self, world: &mut World, operator: &Operator) {
        let now = world.now;
        let Some(place) = self.under_way.iter().position(|(_, due, _)| *due <= now) else { return };
        let (id, _, stage) = self.under_way.remove(place);
        match stage {
            Stage::Removing(removed) => {
                let told = *removed.lock().unwrap_or_else(PoisonError::into_inner);
                match other(world, id) {
                    // An order without an answer may have been carried out all the same.
                    Some((_, running)) if told || !has(&running, &world.hosts[id].machine.name) => {
                        self.empty(world, id);
                        self.ask_token(world, operator, id);
                    }
                    // Its machine is empty: it must go, and be asked to once more.
                    Some((_, running)) if !world.is_on(id) => {
                        self.remove(world, operator, id, running);
                    }
                    Some(_) => {}
                    None => self.under_way.push((id, now + 4 * SECOND, Stage::Removing(removed))),
                }
            }
            Stage::Joining(token) => {
                let token = token.lock().unwrap_or_else(PoisonError::into_inner).take();
                match token.zip(other(world, id)) {
                    Some((token, (asked, _))) => self.join(world, operator, id, (token, asked)),
                    None => self.ask_token(world, operator, id),
                }
            }
        }
    }

    fn empty(&mut self, world: &mut World, id: HostId) {
        let lineage = world.running(id).map(|it| it.service.ledger().status().lineage);
        if world.is_on(id) {
            world.power_off(id);
        }
        world.hosts[id].starts_at = None;
        world.hosts[id].voted = None;
        faults::remove_tree(&world.hosts[id].machine.directory);
        self.emptied.push(Emptied { host: id, lineage, at: world.now });
        world.trace.say("operator", &format!("host-{id} is emptied"));
    }

    fn ask_token(&mut self, world: &World, operator: &Operator, id: HostId) {
        let token = Arc::<Mutex<Option<String>>>::default();
        self.under_way.push((id, world.now + 4 * SECOND, Stage::Joining(Arc::clone(&token))));
        let Some((_, running)) = other(world, id) else { return };
        operator.order(world, running, "token", async move |service, principal| {
            match service.create_join_token(&principal, None, 0, deadline()).await {
                Ok((made, ..)) => {
                    *token.lock().unwrap_or_else(PoisonError::into_inner) = Some(made.to_string());
                    "made".to_owned()
                }
                Err(error) => error.to_string(),
            }
        });
    }

    fn join(
        &mut self,
        world: &mut World,
        operator: &Operator,
        id: HostId,
        (token, of): (String, HostId),
    ) {
        let machine = world.hosts[id].machine.clone();
        let joined = world.run_on(id, async move { machine.join(&token, of).await });
        match joined {
            Some(Ok(())) => {
                world.trace.say("operator", &format!("host-{id} JOINED anew"));
                world.power_on(id);
            }
            failed => {
                let why = failed.and_then(Result::err).map(|error| error.to_string());
                world.trace.say("operator", &format!("host-{id} does not join: {why:?}"));
                faults::remove_tree(&world.hosts[id].machine.directory);
                // A join whose answer was lost has registered a node that nobody will ever start.
                let registered = other(world, id)
                    .filter(|(_, running)| has(running, &world.hosts[id].machine.name));
                match registered {
                    Some((_, running)) => self.remove(world, operator, id, running),
                    None => self.ask_token(world, operator, id),
                }
            }
        }
    }
}

/// Whether a node is registered, by what another has applied.
fn has(running: &Running, name: &str) -> bool {
    let state = running.service.ledger().view().state;
    state.nodes_registered().any(|row| row.name.as_str() == name)
}

/// A node with a quorum that is not this one, and that has a state by which it knows who is registered.
fn other(world: &World, id: HostId) -> Option<(HostId, Running)> {
    let count = world.hosts.len();
    let others = (1..count).map(|offset| (id + offset) % count);
    let mut running = others.filter_map(|other| Some((other, world.running(other)?)));
    running.find(|(_, running)| {
        let has_state = running.service.ledger().view().state.cluster().is_some();
        has_state && running.node.has_quorum_contact()
    })
}
