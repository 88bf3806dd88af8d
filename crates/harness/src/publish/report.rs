//! The report over all figures, in Markdown: per claim what the paper says, what the runs gave, and the verdict.
use std::fmt::Write as _;

use super::Document;
use crate::claims::{Judgement, PartJudgement, Verdict, accepted, ours};

const CONTRADICTIONS: &str = include_str!("contradictions.md");

/// A section a figure, then where the paper contradicts itself. Figures are linked as `figN.svg` beside the report.
pub fn report(documents: &[Document]) -> String {
    let mut out = String::from("# What was reproduced\n\n");
    let count = |v| documents.iter().flat_map(|d| &d.claims).filter(|c| c.verdict == v).count();
    let verdicts = [Verdict::Holds, Verdict::Fails, Verdict::Unclear, Verdict::NotRun];
    let counts: Vec<_> = verdicts.iter().map(|v| format!("{} {}", count(*v), v.name())).collect();
    let _ =
        writeln!(out, "{} claims: {}.\n", documents.iter().map(|d| d.claims.len()).sum::<usize>(), counts.join(", "));
    let _ = writeln!(
        out,
        "A claim *holds* when the whole 95 % interval over seeds lies in the accepted range, *fails* when it lies outside, \
         and is *unclear* otherwise.\n"
    );
    for document in documents {
        section(&mut out, document);
    }
    out.push_str(CONTRADICTIONS);
    out
}

fn section(out: &mut String, document: &Document) {
    let _ = writeln!(out, "## {}: {}\n", document.figure, document.title);
    let _ = writeln!(out, "{}\n", document.face.subtitle);
    for warning in document.face.banners.iter().chain(&document.face.notes) {
        let _ = writeln!(out, "**{warning}**\n");
    }
    let _ = writeln!(out, "![{0}]({0}.svg)\n", document.figure);
    if document.claims.is_empty() {
        return;
    }
    out.push_str("| id | claim | paper | ours [95 % interval] | accepted | verdict |\n|---|---|---|---|---|---|\n");
    for claim in &document.claims {
        rows(out, claim);
    }
    out.push('\n');
}

fn rows(out: &mut String, claim: &Judgement) {
    let single = claim.parts.first().filter(|_| claim.parts.len() == 1);
    let (value, range) = single.map_or_else(Default::default, |p| (ours(p), accepted(p.accept, &p.unit)));
    row(out, [&claim.id, &claim.claim, &claim.paper, &value, &range, claim.verdict.name()]);
    for part in claim.parts.iter().filter(|_| single.is_none()) {
        let PartJudgement { what, accept, unit, verdict, .. } = part;
        row(out, ["", what, "", &ours(part), &accepted(*accept, unit), verdict.name()]);
    }
}

fn row(out: &mut String, cells: [&str; 6]) {
    let cells = cells.map(|c| c.replace('|', "\\|"));
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}
