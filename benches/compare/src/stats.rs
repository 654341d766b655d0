//! Medians, their confidence interval, and the verdict on a bar.

/// A sample reduced to what the report prints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Lower end of the median's confidence interval (about 95 %).
    pub low: f64,
    /// Upper end of the median's confidence interval (about 95 %).
    pub high: f64,
}

impl Summary {
    /// Reduces `sample`.
    ///
    /// # Panics
    /// If `sample` is empty or holds a NaN: both are bugs of the caller.
    pub fn new(sample: &[f64]) -> Self {
        let mut sorted = sample.to_vec();
        sorted.sort_by(|a, b| a.partial_cmp(b).expect("a figure is never NaN"));
        let rank = interval_rank(sorted.len());
        Self {
            median: median_of_sorted(&sorted),
            min: sorted[0],
            max: sorted[sorted.len() - 1],
            low: sorted[rank],
            high: sorted[sorted.len() - 1 - rank],
        }
    }

    /// Half the width of the confidence interval, relative to the median.
    /// 0 where all values are the same, which may be zeros.
    pub fn spread(&self) -> f64 {
        if self.high == self.low {
            return 0.0;
        }
        (self.high - self.low) / 2.0 / self.median
    }
}

fn median_of_sorted(sorted: &[f64]) -> f64 {
    let mid = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[mid] } else { (sorted[mid - 1] + sorted[mid]) / 2.0 }
}

/// How many values to cut at each end so that what remains covers the median with at least 95 %:
/// the order-statistic interval, which assumes nothing about the distribution. Below six values
/// no interval reaches 95 %, and the whole range is used.
fn interval_rank(n: usize) -> usize {
    let mut tail = 0.0;
    let mut ways = 1.0;
    for k in 0..n / 2 {
        tail += ways * 0.5_f64.powi(n as i32);
        if 2.0 * tail > 0.05 {
            return k.saturating_sub(1);
        }
        ways *= (n - k) as f64 / (k + 1) as f64;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_values_use_their_range_as_the_interval() {
        let summary = Summary::new(&[7.0, 1.0, 6.0, 2.0, 5.0, 3.0, 4.0]);
        assert_eq!((summary.low, summary.median, summary.high), (1.0, 4.0, 7.0));
    }

    #[test]
    fn fifteen_values_cut_three_at_each_end() {
        let sample: Vec<f64> = (1..=15).map(f64::from).collect();
        let summary = Summary::new(&sample);
        assert_eq!((summary.low, summary.median, summary.high), (4.0, 8.0, 12.0));
    }
}
