//! `search`: successive halving over assignments, reported rung by rung, with a table and a figure at its end.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use experiment::suggest::clause;
use results::publish::paper_curves;
use runs::scheduler::{CHECKPOINT_EVERY, Event, Options, Progress, Scheduler};
use search::{
    self, Assignment, Candidates, CandidatesError, Ending, Figure, Halving, KEEP_ONE_IN, Observer, Outcome, Ranking,
    Rung,
};

use crate::context::Context;
use crate::error::CommandError;
use crate::flags::Search;
use crate::hint;
use crate::interrupt;
use crate::progress::Line;
use crate::reproduce::stopped_or;
use crate::text::{count, duration, say};

/// Assignments left out that are named one by one.
const SHOWN: usize = 5;

/// Runs the command.
pub fn run(args: &Search) -> Result<(), CommandError> {
    let budget = budget(args.budget)?;
    let place = Context::find(&args.training.folders)?.on(args.training.device)?;
    let figures = figures(&place, args)?;
    let (tried, candidates) = candidates(&figures, args)?;
    let seeds =
        candidates.candidates.iter().flat_map(|candidate| &candidate.plans).map(|plan| plan.experiment.seeds).max();
    let rungs = if args.grid { search::grid } else { search::ladder }(candidates.candidates.len(), seeds.unwrap_or(1));

    let data = place.sets()?;
    let factory = place.factory()?;
    let scheduler = Scheduler { store: &place.store, data: &data, factory: factory.as_ref() };
    let halving = Halving { figures: &figures, candidates: &candidates, rungs: &rungs, scheduler };
    let jobs = args.training.jobs();
    interrupt::listen();
    explain(&halving, &candidates, &tried, jobs, budget)?;
    let options = Options { jobs, checkpoint_every: CHECKPOINT_EVERY, stop: &interrupt::STOP };
    let outcome = halving.run(options, budget, &Narrator).map_err(stopped_or)?;
    show(&place, args, &outcome, &tried, &candidates)?;
    end(&outcome)
}

fn budget(minutes: Option<f64>) -> Result<Option<Duration>, CommandError> {
    let seconds = minutes.map(|minutes| Duration::try_from_secs_f64(60.0 * minutes));
    seconds.transpose().map_err(|_| CommandError::Usage("--budget: give the minutes as a number, 0 or more".into()))
}

fn figures(place: &Context, args: &Search) -> Result<Vec<Figure>, CommandError> {
    let mut figures: Vec<Figure> = Vec::new();
    for name in &args.figures {
        let names = if name == "all" { place.catalogue.names() } else { std::slice::from_ref(name) };
        for name in names {
            let source = place.source(name)?;
            let experiment = source.resolve(&args.training.change.choice(&[]))?;
            let curves = place.root.join("figures/paper").join(format!("{}.csv", source.name));
            let paper = paper_curves(&curves, &experiment.paper)?;
            if figures.iter().all(|figure| figure.source.name != source.name) {
                figures.push(Figure { source, paper });
            }
        }
    }
    if !args.training.only.is_empty() {
        only(&mut figures, args)?;
    }
    Ok(figures)
}

/// Lets only the losses of `--only` judge.
fn only(figures: &mut Vec<Figure>, args: &Search) -> Result<(), CommandError> {
    let base = args.training.change.choice(&[]);
    let mut losses = BTreeSet::new();
    for figure in figures.iter() {
        losses.extend(figure.source.resolve(&base)?.losses.into_keys());
    }
    if let Some(unknown) = args.training.only.iter().find(|loss| !losses.contains(*loss)) {
        let hint = clause(unknown, losses.iter().map(String::as_str));
        return Err(CommandError::Usage(format!("--only {unknown}: none of these figures has that loss{hint}")));
    }
    for figure in figures.iter_mut() {
        figure.keep_only(&args.training.only, &base)?;
    }
    // A figure none of whose curves is left does not judge.
    figures.retain(|figure| !figure.paper.is_empty());
    if figures.is_empty() {
        return Err(CommandError::Usage(format!(
            "--only {}: the paper draws no curve of it",
            args.training.only.join(" --only ")
        )));
    }
    Ok(())
}

/// The varied settings, in words for the reader and as the keys that assignments change.
struct Tried {
    words: Vec<String>,
    keys: Vec<String>,
}

fn candidates(figures: &[Figure], args: &Search) -> Result<(Tried, Candidates), CommandError> {
    let base = args.training.change.choice(&[]);
    let varied = if args.vary.is_empty() && args.list.is_none() {
        let experiments: Vec<_> =
            figures.iter().map(|figure| figure.source.resolve(&base)).collect::<Result<_, _>>()?;
        search::of_files(&experiments)
    } else {
        args.vary.clone()
    };
    let mut words: Vec<String> =
        varied.iter().map(|vary| format!("{} = {}", vary.key, vary.values.join(" | "))).collect();
    let list = match &args.list {
        Some(path) => {
            words.insert(0, format!("the list {}", path.display()));
            listed(path)?
        }
        None => vec![Assignment::default()],
    };
    let tried = search::combined(&list, &varied);
    let candidates = search::candidates(figures, &base, &tried)
        .map_err(|error: CandidatesError| CommandError::Usage(error.to_string()))?;
    Ok((Tried { words, keys: search::keys(&tried) }, candidates))
}

fn listed(path: &Path) -> Result<Vec<Assignment>, CommandError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| CommandError::Usage(format!("--list {shown}: cannot read it: {error}; give a YAML file")))?;
    search::listed(&text).map_err(|why| CommandError::Usage(format!("--list {shown}: {why}")))
}

/// Prints what is about to be trained and how long that takes.
fn explain(
    search: &Halving,
    candidates: &Candidates,
    tried: &Tried,
    jobs: usize,
    budget: Option<Duration>,
) -> Result<(), CommandError> {
    crate::text::tell!("{}:\n  {}", count(candidates.candidates.len(), "assignment"), tried.words.join("\n  "));
    for left_out in candidates.left_out.iter().take(SHOWN) {
        crate::text::tell!("  left out: {left_out}");
    }
    if candidates.left_out.len() > SHOWN {
        crate::text::tell!("  left out: {} more", candidates.left_out.len() - SHOWN);
    }
    let estimates = search.estimate(jobs).map_err(stopped_or)?;
    for (rung, estimate) in search.rungs.iter().zip(&estimates) {
        let time = match estimate.missing {
            0 => "nothing to train".to_owned(),
            missing => format!("{} to train: about {}", count(missing, "run"), duration(estimate.seconds)),
        };
        let next = search
            .rungs
            .get(rung.number)
            .map_or_else(String::new, |_| format!("; the best one in {KEEP_ONE_IN} goes on"));
        crate::text::tell!("rung {}: {}; {time}{next}", rung.number, describe(rung));
    }
    let total: f64 = estimates.iter().map(|estimate| estimate.seconds).sum();
    match budget {
        Some(budget) if total > budget.as_secs_f64() => crate::text::tell!(
            "about {} in all, the budget is {}: it stops there, and the same command goes on",
            duration(total),
            duration(budget.as_secs_f64())
        ),
        _ => crate::text::tell!("about {} in all; Ctrl-C stops, the same command goes on", duration(total)),
    }
    Ok(())
}

fn describe(rung: &Rung) -> String {
    let share = if rung.share < 1.0 {
        format!("the first {:.0} % of the steps", 100.0 * rung.share)
    } else {
        "all steps".into()
    };
    let seeds = usize::try_from(rung.seeds).unwrap_or(usize::MAX);
    format!("{}, {}, {share}", count(rung.assignments, "assignment"), count(seeds, "seed"))
}

/// Prints the progress of the search.
struct Narrator;

/// A progress line that is removed when its batch is done.
struct BatchLine(Line);

impl Progress for BatchLine {
    fn event(&self, event: Event<'_>) {
        self.0.event(event);
    }
}

impl Drop for BatchLine {
    fn drop(&mut self) {
        self.0.clear();
    }
}

impl Observer for Narrator {
    fn rung(&self, rung: &Rung, assignments: usize, missing: usize) {
        let words = describe(&Rung { assignments, ..*rung });
        crate::text::tell!("\nrung {}: {words}; {} to train", rung.number, count(missing, "run"));
    }

    fn batch(&self) -> Box<dyn Progress + '_> {
        Box::new(BatchLine(Line::new()))
    }

    fn scored(&self, ranking: &Ranking) {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        let fits = if ranking.fits == Some(true) { ", fits" } else { "" };
        crate::text::tell!(
            "  {} (noise {}{fits})  {}",
            number(ranking.rms),
            number(ranking.noise),
            ranking.assignment.name()
        );
    }
}

/// Prints the table and writes table and figure.
fn show(
    place: &Context,
    args: &Search,
    outcome: &Outcome,
    tried: &Tried,
    candidates: &Candidates,
) -> Result<(), CommandError> {
    let plans = candidates.candidates.first().map_or(&[][..], |candidate| &candidate.plans);
    let notes = notes(place, args, plans);
    say(format!("\n{}", search::table(outcome)));
    for note in &notes {
        say(note);
    }
    let folder = args.training.folders.out.clone().unwrap_or_else(|| place.root.join("target/assignments"));
    let fake = if args.training.folders.fake_trainer { "fake-" } else { "" };
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    let stem = format!("{fake}{}", names.join("-"));
    let files: [(PathBuf, String); 2] = [
        (folder.join(format!("{stem}.csv")), search::csv(outcome, &tried.keys)?),
        (
            folder.join(format!("{stem}.svg")),
            search::picture(outcome, plans, &notes).map_err(results::publish::Error::from)?,
        ),
    ];
    std::fs::create_dir_all(&folder).map_err(|error| cannot_write(&place.shown(&folder), &error))?;
    for (path, text) in &files {
        std::fs::write(path, text).map_err(|error| cannot_write(&place.shown(path), &error))?;
    }
    say(format!("written: {}", files.map(|(path, _)| place.shown(&path)).join(", ")));
    Ok(())
}

fn cannot_write(path: &str, error: &std::io::Error) -> CommandError {
    CommandError::Failed(format!("cannot write {path}: {error}; give another folder with --out"))
}

/// Notes that a reader of the scores must not miss.
fn notes(place: &Context, args: &Search, plans: &[experiment::Plan]) -> Vec<String> {
    let mut notes = Vec::new();
    for plan in plans.iter().filter(|plan| plan.experiment.data.set != plan.full.data.set) {
        notes.push(format!(
            "{} is trained on {} in place of {}: the scores say nothing about the paper",
            plan.name, plan.experiment.data.set, plan.full.data.set
        ));
    }
    if args.training.folders.fake_trainer {
        notes.push(format!("fake trainer: nothing was trained ({})", place.shown(place.store.root())));
    }
    notes
}

/// Prints how the search ended: with status 0 even where the budget ended it, since the user asked for that.
fn end(outcome: &Outcome) -> Result<(), CommandError> {
    let failed: Vec<_> = outcome.rankings.iter().filter(|ranking| ranking.failure.is_some()).collect();
    if let Some(remaining) = &outcome.remaining {
        let words = format!(
            "remaining: {} of rung {} ({} missing), and the rungs above it",
            count(remaining.assignments, "assignment"),
            remaining.rung.number,
            count(remaining.runs, "run")
        );
        let go_on = format!("Go on with: {}", hint::again());
        match outcome.ending {
            Ending::Stopped => return Err(CommandError::Interrupted(format!("stopped; {words}.\n{go_on}"))),
            Ending::Budget | Ending::Over => say(format!("the budget is used up; {words}.\n{go_on}")),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let reason = failed[0].failure.as_deref().unwrap_or_default();
    Err(CommandError::Failed(format!(
        "{} failed and left the search; the first: {reason}",
        count(failed.len(), "assignment")
    )))
}
