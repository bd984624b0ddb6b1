//! privacyIDEA: gunicorn with as many workers as there are processors, SQLite, users of a file, a HOTP
//! token each. `/validate/check` with codes that were never shown, with a PIN and without.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use symbolon_testkit::{Otp, wait_for};
use tokio::process::{Child, Command};

use super::{free_address, said, start, web};
use crate::plan::Plan;
use crate::proc;
use crate::results::Checks;

const USERS: u64 = 64;
const PIN: &str = "1234";
/// Of this test alone.
const PASSWORD: &str = "of a test";
const READY_TIME_MAX: Duration = Duration::from_secs(60);
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// Twice the time of a level: it is slow.
const LEVELS: f64 = 2.0;

pub(crate) struct PrivacyIdea {
    programs: PathBuf,
    address: SocketAddr,
    server: Child,
    token: String,
    /// Codes that were shown: each of a user and a counter.
    shown: AtomicU64,
}

impl PrivacyIdea {
    /// `programs`: where `pip` has put them.
    pub(crate) async fn start(programs: &Path, home: &Path) -> Self {
        let directory = home.join("privacyidea");
        std::fs::create_dir(&directory).unwrap();
        let config = directory.join("pi.cfg");
        std::fs::write(&config, settings(&directory)).unwrap();
        let manage = async |words: &[&str]| {
            let mut command = Command::new(programs.join("pi-manage"));
            said(command.env("PRIVACYIDEA_CONFIGFILE", &config).args(words)).await;
        };
        manage(&["setup", "create_enckey"]).await;
        manage(&["setup", "create_audit_keys"]).await;
        manage(&["setup", "create_tables"]).await;
        manage(&["admin", "add", "admin", "-p", PASSWORD]).await;
        let address = free_address();
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let mut command = Command::new(programs.join("gunicorn"));
        command.env("PRIVACYIDEA_CONFIGFILE", &config);
        command.args(["-w", &workers.to_string(), "-b", &address.to_string()]);
        command.arg(format!(
            "privacyidea.app:create_app(config_name='production', config_file='{}', silent=True)",
            config.display()
        ));
        let server = start(&mut command, &directory.join("log"));
        let login = json!({ "username": "admin", "password": PASSWORD }).to_string();
        let token = wait_for("privacyIDEA answers", READY_TIME_MAX, async || {
            let told = web::post(address, "/auth", None, JSON, &login).await?;
            told["result"]["value"]["token"].as_str().map(str::to_owned)
        });
        let token = token.await;
        let programs = programs.to_owned();
        let peer = Self { programs, address, server, token, shown: AtomicU64::new(0) };
        peer.enrol(&directory).await;
        peer
    }

    async fn must(&self, path: &str, question: Value) {
        let text = question.to_string();
        let told = web::post(self.address, path, Some(&self.token), JSON, &text).await;
        let is_done = told.as_ref().is_some_and(|told| told["result"]["status"] == true);
        assert!(is_done, "{path}: {told:?}");
    }

    async fn enrol(&self, directory: &Path) {
        let file = directory.join("users");
        let line =
            |number: u64| format!("{}:x:{}:1000:U,,,:/:/bin/sh\n", user(number), 2000 + number);
        std::fs::write(&file, (0..USERS).map(line).collect::<String>()).unwrap();
        self.must("/resolver/file", json!({ "type": "passwdresolver", "fileName": file })).await;
        self.must("/realm/people", json!({ "resolvers": "file" })).await;
        self.must("/defaultrealm/people", json!({})).await;
        for number in 0..USERS {
            let token = json!({
                "type": "hotp", "genkey": 0, "otpkey": hexadecimal(&seed(number)), "pin": PIN,
                "user": user(number), "realm": "people",
            });
            self.must("/token/init", token).await;
        }
    }

    /// Measures with the PIN, and without.
    pub(crate) async fn measure(&self, plan: &Plan) -> Vec<Checks> {
        let mut all = Vec::new();
        for with_pin in [true, false] {
            let policy = json!({
                "scope": "authentication", "realm": "people", "active": !with_pin,
                "action": "otppin=none",
            });
            self.must("/policy/pin", policy).await;
            for concurrency in [1, 4] {
                let checks = self.level(plan, with_pin, concurrency).await;
                println!("  {checks:?}");
                all.push(checks);
            }
        }
        all
    }

    async fn level(&self, plan: &Plan, with_pin: bool, concurrency: u32) -> Checks {
        let pids = proc::family(self.server.id().unwrap());
        let before = proc::processor_seconds(&pids);
        let begin = Instant::now();
        let end = Duration::from_secs_f64(plan.seconds * LEVELS);
        let askers = (0..concurrency).map(|_| async move {
            let mut times = Vec::new();
            while begin.elapsed() < end {
                times.push(self.check(with_pin).await);
            }
            times
        });
        let mut times: Vec<_> = join_all(askers).await.into_iter().flatten().collect();
        let took = begin.elapsed().as_secs_f64();
        let taken = proc::processor_seconds(&pids) - before;
        times.sort();
        let within = |hundredths: usize| {
            let place = (times.len() * hundredths).div_ceil(100).saturating_sub(1);
            times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
        };
        let count = times.len() as f64;
        Checks {
            with_pin,
            concurrency,
            per_second: count / took,
            p50_ms: within(50),
            p99_ms: within(99),
            server_us: taken / count * 1e6,
        }
    }

    /// A code that was never shown: it must be accepted.
    async fn check(&self, with_pin: bool) -> Duration {
        let shown = self.shown.fetch_add(1, Relaxed);
        let (number, counter) = (shown % USERS, shown / USERS);
        let code = Otp::from_seed(&seed(number)).code_of(counter);
        let pin = if with_pin { PIN } else { "" };
        let form = format!("user={}&pass={pin}{code}", user(number));
        let begin = Instant::now();
        let told = web::post(self.address, "/validate/check", None, FORM, &form).await;
        let took = begin.elapsed();
        let is_accepted = told.as_ref().is_some_and(|told| told["result"]["value"] == true);
        assert!(is_accepted, "{told:?}");
        took
    }

    pub(crate) async fn version(&self) -> String {
        let script = "from importlib.metadata import version as v\n\
                      print('privacyIDEA', v('privacyidea') + ', gunicorn', v('gunicorn'))";
        let mut python = Command::new(self.programs.join("python"));
        said(python.args(["-c", script])).await.trim().to_owned()
    }
}

fn user(number: u64) -> String {
    format!("user{number}")
}

fn seed(number: u64) -> [u8; 20] {
    [number as u8; 20]
}

fn hexadecimal(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn settings(directory: &Path) -> String {
    let file = |name: &str| format!("{:?}", directory.join(name).display().to_string());
    format!(
        "SUPERUSER_REALM = ['super']\nSQLALCHEMY_DATABASE_URI = 'sqlite:///' + {}\n\
         SECRET_KEY = 'of a test, and of nothing else at all'\nPI_PEPPER = 'of a test'\n\
         PI_ENCFILE = {}\nPI_AUDIT_KEY_PRIVATE = {}\nPI_AUDIT_KEY_PUBLIC = {}\nPI_LOGFILE = {}\n\
         PI_LOGLEVEL = 40\n",
        file("database"),
        file("enckey"),
        file("private.pem"),
        file("public.pem"),
        file("pi.log")
    )
}
