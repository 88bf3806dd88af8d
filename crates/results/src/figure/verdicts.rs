//! Strip below the panels: the claims with the answers of the runs about direction and magnitude.
use plotters::style::RGBColor;

use super::canvas::{Align, Canvas, Font, Ink, Xy};
use super::{BLACK, Error, GREY, line};
use crate::claims::{Answer, Judgement, ours, wrap_words};

/// Lines of a claim's words; the paper's and our numbers take one more.
const MOST_WORDS: usize = 2;
/// Width of the column of identifiers.
const IDENTIFIER: f64 = 52.0;
/// Width of a column of answers.
const ANSWER: f64 = 118.0;
/// Distance between two claims.
const BETWEEN: f64 = 7.0;
/// Distance from what stands above.
const ABOVE: f64 = 14.0;

const RULE: Ink = Ink::solid(RGBColor(0xc8, 0xc8, 0xc8));
/// Blue and vermilion differ for every kind of colour vision.
const HOLDS: Ink = Ink::solid(RGBColor(0x00, 0x5a, 0x9c));
const FAILS: Ink = Ink::solid(RGBColor(0xb3, 0x26, 0x1e));

/// Answer as drawn: a symbol and a word, so that its colour tells nothing alone.
#[derive(Clone, Debug, PartialEq)]
struct Cell {
    symbol: &'static str,
    word: &'static str,
    ink: Ink,
}

impl Cell {
    /// Answer to a question; a question that the claim does not ask is a dash.
    fn of(answer: Answer, asked: bool) -> Self {
        if !asked {
            return Self { symbol: "–", word: "not asked", ink: GREY };
        }
        let ink = match answer {
            Answer::Holds => HOLDS,
            Answer::Fails => FAILS,
            Answer::Unclear => BLACK,
            Answer::NotRun => GREY,
        };
        Self { symbol: answer.symbol(), word: answer.words(), ink }
    }
}

/// Claim as drawn.
struct Row {
    id: String,
    words: Vec<String>,
    numbers: String,
    direction: Cell,
    magnitude: Cell,
}

impl Row {
    fn height(&self, words: &Font) -> f64 {
        (self.words.len() + 1) as f64 * line(words) + BETWEEN
    }
}

/// Claims with their answers, laid out below each other.
pub struct Strip {
    heading: &'static str,
    rows: Vec<Row>,
    width: f64,
    words: Font,
}

impl Strip {
    /// Lays out the claims, at most `width` wide. `of_paper` is true where they are the paper's, `apart` where a banner warns that
    /// the runs are not the paper's training: the heading says so.
    pub fn new(claims: &[Judgement], width: f64, of_paper: bool, apart: bool) -> Self {
        let words = Font::new(16.0, BLACK);
        let most = words.fitting(width - IDENTIFIER - 2.0 * ANSWER - 8.0);
        let row = |claim: &Judgement| Row {
            id: claim.id.clone(),
            words: shortened(&claim.claim, most, MOST_WORDS),
            numbers: shortened(&numbers(claim), most, 1).join(" "),
            direction: Cell::of(claim.direction, claim.asks_direction()),
            magnitude: Cell::of(claim.magnitude, claim.asks_magnitude()),
        };
        let heading = match (of_paper, apart) {
            (true, true) => "The paper's claims, judged by these runs (mind the warning above)",
            (true, false) => "The paper's claims, judged by these runs",
            (false, true) => "Claims, judged by these runs (mind the warning above)",
            (false, false) => "Claims, judged by these runs",
        };
        Self { heading, rows: claims.iter().map(row).collect(), width, words }
    }

    /// Height of the strip; 0 without claims.
    pub fn height(&self) -> f64 {
        if self.rows.is_empty() {
            return 0.0;
        }
        ABOVE + line(&self.words) + BETWEEN + self.rows.iter().map(|row| row.height(&self.words)).sum::<f64>()
    }

    /// Draws the strip below `corner`.
    pub fn draw(&self, canvas: &mut Canvas, corner: Xy) -> Result<(), Error> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let step = line(&self.words);
        let grey = Font { ink: GREY, ..self.words.clone() };
        let bold = self.words.clone().bold();
        let columns = [corner.0 + self.width - 2.0 * ANSWER, corner.0 + self.width - ANSWER];
        let mut y = corner.1 + ABOVE;
        canvas.text(self.heading, (corner.0, y + step / 2.0), &bold)?;
        for (title, x) in ["direction", "magnitude"].into_iter().zip(columns) {
            canvas.text(title, (x, y + step / 2.0), &grey)?;
        }
        y += step + BETWEEN / 2.0;
        for row in &self.rows {
            canvas.line(&[(corner.0, y), (corner.0 + self.width, y)], RULE, 0.8)?;
            let first = y + BETWEEN / 2.0 + step / 2.0;
            canvas.text(&row.id, (corner.0, first), &bold.clone().shrunk_to(&row.id, IDENTIFIER - 6.0))?;
            for (i, words) in row.words.iter().enumerate() {
                canvas.text(words, (corner.0 + IDENTIFIER, first + i as f64 * step), &self.words)?;
            }
            let last = first + row.words.len() as f64 * step;
            canvas.text(&row.numbers, (corner.0 + IDENTIFIER, last), &grey)?;
            for (cell, x) in [&row.direction, &row.magnitude].into_iter().zip(columns) {
                let font = Font { ink: cell.ink, ..self.words.clone() };
                canvas.text(cell.symbol, (x + 8.0, first), &font.clone().bold().aligned(Align::Center))?;
                canvas.text(cell.word, (x + 22.0, first), &font)?;
            }
            y += row.height(&self.words);
        }
        Ok(())
    }
}

/// Answers in words, for a reader who cannot see the strip: `10a: direction holds, magnitude fails.`
pub fn in_words(claim: &Judgement) -> String {
    let answers = [
        ("direction", claim.direction, claim.asks_direction()),
        ("magnitude", claim.magnitude, claim.asks_magnitude()),
    ];
    let asked: Vec<String> = answers
        .into_iter()
        .filter(|(_, _, asked)| *asked)
        .map(|(question, answer, _)| format!("{question} {}", answer.words()))
        .collect();
    format!("{}: {}.", claim.id, if asked.is_empty() { "not judged".to_owned() } else { asked.join(", ") })
}

/// Our value and the paper's; the number of parts where a claim has several, which have a value each.
fn numbers(claim: &Judgement) -> String {
    match claim.parts.as_slice() {
        [one] => format!("ours {} · paper {}", ours(one), claim.paper),
        parts => format!("judged by {} numbers · paper {}", parts.len(), claim.paper),
    }
}

/// Breaks a text into at most `lines` lines; an ellipsis ends a text that is longer.
fn shortened(text: &str, width: usize, lines: usize) -> Vec<String> {
    let mut wrapped = wrap_words(text, width.saturating_sub(2).max(1));
    if wrapped.len() > lines {
        wrapped.truncate(lines);
        if let Some(last) = wrapped.last_mut() {
            last.push_str(" …");
        }
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_a_symbol_and_a_word_of_its_own() {
        let answers = [Answer::Holds, Answer::Fails, Answer::Unclear, Answer::NotRun];
        let cells: Vec<Cell> = answers.into_iter().map(|answer| Cell::of(answer, true)).collect();
        assert_eq!(cells.iter().map(|cell| cell.symbol).collect::<Vec<_>>(), ["✓", "✗", "?", "–"]);
        assert_eq!(cells.iter().map(|cell| cell.word).collect::<Vec<_>>(), ["holds", "fails", "unclear", "not run"]);
        assert_eq!(Cell::of(Answer::Holds, false).word, "not asked", "an answer taken from the other question");
    }

    #[test]
    fn a_claim_takes_at_most_three_lines() {
        let claim = Judgement { id: "10a".into(), claim: "word ".repeat(200), ..Judgement::default() };
        let strip = Strip::new(&[claim], 700.0, true, false);
        assert_eq!(strip.rows[0].words.len(), 2);
        assert!(strip.rows[0].words[1].ends_with(" …"));
        let most = strip.words.fitting(700.0 - IDENTIFIER - 2.0 * ANSWER);
        assert!(strip.rows[0].words.iter().all(|words| words.chars().count() <= most));
        assert!(Strip::new(&[], 700.0, true, false).height() == 0.0);
    }
}
