use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Memory {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What is logged under a filter, without the time.
fn lines(text: &str, work: impl FnOnce()) -> Vec<Value> {
    let memory = Memory::default();
    let subscriber = json(filter(text).unwrap(), memory.clone());
    tracing::subscriber::with_default(subscriber, work);
    let bytes = memory.0.lock().unwrap().clone();
    let text = String::from_utf8(bytes).unwrap();
    let line = |line| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        let time = value.as_object_mut().unwrap().remove("time").unwrap();
        let time = time.as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
        value
    };
    text.lines().map(line).collect()
}

fn targets(text: &str) -> Vec<String> {
    let work = || {
        tracing::info!(target: "symbolon_server", "x");
        tracing::info!(target: "openraft::core", "x");
        tracing::debug!(target: "openraft::core", "x");
        tracing::warn!(target: "sled::tree", "x");
        tracing::error!(target: "h2::proto", "x");
    };
    lines(text, work)
        .iter()
        .map(|line| format!("{} {}", line["level"], line["target"]).replace('"', ""))
        .collect()
}

#[test]
fn a_line_has_the_fields_of_its_spans() {
    let logged = lines("info", || {
        let outer = tracing::info_span!("call", request_id = "r-1", method = "verify");
        let _outer = outer.enter();
        let inner = tracing::info_span!("propose", method = "propose", attempt = 2);
        let _inner = inner.enter();
        tracing::info!(target: "symbolon_server", node = 7, ok = true, "a \"quoted\"\nline");
    });
    assert_eq!(
        logged,
        [json!({
            "level": "INFO",
            "target": "symbolon_server",
            "request_id": "r-1",
            "method": "propose",
            "attempt": 2,
            "node": 7,
            "ok": true,
            "message": "a \"quoted\"\nline",
        })]
    );
}

#[test]
fn a_field_that_is_recorded_later_is_there_and_none_hides_the_level() {
    let logged = lines("info", || {
        let span = tracing::info_span!("call", request_id = tracing::field::Empty);
        span.record("request_id", "late");
        let _span = span.enter();
        tracing::info!(target: "t", level = "loud", "x");
    });
    assert_eq!(
        logged,
        [json!({
            "level": "INFO", "target": "t", "request_id": "late", "level_": "loud", "message": "x"
        })]
    );
}

#[test]
fn an_error_comes_with_its_causes() {
    let error = crate::addresses::BindError {
        key: "listen.api",
        address: "127.0.0.1:1".parse().unwrap(),
        source: io::Error::other("taken"),
    };
    let logged = lines("info", || {
        tracing::warn!(error = &error as &dyn std::error::Error, "x");
    });
    assert_eq!(logged[0]["error"], "cannot listen on 127.0.0.1:1 (listen.api): taken");
}

#[test]
fn libraries_that_log_payloads_are_capped_unless_named() {
    let capped = ["INFO symbolon_server", "WARN sled::tree", "ERROR h2::proto"];
    assert_eq!(targets("info"), capped);
    assert_eq!(targets("trace"), capped);
    assert_eq!(
        targets("info,openraft=debug"),
        [
            "INFO symbolon_server",
            "INFO openraft::core",
            "DEBUG openraft::core",
            "WARN sled::tree",
            "ERROR h2::proto"
        ]
    );
    assert_eq!(
        targets("info, openraft::core=info ,sled=off"),
        ["INFO symbolon_server", "INFO openraft::core", "ERROR h2::proto"]
    );
}

#[test]
fn a_cap_never_lets_more_through() {
    assert_eq!(targets("error"), ["ERROR h2::proto"]);
    assert!(targets("off").is_empty());
    assert_eq!(targets("symbolon_server=info"), ["INFO symbolon_server"]);
}

#[test]
fn a_filter_that_cannot_be_meant_is_refused() {
    for text in ["inof", "symbolon_server", "symbolon_server=loud", "info,[call", "a=b=c"] {
        assert!(filter(text).is_err(), "{text}");
    }
    for text in ["", "INFO", "info,", "info,[call{request_id=1}]=debug"] {
        assert!(filter(text).is_ok(), "{text}");
    }
}

#[test]
fn a_flood_of_one_warning_is_cut_and_counted_and_others_are_written() {
    let flood = || {
        for _ in 0..5_000 {
            tracing::warn!(target: "symbolon_grpc", "refused");
        }
        tracing::warn!(target: "symbolon_cluster", "something else");
        for _ in 0..500 {
            tracing::info!(target: "symbolon_grpc", "verification");
        }
    };
    let logged = lines("info", flood);
    let of = |message: &str| logged.iter().filter(|line| line["message"] == message).count();
    assert_eq!((of("refused"), of("something else"), of("verification")), (100, 1, 500));
    assert!(left_out() >= 4_900);
}
