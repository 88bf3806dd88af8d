//! One figure of the page, in the words and numbers of its documents.
use base64::{Engine as _, prelude::BASE64_STANDARD};
use results::claims::{Answer, Judgement, PartJudgement, accepted_words, contradiction, ours, verdict_of};
use results::figure::{resolve, with_derived};
use serde::Serialize;
use serde_json::Value;

use crate::counts;
use crate::curves::{self, Row};
use crate::drawing::{self, Drawing};
use crate::overview::{figure_words, reported};
use crate::{Error, Figure, Shown, State};

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
    /// Panels, drawn on the page.
    pub drawings: Vec<Drawing>,
    /// File of the figure as published.
    pub file: String,
    /// Published figure as a data URL; empty where it is not shown.
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
    /// Whether the paper's curves helped to choose the assumptions, in a sentence; empty where the paper has no such figure.
    pub sample: &'static str,
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
pub fn of_figure(figure: &Figure) -> Result<Section, Error> {
    let document = &figure.own.document;
    let variant = |shown: &Shown| shown.document.variant().unwrap_or_default().to_owned();
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
    let number = figure_words(&document.figure);
    let variants = run
        .into_iter()
        .map(|shown| block(shown, &shown.document.figure, format!("{number}, {}", variant(shown)), false));
    Ok(Section {
        id: document.figure.clone(),
        title: format!("{}: {}", figure_words(&document.figure), document.title),
        own: block(&figure.own, &document.figure, number.clone(), true)?.with_image(&figure.own),
        notes: notes(&figure.own),
        variants: variants.collect::<Result<_, Error>>()?,
        missing: missing.into_iter().map(variant).collect::<Vec<_>>().join(", "),
        comparison,
    })
}

/// Section of a result that has no variants; `prefix` keeps its anchor apart from the figures'.
pub fn of_study(shown: &Shown, prefix: &str) -> Result<Section, Error> {
    let document = &shown.document;
    let id = format!("{prefix}-{}", document.figure);
    let of_paper = document.figure.starts_with("fig");
    let (title, name) = if of_paper {
        let name = format!("{}, scale {}", figure_words(&document.figure), document.scale);
        (format!("{name}: {}", document.title), name)
    } else {
        (document.title.clone(), document.title.clone())
    };
    let mut own = block(shown, &id, name, true)?.with_image(shown);
    own.file = format!("{prefix}/{}", own.file);
    if !of_paper {
        own.sample = "";
    }
    Ok(Section { id, title, own, notes: notes(shown), variants: Vec::new(), missing: String::new(), comparison: None })
}

/// Description of the figure, and remarks, from the experiment file.
fn notes(shown: &Shown) -> Vec<String> {
    let notes = shown.experiment.iter().flat_map(|experiment| [&experiment.shows, &experiment.notes]);
    notes.filter(|note| !note.is_empty()).map(|note| joined(note)).collect()
}

/// Curves of a result: drawn, and as rows of its data table.
fn curves(shown: &Shown, id: &str, values: bool) -> Result<(Vec<Drawing>, Vec<Row>), Error> {
    let Some(experiment) = &shown.experiment else { return Ok(Default::default()) };
    let paper = if shown.document.caption.without_paper { &[] } else { shown.paper.as_slice() };
    let (drawn, paper) = with_derived(experiment, &shown.ours, paper);
    let panels = resolve(&drawn, &shown.ours, &paper)?;
    let drawings = panels.iter().filter_map(|panel| drawing::of(panel, id, values)).collect();
    Ok((drawings, panels.iter().flat_map(curves::rows).collect()))
}

impl Block {
    /// The block with the figure as it was published.
    fn with_image(mut self, shown: &Shown) -> Self {
        let svg = shown.svg.as_deref().unwrap_or_default();
        self.image = BASE64_STANDARD.encode(svg);
        self.alt = alt(svg, &shown.document.title);
        (self.width, self.height) = size(svg);
        self
    }
}

/// Result under one set of assumptions; its drawings show values under the pointer where `values` is true.
fn block(shown: &Shown, id: &str, name: String, values: bool) -> Result<Block, Error> {
    let document = &shown.document;
    let (drawings, rows) = curves(shown, id, values)?;
    let state = match &shown.state {
        State::Published => String::new(),
        State::NotRun => "Not run at the paper's scale: the paper's curves stand alone.".to_owned(),
        State::OtherPlan(difference) => format!("Not run: what is published was made for another plan ({difference})."),
    };
    Ok(Block {
        name,
        state,
        caption: document.caption.subtitle.clone(),
        warnings: document.caption.banners.iter().chain(&document.caption.notes).cloned().collect(),
        drawings,
        file: format!("{}.svg", document.figure),
        image: String::new(),
        alt: String::new(),
        width: String::new(),
        height: String::new(),
        rows,
        claims: document.claims.iter().map(claim).collect(),
        assumptions: settings(&document.assumptions),
        departures: settings(&document.departures),
        sample: if shown.in_sample() {
            "In-sample: the paper's curves of this figure helped to choose the assumptions."
        } else {
            "Out of sample: this figure had no part in choosing the assumptions."
        },
        provenance: provenance(shown),
    })
}

/// Words of which `η = 0.01` stays on one line.
pub fn joined(words: &str) -> String {
    words.replace(" = ", "\u{a0}=\u{a0}").replace(" pp", "\u{a0}pp")
}

/// A claim with its rows.
pub fn claim(judgement: &Judgement) -> Claim {
    let asked = |asks: bool, answer| if asks { mark(answer) } else { NOT_ASKED };
    Claim {
        id: judgement.id.clone(),
        words: joined(&judgement.claim),
        paper: joined(&judgement.paper),
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
    let mut notes: Vec<String> = part.note.iter().cloned().collect();
    notes.extend(contradiction(part));
    if let Some(chances) = &part.operating {
        notes.push(format!(
            "Chance that this part holds with as many seeds: {:.0} % if the paper is right, {:.1} % if there is no effect.",
            100.0 * chances.if_paper_is_right,
            100.0 * chances.if_no_effect
        ));
    }
    Part {
        what: joined(&part.what),
        ours: ours(part),
        accepted: accepted_words(part),
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
