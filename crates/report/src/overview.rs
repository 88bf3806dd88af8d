//! The first screen: what of the paper holds, what does not, and what nobody can tell; then every claim in a row.
use std::collections::BTreeMap;

use results::claims::{Answer, Dependence, Judgement, PartJudgement, Verdict, expected_errors};
use results::publish::Reported;
use serde::Serialize;

use crate::section::{Claim, claim, joined};
use crate::{Figure, Page, State, counts, distances};

/// Claims are told in words where there are no more than so many, else by their identifiers.
const IN_WORDS: usize = 3;

/// Contents of the first screen.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// Answers to the whole, in one sentence.
    pub lead: String,
    /// Lines of the answer.
    pub lines: Vec<Line>,
    /// Every claim.
    pub claims: Vec<Entry>,
}

/// Line of the answer.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Heading of the line.
    pub what: String,
    /// Kind of answer, a class of the style sheet.
    pub kind: &'static str,
    /// Sentence behind it.
    pub text: String,
    /// The claims it is about, by figure.
    pub groups: Vec<Group>,
    /// True where the claims' words stand beside their identifiers; else they are shown under the pointer.
    pub told: bool,
}

/// Claims of one figure.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// Name of the figure in words.
    pub figure: String,
    /// (identifier, words) of its claims.
    pub claims: Vec<(String, String)>,
}

/// Row of the table of all claims.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// The claim.
    pub claim: Claim,
    /// Name of its figure in words.
    pub figure: String,
    /// Dependence on the assumptions.
    pub depends: String,
}

/// Name of a figure in words: `Figure 10`.
pub fn figure_words(name: &str) -> String {
    name.strip_prefix("fig").map_or_else(|| name.to_owned(), |number| format!("Figure {number}"))
}

/// Numbers of figures, `1, 2, 11`, from their names.
pub fn figure_numbers<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| name.trim_start_matches("fig")).collect::<Vec<_>>().join(", ")
}

/// Makes the first screen; `distances` are the rows of the table of distances.
pub fn of(page: &Page, distances: &[distances::Row]) -> Overview {
    let claims = counts::claims(page);
    let with = |verdict: Verdict| -> Vec<(&Figure, &Judgement)> {
        claims.iter().filter(|(_, claim)| claim.verdict == verdict).copied().collect()
    };
    let full = with(Verdict::Holds);
    let direction = with(Verdict::DirectionOnly);
    let (refuted, open): (Vec<_>, Vec<_>) =
        direction.iter().copied().partition(|(_, claim)| claim.magnitude == Answer::Fails);
    let (fails, unclear, not_run) = (with(Verdict::Fails), with(Verdict::Unclear), with(Verdict::NotRun));
    let mut lines = vec![
        line("Holds in all that it states", "holds", "", &full),
        line("Direction holds, the number does not", "direction", "", &refuted),
    ];
    if !open.is_empty() {
        lines.push(line("Direction holds, the number is undecided", "unclear", "", &open));
    }
    lines.push(line("Does not hold", "fails", "", &fails));
    lines.push(line("Nobody can tell from these runs", "unclear", &why_unclear(&unclear), &unclear));
    lines.push(line("Not run", "not-run", &why_not_run(page, &not_run), &not_run));
    let note = |what: &str, text| Line { what: what.to_owned(), kind: "note", text, groups: Vec::new(), told: false };
    lines.push(note("Assumptions", dependence(page)));
    lines.push(note("Choice of assumptions", samples(page)));
    let distances = distances::sentence(distances);
    if !distances.is_empty() {
        lines.push(note("Whole curves", distances));
    }
    lines.push(note("Chance", chance(&claims)));
    let rows = page.figures.iter().flat_map(|figure| {
        let depends: BTreeMap<String, String> =
            reported(figure).compared().iter().map(|c| (c.own.id.clone(), c.word())).collect();
        let several = !figure.variants.iter().all(|variant| variant.state != State::Published);
        let name = figure_words(&figure.own.document.figure);
        figure.own.document.claims.iter().map(move |judgement| Entry {
            claim: claim(judgement),
            figure: name.clone(),
            depends: depends.get(&judgement.id).filter(|_| several).cloned().unwrap_or_else(|| "–".to_owned()),
        })
    });
    Overview { lead: lead(page, &claims, full.len()), lines, claims: rows.collect() }
}

/// The documents of a figure that were made for the plans that its file has now.
pub fn reported(figure: &Figure) -> Reported {
    let current = figure.variants.iter().filter(|variant| variant.state == State::Published);
    Reported { own: figure.own.document.clone(), variants: current.map(|v| v.document.clone()).collect() }
}

fn lead(page: &Page, claims: &[(&Figure, &Judgement)], full: usize) -> String {
    let of = |answer: fn(&Judgement) -> Answer, asks: fn(&Judgement) -> bool| {
        let asked: Vec<Answer> = claims.iter().filter(|(_, c)| asks(c)).map(|(_, c)| answer(c)).collect();
        let count = |wanted: Answer| asked.iter().filter(|answer| **answer == wanted).count();
        format!(
            "{} hold, {} fail, {} are undecided, {} were not run ({} claims state one)",
            count(Answer::Holds),
            count(Answer::Fails),
            count(Answer::Unclear),
            count(Answer::NotRun),
            asked.len()
        )
    };
    let published = counts::published(page);
    format!(
        "{full} of the paper's {} claims hold in full. Directions: {}. Magnitudes: {}. {published} of its {} figures were run at the \
         paper's scale.",
        claims.len(),
        of(|c| c.direction, Judgement::asks_direction),
        of(|c| c.magnitude, Judgement::asks_magnitude),
        page.figures.len()
    )
}

fn line(what: &str, kind: &'static str, text: &str, claims: &[(&Figure, &Judgement)]) -> Line {
    let mut groups: Vec<Group> = Vec::new();
    for (figure, claim) in claims {
        let name = figure_words(&figure.own.document.figure);
        let words = joined(&claim.claim);
        match groups.last_mut() {
            Some(group) if group.figure == name => group.claims.push((claim.id.clone(), words)),
            _ => groups.push(Group { figure: name, claims: vec![(claim.id.clone(), words)] }),
        }
    }
    let told = claims.len() <= IN_WORDS;
    Line { what: format!("{what}: {}", claims.len()), kind, text: text.to_owned(), groups, told }
}

/// Reasons for undecided directions, counted.
fn why_unclear(claims: &[(&Figure, &Judgement)]) -> String {
    if claims.is_empty() {
        return String::new();
    }
    let one = claims.iter().filter(|(_, c)| c.parts.iter().any(PartJudgement::has_one_seed)).count();
    let (mut fewest, mut most) = (usize::MAX, 0);
    for part in claims.iter().flat_map(|(_, c)| &c.parts).filter(|part| part.n > 1) {
        (fewest, most) = (fewest.min(part.n), most.max(part.n));
    }
    let seeds = if fewest == most { format!("{most}") } else { format!("{fewest} to {most}") };
    let mut reasons = Vec::new();
    if claims.len() > one {
        reasons.push(format!(
            "in {} the 95 % interval over {seeds} seeds reaches beyond the limit between yes and no",
            claims.len() - one
        ));
    }
    if one > 0 {
        reasons.push(format!("{one} have one seed, which gives no interval"));
    }
    sentence(&reasons)
}

fn why_not_run(page: &Page, claims: &[(&Figure, &Judgement)]) -> String {
    let mut reasons = Vec::new();
    if let Some(absent) = numbers(page, |figure| figure.own.state == State::NotRun) {
        reasons.push(format!("figures {absent} were not trained at the paper's scale"));
    }
    if let Some(stale) = numbers(page, |figure| matches!(figure.own.state, State::OtherPlan(_))) {
        reasons.push(format!("what is published of figures {stale} was made for another plan"));
    }
    let lacking = claims.iter().filter(|(figure, _)| figure.own.state == State::Published).count();
    if lacking > 0 {
        reasons.push(format!("{lacking} claims of published figures lack numbers"));
    }
    sentence(&reasons)
}

/// Numbers of the figures that fulfil a condition, `1, 2, 11`; none where no figure does.
fn numbers(page: &Page, wanted: impl Fn(&Figure) -> bool) -> Option<String> {
    let found: Vec<&Figure> = page.figures.iter().filter(|figure| wanted(figure)).collect();
    let numbers = figure_numbers(found.iter().map(|figure| figure.own.document.figure.as_str()));
    (!found.is_empty()).then_some(numbers)
}

fn sentence(reasons: &[String]) -> String {
    let text = reasons.join("; ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

fn dependence(page: &Page) -> String {
    let (mut yes, mut open, mut no, mut one) = (Vec::new(), 0, 0, 0);
    for figure in &page.figures {
        let reported = reported(figure);
        if reported.variants.is_empty() {
            continue;
        }
        for compared in reported.compared() {
            match compared.dependence {
                Dependence::Yes => yes.push(compared.own.id.clone()),
                Dependence::Open => open += 1,
                Dependence::No => no += 1,
                Dependence::OneSet => one += 1,
            }
        }
    }
    let which = if yes.is_empty() { String::new() } else { format!(" ({})", yes.join(", ")) };
    let alone = if one == 0 { String::new() } else { format!(" {one} more were judged under one set only.") };
    format!(
        "Among the claims judged under several sets of assumptions, {} with the set{which}, {no} have one verdict under all sets, \
         and {open} are open under at least one.{alone}",
        if yes.len() == 1 {
            "1 changes its direction".to_owned()
        } else {
            format!("{} change their direction", yes.len())
        }
    )
}

fn samples(page: &Page) -> String {
    let names = |inside: bool| {
        let found = numbers(page, |figure| figure.own.in_sample() == inside);
        found.unwrap_or_else(|| "none".to_owned())
    };
    let departing = page.figures.iter().filter(|figure| !figure.own.document.departures.is_empty()).count();
    format!(
        "The paper's curves of figures {} helped to choose what its text leaves open (in-sample); figures {} had no part in it. {} of \
         the {} experiment files contradict the text.",
        names(true),
        names(false),
        if departing == 0 { "None".to_owned() } else { departing.to_string() },
        page.figures.len()
    )
}

fn chance(claims: &[(&Figure, &Judgement)]) -> String {
    let all: Vec<Judgement> = claims.iter().map(|(_, claim)| (*claim).clone()).collect();
    let (decided, wrong) = expected_errors(&all);
    let lost: Vec<&str> = all
        .iter()
        .filter(|claim| {
            matches!(claim.direction, Answer::Holds | Answer::Fails) && claim.holm.is_some_and(|h| h == Answer::Unclear)
        })
        .map(|claim| claim.id.as_str())
        .collect();
    let lost = if lost.is_empty() { "none".to_owned() } else { lost.join(", ") };
    format!(
        "{decided} directions are decided; at most {wrong:.2} wrong ones are expected by chance. Decided, but no longer after Holm's \
         correction over the claims of a figure: {lost}."
    )
}
