//! One metric with its series.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

use super::Durations;

/// A metric in the making.
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    series: Vec<Metric>,
}

impl Family {
    /// A number that only grows.
    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, MetricType::COUNTER)
    }

    /// A number that goes up and down.
    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(name, help, MetricType::GAUGE)
    }

    /// A distribution.
    pub(super) fn histogram(name: &'static str, help: &'static str, durations: &Durations) -> Self {
        let mut family = Self::new(name, help, MetricType::HISTOGRAM);
        let buckets = durations.cumulative().map(|(bound, count)| {
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(count);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(durations.count());
        histogram.set_sample_sum(durations.sum());
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        family.series.push(metric);
        family
    }

    const fn new(name: &'static str, help: &'static str, kind: MetricType) -> Self {
        Self {
            name,
            help,
            kind,
            series: Vec::new(),
        }
    }

    /// Adds a series. Prometheus knows floating-point numbers only, exact up to 2^53.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the format has no other numbers"
    )]
    pub(super) fn with(mut self, labels: &[(&str, &str)], value: u64) -> Self {
        self.push(labels, value as f64);
        self
    }

    /// Adds a series that may be negative, with the same bound.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the format has no other numbers"
    )]
    pub(super) fn with_signed(mut self, labels: &[(&str, &str)], value: i64) -> Self {
        self.push(labels, value as f64);
        self
    }

    /// Adds the series of each item.
    pub(super) fn each<T>(
        self,
        items: impl IntoIterator<Item = T>,
        add: impl Fn(Self, T) -> Self,
    ) -> Self {
        items.into_iter().fold(self, add)
    }

    fn push(&mut self, labels: &[(&str, &str)], value: f64) {
        let pairs = labels.iter().map(|(name, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*name).to_owned());
            pair.set_value((*value).to_owned());
            pair
        });
        let mut metric = Metric::from_label(pairs.collect());
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.series.push(metric);
    }

    /// The finished metric, if it has any series.
    pub(super) fn build(self) -> Option<MetricFamily> {
        let Self {
            name,
            help,
            kind,
            series,
        } = self;
        if series.is_empty() {
            return None;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(series);
        Some(family)
    }
}
