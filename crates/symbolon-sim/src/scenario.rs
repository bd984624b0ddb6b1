//! What happens in a run: a cluster is made, works under faults, and heals.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use symbolon_check::{Problem, Rng};
use symbolon_core::Secret;
use symbolon_service::{NewApplication, NewToken, ServiceError, SettingsWanted};
use tokio::time::Instant;

use crate::client::{self, Token};
use crate::factors::{Recovery, WITH_RECOVERY};
use crate::faults::Faults;
use crate::heal;
use crate::history::History;
use crate::host::Running;
use crate::operator::Operator;
use crate::report::{self, Report};
use crate::time::SECOND;
use crate::trace::Trace;
use crate::watch::Watch;
use crate::world::World;

/// Tokens in people's hands.
const TOKENS: usize = 12;
/// One run of so many has attackers, and settings that leave them little; and another has PINs and recovery
/// codes.
const RUNS_PER_KIND: u64 = 10;
const ATTACKED: u64 = 8;
const WITH_FACTORS: u64 = 7;
/// Failures in a row before a wait, in such a run; and what each node keeps back.
const THRESHOLD: u64 = 3;
const ALLOWANCE: u64 = 3;

/// What a run is told.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// How long there are faults, in seconds.
    pub(crate) seconds: u64,
}

/// A run that is under way.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) clients: client::World,
    pub(crate) rng: Rng,
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Asks until it is done.
fn must<T: Send + 'static, F>(
    world: &mut World,
    host: usize,
    what: &str,
    question: impl Fn(Running) -> F,
) -> Result<T, String>
where
    F: Future<Output = Result<T, ServiceError>> + Send + 'static,
{
    let mut last = String::new();
    for _ in 0..20 {
        match world.ask(host, &question) {
            Some(Ok(done)) => return Ok(done),
            Some(Err(error)) => last = error.to_string(),
            None => "it is down".clone_into(&mut last),
        }
        world.run_until(world.now + SECOND);
    }
    Err(format!("{what} was not possible: {last}"))
}

impl Run {
    /// Makes a cluster with people in it.
    pub(crate) fn set_up(plan: &Plan, place: &Path, trace: &Trace) -> Result<Self, String> {
        let mut rng = Rng::new(plan.seed);
        let count = *rng.pick(&[1, 2, 2, 3, 3, 3, 3, 5]);
        let mut world = World::new(count, place, trace.clone(), rng.fork());
        trace.say("world", &format!("seed {} has {count} nodes", plan.seed));
        let machine = world.hosts[0].machine.clone();
        let founded = world.run_on(0, async move { machine.found().await });
        let administrator = founded.ok_or("no cluster was made")?.map_err(|e| e.to_string())?;
        world.power_on(0);
        if !world.wait(30 * SECOND, |world| {
            world.running(0).is_some_and(|running| running.node.is_ready())
        }) {
            return Err("the first node does not get ready".to_owned());
        }
        for id in 1..count {
            join(&mut world, id, &administrator)?;
        }
        let is_attacked = plan.seed % RUNS_PER_KIND == ATTACKED;
        let tokens = tokens(&mut rng);
        let key = people(&mut world, &administrator, &tokens)?;
        let hard_limit = if is_attacked {
            limit(&mut world, &administrator, count as u64)?
        } else {
            symbolon_core::Setting::LockoutHardLimit.info().default
        };
        let recovery = if plan.seed % RUNS_PER_KIND == WITH_FACTORS {
            recovery_codes(&mut world, &administrator)?
        } else {
            Vec::new()
        };
        let clients = client::World {
            slots: Arc::new(world.hosts.iter().map(|host| Arc::clone(&host.slot)).collect()),
            history: History::new(trace.clone()),
            key,
            administrator,
            tokens: Arc::new(tokens),
            until: world.now + plan.seconds * SECOND,
            recovery: Arc::new(recovery),
            guessed: is_attacked.then_some(TOKENS - 1),
            hard_limit: u32::try_from(hard_limit).unwrap_or(u32::MAX),
        };
        Ok(Self { world, clients, rng })
    }

    /// The whole of it.
    pub(crate) fn go(mut self) -> Report {
        let mut watch = Watch::default();
        let operator = Operator::new(self.clients.administrator.clone());
        let mut faults = Faults::new(self.rng.fork(), operator, self.world.now);
        if self.clients.guessed.is_some() {
            // Each node of the past keeps back failures too, and there are none to keep.
            faults.attacked(self.world.hosts.len());
        }
        self.world.trace.say("world", &format!("faults: {:?}", faults.kinds()));
        self.start_clients();
        while self.world.now < self.clients.until {
            self.world.step();
            faults.step(&mut self.world);
            watch.step(&mut self.world);
        }
        let mut problems = heal::heal(&mut self, &mut faults, &mut watch);
        if problems.is_empty() {
            problems.extend(heal::probe(&mut self));
            match heal::evidence(&mut self, &faults, &watch) {
                Ok(evidence) => problems.extend(symbolon_check::all(&evidence)),
                Err(problem) => problems.push(problem),
            }
        }
        problems.append(&mut watch.problems);
        if report::panics() > 0 {
            problems.push(Problem::new("panics", format!("{} panics", report::panics())));
        }
        self.report(problems, &faults, &watch)
    }

    fn report(&self, problems: Vec<Problem>, faults: &Faults, watch: &Watch) -> Report {
        let simulated_seconds = self.world.now / SECOND;
        let mut report = Report { problems, simulated_seconds, ..Report::default() };
        report.count("nodes", self.world.hosts.len() as u64);
        report.count("faults", faults.counts.values().sum());
        report.count("islands", watch.islands);
        report.count("masters", watch.masters);
        let [again, failed, refused] = self.world.exits;
        report.count("started_again", again);
        report.count("exits_failed", failed);
        report.count("exits_refused", refused);
        report.count_told(&self.clients.history.all());
        report.count_lines(&self.world.trace.lines());
        let doubles =
            (0..self.world.hosts.len()).filter_map(|id| self.world.running(id)).map(|it| {
                let state = it.service.ledger().view().state;
                state.cluster().map_or(0, |cluster| cluster.doubles)
            });
        report.count("doubles", doubles.max().unwrap_or(0));
        report
    }

    /// Lets the clients begin.
    fn start_clients(&mut self) {
        for _ in 0..6 {
            self.world.spawn(self.clients.clone().person(self.rng.fork()));
        }
        if self.clients.guessed.is_some() {
            self.world.spawn(self.clients.clone().attack(self.rng.fork()));
        }
        if !self.clients.recovery.is_empty() {
            self.world.spawn(self.clients.clone().recover(self.rng.fork()));
            self.world.spawn(self.clients.clone().give_pins(self.rng.fork()));
        }
        for number in 0..2 {
            self.world.spawn(self.clients.clone().administer(self.rng.fork(), number));
        }
    }
}

fn join(world: &mut World, id: usize, administrator: &str) -> Result<(), String> {
    let bearer = administrator.to_owned();
    let question = move |running: Running| {
        let bearer = bearer.clone();
        async move {
            let principal = running.service.authenticate(&bearer, None, deadline()).await?;
            running.service.create_join_token(&principal, None, 0, deadline()).await
        }
    };
    let (token, ..) = must(world, 0, "a join token", question)?;
    let machine = world.hosts[id].machine.clone();
    let joined = world.run_on(id, async move { machine.join(&token, 0).await });
    joined.ok_or("a join took over a minute")?.map_err(|error| error.to_string())?;
    world.power_on(id);
    let is_ready = |world: &World| {
        world
            .running(id)
            .is_some_and(|running| running.node.is_ready() && running.node.has_quorum_contact())
    };
    if !world.wait(60 * SECOND, is_ready) {
        return Err(format!("node {id} does not get ready"));
    }
    Ok(())
}

/// As few failures as so many nodes allow, and no long waits. How many an account may absorb.
fn limit(world: &mut World, administrator: &str, nodes: u64) -> Result<u64, String> {
    let limit = THRESHOLD + nodes * ALLOWANCE;
    let bearer = administrator.to_owned();
    let question = move |running: Running| {
        let bearer = bearer.clone();
        let values = [
            ("lockout.threshold", THRESHOLD),
            ("lockout.first_wait", 1),
            ("lockout.longest_wait", 1),
            ("lockout.hard_limit", limit),
            ("island.allowance", ALLOWANCE),
        ];
        let changes = values.map(|(name, value)| (name.to_owned(), Some(value))).into();
        async move {
            let principal = running.service.authenticate(&bearer, None, deadline()).await?;
            let wanted = SettingsWanted { changes, ..SettingsWanted::default() };
            running.service.update_settings(&principal, None, &wanted, deadline()).await
        }
    };
    must(world, 0, "tight limits", question)?;
    Ok(limit)
}

/// Recovery codes for some.
fn recovery_codes(world: &mut World, administrator: &str) -> Result<Vec<Recovery>, String> {
    let mut all = Vec::new();
    for user in WITH_RECOVERY {
        let bearer = administrator.to_owned();
        let question = move |running: Running| {
            let bearer = bearer.clone();
            async move {
                let service = &running.service;
                let principal = service.authenticate(&bearer, None, deadline()).await?;
                let name = client::user_name(user);
                service.create_recovery_codes(&principal, None, &name, deadline()).await
            }
        };
        let made = must(world, 0, "recovery codes", question)?;
        let codes = made.codes.iter().map(|code| code.shown().to_string()).collect();
        all.push(Recovery { user, codes });
    }
    Ok(all)
}

fn tokens(rng: &mut Rng) -> Vec<Token> {
    let token = |number| Token {
        seed: rng.bytes(),
        counts: number % 3 == 2,
        shown: Mutex::new(0),
        pin: Mutex::default(),
        request: Mutex::default(),
    };
    (0..TOKENS).map(token).collect()
}

/// An application, and users with tokens. The application's key.
fn people(world: &mut World, administrator: &str, tokens: &[Token]) -> Result<String, String> {
    let bearer = administrator.to_owned();
    let application = move |running: Running| {
        let bearer = bearer.clone();
        async move {
            let principal = running.service.authenticate(&bearer, None, deadline()).await?;
            let new = NewApplication { name: "vpn".to_owned(), ..NewApplication::default() };
            running.service.create_application(&principal, None, &new, deadline()).await
        }
    };
    let (_, key, _) = must(world, 0, "an application", application)?;
    for (number, token) in tokens.iter().enumerate() {
        let (bearer, name) = (administrator.to_owned(), client::user_name(number));
        let (seed, parameters) = (token.seed.to_vec(), token.parameters());
        let user = move |running: Running| {
            let (bearer, name, seed) = (bearer.clone(), name.clone(), seed.clone());
            async move {
                let service = &running.service;
                let principal = service.authenticate(&bearer, None, deadline()).await?;
                let profile = symbolon_core::Profile::default();
                let made =
                    service.create_user(&principal, None, &name, "", profile, deadline()).await;
                if !matches!(made, Err(ServiceError::AlreadyExists { .. })) {
                    made?;
                }
                let seed = Some(Secret::new(seed));
                let new = NewToken { parameters, seed, ..NewToken::default() };
                service.enroll_token(&principal, None, &name, new, deadline()).await
            }
        };
        must(world, 0, "a user", user)?;
    }
    Ok(key.to_string())
}
