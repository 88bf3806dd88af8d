//! Everything that is published, as one HTML page that needs nothing but itself: no network, no script.
//!
//! [`Page`] holds documents, figures and curves as they were read; [`html`] makes the page of them. Every number and word about results comes
//! from the documents; only the section on obstacles is a text of its own (`templates/obstacles.md`).
mod counts;
mod curves;
mod distances;
mod drawing;
mod hover;
mod markdown;
mod overview;
mod section;

use experiment::file::Experiment;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use results::publish::Document;
use results::series::{PaperSeries, Series};

/// Errors of making the page.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The template cannot be filled in.
    #[error("the report's template cannot be filled in ({0:#}); this is an error of the program")]
    Template(#[from] minijinja::Error),
    /// An experiment cannot be drawn.
    #[error(transparent)]
    Figure(#[from] results::figure::Error),
}

/// State of a result beside the experiment file that the repository has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Published for this very plan.
    Published,
    /// Unpublished.
    NotRun,
    /// Published for another plan; the difference in words.
    OtherPlan(String),
}

/// One result: a document with its figure and its curves.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The document; where nothing was run, one whose claims are judged without runs.
    pub document: Document,
    /// State beside the experiment file.
    pub state: State,
    /// The figure.
    pub svg: Option<String>,
    /// Curves of these runs.
    pub ours: Vec<Series>,
    /// The paper's curves.
    pub paper: Vec<PaperSeries>,
    /// The experiment, whose panels are drawn; none where its file is not there.
    pub experiment: Option<Experiment>,
}

impl Shown {
    /// Returns whether the paper's curves of this figure helped to choose the assumptions: as the experiment file says now, since no
    /// number depends on it; as the document says where there is no file.
    pub fn in_sample(&self) -> bool {
        self.experiment.as_ref().map_or(self.document.in_sample, |experiment| experiment.in_sample)
    }
}

/// A figure of the paper.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Result under the file's own assumptions.
    pub own: Shown,
    /// Results under other assumptions.
    pub variants: Vec<Shown>,
}

impl Figure {
    /// All results of the figure, its own first.
    pub fn all(&self) -> impl Iterator<Item = &Shown> {
        std::iter::once(&self.own).chain(&self.variants)
    }
}

/// Contents of the page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The paper's figures.
    pub figures: Vec<Figure>,
    /// Results at a reduced scale, which are no verdict on the paper.
    pub reduced: Vec<Shown>,
    /// Studies that the paper does not have.
    pub beyond: Vec<Shown>,
}

/// Makes the page.
///
/// # Errors
/// Fails where an experiment names an unknown colour or loss, or the template a value that there is not.
pub fn html(page: &Page) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.add_template("drawing.html", include_str!("../templates/drawing.html"))?;
    environment.add_template("parts.html", include_str!("../templates/parts.html"))?;
    environment.add_template("page.html", include_str!("../templates/page.html"))?;
    let figures: Vec<section::Section> = page.figures.iter().map(section::of_figure).collect::<Result<_, Error>>()?;
    let others = |shown: &[Shown], prefix: &str| -> Result<Vec<section::Section>, Error> {
        shown.iter().map(|shown| section::of_study(shown, prefix)).collect()
    };
    let distances = distances::of(page)?;
    let values = context! {
        style => include_str!("../templates/style.css"),
        size => drawing::SIZE,
        obstacles => markdown::html(include_str!("../templates/obstacles.md"), "Obstacles, a table"),
        contradictions => markdown::html(results::publish::CONTRADICTIONS, "Contradictions of the paper, a table"),
        overview => Value::from(Serde(overview::of(page, &distances))),
        distances => Value::from(Serde(distances)),
        figures => Value::from(Serde(figures)),
        reduced => Value::from(Serde(others(&page.reduced, "reduced")?)),
        beyond => Value::from(Serde(others(&page.beyond, "beyond")?)),
        version => env!("CARGO_PKG_VERSION"),
    };
    Ok(environment.get_template("page.html")?.render(values)?)
}

/// Counts of the page in one line: figures, claims, verdicts.
pub fn summary(page: &Page) -> String {
    counts::line(page)
}
