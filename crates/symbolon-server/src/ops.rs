//! For those who watch the node: is it alive, is it ready, what does it count.
//!
//! Plain HTTP, without authentication, on loopback unless set otherwise: it must answer when
//! certificates have expired.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Deserialize;

use crate::logs::left_out;
use crate::stop::Stop;

/// How often histograms are emptied into their buckets. Without it they grow until somebody scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the node can do at this moment, or why not. Must answer at once.
pub trait Readiness: Send + Sync + 'static {
    /// Whether it decides verifications, as part of the cluster or as an island.
    ///
    /// # Errors
    ///
    /// The reason, for the operator.
    fn decides(&self) -> Result<(), String>;

    /// Whether it is in contact with a quorum.
    ///
    /// # Errors
    ///
    /// The reason, for the operator.
    fn quorum(&self) -> Result<(), String>;

    /// Whether a write can commit.
    ///
    /// # Errors
    ///
    /// The reason, for the operator.
    fn writes(&self) -> Result<(), String>;
}

/// `/livez`, `/readyz` and `/metrics`.
pub fn router(readiness: Arc<dyn Readiness>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .with_state(readiness)
        .route("/metrics", get(render).with_state(metrics))
}

/// Keeps what is counted small and tells of lines that the log left out, until `stop`.
pub async fn upkeep(metrics: PrometheusHandle, stop: Stop) {
    loop {
        tokio::select! {
            () = stop.requested() => return,
            () = tokio::time::sleep(UPKEEP_INTERVAL) => metrics.run_upkeep(),
        }
        let lines = left_out();
        if lines > 0 {
            metrics::counter!("symbolon_log_lines_left_out_total").increment(lines);
            tracing::info!(lines, "warnings that came too often were left out");
        }
    }
}

#[derive(Deserialize)]
struct Ready {
    #[serde(rename = "for")]
    purpose: Option<String>,
}

async fn readyz(
    State(readiness): State<Arc<dyn Readiness>>,
    Query(Ready { purpose }): Query<Ready>,
) -> (StatusCode, String) {
    let verdict = match purpose.as_deref() {
        // An island is ready, and says that it is one.
        None => readiness.decides().map(|()| match readiness.quorum() {
            Ok(()) => "ok\n".to_owned(),
            Err(reason) => format!("ok\nwithout a quorum: {reason}\n"),
        }),
        Some("quorum") => readiness.quorum().map(|()| "ok\n".to_owned()),
        Some("writes") => readiness.writes().map(|()| "ok\n".to_owned()),
        Some(_) => {
            let text = "unknown purpose: ask for=quorum or for=writes, or leave it out\n";
            return (StatusCode::BAD_REQUEST, text.to_owned());
        }
    };
    match verdict {
        Ok(text) => (StatusCode::OK, text),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn render(
    State(metrics): State<PrometheusHandle>,
) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, METRICS_TYPE)], metrics.render())
}

#[cfg(test)]
mod tests;
