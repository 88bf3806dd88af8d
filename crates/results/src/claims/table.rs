//! Verdicts as a table for the terminal.
use std::fmt::Write as _;

use super::{Judgement, PartJudgement};
use experiment::file::Accept;

/// Width of the column of words.
pub(super) const WORDS: usize = 46;
const PAPER: usize = 20;
const OURS: usize = 34;

/// One row a claim, with what the paper says, ours with its 95 % interval and the verdict; a row for each part where there
/// are several. `scale` other than `paper` is said above the table.
pub fn table(judgements: &[Judgement], scale: &str) -> String {
    let mut out = String::new();
    if scale != "paper" {
        let _ =
            writeln!(out, "Judged at scale `{scale}`, which is not the paper's: verdicts say nothing about the paper.");
    }
    row(&mut out, "id", &columns("claim", "paper", "ours [95 % interval], seeds"), "verdict");
    for j in judgements {
        let single = j.parts.len() == 1;
        let ours = j.parts.first().filter(|_| single).map_or_else(String::new, ours);
        row(&mut out, &j.id, &columns(&j.claim, &j.paper, &ours), j.verdict.name());
        for part in j.parts.iter().filter(|_| !single) {
            let words = format!("· {}", part.what);
            let (accepted, ours) = (accepted(part.accept, &part.unit), self::ours(part));
            row(&mut out, "", &columns(&words, &accepted, &ours), part.verdict.name());
        }
        for note in j.parts.iter().filter_map(|p| p.note.as_ref()) {
            let _ = writeln!(out, "     note: {note}");
        }
    }
    out
}

/// Estimate and interval of a part: `+7.3 [+6.8, +7.9] pp, n = 30`.
pub fn ours(part: &PartJudgement) -> String {
    let (Some(estimate), Some(low), Some(high)) = (part.estimate, part.low, part.high) else {
        return "-".to_owned();
    };
    let value = |v: f64| number(v, &part.unit);
    let unit = if part.unit == "pp" { " pp" } else { "" };
    let at = if part.unit == "x" { "x = " } else { "" };
    if part.n < 2 {
        return format!("{at}{}{unit}, n = {}", value(estimate), part.n);
    }
    format!("{at}{} [{}, {}]{unit}, n = {}", value(estimate), value(low), value(high), part.n)
}

/// A range in words: `from 5 to 9 pp`.
pub fn accepted(accept: Accept, unit: &str) -> String {
    let unit = if unit == "pp" { " pp" } else { "" };
    match (accept.from, accept.to) {
        (Some(a), Some(b)) if a == b => format!("{a}{unit}"),
        (Some(a), Some(b)) => format!("{a} to {b}{unit}"),
        (Some(a), None) => format!("≥ {a}{unit}"),
        (None, Some(b)) => format!("≤ {b}{unit}"),
        (None, None) => "any".to_owned(),
    }
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "pp" => format!("{value:+.2}"),
        "x" => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

fn columns<'a>(words: &'a str, paper: &'a str, ours: &'a str) -> [(&'a str, usize); 3] {
    [(words, WORDS), (paper, PAPER), (ours, OURS)]
}

/// A row: its id, columns wrapped to their widths, and a last word that is not.
pub(super) fn row(out: &mut String, id: &str, columns: &[(&str, usize)], last: &str) {
    let wrapped: Vec<Vec<String>> = columns.iter().map(|(text, width)| wrap_words(text, *width)).collect();
    let lines = wrapped.iter().map(Vec::len).max().unwrap_or(1).max(1);
    for line in 0..lines {
        let (id, last) = if line == 0 { (id, last) } else { ("", "") };
        let cells = wrapped.iter().zip(columns).map(|(column, (_, width))| {
            let text = column.get(line).map_or("", String::as_str);
            format!("{text:<width$}")
        });
        let text = format!("{id:<5}{}  {last}", cells.collect::<Vec<_>>().join("  "));
        let _ = writeln!(out, "{}", text.trim_end());
    }
}

/// Breaks a text at spaces into lines of at most `width` characters; a longer word has a line of its own.
pub fn wrap_words(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Verdict;

    fn part() -> PartJudgement {
        PartJudgement {
            what: "train".into(),
            unit: "pp".into(),
            estimate: Some(7.1),
            low: Some(6.5),
            high: Some(7.7),
            n: 30,
            accept: Accept { from: Some(5.1), to: Some(9.1) },
            verdict: Verdict::Holds,
            note: None,
        }
    }

    #[test]
    fn a_row_shows_the_paper_ours_and_the_verdict() {
        let j = Judgement {
            id: "13a".into(),
            claim: "two-scale is better on the training set at the end".into(),
            paper: "+7.1 pp".into(),
            unit: "pp".into(),
            estimate: Some(7.1),
            low: Some(6.5),
            high: Some(7.7),
            n: 30,
            verdict: Verdict::Holds,
            parts: vec![part()],
        };
        let text = table(std::slice::from_ref(&j), "paper");
        assert!(text.contains("+7.10 [+6.50, +7.70] pp, n = 30     holds"), "{text}");
        assert!(!text.contains("Judged at scale"));
        assert!(table(&[j], "smoke").starts_with("Judged at scale `smoke`"));
    }

    #[test]
    fn one_seed_shows_no_interval() {
        assert_eq!(ours(&PartJudgement { n: 1, ..part() }), "+7.10 pp, n = 1");
    }

    #[test]
    fn ranges_read_as_words() {
        assert_eq!(accepted(Accept { from: Some(0.0), to: None }, "pp"), "≥ 0 pp");
        assert_eq!(accepted(Accept { from: Some(-1.0), to: Some(1.0) }, ""), "-1 to 1");
    }

    #[test]
    fn wrapping_breaks_at_spaces() {
        assert_eq!(wrap_words("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap_words("", 7), Vec::<String>::new());
    }
}
