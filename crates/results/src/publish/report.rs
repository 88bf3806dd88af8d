//! The report over all figures, in Markdown: per claim what the paper says, what the runs gave, and the verdict.
use std::fmt::Write as _;

use super::Document;
use crate::claims::{
    Compared, Judgement, Verdict, accepted_words, compare, contradiction, expected_errors, ours, verdict_of,
};

/// Section in Markdown on where the paper contradicts itself.
pub const CONTRADICTIONS: &str = include_str!("contradictions.md");

/// Cell of a question that a claim does not ask.
const NOT_ASKED: &str = "not asked";

/// Documents of a figure: under the file's own assumptions, and under those of its variants.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    /// Document of the file as it stands.
    pub own: Document,
    /// Documents of the variants.
    pub variants: Vec<Document>,
}

impl Reported {
    /// Names of the variants, the file's own assumptions first.
    pub fn names(&self) -> Vec<&str> {
        std::iter::once(&self.own).chain(&self.variants).map(Document::set).collect()
    }

    /// The claims under all assumptions published.
    pub fn compared(&self) -> Vec<Compared<'_>> {
        let others: Vec<&[Judgement]> = self.variants.iter().map(|document| document.claims.as_slice()).collect();
        compare(&self.own.claims, &others)
    }
}

/// Writes a section for each figure, its variants after it, then one on where the paper contradicts itself. Figures are
/// linked as `figN.svg` beside the report.
pub fn report(figures: &[Reported]) -> String {
    let mut out = String::from("# What was reproduced\n\n");
    let claims: Vec<&Judgement> = figures.iter().flat_map(|figure| &figure.own.claims).collect();
    let count = |v| claims.iter().filter(|c| c.verdict == v).count();
    let counts: Vec<_> = Verdict::ALL.iter().map(|v| format!("{} {}", count(*v), v.name())).collect();
    let _ = writeln!(out, "{} claims: {}.\n", claims.len(), counts.join(", "));
    let _ = writeln!(
        out,
        "A claim asks for a direction, a magnitude, or both. The direction *holds* when the whole 95 % interval over seeds lies in the \
         accepted range, *fails* when it lies outside, and is *unclear* otherwise. The magnitude *holds* when the paper's number lies \
         in the interval or the interval in the accepted range, and *fails* when neither can be; an interval that leaves the direction \
         open confirms no size. A claim of which only the direction holds is *direction-only*.\n"
    );
    let (decided, wrong) =
        expected_errors(&figures.iter().flat_map(|figure| figure.own.claims.clone()).collect::<Vec<_>>());
    let _ = writeln!(out, "{decided} directions are decided; at most {wrong:.2} wrong ones are expected by chance.\n");
    for figure in figures {
        section(&mut out, &figure.own);
        for variant in &figure.variants {
            section(&mut out, variant);
        }
        if !figure.variants.is_empty() && !figure.own.claims.is_empty() {
            dependences(&mut out, figure);
        }
    }
    out.push_str(CONTRADICTIONS);
    out
}

/// Table of the claims under all assumptions published.
fn dependences(out: &mut String, figure: &Reported) {
    let _ = writeln!(out, "### {}: which claims depend on the assumptions\n", figure.own.figure);
    let names = figure.names();
    row(out, ["id", "claim"].iter().chain(&names).chain(&["depends"]).copied());
    let _ = writeln!(out, "|{}", "---|".repeat(names.len() + 3));
    for claim in figure.compared() {
        let verdicts: Vec<String> = claim.sets.iter().map(|judgement| verdict_of(*judgement)).collect();
        let own = [claim.own.id.as_str(), &claim.own.claim];
        row(out, own.into_iter().chain(verdicts.iter().map(String::as_str)).chain([claim.word().as_str()]));
    }
    out.push('\n');
}

fn section(out: &mut String, document: &Document) {
    let _ = writeln!(out, "## {}: {}\n", document.figure, document.title);
    let _ = writeln!(out, "{}\n", document.caption.subtitle);
    for warning in document.caption.banners.iter().chain(&document.caption.notes) {
        let _ = writeln!(out, "**{warning}**\n");
    }
    let _ = writeln!(out, "![{0}]({0}.svg)\n", document.figure);
    if document.claims.is_empty() {
        return;
    }
    out.push_str("| id | claim | paper | ours [95 % interval] | accepted | direction | magnitude | verdict |\n|---|---|---|---|---|---|---|---|\n");
    for claim in &document.claims {
        rows(out, claim);
    }
    out.push('\n');
}

fn rows(out: &mut String, claim: &Judgement) {
    let single = claim.parts.first().filter(|_| claim.parts.len() == 1);
    let (value, range) = single.map_or_else(Default::default, |part| (ours(part), accepted_words(part)));
    let (direction, magnitude) = (claim.direction.name(), claim.magnitude.name());
    let direction = if claim.asks_direction() { direction } else { NOT_ASKED };
    let magnitude = if claim.asks_magnitude() { magnitude } else { NOT_ASKED };
    row(out, [&claim.id, &claim.claim, &claim.paper, &value, &range, direction, magnitude, claim.verdict.name()]);
    for part in &claim.parts {
        if single.is_none() {
            let direction = part.direction.as_ref().map_or(NOT_ASKED, |d| d.answer.name());
            let magnitude = part.magnitude.as_ref().map_or(NOT_ASKED, |m| m.answer.name());
            row(out, ["", &part.what, "", &ours(part), &accepted_words(part), direction, magnitude, ""]);
        }
        if let Some(sentence) = contradiction(part) {
            row(out, ["", &sentence, "", "", "", "", "", ""]);
        }
    }
}

fn row<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    let cells: Vec<String> = cells.into_iter().map(|c| c.replace('|', "\\|")).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}
