//! Numbers as Envoy writes them; each of its output forms has a way of its own.

/// `{}` of the fmt library: the fewest digits that read back as the same number, as in `/stats` text.
pub(super) fn shortest(value: f64) -> String {
    match Decimal::shortest(value) {
        Some(decimal) if (-4..16).contains(&decimal.exponent) => decimal.fixed(),
        Some(decimal) => decimal.scientific(),
        None => String::from("nan"),
    }
}

/// `%g`: six significant digits, as in bucket names in `/stats` text.
pub(super) fn general(value: f64) -> String {
    Decimal::rounded(value, 6).map_or_else(|| String::from("nan"), |decimal| decimal.general(6))
}

/// `%.32g`: every digit of the binary number up to 32, as in `/stats/prometheus`.
pub(super) fn precise(value: f64) -> String {
    Decimal::rounded(value, 32).map_or_else(|| String::from("nan"), |decimal| decimal.general(32))
}

/// `std::to_chars`: as [`shortest`], in whichever notation is shorter, as in JSON; no number is `null`.
pub(super) fn compact(value: f64) -> String {
    let Some(decimal) = Decimal::shortest(value) else {
        return String::from("null");
    };
    let (fixed, scientific) = (decimal.fixed(), decimal.scientific());
    if scientific.len() < fixed.len() { scientific } else { fixed }
}

/// A number taken apart: `0.<digits> × 10^(exponent + 1)`.
struct Decimal {
    negative: bool,
    /// Significant digits without trailing zeros; at least one.
    digits: String,
    /// Power of ten of the first digit.
    exponent: i32,
}

// === impl Decimal ===

impl Decimal {
    /// The fewest digits that read back as `value`; none if it is not finite.
    fn shortest(value: f64) -> Option<Self> {
        Self::parse(&format!("{value:e}"))
    }

    /// `value` to that many digits; none if it is not finite.
    fn rounded(value: f64, digits: usize) -> Option<Self> {
        Self::parse(&format!("{value:.*e}", digits - 1))
    }

    fn parse(scientific: &str) -> Option<Self> {
        let (mantissa, exponent) = scientific.split_once('e')?;
        let unsigned = mantissa.trim_start_matches('-');
        let digits = unsigned.replace('.', "");
        let significant = digits.trim_end_matches('0');
        Some(Self {
            negative: unsigned.len() < mantissa.len(),
            digits: if significant.is_empty() { "0" } else { significant }.to_owned(),
            exponent: exponent.parse().ok()?,
        })
    }

    /// `%g` with that precision.
    fn general(&self, precision: i32) -> String {
        if (-4..precision).contains(&self.exponent) { self.fixed() } else { self.scientific() }
    }

    fn fixed(&self) -> String {
        let digits = self.digits.as_str();
        let sign = self.sign();
        let Ok(exponent) = usize::try_from(self.exponent) else {
            let zeros = "0".repeat(self.exponent.unsigned_abs() as usize - 1);
            return format!("{sign}0.{zeros}{digits}");
        };
        match digits.split_at_checked(exponent + 1) {
            Some((whole, "")) => format!("{sign}{whole}"),
            Some((whole, fraction)) => format!("{sign}{whole}.{fraction}"),
            None => format!("{sign}{digits:0<width$}", width = exponent + 1),
        }
    }

    fn scientific(&self) -> String {
        let (first, rest) = self.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let direction = if self.exponent < 0 { '-' } else { '+' };
        let power = self.exponent.unsigned_abs();
        format!("{}{first}{point}{rest}e{direction}{power:02}", self.sign())
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::{compact, general, precise, shortest};

    #[test]
    fn numbers_are_written_as_envoy_writes_them() {
        let values = [0.0, 0.1, 9.05, 3e5, 1.8e6, 1.2e7, 12_500_000.0, 1_016.666_666_666_666_6];
        let shortests = ["0", "0.1", "9.05", "300000", "1800000", "12000000", "12500000"];
        assert_eq!(values.map(shortest)[..7], shortests);
        assert_eq!(shortest(1.8e19), "1.8e+19");
        let generals = ["0", "0.1", "9.05", "300000", "1.8e+06", "1.2e+07", "1.25e+07", "1016.67"];
        assert_eq!(values.map(general), generals);
        let compacts = ["0", "0.1", "9.05", "3e+05", "1800000", "1.2e+07", "12500000"];
        assert_eq!(values.map(compact)[..7], compacts);
        assert_eq!(precise(9.05), "9.0500000000000007105427357601002");
        assert_eq!(precise(16.390_243_902_439_025), "16.390243902439024736850115004927");
        assert_eq!(precise(3_600_000.0), "3600000");
        assert_eq!([shortest(f64::NAN), compact(f64::NAN)], ["nan", "null"]);
        assert_eq!([shortest(-0.005), shortest(0.000_01)], ["-0.005", "1e-05"]);
    }
}
