//! Tests that a run leaves the same record wherever it was stopped.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use twoscale::loss::{LossKind, LossSpec, ScaledLogits};
use twoscale::metrics::{Evaluation, confidence, negative_log_likelihood};
use twoscale::options::Normalisation;
use twoscale::trainer::Step;

use super::*;
use crate::record::{Outcome, Record};
use crate::soften::{Network, Target};
use crate::store::{Checkpoint, Tensors};
use experiment::spec::{Input, LastBatch, RunSpec};
use samples::{data, spec};

/// Fails at its n-th call of any kind, as a killed process would: nothing is kept but the last checkpoint.
struct Breaking<'a> {
    inner: &'a dyn LearnerFactory,
    calls_left: AtomicUsize,
}

struct BreakingTraining<'a> {
    inner: Box<dyn Learner + 'a>,
    calls_left: &'a AtomicUsize,
}

impl BreakingTraining<'_> {
    fn call(&self) -> Result<()> {
        let left = self.calls_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| TrainError::Data("broken down".to_owned()))
    }
}

impl LearnerFactory for Breaking<'_> {
    fn device(&self) -> String {
        self.inner.device()
    }
    fn begin<'b>(&'b self, spec: &RunSpec, data: &RunData) -> Result<Box<dyn Learner + 'b>> {
        Ok(Box::new(BreakingTraining { inner: self.inner.begin(spec, data)?, calls_left: &self.calls_left }))
    }
}

impl Learner for BreakingTraining<'_> {
    fn step(&mut self, batch: &Batch<'_>, learning_rate: f64) -> Result<Step> {
        self.call()?;
        self.inner.step(batch, learning_rate)
    }
    fn evaluate(&self, batch: &Batch<'_>, superclass: Option<&[u32]>, into: &mut Evaluation) -> Result<()> {
        self.call()?;
        self.inner.evaluate(batch, superclass, into)
    }
    fn count_correct(&self, batch: &Batch<'_>) -> Result<usize> {
        self.call()?;
        self.inner.count_correct(batch)
    }
    fn state(&self) -> Result<Tensors> {
        self.inner.state()
    }
    fn weights(&self) -> Result<Tensors> {
        self.inner.weights()
    }
    fn scaled_logits(&self, batch: &Batch<'_>) -> Result<ScaledLogits> {
        self.inner.scaled_logits(batch)
    }
    fn load_weights(&mut self, weights: &Tensors) -> Result<()> {
        self.inner.load_weights(weights)
    }
    fn restore(&mut self, state: &Tensors) -> Result<()> {
        self.inner.restore(state)
    }
}

/// Runs to the end or to a breakdown; the last checkpoint is in `kept`.
fn attempt(
    spec: &RunSpec,
    factory: &dyn LearnerFactory,
    kept: &mut Option<Checkpoint>,
    every: Duration,
) -> Result<Ended> {
    let from = kept.take();
    *kept = from.clone();
    let control = Control {
        stop: &AtomicBool::new(false),
        checkpoint_every: every,
        save: &mut |checkpoint| {
            *kept = Some(checkpoint.clone());
            Ok(())
        },
        steps: &|_| {},
    };
    execute(spec, &data(), factory, from, control)
}

fn finished(ended: Result<Ended>) -> Finished {
    match ended.expect("no error") {
        Ended::Finished(finished) => *finished,
        Ended::Interrupted(at) => panic!("interrupted at {at:?}"),
    }
}

fn uninterrupted(spec: &RunSpec, factory: &dyn LearnerFactory) -> Finished {
    finished(attempt(spec, factory, &mut None, Duration::MAX))
}

/// Returns everything of a run but the wall time, weights as bytes.
fn content(finished: &Finished) -> (Record, Vec<(String, Vec<u8>)>) {
    let mut record = finished.record.clone();
    record.run.wall_seconds = 0.0;
    let bytes = |tensor: &candle_core::Tensor| -> Vec<u8> {
        let mut bytes = Vec::new();
        tensor.write_bytes(&mut bytes).expect("bytes");
        bytes
    };
    (record, finished.weights.iter().map(|(name, tensor)| (name.clone(), bytes(tensor))).collect())
}

/// Breaks the run down at every `stride`-th call, with checkpoints every step and (by their absence) from the beginning.
fn same_record_wherever_it_breaks(factory: &dyn LearnerFactory, stride: usize) {
    let spec = spec();
    let whole = content(&uninterrupted(&spec, factory));
    // 40 steps, 3 tests of one batch, 1 + 1 batches of final evaluation.
    for calls in (0..45).step_by(stride) {
        for every in [Duration::ZERO, Duration::MAX] {
            let mut kept = None;
            let breaking = Breaking { inner: factory, calls_left: AtomicUsize::new(calls) };
            assert!(attempt(&spec, &breaking, &mut kept, every).is_err(), "{calls} calls are not the whole run");
            assert_eq!(kept.is_some(), every == Duration::ZERO && calls > 0, "after {calls} calls");
            let resumed = finished(attempt(&spec, factory, &mut kept, every));
            assert_eq!(content(&resumed), whole, "broken after {calls} calls, checkpoints every {every:?}");
        }
    }
}

#[test]
fn a_resumed_fake_run_has_the_record_of_an_uninterrupted_one() {
    same_record_wherever_it_breaks(&FakeFactory::default(), 1);
}

#[test]
fn a_resumed_network_has_the_record_of_an_uninterrupted_one() {
    same_record_wherever_it_breaks(&NetworkFactory, 4);
}

/// Batch normalisation, ASAM, momentum, label smoothing, augmentation, milestones, the last batch kept: everything that has a state.
fn wide_resnet() -> RunSpec {
    use experiment::spec::{Augmentation, Decay};
    use twoscale::loss::Inner;
    use twoscale::models::ModelSpec;
    use twoscale::optimiser::{AsamSpec, Operator};
    let mut spec = spec();
    spec.model = ModelSpec::wide_resnet(10, 1);
    spec.loss.inner = Inner::Smoothed(0.1);
    spec.data.augmentation = Some(Augmentation { crop: 1, flip: true, cutout: 2, cutout_probability: 0.5 });
    let operator = Operator::Magnitude;
    let asam = AsamSpec { rho: 0.5, operator, statistics: Default::default(), perturb_scales: false };
    spec.optimiser.asam = Some(asam);
    spec.optimiser.weight_decay = 5e-4;
    spec.schedule.steps = 10;
    spec.schedule.test_every = 4;
    spec.schedule.last_batch = LastBatch::Keep;
    spec.schedule.decay = Decay::Steps { at: vec![3, 8], factor: 0.2 };
    spec
}

#[test]
fn a_resumed_wide_resnet_has_the_record_of_an_uninterrupted_one() {
    let spec = wide_resnet();
    let whole = content(&uninterrupted(&spec, &NetworkFactory));
    assert!(whole.1.iter().any(|(name, _)| name == "bn.running_var"), "a record can be evaluated again");
    for calls in [5, 9] {
        let mut kept = None;
        let breaking = Breaking { inner: &NetworkFactory, calls_left: AtomicUsize::new(calls) };
        assert!(attempt(&spec, &breaking, &mut kept, Duration::ZERO).is_err());
        assert!(kept.is_some());
        let resumed = finished(attempt(&spec, &NetworkFactory, &mut kept, Duration::ZERO));
        assert_eq!(content(&resumed), whole, "broken after {calls} calls");
    }
}

#[test]
fn augmented_batches_differ_from_step_to_step_and_tests_are_left_alone() {
    let spec = wide_resnet();
    let data = RunData::new(&spec.data, std::sync::Arc::new(samples::dataset()));
    let pixels = |batch: Batch<'_>| batch.inputs().and_then(|x| x.flatten_all()?.to_vec1::<f32>()).expect("pixels");
    let objects = [3, 1, 4, 1, 5, 9];
    let step = |step| pixels(data.augmented_batch(&objects, 1, step));
    assert_eq!(step(2), step(2));
    assert_ne!(step(2), step(3));
    assert_ne!(step(2), pixels(data.train_batch(&objects)));
    let plain = RunData::new(&samples::spec().data, std::sync::Arc::new(samples::dataset()));
    assert_eq!(pixels(plain.augmented_batch(&objects, 1, 2)), pixels(plain.train_batch(&objects)));
    for (own, other) in data.test_in_order(30).zip(plain.test_in_order(30)) {
        assert_eq!(pixels(own), pixels(other));
    }
}

#[test]
fn a_network_learns_and_losses_of_one_seed_begin_alike() {
    let mut spec = spec();
    spec.model.last_activation = twoscale::models::LastActivation::None;
    spec.schedule.steps = 300;
    let two_scale = uninterrupted(&spec, &NetworkFactory).record;
    let end = two_scale.history.test_accuracy.last().copied().unwrap_or_default();
    assert!(end > 0.6, "stripes are easy: {end}");
    let mut single = spec;
    single.loss.kind = twoscale::loss::LossKind::Single;
    single.loss.thresholds.clear();
    let single = uninterrupted(&single, &NetworkFactory).record;
    assert_eq!(single.history.batch_accuracy[0].to_bits(), two_scale.history.batch_accuracy[0].to_bits());
    assert_eq!(single.history.log_norm[0].to_bits(), two_scale.history.log_norm[0].to_bits());
    assert_ne!(single.history.log_norm, two_scale.history.log_norm, "but they go on differently");
}

#[test]
fn a_record_has_what_was_measured_when() {
    let record = uninterrupted(&spec(), &FakeFactory::default()).record;
    assert_eq!(record.run.outcome, Outcome::Finished);
    assert_eq!(record.run.train_objects, 60);
    assert_eq!(record.history.steps(), 40);
    assert_eq!(record.history.scales.len(), 2);
    assert_eq!(record.history.test_step, [15, 30, 40], "after every 15 steps and the last");
    assert_eq!((record.train.label.len(), record.test.label.len()), (60, 30));
    assert_eq!(record.run.stand_in.as_deref(), Some("stripes"));
}

#[test]
fn a_stop_is_obeyed_and_loses_nothing() {
    let spec = spec();
    let whole = content(&uninterrupted(&spec, &FakeFactory::default()));
    let stop = AtomicBool::new(true);
    let mut kept = None;
    // A run that is stopped before its first step has nothing to keep.
    let mut save = |checkpoint: &Checkpoint| {
        kept = Some(checkpoint.clone());
        Ok(())
    };
    let control = Control { stop: &stop, checkpoint_every: Duration::MAX, save: &mut save, steps: &|_| {} };
    let data = data();
    let ended = execute(&spec, &data, &FakeFactory::default(), None, control).expect("no error");
    assert!(matches!(ended, Ended::Interrupted(Interruption { step: 0 })));
    assert!(kept.is_none());

    // Stopped by the progress report in the midst of training.
    let slow = FakeFactory { delay: Duration::from_millis(10) };
    stop.store(false, Ordering::Relaxed);
    let mut save = |checkpoint: &Checkpoint| {
        kept = Some(checkpoint.clone());
        Ok(())
    };
    let steps = |_| stop.store(true, Ordering::Relaxed);
    let control = Control { stop: &stop, checkpoint_every: Duration::MAX, save: &mut save, steps: &steps };
    let ended = execute(&spec, &data, &slow, None, control).expect("no error");
    let Ended::Interrupted(Interruption { step }) = ended else { panic!("not stopped") };
    assert!((1..40).contains(&step), "{step}");
    assert_eq!(kept.as_ref().map(|checkpoint| checkpoint.step), Some(step));
    assert_eq!(content(&finished(attempt(&spec, &FakeFactory::default(), &mut kept, Duration::MAX))), whole);
}

#[test]
fn a_diverging_run_is_a_record_of_finite_numbers() {
    let mut spec = spec();
    spec.optimiser.learning_rate = 1e9;
    spec.schedule.test_every = 2;
    let record = uninterrupted(&spec, &FakeFactory::default()).record;
    assert_eq!(record.run.outcome, Outcome::Diverged { step: 8 });
    assert_eq!(record.history.steps(), 7);
    assert!(record.history.batch_loss.iter().all(|loss| loss.is_finite()));
    assert_eq!(record.history.test_step, [2, 4, 6], "the weights after 7 steps gave no finite loss");
    assert!(record.train.label.is_empty() && record.test.label.is_empty());
}

#[test]
fn senseless_specifications_are_refused() {
    let mut spec = spec();
    spec.schedule.batch = 61;
    let error = attempt(&spec, &FakeFactory::default(), &mut None, Duration::MAX).expect_err("more than there are");
    assert!(error.to_string().contains("only 60 training objects"), "{error}");
    spec.schedule.batch = 0;
    let error = attempt(&spec, &FakeFactory::default(), &mut None, Duration::MAX).expect_err("none");
    assert!(error.to_string().contains("schedule.batch: must be at least 1"), "{error}");
}

#[test]
fn batches_carry_the_right_pixels_and_labels() {
    let mut data = spec().data;
    data.input = Input::Half;
    data.train = Some(20);
    let data = RunData::new(&data, std::sync::Arc::new(samples::dataset()));
    assert_eq!((data.train_objects(), data.test_objects()), (20, 30));
    let batch = data.train_batch(&[19, 4]);
    assert_eq!(batch.labels(), [1, 1]);
    let inputs = batch.inputs().expect("tensor");
    assert_eq!(inputs.dims(), [2, 1, 4, 4]);
    let values = inputs.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).expect("values");
    let pixel = data.dataset().train.images[4 * 16 + 3];
    assert_eq!(values[16 + 3].to_bits(), (((f64::from(pixel) / 255.0 - 0.5) / 0.5) as f32).to_bits());
    let sizes: Vec<usize> = data.test_in_order(20).map(|batch| batch.len()).collect();
    assert_eq!(sizes, [20, 10]);
    let mut batches = Batches::new(1, 20, 6, LastBatch::Keep);
    assert_eq!(data.train_batch(batches.indices(3)).len(), 2);
}

/// A checkpoint that forgot a part of the trainer's state (R(α⁰), the R of a few steps ago, a velocity, the count of steps) would be
/// noticed only under the options that use it.
#[test]
fn a_resumed_network_has_the_record_of_an_uninterrupted_one_under_all_options() {
    use twoscale::loss::LossKind;
    use twoscale::options::{Normalisation, SeparationBase};
    let mut cases = Vec::new();
    for normalisation in
        [Normalisation::Through, Normalisation::Detached, Normalisation::Direct, Normalisation::RescaledOnce]
    {
        let mut spec = spec();
        spec.loss_options.normalisation = normalisation;
        spec.loss_options.norm.every = if normalisation == Normalisation::Detached { 7 } else { 1 };
        cases.push(spec.clone());
        spec.loss.kind = LossKind::Separation;
        spec.loss_options.separation_base = SeparationBase::Trained;
        cases.push(spec);
    }
    for spec in cases {
        let whole = content(&uninterrupted(&spec, &NetworkFactory));
        // In the midst of seven steps with one R, and at the end of training.
        for calls in [5, 18, 42] {
            let mut kept = None;
            let breaking = Breaking { inner: &NetworkFactory, calls_left: AtomicUsize::new(calls) };
            assert!(attempt(&spec, &breaking, &mut kept, Duration::ZERO).is_err());
            assert!(kept.is_some());
            let resumed = finished(attempt(&spec, &NetworkFactory, &mut kept, Duration::ZERO));
            assert_eq!(content(&resumed), whole, "{:?} broken after {calls} calls", spec.loss_options);
        }
    }
}

/// The record evaluated again from its weights is the record, bit for bit; a factor fitted to a known softening finds it; that of greatest
/// likelihood has neighbours of smaller one; no factor changes a prediction or a rank.
#[test]
fn a_finished_run_is_softened_by_the_factor_that_fits() {
    let normalisations = [Normalisation::Through, Normalisation::Detached, Normalisation::Direct];
    for (normalisation, kind) in
        normalisations.into_iter().zip([LossKind::TwoScale, LossKind::Single, LossKind::Single])
    {
        let mut spec = spec();
        spec.loss_options.normalisation = normalisation;
        spec.loss = if kind == LossKind::Single { LossSpec::single() } else { LossSpec::two_scale([0.1]) };
        let Finished { record, weights } = uninterrupted(&spec, &NetworkFactory);
        let data = data();
        let network = Network::of(&record, &weights, &data, &NetworkFactory).expect("its own weights");
        let same = network.softened(1.0);
        assert_eq!((&same.train, &same.test), (&record.train, &record.test), "{normalisation:?}");
        for factor in [0.3, 2.0] {
            let softened = network.softened(factor);
            let found = network.factor(Target::Confidence(confidence(&softened.train)));
            assert!((found / factor - 1.0).abs() < 1e-5, "{found} for {factor}");
            assert_eq!(softened.train.rank, record.train.rank);
            assert_eq!(softened.train.predicted, record.train.predicted);
            assert_ne!(softened.train.max_probability, record.train.max_probability);
        }
        let best = network.factor(Target::Likelihood);
        let loss = |factor: f64| negative_log_likelihood(&network.softened(factor).train);
        assert!(loss(best) <= loss(best * 1.02) && loss(best) <= loss(best / 1.02), "{normalisation:?}: {best}");
    }
}

#[test]
fn weights_of_another_network_are_refused() {
    let Finished { record, mut weights } = uninterrupted(&spec(), &NetworkFactory);
    let _ = weights.remove(0);
    assert!(Network::of(&record, &weights, &data(), &NetworkFactory).is_err());
}
