//! Tests that every run is trained once, whichever process trains it, and that none is lost.
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::store::Locking;
use crate::train::samples::{dataset, spec, specs};
use crate::train::{FakeFactory, Learner, RunData};
use experiment::spec::DataSpec;

/// Begins trainings of an inner trainer and counts them; some panic.
#[derive(Default)]
struct Counting {
    inner: FakeFactory,
    begun: AtomicUsize,
    panics_at_seed: Option<u64>,
}

impl LearnerFactory for Counting {
    fn device(&self) -> String {
        self.inner.device()
    }
    fn begin<'a>(&'a self, spec: &RunSpec, data: &RunData) -> crate::train::Result<Box<dyn Learner + 'a>> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        assert_ne!(Some(spec.seed), self.panics_at_seed, "a bug");
        self.inner.begin(spec, data)
    }
}

fn source(_: datasets::Name, _: datasets::Labels) -> anyhow::Result<datasets::Dataset> {
    Ok(dataset())
}

fn no_source(_: datasets::Name, _: datasets::Labels) -> anyhow::Result<datasets::Dataset> {
    anyhow::bail!("no data here")
}

fn options(stop: &AtomicBool) -> Options<'_> {
    Options { jobs: 2, checkpoint_every: Duration::ZERO, stop }
}

fn run(store: &Store, factory: &dyn LearnerFactory, specs: &[RunSpec]) -> Summary {
    let scheduler = Scheduler { store, data: &DataCache::new(source), factory };
    scheduler.run(specs, options(&AtomicBool::new(false)), &Silent).expect("runs")
}

/// Files of a record that must not depend on how the run was done.
fn files(store: &Store, key: &str) -> Vec<Vec<u8>> {
    let names = ["history.safetensors", "evaluation.safetensors", "model.safetensors"];
    names.map(|name| fs::read(store.root().join(key).join(name)).expect("there")).into()
}

#[test]
fn missing_runs_are_trained_once_and_found_again() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    let factory = Counting::default();
    let mut wanted = specs(5);
    wanted.push(spec());
    let tally = Tally::default();
    let scheduler = Scheduler { store: &store, data: &DataCache::new(source), factory: &factory };
    let estimate = scheduler.estimate(&wanted, 2).expect("estimated");
    assert_eq!((estimate.found, estimate.missing, estimate.steps), (0, 5, 200));
    factory.begun.store(0, Ordering::Relaxed);
    let summary = scheduler.run(&wanted, options(&AtomicBool::new(false)), &tally).expect("runs");
    assert_eq!(summary, Summary { trained: 5, ..Summary::default() });
    assert_eq!(factory.begun.load(Ordering::Relaxed), 5, "the run that was named twice is trained once");
    let end =
        TallySnapshot { runs: 5, runs_done: 5, steps: 200, steps_done: 200, steps_here: 200, ..Default::default() };
    assert_eq!(tally.snapshot(), end);

    // Existing records need neither data nor training.
    let again = Scheduler { data: &DataCache::new(no_source), ..scheduler };
    let summary = again.run(&wanted, options(&AtomicBool::new(false)), &Silent).expect("runs");
    assert_eq!(summary, Summary { found: 5, ..Summary::default() });
    assert_eq!(again.estimate(&wanted, 2).expect("estimated"), Estimate { found: 5, ..Estimate::default() });
    let locks = fs::read_dir(store.root()).expect("store").flatten();
    assert_eq!(locks.filter(|entry| entry.path().extension().is_some()).count(), 0, "nothing but records is left");
}

#[test]
fn two_schedulers_on_one_store_share_the_work() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    let factory = Counting { inner: FakeFactory { delay: Duration::from_millis(1) }, ..Counting::default() };
    let wanted = specs(12);
    let summaries: Vec<Summary> = std::thread::scope(|scope| {
        let threads = [0, 1].map(|_| scope.spawn(|| run(&store, &factory, &wanted)));
        threads.map(|thread| thread.join().expect("no panic")).into()
    });
    assert_eq!(factory.begun.load(Ordering::Relaxed), 12, "no run is done twice");
    for summary in &summaries {
        assert_eq!(summary.done(), 12, "each has all of them: {summary:?}");
        assert!(summary.failures.is_empty() && !summary.interrupted);
    }
    assert_eq!(summaries.iter().map(|summary| summary.trained).sum::<usize>(), 12);
}

#[test]
fn a_run_locked_elsewhere_is_waited_for_and_taken_over() {
    struct Waits(AtomicUsize);
    impl Progress for Waits {
        fn event(&self, event: Event<'_>) {
            if matches!(event, Event::Waiting { .. }) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    store.prepare().expect("writable");
    let Locking::Held(lock) = store.lock(&spec().key()).expect("locks") else { panic!("nobody has it") };
    let waits = Waits(AtomicUsize::new(0));
    let stop = AtomicBool::new(false);
    let scheduler = Scheduler { store: &store, data: &DataCache::new(source), factory: &FakeFactory::default() };
    let summary = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| scheduler.run(&specs(2), options(&stop), &waits).expect("runs"));
        while waits.0.load(Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        // The holder ends without a record.
        drop(lock);
        waiting.join().expect("no panic")
    });
    assert_eq!(summary.trained, 2);
    assert_eq!(waits.0.load(Ordering::Relaxed), 1, "said once");
}

#[test]
fn a_task_of_a_cluster_leaves_what_others_train_and_what_failed_three_times() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    store.prepare().expect("writable");
    let mut wanted = specs(4);
    wanted[3].schedule.batch = 1000;
    let Locking::Held(lock) = store.lock(&wanted[2].key()).expect("locks") else { panic!("nobody has it") };
    let factory = Counting { panics_at_seed: Some(2), ..Counting::default() };
    let scheduler = Scheduler { store: &store, data: &DataCache::new(source), factory: &factory };
    let stop = AtomicBool::new(false);
    let claim = || scheduler.claim(&wanted, options(&stop), &Silent).expect("runs");
    let first = claim();
    assert_eq!((first.trained, first.left, first.interrupted, first.failures.len()), (1, 1, false, 2));
    for attempt in [2, 3] {
        assert_eq!((claim().found, store.failures(&wanted[1].key()).expect("kept").len()), (1, attempt));
    }
    factory.begun.store(0, Ordering::Relaxed);
    let last = claim();
    assert_eq!(factory.begun.load(Ordering::Relaxed), 0, "nothing is begun a fourth time");
    // Failures come in the order in which threads end.
    assert_eq!(last.failures.len(), 2, "{:?}", last.failures);
    for reason in ["a bug", "only 60 training objects"] {
        let told = |error: &str| error.contains("left after 3 failed attempts") && error.contains(reason);
        assert!(last.failures.iter().any(|failure| told(&failure.error)), "{reason}: {:?}", last.failures);
    }
    drop(lock);
    let sound = Counting::default();
    let summary = run(&store, &sound, &wanted[..3]);
    assert_eq!((summary.done(), summary.failures.len()), (3, 0), "without a cluster what failed is tried again");
    assert!(store.failures(&wanted[1].key()).expect("readable").is_empty(), "a success forgets the failures");
}

#[test]
fn one_run_that_fails_does_not_lose_the_others() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    let factory = Counting { panics_at_seed: Some(2), ..Counting::default() };
    let mut wanted = specs(4);
    wanted[3].schedule.batch = 1000;
    let mut diverging = spec();
    diverging.optimiser.learning_rate = 1e9;
    wanted.push(diverging);
    let summary = run(&store, &factory, &wanted);
    assert_eq!((summary.trained, summary.left, summary.interrupted), (3, 0, false));
    assert_eq!(summary.diverged, [wanted[4].key()]);
    let mut errors: Vec<_> = summary.failures.iter().map(|failure| failure.error.as_str()).collect();
    errors.sort_unstable();
    assert!(errors[0].contains("only 60 training objects"), "{errors:?}");
    assert!(errors[1].contains("the training broke down") && errors[1].contains("a bug"), "{errors:?}");
    assert_eq!(run(&store, &FakeFactory::default(), &wanted[..3]).trained, 1, "what failed is tried again");
}

#[test]
fn without_data_or_a_writable_store_nothing_begins() {
    let folder = tempfile::tempdir().expect("folder");
    let stop = AtomicBool::new(false);
    let store = Store::open_fake(folder.path());
    let scheduler = Scheduler { store: &store, data: &DataCache::new(no_source), factory: &FakeFactory::default() };
    let error = scheduler.run(&specs(1), options(&stop), &Silent).expect_err("no data");
    assert_eq!(error.to_string(), "no data here");
    fs::write(folder.path().join("file"), "").expect("written");
    let store = Store::open_fake(folder.path().join("file"));
    let scheduler = Scheduler { store: &store, data: &DataCache::new(source), factory: &FakeFactory::default() };
    let error = scheduler.run(&specs(1), options(&stop), &Silent).expect_err("a file is no folder");
    assert!(matches!(error, SchedulerError::Store(StoreError::Unreadable { .. })), "{error}");
}

#[test]
fn a_record_of_other_data_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    run(&store, &FakeFactory::default(), &specs(1));
    let changed = |_: datasets::Name, _: datasets::Labels| {
        let mut dataset = dataset();
        dataset.digests[0].sha256 = "1".repeat(64);
        Ok(dataset)
    };
    let scheduler = Scheduler { store: &store, data: &DataCache::new(changed), factory: &FakeFactory::default() };
    let summary = scheduler.run(&specs(2), options(&AtomicBool::new(false)), &Silent).expect("runs");
    assert_eq!((summary.found, summary.trained, summary.failures.len()), (0, 1, 1));
    assert!(summary.failures[0].error.contains("another file stripes"), "{:?}", summary.failures);
}

#[test]
fn an_interrupted_call_goes_on_with_the_same_bytes() {
    let whole = tempfile::tempdir().expect("folder");
    let reference = Store::open_fake(whole.path());
    let wanted = specs(4);
    run(&reference, &FakeFactory::default(), &wanted);

    struct StopAfter<'a>(&'a AtomicBool, AtomicUsize);
    impl Progress for StopAfter<'_> {
        fn event(&self, event: Event<'_>) {
            if let Event::Steps { advance, .. } = event
                && self.1.fetch_add(advance.steps, Ordering::Relaxed) + advance.steps > 60
            {
                self.0.store(true, Ordering::Relaxed);
            }
        }
    }
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    let stop = AtomicBool::new(false);
    let slow = FakeFactory { delay: Duration::from_millis(5) };
    let scheduler = Scheduler { store: &store, data: &DataCache::new(source), factory: &slow };
    let never = Options { checkpoint_every: Duration::MAX, ..options(&stop) };
    let summary = scheduler.run(&wanted, never, &StopAfter(&stop, AtomicUsize::new(0))).expect("runs");
    assert!(summary.interrupted);
    assert_eq!(summary.done() + summary.left, 4);
    assert!(summary.left > 0);
    let estimate = scheduler.estimate(&wanted, 2).expect("estimated");
    assert!(estimate.resumed > 0 && estimate.steps < estimate.missing * 40, "{estimate:?}");

    let summary = run(&store, &FakeFactory::default(), &wanted);
    assert_eq!((summary.done(), summary.left, summary.interrupted), (4, 0, false));
    for spec in &wanted {
        assert_eq!(files(&store, &spec.key()), files(&reference, &spec.key()), "seed {}", spec.seed);
    }
}

/// Trains slowly into the store that the parent test names. Does nothing on its own.
#[test]
#[ignore = "the process that the next test kills"]
fn process_to_be_killed() {
    let Some(root) = std::env::var_os("TWOSCALE_TEST_KILLED_STORE") else { return };
    run(&Store::open_fake(Path::new(&root)), &FakeFactory { delay: Duration::from_millis(4) }, &specs(3));
}

#[test]
fn kill_9_at_any_moment_then_again_gives_the_same_bytes() {
    let whole = tempfile::tempdir().expect("folder");
    let reference = Store::open_fake(whole.path());
    let wanted = specs(3);
    run(&reference, &FakeFactory::default(), &wanted);

    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open_fake(folder.path());
    let mut kills = 0;
    for wait in (20..).step_by(13) {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "--ignored", "scheduler::tests::process_to_be_killed"])
            .env("TWOSCALE_TEST_KILLED_STORE", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        std::thread::sleep(Duration::from_millis(wait));
        if child.try_wait().expect("waits").is_some_and(|status| status.success()) {
            break;
        }
        child.kill().expect("killed");
        child.wait().expect("waits");
        kills += 1;
    }
    assert!(kills > 0, "the process was quicker than the test");
    for spec in &wanted {
        assert_eq!(files(&store, &spec.key()), files(&reference, &spec.key()), "seed {}", spec.seed);
    }
}

#[test]
fn problems_are_shared_by_runs_of_the_same_data() {
    let loads = AtomicUsize::new(0);
    let counted = |_: datasets::Name, _: datasets::Labels| {
        loads.fetch_add(1, Ordering::Relaxed);
        Ok(dataset())
    };
    let cache = DataCache::new(counted);
    let whole = spec().data;
    let part = DataSpec { train: Some(10), ..whole.clone() };
    for spec in [&whole, &part, &whole] {
        cache.get(spec).expect("loads");
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
    assert_eq!(cache.get(&part).expect("loads").train_objects(), 10);
}
