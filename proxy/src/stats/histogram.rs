//! A distribution of values, in the log-linear buckets that Envoy's histograms have.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Two significant digits: ninety bins for each power of ten.
const BINS: usize = 90;
/// Powers of ten a `u64` can have, with the units.
const DECADES: usize = 20;

/// A handle to one histogram; clones record into the same distribution.
///
/// A value is kept to two significant digits. Recording takes one atomic add; memory for a power of ten is
/// allocated with its first value.
#[derive(Clone, Debug, Default)]
pub struct Histogram(Arc<Cell>);

/// A distribution at one moment: bins in ascending order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    bins: Vec<Bin>,
}

/// Values that agree in two significant digits.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bin {
    /// Zero for the bin of the value zero, else its place plus one.
    index: u16,
    count: u64,
}

#[derive(Debug, Default)]
struct Cell {
    zero: AtomicU64,
    /// Allocated with the first value above zero: most histograms of most clusters never see one.
    decades: OnceLock<Box<Decades>>,
    /// None until a flush has found a value.
    flushed: Mutex<Option<Box<Flushed>>>,
}

type Decades = [OnceLock<Box<[AtomicU64; BINS]>>; DECADES];

/// What the last flush saw.
#[derive(Debug, Default)]
struct Flushed {
    /// Since the start.
    cumulative: Arc<Snapshot>,
    /// Between the last two flushes.
    interval: Arc<Snapshot>,
}

// === impl Histogram ===

impl Histogram {
    /// Adds a value.
    pub fn record(&self, value: u64) {
        let bin = match value.checked_ilog10() {
            None => &self.0.zero,
            Some(exponent) => {
                let digits =
                    if exponent == 0 { value * 10 } else { value / 10u64.pow(exponent - 1) };
                &self.decade(exponent as usize)[digits as usize - 10]
            }
        };
        bin.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends an interval: what was recorded since the last flush becomes [`interval`](Self::interval).
    pub fn flush(&self) {
        let now = self.current();
        let mut flushed = self.flushed();
        if flushed.is_none() && now.is_empty() {
            return;
        }
        let flushed = flushed.get_or_insert_default();
        if now == *flushed.cumulative {
            if !flushed.interval.is_empty() {
                flushed.interval = Arc::default();
            }
            return;
        }
        flushed.interval = Arc::new(now.since(&flushed.cumulative));
        flushed.cumulative = Arc::new(now);
    }

    /// Everything recorded up to the last flush.
    pub fn cumulative(&self) -> Arc<Snapshot> {
        self.flushed().as_ref().map(|flushed| Arc::clone(&flushed.cumulative)).unwrap_or_default()
    }

    /// What was recorded between the last two flushes.
    pub fn interval(&self) -> Arc<Snapshot> {
        self.flushed().as_ref().map(|flushed| Arc::clone(&flushed.interval)).unwrap_or_default()
    }

    /// Whether a flush has ever found a value: what `/stats?usedonly` shows.
    pub fn is_used(&self) -> bool {
        !self.cumulative().is_empty()
    }

    fn flushed(&self) -> MutexGuard<'_, Option<Box<Flushed>>> {
        self.0.flushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn decade(&self, exponent: usize) -> &[AtomicU64; BINS] {
        let decades = self.0.decades.get_or_init(Box::default);
        decades[exponent].get_or_init(|| Box::new(array::from_fn(|_| AtomicU64::new(0))))
    }

    fn current(&self) -> Snapshot {
        let mut bins = Vec::new();
        let mut push = |index: usize, cell: &AtomicU64| {
            let count = cell.load(Ordering::Relaxed);
            if count != 0 {
                bins.push(Bin { index: index as u16, count });
            }
        };
        push(0, &self.0.zero);
        let decades = self.0.decades.get().into_iter().flat_map(|decades| decades.iter());
        for (exponent, decade) in decades.enumerate() {
            for (place, cell) in decade.get().into_iter().flat_map(|cells| cells.iter().enumerate())
            {
                push(1 + exponent * BINS + place, cell);
            }
        }
        Snapshot { bins }
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// Whether it has no value at all.
    pub fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// How many values it has.
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// About the sum of its values: each counts as the point that divides its bin as a Pareto distribution would.
    pub fn sum(&self) -> f64 {
        let weight = |bin: &Bin| {
            let (left, width) = (bin.left(), bin.width());
            let ratio = if left == 0.0 { 0.0 } else { left / (left + left + width) };
            (left + width * ratio) * bin.count as f64
        };
        self.bins.iter().map(weight).sum()
    }

    /// How many values are not above `bound`, by their bins' lower ends.
    pub fn count_to(&self, bound: f64) -> u64 {
        self.bins.iter().take_while(|bin| bin.left() <= bound).map(|bin| bin.count).sum()
    }

    /// The values below which each share of `shares` (ascending, 0 to 1) lies; NaN when it is empty.
    ///
    /// The values of a bin are taken to be spread evenly in it, with as much room before the first and after
    /// the last as between them.
    pub fn quantiles<const N: usize>(&self, shares: [f64; N]) -> [f64; N] {
        let total = self.count();
        let mut bins = self.bins.iter();
        let mut bin = bins.next();
        let mut before = 0;
        shares.map(|share| {
            let rank = ((total as f64 * share).ceil() as u64).max(1);
            while let Some(this) = bin
                && before + this.count < rank
            {
                before += this.count;
                bin = bins.next();
            }
            bin.map_or(f64::NAN, |bin| {
                let place = (rank - before) as f64 / (bin.count + 1) as f64;
                bin.left() + place * bin.width()
            })
        })
    }

    /// Its bins in ascending order: lower end, width and number of values.
    pub fn bins(&self) -> impl Iterator<Item = (f64, f64, u64)> {
        self.bins.iter().map(|bin| (bin.left(), bin.width(), bin.count))
    }

    /// What was added to `earlier` to make this.
    fn since(&self, earlier: &Self) -> Self {
        let mut old = earlier.bins.iter().peekable();
        let mut bins = Vec::new();
        for bin in &self.bins {
            while old.next_if(|before| before.index < bin.index).is_some() {}
            let before = old.next_if(|before| before.index == bin.index);
            let count = bin.count - before.map_or(0, |before| before.count);
            if count != 0 {
                bins.push(Bin { index: bin.index, count });
            }
        }
        Self { bins }
    }
}

// === impl Bin ===

impl Bin {
    /// The smallest value that falls into it.
    fn left(&self) -> f64 {
        match self.place() {
            None => 0.0,
            Some((0, digits)) => digits as f64 / 10.0,
            Some((exponent, digits)) => digits as f64 * power_of_ten(exponent - 1),
        }
    }

    /// How far it reaches above that.
    fn width(&self) -> f64 {
        match self.place() {
            None => 0.0,
            Some((0, _)) => 0.1,
            Some((exponent, _)) => power_of_ten(exponent - 1),
        }
    }

    /// Power of ten and the two digits; none for the bin of zero.
    fn place(&self) -> Option<(usize, usize)> {
        let place = usize::from(self.index).checked_sub(1)?;
        Some((place / BINS, place % BINS + 10))
    }
}

fn power_of_ten(exponent: usize) -> f64 {
    10f64.powi(exponent as i32)
}

#[cfg(test)]
mod tests;
