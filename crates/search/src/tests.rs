//! Tests of successive halving with the fake trainer: ranking, number of trainings, and continuation after a stop.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use experiment::spec::RunSpec;
use experiment::{Choice, Plan, Source};
use results::series::PaperSeries;
use runs::scheduler::{DataCache, Options, Progress, Scheduler, Silent};
use runs::store::Store;
use runs::train::samples::dataset;
use runs::train::{FakeFactory, Learner, LearnerFactory, RunData};

/// Two losses on the stripes of [`dataset`]: 40 steps of 30 of 60 objects are 20 epochs.
const TEXT: &str = "
figure: fig99
title: A search
shows: How a search is run
data: {set: digits}
model: {kind: mlp, hidden: [8]}
optimiser: {learning-rate: 0.1}
schedule: {steps: 40, batch: 30, test-every: 5}
seeds: 6
losses:
  single: {kind: single, label: single, colour: r}
  two-scale: {kind: two-scale, eta: 1, label: two, colour: b}
  not-drawn: {kind: fixed, eta: 1, label: fixed, colour: g}
panels:
  - panel: left
    title: Training batches
    measure: batch-accuracy
    smooth: 4
    x: {label: Epochs, from: 0, to: 20}
    y: {label: accuracy, from: 0, to: 1}
    series: [single, two-scale, not-drawn]
  - panel: right
    title: Test set
    measure: test-accuracy
    x: {label: Epochs, from: 0, to: 20}
    y: {label: accuracy, from: 0, to: 1}
    series: [two-scale]
  - panel: bars
    title: Probabilities
    measure: max-probability
    x: {label: p, from: 0, to: 1}
    y: {label: density, from: 0, to: 9}
    series: [two-scale]
vary:
  losses.two-scale.eta: [10, 1, 0.1, 0.01]
";

fn figure() -> Figure {
    // The accuracy lies above everything that the fake trainer reaches, so that its smallest η comes nearest.
    let flat = |panel: &str, series: &str, to: f64| PaperSeries {
        panel: panel.into(),
        series: series.into(),
        points: vec![(0.0, 0.9), (to, 0.9)],
    };
    let source = Source::parse("fig99.yaml", "fig99", TEXT.into()).expect("valid");
    let paper = ["single", "two-scale"].map(|series| flat("left", series, 21.0)).into_iter();
    Figure { source, paper: paper.chain([flat("right", "two-scale", 21.0)]).collect() }
}

fn varied(figures: &[Figure]) -> Vec<Varied> {
    let experiments: Vec<_> = figures.iter().map(|f| f.source.resolve(&Choice::default()).expect("valid")).collect();
    of_files(&experiments)
}

/// The fake trainer, whose pace follows the length of the training, at the pace of 40 steps: a short run is the beginning of the
/// whole one, as with true trainings.
struct Steady(FakeFactory);

impl LearnerFactory for Steady {
    fn device(&self) -> String {
        self.0.device()
    }
    fn begin<'a>(&'a self, spec: &RunSpec, data: &RunData) -> runs::train::Result<Box<dyn Learner + 'a>> {
        let mut whole = spec.clone();
        whole.schedule.steps = 40;
        self.0.begin(&whole, data)
    }
}

/// Search with the values that it borrows.
struct Setting {
    _folder: TempDir,
    store: Store,
    data: DataCache<'static>,
    trainer: Steady,
    figures: Vec<Figure>,
    candidates: Candidates,
    rungs: Vec<Rung>,
}

fn source(_: datasets::Name, _: datasets::Labels) -> anyhow::Result<datasets::Dataset> {
    Ok(dataset())
}

impl Setting {
    fn new(delay: Duration) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let figures = vec![figure()];
        let candidates = candidates(&figures, &Choice::default(), &product(&varied(&figures))).expect("valid");
        let rungs = ladder(candidates.candidates.len(), 6);
        let store = Store::open_fake(folder.path());
        Self {
            _folder: folder,
            store,
            data: DataCache::new(source),
            trainer: Steady(FakeFactory { delay }),
            figures,
            candidates,
            rungs,
        }
    }

    fn search(&self) -> Halving<'_> {
        let scheduler = Scheduler { store: &self.store, data: &self.data, factory: &self.trainer };
        Halving { figures: &self.figures, candidates: &self.candidates, rungs: &self.rungs, scheduler }
    }

    fn run(&self, budget: Option<Duration>, observer: &dyn Observer) -> Outcome {
        let stop = AtomicBool::new(false);
        let options = Options { jobs: 2, checkpoint_every: Duration::ZERO, stop: &stop };
        self.search().run(options, budget, observer).expect("runs")
    }

    fn records(&self) -> usize {
        self.store.keys().expect("readable").len()
    }
}

struct NoObserver;

impl Observer for NoObserver {
    fn rung(&self, _: &Rung, _: usize, _: usize) {}
    fn batch(&self) -> Box<dyn Progress + '_> {
        Box::new(Silent)
    }
    fn scored(&self, _: &Ranking) {}
}

fn order(outcome: &Outcome) -> Vec<(String, usize)> {
    outcome.rankings.iter().map(|s| (s.assignment.changes[0].1.clone(), s.rung)).collect()
}

#[test]
fn the_nearest_candidate_wins_and_each_rung_keeps_a_third() {
    let setting = Setting::new(Duration::ZERO);
    let shape: Vec<_> = setting.rungs.iter().map(|r| (r.assignments, r.seeds)).collect();
    assert_eq!(shape, [(4, 1), (2, 2), (1, 6)], "the file's own η = 1 is one of the four");
    let outcome = setting.run(None, &NoObserver);
    assert_eq!(order(&outcome), [("0.01", 3), ("0.1", 2), ("1", 1), ("10", 1)].map(|(v, r)| (v.to_owned(), r)));
    assert_eq!((outcome.ending, outcome.remaining), (Ending::Over, None));
    let best = &outcome.rankings[0];
    assert_eq!((best.seeds, best.share, best.fits), (6, 1.0, Some(false)));
    assert!(best.noise.is_some() && outcome.rankings[2].noise.is_none(), "one seed tells no noise");
    // Rung 1: `single` once for all assignments and four two-scales; rung 2: two seeds; rung 3: six.
    assert_eq!((outcome.trained, setting.records()), (5 + 2 * 3 + 4 * 2, 19));
    let table = table(&outcome);
    assert!(
        table.contains("   1   0.") && table.contains("eta 0.01") && table.contains("fig99/left/single"),
        "{table}"
    );
}

#[test]
fn a_candidate_with_one_seed_gets_the_noise_of_the_files_own() {
    let setting = Setting::new(Duration::ZERO);
    let first = Rung { number: 1, assignments: 4, seeds: 1, share: 0.25 };
    let rungs = [first];
    let search = Halving { rungs: &rungs, ..setting.search() };
    let stop = AtomicBool::new(false);
    let options = || Options { jobs: 2, checkpoint_every: Duration::ZERO, stop: &stop };
    let alone = search.run(options(), None, &NoObserver).expect("runs");
    assert!(alone.rankings.iter().all(|s| s.noise.is_none()), "no candidate has two seeds");
    // The store has four whole trainings of the files' own assignment, whose beginnings count.
    let own: Vec<_> = setting.candidates.own[0].runs.iter().filter(|r| r.seed <= 4).map(|r| r.spec.clone()).collect();
    search.scheduler.run(&own, options(), &Silent).expect("runs");
    let filled = search.run(options(), None, &NoObserver).expect("runs");
    assert_eq!(filled.trained, 0);
    let runs = super::records::gather(&setting.candidates.own[0], &Rung { seeds: 4, ..first }, &setting.store);
    let runs = runs.expect("readable").expect("all there");
    let four = super::score::score_figure(&setting.candidates.own[0], &setting.figures[0].paper, &first, &runs).score;
    // √(s² (1/4 + 1/6)) of four seeds is √(s² (1 + 1/6)) of one: the paper has the file's six.
    let expected = four.noise.expect("four seeds") * ((1.0 + 1.0 / 6.0) / (1.0 / 4.0 + 1.0 / 6.0f64)).sqrt();
    for ranking in &filled.rankings {
        assert!((ranking.noise.expect("filled") - expected).abs() < 1e-12, "{ranking:?}");
    }
    let scores = |outcome: &Outcome| outcome.rankings.iter().map(|s| s.rms).collect::<Vec<_>>();
    assert_eq!(scores(&filled), scores(&alone), "the distance is its own");
}

#[test]
fn a_search_run_again_trains_nothing_and_gives_the_same_ranking() {
    let setting = Setting::new(Duration::ZERO);
    let first = setting.run(None, &NoObserver);
    let again = setting.run(None, &NoObserver);
    assert_eq!(again.trained, 0);
    assert_eq!(again.rankings, first.rankings);
    let in_no_time = setting.run(Some(Duration::ZERO), &NoObserver);
    assert_eq!((in_no_time.ending, in_no_time.rankings), (Ending::Over, first.rankings));
}

#[test]
fn a_search_without_time_says_what_remains() {
    let setting = Setting::new(Duration::ZERO);
    let outcome = setting.run(Some(Duration::ZERO), &NoObserver);
    assert_eq!((outcome.ending, outcome.trained, setting.records()), (Ending::Budget, 0, 0));
    assert_eq!(outcome.remaining, Some(Remaining { rung: setting.rungs[0], assignments: 4, runs: 5 }));
    assert!(outcome.rankings.iter().all(|s| s.rung == 0 && s.rms.is_none()));
    assert!(csv(&outcome, &keys(&product(&varied(&setting.figures)))).is_ok());
}

#[test]
fn a_stopped_search_continues_and_trains_nothing_twice() {
    let setting = Setting::new(Duration::from_millis(3));
    let (mut trained, mut stops) = (0, 0);
    let outcome = loop {
        let outcome = setting.run(Some(Duration::from_millis(150)), &NoObserver);
        trained += outcome.trained;
        assert_eq!(trained, setting.records(), "every run trained is a new record");
        if outcome.ending == Ending::Over {
            break outcome;
        }
        assert!(outcome.remaining.is_some());
        stops += 1;
        assert!(stops < 200, "no progress");
    };
    assert!(stops > 0, "the search was quicker than the test");
    assert_eq!(trained, 19);
    assert_eq!(order(&outcome), order(&Setting::new(Duration::ZERO).run(None, &NoObserver)));
}

#[test]
fn whole_runs_that_are_there_are_not_trained_in_short() {
    let setting = Setting::new(Duration::ZERO);
    // The store has records as `reproduce` makes them: the whole first seed of every assignment.
    let whole: Vec<_> =
        setting.candidates.candidates.iter().flat_map(|e| e.plans.iter().flat_map(|p| &p.runs)).collect();
    let specs: Vec<_> = whole.iter().filter(|run| run.seed == 1).map(|run| run.spec.clone()).collect();
    let stop = AtomicBool::new(false);
    let options = Options { jobs: 2, checkpoint_every: Duration::ZERO, stop: &stop };
    let summary = setting.search().scheduler.run(&specs, options, &Silent).expect("runs");
    assert_eq!(summary.trained, 5);
    let outcome = setting.run(None, &NoObserver);
    assert_eq!(outcome.trained, 3 + 4 * 2, "rung 1 has everything; rung 2 lacks the second seeds, rung 3 seeds 3 to 6");
}

#[test]
fn only_losses_that_the_paper_draws_are_trained() {
    let setting = Setting::new(Duration::ZERO);
    let plans: Vec<&Plan> = setting.candidates.candidates.iter().flat_map(|e| &e.plans).collect();
    assert!(plans.iter().all(|plan| plan.runs.iter().all(|run| run.loss != "not-drawn")));
}

#[test]
fn an_unknown_key_and_a_bad_value_are_refused_by_name() {
    let figures = [figure()];
    for (option, words) in [
        (
            "loss-options.normalization=through",
            ["--vary loss-options.normalization=through", "did you mean `normalisation`?"],
        ),
        (
            "loss-options.normalisation=through,detachd",
            ["--vary loss-options.normalisation=detachd", "did you mean `detached`?"],
        ),
    ] {
        let error = candidates(&figures, &Choice::default(), &product(&[option.parse().expect(option)]))
            .expect_err(option)
            .to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    assert!(matches!(candidates(&figures, &Choice::default(), &[]), Err(CandidatesError::NothingVaried)));
    let bare = Figure { paper: Vec::new(), ..figure() };
    let vary = ["optimiser.learning-rate=0.1,0.2".parse().expect("valid")];
    assert!(matches!(candidates(&[bare], &Choice::default(), &product(&vary)), Err(CandidatesError::NoCurves { .. })));
}

#[test]
fn values_that_do_not_go_together_and_doubles_are_left_out_and_named() {
    let vary = |text: &str| text.parse::<Varied>().expect(text);
    // R can be kept for several steps only where it is detached; a network of dense layers has no kernel.
    let varied =
        ["loss-options.normalisation=through,detached", "loss-options.norm.every=1,10", "model.kernel=3,5"].map(vary);
    let candidates = candidates(&[figure()], &Choice::default(), &product(&varied)).expect("valid");
    assert_eq!(candidates.candidates.len(), 3);
    assert_eq!(candidates.left_out.iter().filter(|why| why.contains("the same trainings as")).count(), 3);
    assert_eq!(candidates.left_out.iter().filter(|why| why.contains("does not go together")).count(), 2);
}

#[test]
fn a_bad_value_in_a_file_is_found_on_its_line() {
    let text = TEXT.replace("losses.two-scale.eta: [10, 1, 0.1, 0.01]", "losses.two-scale.eta: [1, many]");
    let source = Source::parse("fig99.yaml", "fig99", text).expect("YAML");
    let error = source.resolve(&Choice::default()).expect_err("no number").to_string();
    assert!(error.contains("vary.losses.two-scale.eta") && error.contains("must be"), "{error}");
}

#[test]
fn histograms_count_from_whole_runs_only() {
    let setting = Setting::new(Duration::ZERO);
    let outcome = setting.run(None, &NoObserver);
    let panels = |s: &Ranking| s.figures[0].panels.iter().map(|p| p.panel.panel.clone()).collect::<Vec<_>>();
    assert_eq!(panels(&outcome.rankings[0]), ["left", "right"], "the paper has no bars here");

    let mut figure = figure();
    let bars = (0..100).map(|bin| ((f64::from(bin) + 0.5) / 100.0, 1.0)).collect();
    figure.paper.push(PaperSeries { panel: "bars".into(), series: "two-scale".into(), points: bars });
    let setting = Setting { figures: vec![figure], ..Setting::new(Duration::ZERO) };
    let outcome = setting.run(None, &NoObserver);
    let scored = |s: &Ranking| s.figures[0].score.series.iter().filter(|series| series.panel == "bars").count();
    assert_eq!((scored(&outcome.rankings[0]), scored(&outcome.rankings[3])), (1, 0));
    assert!(outcome.rankings[3].rms.is_some(), "what a rung does not reach is not held against an assignment");
}

#[test]
fn the_picture_shows_complete_candidates_and_the_csv_every_one() {
    let setting = Setting::new(Duration::ZERO);
    let outcome = setting.run(None, &NoObserver);
    let svg = picture(&outcome, &setting.candidates.candidates[0].plans, &["a note".to_owned()]).expect("drawn");
    assert!(svg.contains("1. eta 0.01") && svg.contains("2. eta 0.1:") && svg.contains("a note"));
    assert!(!svg.contains("3. "), "an assignment that was not trained to the end is not shown");
    let text = csv(&outcome, &keys(&product(&varied(&setting.figures)))).expect("written");
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 1 + 4 + 1);
    assert!(
        rows[0].starts_with("rank,rung,share,seeds,score,noise,fits,diverged,losses.two-scale.eta,fig99,fig99 noise,")
    );
    assert!(rows[1].starts_with("1,3,1,6,0.") && rows[1].contains(",0.01,"), "{}", rows[1]);
    assert!(rows[5].starts_with("paper,,") && rows[5].contains("0.900000,,"), "{}", rows[5]);
    // The score is the root mean square of the curves' distances.
    let best = |wanted: &dyn Fn(&str) -> bool| -> Vec<f64> {
        let cells = rows[0].split(',').zip(rows[1].split(','));
        cells.filter(|(head, _)| wanted(head)).map(|(_, cell)| cell.parse().expect("a number")).collect()
    };
    let distances = best(&|head| head.ends_with(" distance"));
    let pooled = (distances.iter().map(|d| d * d).sum::<f64>() / distances.len() as f64).sqrt();
    assert!(distances.len() == 3 && (pooled - best(&|head| head == "score")[0]).abs() < 1e-5, "{}", rows[1]);
}

#[test]
fn a_panicking_observer_does_not_block_the_search() {
    struct Panics(AtomicUsize);
    impl Observer for Panics {
        fn rung(&self, _: &Rung, _: usize, _: usize) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("a closed pipe");
        }
        fn batch(&self) -> Box<dyn Progress + '_> {
            Box::new(Silent)
        }
        fn scored(&self, _: &Ranking) {}
    }
    let setting = Setting::new(Duration::ZERO);
    let panics = Panics(AtomicUsize::new(0));
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| setting.run(None, &panics)));
    assert!(ended.is_err() && panics.0.load(Ordering::Relaxed) == 1);
}
