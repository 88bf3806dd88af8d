//! Evaluation of a finished run with softer or sharper probabilities: softmax(s·c·X) in place of softmax(c·X), c = R1/R(α).
//!
//! One positive factor s for all objects changes no prediction and no rank, only how sharp the probabilities are; 1/s is the temperature of
//! Guo et al. 2017. The factor is fitted on the training set alone.
use std::sync::Arc;

use twoscale::loss::ScaledLogits;
use twoscale::metrics::Evaluation;

use crate::record::Record;
use crate::store::Tensors;
use crate::train::{Batch, EVALUATION_BATCH, LearnerFactory, Result, RunData};

/// Factors tried: from 1/1024 to 1024.
const LARGEST: f64 = 1024.0;

/// Halvings of the interval of log s: the factor is exact to 1e-8 of itself.
const HALVINGS: usize = 30;

/// Condition that a factor fulfils on the training set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// The mean over objects of the largest probability has this value.
    Confidence(f64),
    /// The mean of log p over the correct classes is greatest.
    Likelihood,
}

/// A finished network with the logits of both sets.
pub struct Network<'a> {
    record: &'a Record,
    data: &'a RunData,
    train: Set,
    test: Set,
}

/// Logits of a set, batch by batch, with the labels.
struct Set(Vec<(ScaledLogits, Vec<u32>)>);

impl<'a> Network<'a> {
    /// Computes the logits of a finished run from its final weights.
    ///
    /// # Errors
    /// Fails when the weights are not of the run's network, or the data have another shape.
    pub fn of(record: &'a Record, weights: &Tensors, data: &'a RunData, factory: &dyn LearnerFactory) -> Result<Self> {
        let mut learner = factory.begin(&record.run.spec, data)?;
        learner.load_weights(weights)?;
        let set = |batches: &mut dyn Iterator<Item = Batch<'_>>| -> Result<Set> {
            let logits = batches.map(|batch| Ok((learner.scaled_logits(&batch)?, batch.labels().to_vec())));
            Ok(Set(logits.collect::<Result<_>>()?))
        };
        let train = set(&mut data.train_in_order(EVALUATION_BATCH))?;
        let test = set(&mut data.test_in_order(EVALUATION_BATCH))?;
        Ok(Self { record, data, train, test })
    }

    /// Returns the factor that fulfils a condition on the training set, at the nearest end of [1/1024, 1024] where none does.
    #[must_use]
    pub fn factor(&self, target: Target) -> f64 {
        // Both are increasing functions of s: the mean largest probability, and the slope of the convex mean -log p.
        let too_large = |s: f64| match target {
            Target::Confidence(value) => self.train.confidence(s) > value,
            Target::Likelihood => self.train.slope(s) > 0.0,
        };
        let (mut low, mut high) = (-LARGEST.ln(), LARGEST.ln());
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            *if too_large(middle.exp()) { &mut high } else { &mut low } = middle;
        }
        f64::midpoint(low, high).exp()
    }

    /// Returns the run's record, evaluated with this factor.
    #[must_use]
    pub fn softened(&self, factor: f64) -> Arc<Record> {
        let superclass = self.data.dataset().superclass.as_deref();
        let train = self.train.evaluate(factor, superclass);
        let test = self.test.evaluate(factor, superclass);
        Arc::new(Record { train, test, ..self.record.clone() })
    }
}

impl Set {
    /// Calls `row` with z = s·c·X, its largest entry and the label of every object.
    fn rows(&self, factor: f64, mut row: impl FnMut(&[f64], f64, usize)) {
        let mut scaled = Vec::new();
        for (batch, labels) in &self.0 {
            let multiplier = factor * batch.multiplier;
            batch.logits.for_each_row(|object, logits| {
                scaled.clear();
                scaled.extend(logits.iter().map(|x| multiplier * x));
                let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row(&scaled, largest, labels[object] as usize);
            });
        }
    }

    fn objects(&self) -> f64 {
        self.0.iter().map(|(_, labels)| labels.len()).sum::<usize>() as f64
    }

    /// Mean over objects of the largest probability.
    fn confidence(&self, factor: f64) -> f64 {
        let mut sum = 0.0;
        self.rows(factor, |z, largest, _| sum += 1.0 / z.iter().map(|z| (z - largest).exp()).sum::<f64>());
        sum / self.objects()
    }

    /// Derivative of the mean -log p of the correct class with respect to log s: the mean of Σⱼ pⱼ zⱼ - z_y.
    fn slope(&self, factor: f64) -> f64 {
        let mut sum = 0.0;
        self.rows(factor, |z, largest, label| {
            let (mut weights, mut weighted) = (0.0, 0.0);
            for z in z {
                let weight = (z - largest).exp();
                weights += weight;
                weighted += weight * z;
            }
            sum += weighted / weights - z[label];
        });
        sum / self.objects()
    }

    fn evaluate(&self, factor: f64, superclass: Option<&[u32]>) -> Evaluation {
        let mut evaluation = Evaluation::default();
        for (batch, labels) in &self.0 {
            batch.evaluate_into(factor, labels, superclass, &mut evaluation);
        }
        evaluation
    }
}
