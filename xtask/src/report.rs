//! `report`: all published figures, as one HTML page or one Markdown text.
use std::path::Path;

use ::report::{Figure, Page, Shown, State};
use experiment::catalogue::natural;
use experiment::file::Experiment;
use experiment::{Choice, PAPER, Plan, Source};
use results::measure::Runs;
use results::publish::{
    Document, Folders, Reported, Standing, document, paper_series, published_document, published_series, report,
    standing,
};

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::{self, Report};
use crate::text::say;

/// Runs the command.
pub fn run(args: &Report) -> Result<(), CommandError> {
    let place = Context::find(&flags::Folders::default())?;
    let mut folders = Folders::of(&place.root.join("figures"));
    if let Some(figures) = &args.figures {
        folders.out.clone_from(figures);
    }
    let page = Page {
        figures: figures(&place, &folders)?,
        reduced: reduced(&place, &folders)?,
        beyond: beyond(&place, &folders)?,
    };
    if page.figures.iter().all(|figure| figure.all().all(|shown| shown.state == State::NotRun)) {
        let folder = place.shown(&folders.out);
        return Err(CommandError::Failed(format!(
            "nothing is published in {folder}; `cargo xtask reproduce all` makes it"
        )));
    }
    if args.markdown {
        say(report(&markdown(&page)));
        return Ok(());
    }
    let path = args.out.clone().unwrap_or_else(|| place.root.join("target/report/index.html"));
    write(&path, &::report::html(&page).map_err(CommandError::failed)?)?;
    say(format!("written: {}", place.shown(&path)));
    say(::report::summary(&page));
    Ok(())
}

fn write(path: &Path, html: &str) -> Result<(), CommandError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(|e| failed("make the folder", folder, &e))?;
    }
    runs::files::replace(path, &[html.as_bytes()]).map_err(|e| failed("write", path, &e))
}

fn failed(action: &str, path: &Path, e: &std::io::Error) -> CommandError {
    CommandError::Failed(format!("cannot {action} {}: {e}", path.display()))
}

/// The figures that have something published, as the Markdown report shows them: numbers of another plan are left out and named.
fn markdown(page: &Page) -> Vec<Reported> {
    let document = |shown: &Shown| {
        let mut document = shown.document.clone();
        if let State::OtherPlan(difference) = &shown.state {
            document.caption.notes.push(format!("Published for another plan ({difference}); not run for this one."));
        }
        document
    };
    let published = |shown: &&Shown| shown.state != State::NotRun;
    let of_figure = |figure: &Figure| Reported {
        own: document(&figure.own),
        variants: figure.variants.iter().filter(published).map(document).collect(),
    };
    page.figures.iter().filter(|figure| figure.own.state != State::NotRun).map(of_figure).collect()
}

/// The paper's figures, each with its variants.
fn figures(place: &Context, folders: &Folders) -> Result<Vec<Figure>, CommandError> {
    let of_figure = |name: &String| {
        let source = place.catalogue.source(name)?;
        let shown = |variant: Option<&str>| -> Result<Shown, CommandError> {
            let plan = source.plan(&Choice { variant: variant.map(str::to_owned), ..Choice::default() })?;
            of_plan(&plan, folders)
        };
        let variants = source.variants().into_iter().map(|variant| shown(Some(variant)));
        Ok(Figure { own: shown(None)?, variants: variants.collect::<Result<_, CommandError>>()? })
    };
    place.catalogue.names().iter().map(of_figure).collect()
}

/// Finds what is published of a plan. Numbers of another plan are left out: the verdict on an earlier file is not one on the present.
fn of_plan(plan: &Plan, folders: &Folders) -> Result<Shown, CommandError> {
    let empty = || document(plan, &plan.name, &Runs::new());
    let (document, state) = match standing(plan, &plan.name, folders)? {
        Standing::Nothing => (empty()?, State::NotRun),
        Standing::Current(document) => (*document, State::Published),
        Standing::OtherPlan { difference, .. } => (empty()?, State::OtherPlan(difference)),
    };
    shown(document, state, Some(&plan.experiment), folders)
}

fn shown(
    document: Document,
    state: State,
    experiment: Option<&Experiment>,
    folders: &Folders,
) -> Result<Shown, CommandError> {
    let published = state == State::Published;
    let svg = folders.svg(&document.figure);
    Ok(Shown {
        svg: if published { text(&svg)? } else { None },
        ours: if published { published_series(&document, folders)? } else { Vec::new() },
        paper: experiment.map(|experiment| paper_series(experiment, folders)).transpose()?.unwrap_or_default(),
        experiment: experiment.cloned(),
        document,
        state,
    })
}

fn text(path: &Path) -> Result<Option<String>, CommandError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed("read", path, &e)),
    }
}

/// Figures published in `reduced/`.
fn reduced(place: &Context, folders: &Folders) -> Result<Vec<Shown>, CommandError> {
    let folders = Folders { out: folders.out.join("reduced"), ..folders.clone() };
    let mut all = Vec::new();
    for document in documents(&folders)? {
        let (figure, variant) = match document.figure.split_once('-') {
            Some((figure, variant)) => (figure.to_owned(), Some(variant.to_owned())),
            None => (document.figure.clone(), None),
        };
        let choice =
            Choice { scale: Some(document.scale.clone()).filter(|s| s != PAPER), variant, ..Choice::default() };
        let source = place.catalogue.source(&figure).ok();
        all.push(against(document, source, &choice, &folders)?);
    }
    Ok(all)
}

/// Studies published in `beyond/`, whose files are in `experiments/beyond`.
fn beyond(place: &Context, folders: &Folders) -> Result<Vec<Shown>, CommandError> {
    let folders = Folders { out: folders.out.join("beyond"), ..folders.clone() };
    let mut all = Vec::new();
    for document in documents(&folders)? {
        let file = place.catalogue.folder().join("beyond").join(format!("{}.yaml", document.figure));
        let source = Source::read(&file, place.catalogue.folder()).ok();
        let choice = Choice { scale: Some(document.scale.clone()).filter(|s| s != PAPER), ..Choice::default() };
        all.push(against(document, source, &choice, &folders)?);
    }
    Ok(all)
}

/// A document beside the plan that its file has now; a document without a file is shown with the names it has itself.
fn against(
    document: Document,
    source: Option<Source>,
    choice: &Choice,
    folders: &Folders,
) -> Result<Shown, CommandError> {
    let Some(plan) = source.and_then(|source| source.plan(choice).ok()) else {
        return shown(document, State::Published, None, folders);
    };
    let difference = results::publish::difference(&document, &plan);
    let state = difference.map_or(State::Published, State::OtherPlan);
    shown(document, state, Some(&plan.experiment), folders)
}

/// The documents of a folder, by name; none where there is no folder.
fn documents(folders: &Folders) -> Result<Vec<Document>, CommandError> {
    let Ok(entries) = std::fs::read_dir(folders.out.join("data")) else { return Ok(Vec::new()) };
    let paths =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut names: Vec<String> =
        paths.map(|path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned()).collect();
    names.sort_by_cached_key(|name| natural(name));
    let mut documents = Vec::new();
    for name in names {
        documents.extend(published_document(&name, folders)?);
    }
    Ok(documents)
}
