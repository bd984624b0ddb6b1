//! Waiting for a condition, never for a time to pass.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Pause between two looks at a condition.
const POLL: Duration = Duration::from_millis(10);

/// Looks until `look` returns something.
///
/// # Panics
///
/// After `timeout`, with `what` was waited for.
pub async fn wait_for<T>(
    what: &str,
    timeout: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + timeout;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "waited {} s in vain: {what}", timeout.as_secs_f32());
        sleep(POLL).await;
    }
}

/// Looks until `is_so` is true.
///
/// # Panics
///
/// After `timeout`, with `what` was waited for.
pub async fn wait_until(what: &str, timeout: Duration, mut is_so: impl AsyncFnMut() -> bool) {
    wait_for(what, timeout, async || is_so().await.then_some(())).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_found_comes_back() {
        let mut looks = 0;
        let found = wait_for("the third look", Duration::from_secs(10), async || {
            looks += 1;
            (looks == 3).then_some("here")
        });
        assert_eq!(found.await, "here");
        assert_eq!(looks, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "waited 0 s in vain: pigs fly")]
    async fn what_never_comes_is_named() {
        wait_until("pigs fly", Duration::ZERO, async || false).await;
    }
}
