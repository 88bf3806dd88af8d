//! Verdicts as a table for the terminal.
use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Judgement, PartJudgement, expected_errors};
use experiment::claims::{Magnitude, Range};

/// Columns of the terminal that a table of verdicts fits into.
const WIDTH: usize = 80;
/// Width of the words of a claim, beside which only the verdict stands.
const CLAIM: usize = 58;
/// Columns before the lines below a claim.
pub(super) const INDENT: usize = 5;

/// Formats judged claims in at most 80 columns. Of each claim: its words with the verdict at the end of the line; the paper's value and
/// ours with its 95 % interval; the answers about direction and magnitude with the accepted ranges, the direction also after Holm's
/// correction; a line for each part where there are several, and where the paper's own figure contradicts its text. A scale other than
/// `paper` is named above the claims.
pub fn table(judgements: &[Judgement], scale: &str) -> String {
    let mut out = String::new();
    if scale != "paper" {
        let words =
            format!("Judged at scale `{scale}`, which is not the paper's: these verdicts do not apply to the paper.");
        paragraph(&mut out, 0, &words);
    }
    for j in judgements {
        row(&mut out, &j.id, &[(j.claim.as_str(), CLAIM)], j.verdict.name());
        match j.parts.as_slice() {
            [one] => paragraph(&mut out, INDENT, &format!("paper {}; ours {}", j.paper, ours(one))),
            _ => paragraph(&mut out, INDENT, &format!("paper {}", j.paper)),
        }
        for part in &j.parts {
            let mut words = Vec::new();
            if j.parts.len() > 1 {
                words.push(format!("· {}: ours {}", part.what, ours(part)));
            }
            words.extend(answers(part));
            paragraph(&mut out, INDENT, &words.join("; "));
            if let Some(sentence) = contradiction(part) {
                paragraph(&mut out, INDENT, &sentence);
            }
        }
        if let Some(holm) = j.holm {
            paragraph(&mut out, INDENT, &format!("direction after Holm's correction: {}", holm.name()));
        }
        // Parts of one claim often share a note.
        let mut told = BTreeSet::new();
        for note in j.parts.iter().filter_map(|part| part.note.as_ref()).filter(|note| told.insert(*note)) {
            paragraph(&mut out, INDENT, &format!("note: {note}"));
        }
        for (part, chances) in j.parts.iter().filter_map(|part| Some((part, part.operating?))) {
            let words = format!(
                "{} seeds with this spread hold with probability {:.2} if the paper is right, {:.2} without any effect",
                part.n, chances.if_paper_is_right, chances.if_no_effect
            );
            paragraph(&mut out, INDENT, &words);
        }
    }
    let (decided, wrong) = expected_errors(judgements);
    if decided > 0 {
        let words = format!(
            "{decided} {} decided by 95 % intervals: at most {wrong:.2} wrong expected by chance. After Holm's correction: none \
             wrong with probability 95 %.",
            if decided == 1 { "direction" } else { "directions" }
        );
        paragraph(&mut out, 0, &words);
    }
    out
}

/// Writes lines of at most [`WIDTH`] columns; all but the first are indented by two more.
pub(super) fn paragraph(out: &mut String, indent: usize, words: &str) {
    for (index, line) in wrap_words(words, WIDTH - indent - 2).iter().enumerate() {
        let indent = if index == 0 { indent } else { indent + 2 };
        let _ = writeln!(out, "{:indent$}{line}", "");
    }
}

/// Formats the answers of a part with the accepted ranges: `direction holds (≥ 0 pp); magnitude fails (12 pp, or 7 to 14 pp)`.
fn answers(part: &PartJudgement) -> impl Iterator<Item = String> {
    let direction = part
        .direction
        .as_ref()
        .map(|d| format!("direction {} (accepted: {})", d.answer.name(), accepted(d.range, &part.unit)));
    let magnitude = part
        .magnitude
        .as_ref()
        .map(|m| format!("magnitude {} (accepted: {})", m.answer.name(), magnitude_accepted(&m.asked, &part.unit)));
    direction.into_iter().chain(magnitude)
}

fn with_unit(text: &str, unit: &str) -> String {
    if unit == "pp" { format!("{text} pp") } else { text.to_owned() }
}

/// Formats estimate and interval of a part: `+7.3 [+6.8, +7.9] pp, n = 30`.
pub fn ours(part: &PartJudgement) -> String {
    let (Some(estimate), Some(low), Some(high)) = (part.estimate, part.low, part.high) else {
        return "–".to_owned();
    };
    let value = |v: f64| number(v, &part.unit);
    let unit = if part.unit == "pp" { " pp" } else { "" };
    let at = if part.unit == "x" { "x = " } else { "" };
    if part.n < 2 || part.exact {
        return format!("{at}{}{unit}, n = {}", value(estimate), part.n);
    }
    format!("{at}{} [{}, {}]{unit}, n = {}", value(estimate), value(low), value(high), part.n)
}

/// Formats what a part accepts: `direction ≥ 0 pp; magnitude 12 pp, or 7 to 14 pp (reason)`.
pub fn accepted_words(part: &PartJudgement) -> String {
    let direction = part.direction.as_ref().map(|d| format!("direction {}", accepted(d.range, &part.unit)));
    let magnitude = part.magnitude.as_ref().map(|m| {
        let reason = m.asked.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        format!("magnitude {}{reason}", magnitude_accepted(&m.asked, &part.unit))
    });
    direction.into_iter().chain(magnitude).collect::<Vec<_>>().join("; ")
}

/// Sentence on a part whose printed number the paper's own figure contradicts; none where it does not.
pub fn contradiction(part: &PartJudgement) -> Option<String> {
    let magnitude = part.magnitude.as_ref()?;
    let (value, answer) = (magnitude.asked.figure?, magnitude.by_figure?);
    let value = with_unit(&number(value, &part.unit), &part.unit);
    Some(format!("the paper's own figure contradicts its text: {value}, magnitude {}", answer.words()))
}

/// Formats a range: `5 to 9 pp`.
pub fn accepted(range: Range, unit: &str) -> String {
    match (range.from, range.to) {
        (Some(a), Some(b)) if a == b => with_unit(&a.to_string(), unit),
        (Some(a), Some(b)) => with_unit(&format!("{a} to {b}"), unit),
        (Some(a), None) => with_unit(&format!("≥ {a}"), unit),
        (None, Some(b)) => with_unit(&format!("≤ {b}"), unit),
        (None, None) => "any".to_owned(),
    }
}

/// Formats value and range of a magnitude: `12 pp, or 7 to 14 pp`.
pub fn magnitude_accepted(magnitude: &Magnitude, unit: &str) -> String {
    let value = magnitude.value.map(|v| with_unit(&v.to_string(), unit));
    let range = Some(magnitude.range()).filter(|range| !range.is_open()).map(|range| accepted(range, unit));
    value.into_iter().chain(range).collect::<Vec<_>>().join(", or ")
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "pp" => format!("{value:+.2}"),
        "x" => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

/// Writes a row: id, columns wrapped to their widths, and a last cell without wrapping.
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

/// Breaks a text at spaces into lines of at most `width` characters; a longer word gets its own line.
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
    use crate::claims::{Answer, DirectionAnswer, MagnitudeAnswer, Verdict};

    fn part() -> PartJudgement {
        let range = Range { from: Some(0.0), to: None };
        let asked = Magnitude { value: Some(12.0), figure: Some(7.0), ..Magnitude::default() };
        PartJudgement {
            what: "train".into(),
            unit: "pp".into(),
            estimate: Some(7.1),
            low: Some(6.5),
            high: Some(7.7),
            n: 30,
            direction: Some(DirectionAnswer { range, answer: Answer::Holds, p: Some(0.001) }),
            magnitude: Some(MagnitudeAnswer { asked, answer: Answer::Fails, by_figure: Some(Answer::Holds) }),
            ..PartJudgement::default()
        }
    }

    #[test]
    fn a_row_shows_the_paper_ours_both_answers_and_the_verdict() {
        let j = Judgement {
            id: "10a".into(),
            claim: "two-scale is better on the training set at the end".into(),
            paper: "+12 pp".into(),
            direction: Answer::Holds,
            magnitude: Answer::Fails,
            verdict: Verdict::DirectionOnly,
            holm: Some(Answer::Holds),
            parts: vec![part()],
            ..Judgement::default()
        };
        let text = table(std::slice::from_ref(&j), "paper");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
        assert!(lines[0].starts_with("10a  two-scale is better") && lines[0].ends_with("  direction-only"), "{text}");
        assert_eq!(lines[1], "     paper +12 pp; ours +7.10 [+6.50, +7.70] pp, n = 30", "{text}");
        let answers = "     direction holds (accepted: ≥ 0 pp); magnitude fails (accepted: 12 pp)";
        assert_eq!(lines[2], answers, "{text}");
        assert!(text.contains("own figure contradicts") && text.contains("+7.00 pp"), "{text}");
        assert!(text.contains("1 direction decided") && text.contains("at most 0.03 wrong"), "{text}");
        assert!(!text.contains("Judged at scale"));
        assert!(table(&[j], "smoke").starts_with("Judged at scale `smoke`"));
    }

    #[test]
    fn a_note_that_parts_share_is_printed_once() {
        let noted = |note: &str| PartJudgement { note: Some(note.into()), ..part() };
        let parts = vec![noted("the gate never fired"), noted("another"), noted("the gate never fired")];
        let text = table(&[Judgement { parts, ..Judgement::default() }], "paper");
        assert_eq!(text.matches("note: the gate never fired").count(), 1, "{text}");
        assert_eq!(text.matches("note: ").count(), 2, "{text}");
    }

    #[test]
    fn one_seed_shows_no_interval() {
        assert_eq!(ours(&PartJudgement { n: 1, ..part() }), "+7.10 pp, n = 1");
    }

    #[test]
    fn ranges_read_as_words() {
        assert_eq!(accepted(Range { from: Some(0.0), to: None }, "pp"), "≥ 0 pp");
        assert_eq!(accepted(Range { from: Some(-1.0), to: Some(1.0) }, ""), "-1 to 1");
        let magnitude = Magnitude { value: Some(6.7), from: Some(5.0), to: Some(9.0), ..Magnitude::default() };
        assert_eq!(magnitude_accepted(&magnitude, "pp"), "6.7 pp, or 5 to 9 pp");
    }

    #[test]
    fn wrapping_breaks_at_spaces() {
        assert_eq!(wrap_words("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap_words("", 7), Vec::<String>::new());
    }
}
