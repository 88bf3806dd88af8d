//! Numbers in words, and output that a closed pipe does not turn into a panic.
use std::io::Write;

/// `eprintln!` that does not panic: nobody listening any more (`2>&1 | head`) is no error.
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}
pub(crate) use tell;

/// Prints to standard output. Nobody listening any more (`| head`) is no error.
pub fn say(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

pub use results::text::thousands;

/// A count with its noun: `1 run`, `3 runs`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// A length of time to a precision that an estimate has: `4 s`, `12 min`, `3 h 20 min`.
pub fn duration(seconds: f64) -> String {
    // Rounding once, to the smallest unit shown, keeps `59.9 min` from becoming `60 min`.
    let whole = |value: f64| format!("{value:.0}");
    if seconds < 1.0 {
        "1 s".into()
    } else if seconds < 90.0 {
        format!("{} s", whole(seconds))
    } else if seconds < 90.0 * 60.0 {
        format!("{} min", whole(seconds / 60.0))
    } else {
        let tens = (seconds / 600.0).round() * 10.0;
        format!("{} h {} min", whole((tens / 60.0).floor()), whole(tens % 60.0))
    }
}

/// A size in bytes: `12 kB`, `163 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, duration, size, thousands};

    #[test]
    fn numbers_read_well() {
        assert_eq!([thousands(7), thousands(1234), thousands(1_234_567)], ["7", "1,234", "1,234,567"]);
        assert_eq!([count(1, "run"), count(0, "run")], ["1 run", "0 runs"]);
        assert_eq!([duration(0.2), duration(89.0), duration(600.0)], ["1 s", "89 s", "10 min"]);
        assert_eq!([duration(7200.0), duration(7190.0), duration(9000.0)], ["2 h 0 min", "2 h 0 min", "2 h 30 min"]);
        assert_eq!([size(999), size(12_345), size(163_000_000)], ["999 B", "12 kB", "163 MB"]);
    }
}
