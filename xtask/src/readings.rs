//! `readings`: a race of readings, told rung by rung, with a table and a figure at its end.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::experiment::suggest::clause;
use harness::publish::paper_curves;
use harness::readings::{
    self, Ending, Field, FieldError, Figure, KEEP_ONE_IN, Observer, Outcome, Race, Reading, Rung, Standing,
};
use harness::schedule::{CHECKPOINT_EVERY, Event, Options, Progress, Scheduler};

use crate::flags::Readings;
use crate::interrupt;
use crate::progress::Line;
use crate::reproduce::{Sets, stopped_or};
use crate::stop::Stop;
use crate::words::{count, duration, say};
use crate::workplace::Workplace;

/// Readings left out that are told one by one.
const SHOWN: usize = 5;

/// Runs the command.
pub fn run(args: &Readings) -> Result<(), Stop> {
    let budget = budget(args.budget)?;
    let place = Workplace::find(&args.folders)?;
    let figures = figures(&place, args)?;
    let (tried, field) = field(&figures, args)?;
    let seeds = field.entrants.iter().flat_map(|entrant| &entrant.plans).map(|plan| plan.experiment.seeds).max();
    let rungs = if args.grid { readings::grid } else { readings::ladder }(field.entrants.len(), seeds.unwrap_or(1));

    let sets = Sets::of(&place)?;
    let source = |name, labels| sets.get(name, labels);
    let trainers = place.trainers();
    let scheduler = Scheduler { store: &place.store, source: &source, trainers: trainers.as_ref() };
    let race = Race { figures: &figures, field: &field, rungs: &rungs, scheduler };
    let jobs = args.jobs.map_or(0, usize::from);
    interrupt::listen();
    explain(&race, &field, &tried, jobs, budget)?;
    let options = Options { jobs, checkpoint_every: CHECKPOINT_EVERY, stop: &interrupt::STOP };
    let outcome = race.run(options, budget, &Teller).map_err(stopped_or)?;
    show(&place, args, &outcome, &tried, &field)?;
    end(&outcome)
}

fn budget(minutes: Option<f64>) -> Result<Option<Duration>, Stop> {
    let seconds = minutes.map(|minutes| Duration::try_from_secs_f64(60.0 * minutes));
    seconds.transpose().map_err(|_| Stop::Usage("--budget: give the minutes as a number, 0 or more".into()))
}

fn figures(place: &Workplace, args: &Readings) -> Result<Vec<Figure>, Stop> {
    let mut figures: Vec<Figure> = Vec::new();
    for name in &args.figures {
        let names = if name == "all" { place.catalogue.names() } else { std::slice::from_ref(name) };
        for name in names {
            let source = place.catalogue.source(name)?;
            let experiment = source.resolve(&args.change.choice(&[]))?;
            let curves = place.root.join("figures/paper").join(format!("{}.csv", source.name));
            let paper = paper_curves(&curves, &experiment.paper)?;
            if figures.iter().all(|figure| figure.source.name != source.name) {
                figures.push(Figure { source, paper });
            }
        }
    }
    if !args.only.is_empty() {
        only(&mut figures, args)?;
    }
    Ok(figures)
}

/// Lets only the losses of `--only` judge.
fn only(figures: &mut Vec<Figure>, args: &Readings) -> Result<(), Stop> {
    let base = args.change.choice(&[]);
    let mut losses = BTreeSet::new();
    for figure in figures.iter() {
        losses.extend(figure.source.resolve(&base)?.losses.into_keys());
    }
    if let Some(unknown) = args.only.iter().find(|loss| !losses.contains(*loss)) {
        let hint = clause(unknown, losses.iter().map(String::as_str));
        return Err(Stop::Usage(format!("--only {unknown}: none of these figures has that loss{hint}")));
    }
    for figure in figures.iter_mut() {
        figure.keep_only(&args.only, &base)?;
    }
    // A figure none of whose curves is left does not judge.
    figures.retain(|figure| !figure.paper.is_empty());
    if figures.is_empty() {
        return Err(Stop::Usage(format!("--only {}: the paper draws no curve of it", args.only.join(" --only "))));
    }
    Ok(())
}

/// What is tried, in words for the reader and as the keys that readings change.
struct Tried {
    words: Vec<String>,
    keys: Vec<String>,
}

fn field(figures: &[Figure], args: &Readings) -> Result<(Tried, Field), Stop> {
    let base = args.change.choice(&[]);
    let varied = if args.vary.is_empty() && args.list.is_none() {
        let experiments: Vec<_> =
            figures.iter().map(|figure| figure.source.resolve(&base)).collect::<Result<_, _>>()?;
        readings::of_files(&experiments)
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
        None => vec![Reading::default()],
    };
    let tried = readings::combined(&list, &varied);
    let field = readings::field(figures, &base, &tried).map_err(|error: FieldError| Stop::Usage(error.to_string()))?;
    Ok((Tried { words, keys: readings::keys(&tried) }, field))
}

fn listed(path: &Path) -> Result<Vec<Reading>, Stop> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Stop::Usage(format!("--list {shown}: cannot read it: {error}; give a YAML file")))?;
    readings::listed(&text).map_err(|why| Stop::Usage(format!("--list {shown}: {why}")))
}

/// What is about to be done and how long it takes.
fn explain(race: &Race, field: &Field, tried: &Tried, jobs: usize, budget: Option<Duration>) -> Result<(), Stop> {
    crate::words::tell!("{}:\n  {}", count(field.entrants.len(), "reading"), tried.words.join("\n  "));
    for left_out in field.left_out.iter().take(SHOWN) {
        crate::words::tell!("  left out: {left_out}");
    }
    if field.left_out.len() > SHOWN {
        crate::words::tell!("  left out: {} more", field.left_out.len() - SHOWN);
    }
    let estimates = race.estimate(jobs).map_err(stopped_or)?;
    for (rung, estimate) in race.rungs.iter().zip(&estimates) {
        let time = match estimate.missing {
            0 => "nothing to train".to_owned(),
            missing => format!("{} to train: about {}", count(missing, "run"), duration(estimate.seconds)),
        };
        let next = race
            .rungs
            .get(rung.number)
            .map_or_else(String::new, |_| format!("; the best one in {KEEP_ONE_IN} goes on"));
        crate::words::tell!("rung {}: {}; {time}{next}", rung.number, describe(rung));
    }
    let total: f64 = estimates.iter().map(|estimate| estimate.seconds).sum();
    match budget {
        Some(budget) if total > budget.as_secs_f64() => crate::words::tell!(
            "about {} in all, the budget is {}: it stops there, and the same command goes on",
            duration(total),
            duration(budget.as_secs_f64())
        ),
        _ => crate::words::tell!("about {} in all; Ctrl-C stops, the same command goes on", duration(total)),
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
    format!("{}, {}, {share}", count(rung.readings, "reading"), count(seeds, "seed"))
}

/// Tells how the race goes.
struct Teller;

/// A progress line that goes when its batch is done.
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

impl Observer for Teller {
    fn rung(&self, rung: &Rung, readings: usize, missing: usize) {
        let climbing = describe(&Rung { readings, ..*rung });
        crate::words::tell!("\nrung {}: {climbing}; {} to train", rung.number, count(missing, "run"));
    }

    fn batch(&self) -> Box<dyn Progress + '_> {
        Box::new(BatchLine(Line::new()))
    }

    fn scored(&self, standing: &Standing) {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        let fits = if standing.fits == Some(true) { ", fits" } else { "" };
        crate::words::tell!(
            "  {} (noise {}{fits})  {}",
            number(standing.rms),
            number(standing.noise),
            standing.reading.name()
        );
    }
}

/// Prints the table and writes table and figure.
fn show(place: &Workplace, args: &Readings, outcome: &Outcome, tried: &Tried, field: &Field) -> Result<(), Stop> {
    let plans = field.entrants.first().map_or(&[][..], |entrant| &entrant.plans);
    let notes = notes(place, args, plans);
    say(format!("\n{}", readings::table(outcome)));
    for note in &notes {
        say(note);
    }
    let folder = args.folders.out.clone().unwrap_or_else(|| place.root.join("target/readings"));
    let fake = if args.folders.fake_trainer { "fake-" } else { "" };
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    let stem = format!("{fake}{}", names.join("-"));
    let files: [(PathBuf, String); 2] = [
        (folder.join(format!("{stem}.csv")), readings::csv(outcome, &tried.keys)?),
        (
            folder.join(format!("{stem}.svg")),
            readings::picture(outcome, plans, &notes).map_err(harness::publish::Error::from)?,
        ),
    ];
    std::fs::create_dir_all(&folder).map_err(|error| cannot_write(&place.shown(&folder), &error))?;
    for (path, text) in &files {
        std::fs::write(path, text).map_err(|error| cannot_write(&place.shown(path), &error))?;
    }
    say(format!("written: {}", files.map(|(path, _)| place.shown(&path)).join(", ")));
    Ok(())
}

fn cannot_write(path: &str, error: &std::io::Error) -> Stop {
    Stop::Failed(format!("cannot write {path}: {error}; give another folder with --out"))
}

/// What a reader of the scores must not miss.
fn notes(place: &Workplace, args: &Readings, plans: &[harness::experiment::Plan]) -> Vec<String> {
    let mut notes = Vec::new();
    for plan in plans.iter().filter(|plan| plan.experiment.data.set != plan.full.data.set) {
        notes.push(format!(
            "{} is trained on {} in place of {}: the scores say nothing about the paper",
            plan.name, plan.experiment.data.set, plan.full.data.set
        ));
    }
    if args.folders.fake_trainer {
        notes.push(format!("fake trainer: nothing was trained ({})", place.shown(place.store.root())));
    }
    notes
}

/// How it ended: status 0 also when the budget did it, for that was asked for.
fn end(outcome: &Outcome) -> Result<(), Stop> {
    let failed: Vec<_> = outcome.standings.iter().filter(|standing| standing.failure.is_some()).collect();
    if let Some(left) = &outcome.left {
        let words = format!(
            "left: {} of rung {} ({} missing), and the rungs above it",
            count(left.readings, "reading"),
            left.rung.number,
            count(left.runs, "run")
        );
        let command: Vec<String> = std::env::args().skip(1).collect();
        let go_on = format!("Go on with: cargo xtask {}", command.join(" "));
        match outcome.ending {
            Ending::Stopped => return Err(Stop::Interrupted(format!("stopped; {words}.\n{go_on}"))),
            Ending::Budget | Ending::Over => say(format!("the budget is used up; {words}.\n{go_on}")),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    let reason = failed[0].failure.as_deref().unwrap_or_default();
    Err(Stop::Failed(format!("{} failed and left the race; the first: {reason}", count(failed.len(), "reading"))))
}
