//! Table of rows for the terminal.
use std::fmt::Write as _;

use super::ROWS;
use super::row::{Clock, Row};

/// Formats rows as a table with explanations below it.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return "nothing was measured".to_owned() };
    let mut text = format!(
        "{:<21} {:<4} {:>9} {:>9} {:>8}   {:>9} {:>9}   {}\n",
        "name", "unit", "ours", "peer", "ratio", "ours wall", "peer wall", "data"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "{:<21} {:<4} {:>9} {:>9} {:>8}   {:>9} {:>9}   {}",
            row.name,
            row.unit,
            number(Some(row.ours)),
            number(row.peer),
            row.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2} x")),
            number(row.ours_wall),
            number(row.peer_wall),
            row.data
        );
    }
    text.push('\n');
    for (name, what) in ROWS.iter().filter(|(name, _)| rows.iter().any(|row| row.name == *name)) {
        let _ = writeln!(text, "  {name:<21} {what}");
    }
    let _ = write!(text, "\nKernels: {}. ", first.kernels);
    let _ = match rows.iter().find_map(|row| row.peer_name.as_ref()) {
        Some(peer) => write!(
            text,
            "Peer: {peer}, the same calls on the same images, taking turns with ours.\n\
             ratio = peer / ours: how many times faster ours is. "
        ),
        None => write!(text, "No peer. "),
    };
    text.push_str(match first_clock(rows) {
        Some(Clock::Cpu) => {
            "Times are medians, in CPU time of one thread;\n\
             \"wall\" is the same in wall-clock time, longer where the machine was busy. two-jobs leaves out waits for a core."
        }
        _ => "Times are medians in wall-clock time: this system does not report a thread's CPU time.",
    });
    text
}

/// Clock of the rows other than `two-jobs`.
fn first_clock(rows: &[Row]) -> Option<Clock> {
    rows.iter().filter(|row| row.name != "two-jobs").find_map(|row| row.clock)
}

/// Formats a number with about four significant digits.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.abs() < 1.0 => format!("{value:.4}"),
        Some(value) if value.abs() < 100.0 => format!("{value:.3}"),
        Some(value) => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Row, Time};
    use super::table;

    #[test]
    fn a_table_says_what_ratio_means_and_which_kernels_ran() {
        let time = |wall| Time { wall, cpu: None };
        let row = Row::new("mlp-step", "ms", time(0.5), Some((time(1.0), "PyTorch 2")), "mnist");
        let text = table(&[row, Row::new("two-jobs", "x", time(1.95), None, "cifar-100")]);
        for words in ["2.00 x", "0.5000", "1.950", "peer / ours", "PyTorch 2", kernels::name()] {
            assert!(text.contains(words), "{words} is missing in\n{text}");
        }
        assert!(!text.contains("lenet-step-10 "), "only what was measured is explained");
    }
}
