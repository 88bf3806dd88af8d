//! Numbers in words, and output that a closed pipe does not turn into a panic.
use std::io::{ErrorKind, Write};
use std::sync::{Mutex, PoisonError};

/// Writes a line to standard error like `eprintln!`, but without a panic where the reader has gone (`2>&1
/// head`).
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(anstream::stderr(), $($words)*);
    }};
}
pub(crate) use tell;

/// First failure of [`say`] to write.
static UNWRITTEN: Mutex<Option<std::io::Error>> = Mutex::new(None);

/// Prints a line to standard output. A reader that went away (`| head`) is no error; any other failure is kept for [`unwritten`].
pub fn say(text: impl AsRef<str>) {
    note(writeln!(anstream::stdout(), "{}", text.as_ref()));
}

/// Takes the first failure to write standard output, such as a full disk behind `> file`.
pub fn unwritten() -> Option<std::io::Error> {
    note(std::io::stdout().flush());
    UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn note(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

pub use results::text::thousands;

/// Returns a count with its noun: `1 run`, `3 runs`, `4 losses`.
pub fn count(number: usize, noun: &str) -> String {
    let ending = match number {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", thousands(number))
}

/// Returns a length of time to the precision that an estimate has: `4 s`, `12 min`, `3 h 20 min`.
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

/// Returns a size in bytes: `12 kB`, `163 MB`.
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
        assert_eq!([count(1, "run"), count(0, "run"), count(2, "loss")], ["1 run", "0 runs", "2 losses"]);
        assert_eq!([duration(0.2), duration(89.0), duration(600.0)], ["1 s", "89 s", "10 min"]);
        assert_eq!([duration(7200.0), duration(7190.0), duration(9000.0)], ["2 h 0 min", "2 h 0 min", "2 h 30 min"]);
        assert_eq!([size(999), size(12_345), size(163_000_000)], ["999 B", "12 kB", "163 MB"]);
    }
}
