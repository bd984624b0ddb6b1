//! What a node counts, in the text format of Prometheus.

/// One reading of a node's metrics.
#[derive(Clone, Debug)]
pub struct Metrics(String);

impl Metrics {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The sum over all series of that name that have all these labels; 0 where there is none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.0
            .lines()
            .filter_map(|line| {
                let (series, value) = line.rsplit_once(' ')?;
                let rest = series.strip_prefix(name)?;
                let is_whole_name = rest.is_empty() || rest.starts_with('{');
                let has_labels =
                    labels.iter().all(|(key, label)| rest.contains(&format!("{key}=\"{label}\"")));
                (is_whole_name && has_labels).then(|| value.parse::<f64>().ok())?
            })
            .sum()
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_summed_by_name_and_labels() {
        let metrics = Metrics::new(
            "# TYPE a counter\na{b=\"1\",c=\"x\"} 2\na{b=\"1\",c=\"y\"} 3\na_total 40\nd 5\n"
                .into(),
        );
        let sums = [
            metrics.sum("a", &[]),
            metrics.sum("a", &[("b", "1"), ("c", "y")]),
            metrics.sum("d", &[]),
            metrics.sum("d", &[("b", "1")]),
        ];
        assert_eq!(sums, [5.0, 3.0, 5.0, 0.0]);
    }
}
