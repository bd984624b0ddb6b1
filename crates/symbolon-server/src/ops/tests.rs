use axum::body::{Body, to_bytes};
use axum::http::Request;
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::ServiceExt as _;

use super::*;

#[derive(Clone, Default)]
struct State {
    decides: Option<&'static str>,
    quorum: Option<&'static str>,
    writes: Option<&'static str>,
}

fn verdict(fault: Option<&str>) -> Result<(), String> {
    fault.map_or(Ok(()), |reason| Err(reason.to_owned()))
}

impl Readiness for State {
    fn decides(&self) -> Result<(), String> {
        verdict(self.decides)
    }

    fn quorum(&self) -> Result<(), String> {
        verdict(self.quorum)
    }

    fn writes(&self) -> Result<(), String> {
        verdict(self.writes)
    }
}

async fn get(state: &State, path: &str) -> (u16, String) {
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let app = router(Arc::new(state.clone()), metrics);
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn reply(status: u16, body: &str) -> (u16, String) {
    (status, body.to_owned())
}

#[tokio::test]
async fn a_node_of_the_quorum_is_ready_for_everything() {
    let state = State::default();
    for path in ["/livez", "/readyz", "/readyz?for=quorum", "/readyz?for=writes"] {
        assert_eq!(get(&state, path).await, reply(200, "ok\n"), "{path}");
    }
}

#[tokio::test]
async fn an_island_is_ready_and_says_so() {
    let state = State {
        quorum: Some("no master for 7 s"),
        writes: Some("the master is offline"),
        ..State::default()
    };
    assert_eq!(
        get(&state, "/readyz").await,
        reply(200, "ok\nwithout a quorum: no master for 7 s\n")
    );
    assert_eq!(get(&state, "/readyz?for=quorum").await, reply(503, "no master for 7 s\n"));
    assert_eq!(get(&state, "/readyz?for=writes").await, reply(503, "the master is offline\n"));
}

#[tokio::test]
async fn a_node_that_does_not_decide_is_alive_and_not_ready() {
    let state = State { decides: Some("superseded"), ..State::default() };
    assert_eq!(get(&state, "/livez").await, reply(200, "ok\n"));
    assert_eq!(get(&state, "/readyz").await, reply(503, "superseded\n"));
}

#[tokio::test]
async fn an_unknown_purpose_is_not_a_yes() {
    for path in ["/readyz?for=everything", "/readyz?for="] {
        assert_eq!(get(&State::default(), path).await.0, 400, "{path}");
    }
}

#[tokio::test]
async fn metrics_are_text() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || metrics::counter!("seen").increment(2));
    let app = router(Arc::new(State::default()), handle);
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], METRICS_TYPE);
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(text.contains("seen 2"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn upkeep_ends_when_the_node_stops() {
    let stop = Stop::new();
    let metrics = PrometheusBuilder::new().build_recorder().handle();
    let running = tokio::spawn(upkeep(metrics, stop.clone()));
    tokio::time::sleep(UPKEEP_INTERVAL * 3).await;
    assert!(!running.is_finished());
    stop.request();
    running.await.unwrap();
}
