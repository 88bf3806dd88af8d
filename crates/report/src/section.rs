//! One figure of the page, in the words and numbers of its documents.
use results::claims::{Answer, Judgement, PartJudgement, accepted, magnitude_accepted, ours, verdict_of};
use serde::Serialize;
use serde_json::Value;

use crate::base64;
use crate::counts;
use crate::curves::{self, Row};
use crate::overview::{figure_words, reported};
use crate::{Figure, Shown, State};

/// Claim with everything that its rows show.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// Identifier.
    pub id: String,
    /// Claim in words.
    pub words: String,
    /// Value of the paper, as printed.
    pub paper: String,
    /// Numbers of its parts.
    pub parts: Vec<Part>,
    /// Answer about the direction: (class, word).
    pub direction: Mark,
    /// Answer about the magnitude.
    pub magnitude: Mark,
    /// Verdict in words.
    pub verdict: &'static str,
    /// Direction after Holm's correction.
    pub holm: Mark,
}

/// Answer as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Class of the style sheet.
    pub class: &'static str,
    /// Sign before the word, a second encoding beside the colour.
    pub sign: &'static str,
    /// Word.
    pub word: &'static str,
}

/// Part of a claim.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Description of the number.
    pub what: String,
    /// Estimate with interval and seeds.
    pub ours: String,
    /// Ranges taken as agreement.
    pub accepted: String,
    /// Answer about the direction.
    pub direction: Mark,
    /// Answer about the magnitude.
    pub magnitude: Mark,
    /// Remarks: restrictions, the paper's contradiction, chances to hold.
    pub notes: Vec<String>,
}

/// Result under one set of assumptions.
#[derive(Clone, Debug, Serialize)]
pub struct Block {
    /// Name of the set, for headings and labels.
    pub name: String,
    /// The state, where the result is not current.
    pub state: String,
    /// Caption below the figure.
    pub caption: String,
    /// Warnings and notes of the figure.
    pub warnings: Vec<String>,
    /// The figure as a data URL.
    pub image: String,
    /// Description of the figure for those who do not see it.
    pub alt: String,
    /// Width of the figure.
    pub width: String,
    /// Height of the figure.
    pub height: String,
    /// Values of the curves.
    pub rows: Vec<Row>,
    /// Claims.
    pub claims: Vec<Claim>,
    /// Settings about which the text is silent.
    pub assumptions: Vec<(String, String)>,
    /// Settings that contradict the text.
    pub departures: Vec<(String, String)>,
    /// Whether the paper's curves helped to choose the assumptions.
    pub in_sample: bool,
    /// Digests, seeds, version, data.
    pub provenance: Vec<(String, String)>,
}

/// Comparison of the claims under all sets of assumptions.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Names of the sets.
    pub names: Vec<String>,
    /// (identifier, verdicts, dependence).
    pub rows: Vec<(String, Vec<String>, String)>,
}

/// A figure of the page.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// Anchor.
    pub id: String,
    /// Heading.
    pub title: String,
    /// Result under the file's own assumptions.
    pub own: Block,
    /// Remarks of the experiment file.
    pub notes: Vec<String>,
    /// Results under other assumptions.
    pub variants: Vec<Block>,
    /// Sets of assumptions that were not run, in words.
    pub missing: String,
    /// Dependence of the claims on the assumptions; none with a single set.
    pub comparison: Option<Comparison>,
}

/// Section of a figure of the paper.
pub fn of_figure(figure: &Figure) -> Section {
    let document = &figure.own.document;
    let variant = |shown: &Shown| shown.document.figure.split_once('-').map_or("", |(_, name)| name).to_owned();
    let (run, missing): (Vec<&Shown>, Vec<&Shown>) =
        figure.variants.iter().partition(|variant| variant.state != State::NotRun);
    let reported = reported(figure);
    let several = !reported.variants.is_empty() && !document.claims.is_empty();
    let comparison = several.then(|| Comparison {
        names: reported.names().into_iter().map(str::to_owned).collect(),
        rows: reported
            .compared()
            .iter()
            .map(|c| {
                (
                    c.own.id.clone(),
                    c.sets.iter().map(|set| verdict_of(*set).replace("not-run", "not run")).collect(),
                    c.word(),
                )
            })
            .collect(),
    });
    Section {
        id: document.figure.clone(),
        title: format!("{}: {}", figure_words(&document.figure), document.title),
        own: block(&figure.own, figure_words(&document.figure)),
        notes: figure.own.notes.clone(),
        variants: run
            .into_iter()
            .map(|shown| block(shown, format!("{}, {}", figure_words(&document.figure), variant(shown))))
            .collect(),
        missing: missing.into_iter().map(variant).collect::<Vec<_>>().join(", "),
        comparison,
    }
}

/// Section of a result that has no variants; `prefix` keeps its anchor apart from the figures'.
pub fn of_study(shown: &Shown, prefix: &str) -> Section {
    let document = &shown.document;
    Section {
        id: format!("{prefix}-{}", document.figure),
        title: if document.figure.starts_with("fig") {
            format!("{}, scale {}: {}", figure_words(&document.figure), document.scale, document.title)
        } else {
            document.title.clone()
        },
        own: block(shown, format!("{} ({prefix})", figure_words(&document.figure))),
        notes: shown.notes.clone(),
        variants: Vec::new(),
        missing: String::new(),
        comparison: None,
    }
}

fn block(shown: &Shown, name: String) -> Block {
    let document = &shown.document;
    let svg = shown.svg.as_deref().unwrap_or_default();
    let state = match &shown.state {
        State::Published => String::new(),
        State::NotRun => format!("Not run: nothing is published at the scale `{}`.", document.scale),
        State::OtherPlan(difference) => format!("Not run: what is published was made for another plan ({difference})."),
    };
    let (width, height) = size(svg);
    Block {
        name,
        state,
        caption: document.caption.subtitle.clone(),
        warnings: document.caption.banners.iter().chain(&document.caption.notes).cloned().collect(),
        image: if svg.is_empty() { String::new() } else { base64::encode(svg.as_bytes()) },
        alt: alt(svg, &document.title),
        width,
        height,
        rows: curves::rows(shown),
        claims: document.claims.iter().map(claim).collect(),
        assumptions: settings(&document.assumptions),
        departures: settings(&document.departures),
        in_sample: document.in_sample,
        provenance: provenance(shown),
    }
}

/// A claim with its rows.
pub fn claim(judgement: &Judgement) -> Claim {
    let asked = |asks: bool, answer| if asks { mark(answer) } else { NOT_ASKED };
    Claim {
        id: judgement.id.clone(),
        words: judgement.claim.clone(),
        paper: judgement.paper.clone(),
        parts: judgement.parts.iter().map(part).collect(),
        direction: asked(judgement.asks_direction(), judgement.direction),
        magnitude: asked(judgement.asks_magnitude(), judgement.magnitude),
        verdict: counts::words(judgement.verdict),
        holm: judgement.holm.map_or(NOT_ASKED, mark),
    }
}

const NOT_ASKED: Mark = Mark { class: "none", sign: "", word: "not asked" };

fn mark(answer: Answer) -> Mark {
    Mark { class: answer.name(), sign: answer.symbol(), word: answer.words() }
}

fn part(part: &PartJudgement) -> Part {
    let direction = part.direction.as_ref().map(|d| format!("direction {}", accepted(d.range, &part.unit)));
    let magnitude = part.magnitude.as_ref().map(|m| {
        let reason = m.asked.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        format!("magnitude {}{reason}", magnitude_accepted(&m.asked, &part.unit))
    });
    let mut notes: Vec<String> = part.note.iter().cloned().collect();
    if let Some((value, answer)) = part.magnitude.as_ref().and_then(|m| Some((m.asked.figure?, m.by_figure?))) {
        let value = format!("{value} {}", part.unit);
        let answer = answer.words();
        notes.push(format!(
            "The paper's own figure contradicts its text: {}; magnitude by the figure: {answer}.",
            value.trim()
        ));
    }
    if let Some(chances) = &part.operating {
        notes.push(format!(
            "Chance that this part holds with as many seeds: {:.0} % if the paper is right, {:.1} % if there is no effect.",
            100.0 * chances.if_paper_is_right,
            100.0 * chances.if_no_effect
        ));
    }
    Part {
        what: part.what.clone(),
        ours: ours(part).replace("-,", "–,"),
        accepted: direction.into_iter().chain(magnitude).collect::<Vec<_>>().join("; "),
        direction: part.direction.as_ref().map_or(NOT_ASKED, |d| mark(d.answer)),
        magnitude: part.magnitude.as_ref().map_or(NOT_ASKED, |m| mark(m.answer)),
        notes,
    }
}

fn settings(map: &std::collections::BTreeMap<String, Value>) -> Vec<(String, String)> {
    map.iter().map(|(key, value)| (key.clone(), plain(value))).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn provenance(shown: &Shown) -> Vec<(String, String)> {
    let document = &shown.document;
    let seeds: Vec<String> = document.seeds.iter().map(|(loss, n)| format!("{loss}: {n}")).collect();
    let mut rows = vec![
        ("Document".to_owned(), format!("data/{}.json, scale {}", document.figure, document.scale)),
        ("Version".to_owned(), document.version.clone()),
        ("Seeds by loss".to_owned(), if seeds.is_empty() { "none".to_owned() } else { seeds.join(", ") }),
    ];
    for (loss, runs) in &document.diverged {
        let runs: Vec<String> = runs.iter().map(|(seed, step)| format!("seed {seed} at step {step}")).collect();
        rows.push((format!("Diverged, {loss}"), runs.join(", ")));
    }
    if shown.state == State::Published {
        let digests = document.plan.as_ref().and_then(|plan| serde_json::to_value(plan).ok());
        if let Some(Value::Object(digests)) = digests {
            rows.extend(digests.iter().map(|(key, value)| (format!("Plan, {key}"), plain(value))));
        }
        rows.push(("Table (BLAKE3)".to_owned(), document.table.clone()));
    }
    rows.extend(document.data.iter().map(|file| (format!("{} (SHA-256)", file.name), file.digest.clone())));
    rows
}

/// Description that the figure has inside, else its title.
fn alt(svg: &str, title: &str) -> String {
    let inside = |tag: &str| {
        let (_, rest) = svg.split_once(&format!("<{tag}>"))?;
        let (text, _) = rest.split_once(&format!("</{tag}>"))?;
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
        Some(text.replace("&amp;", "&"))
    };
    match (inside("title"), inside("desc")) {
        (Some(title), Some(text)) => format!("{title}. {text}"),
        (Some(title), None) => title,
        _ => title.to_owned(),
    }
}

/// Width and height that the figure gives itself.
fn size(svg: &str) -> (String, String) {
    let head = svg.split_once('>').map_or("", |(head, _)| head);
    let of = |name: &str| {
        let value = head.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0;
        value.parse::<f64>().ok().map(|value| format!("{value:.0}"))
    };
    (of("width").unwrap_or_else(|| "1120".to_owned()), of("height").unwrap_or_else(|| "800".to_owned()))
}
