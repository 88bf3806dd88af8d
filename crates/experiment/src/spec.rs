//! [`RunSpec`]: one training, as plain data. Its canonical JSON's BLAKE3 hash is the run's key ([`RunSpec::key`]).
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twoscale::loss::{Inner, LossKind};

/// A specification that makes no sense; the sentence says which setting and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpecError(pub String);

/// Everything that decides the bits of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunSpec {
    /// What it is trained on.
    pub data: DataSpec,
    /// The network.
    pub model: twoscale::models::ModelSpec,
    /// The loss.
    pub loss: twoscale::loss::LossSpec,
    /// Options of the loss and its training.
    pub loss_options: twoscale::options::LossOptions,
    /// The optimiser.
    pub optimiser: twoscale::optimiser::OptimiserSpec,
    /// How long, in which batches, what is measured when.
    pub schedule: Schedule,
    /// Seed of all its random streams.
    pub seed: u64,
}

impl RunSpec {
    /// The run's key: the first 128 bits of the BLAKE3 hash of [`RunSpec::canonical`], as 32 hexadecimal digits.
    #[must_use]
    pub fn key(&self) -> String {
        blake3::hash(self.canonical().as_bytes()).to_hex()[..32].to_owned()
    }

    /// The specification as JSON without blanks, the keys of every object sorted, numbers as `serde_json` prints them
    /// (the shortest decimals that read back to the same bits; `0.1`, `10.0`).
    ///
    /// Sorted here and not by a map's own order: some crate of the tree may switch on `serde_json`'s `preserve_order`,
    /// and every key would change.
    #[must_use]
    pub fn canonical(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut text = String::new();
        write_canonical(&value, &mut text);
        text
    }

    /// Checks everything that can be checked without the data.
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub fn validate(&self) -> Result<(), SpecError> {
        let refuse = |sentence: String| Err(SpecError(sentence));
        let Schedule { steps, batch, test_every, .. } = self.schedule;
        for (name, value) in [("steps", steps), ("batch", batch), ("test-every", test_every)] {
            if value == 0 {
                return refuse(format!("schedule.{name} is 0; it must be at least 1"));
            }
        }
        if u32::try_from(steps).is_err() {
            return refuse(format!("schedule.steps is {steps}; at most {} are supported", u32::MAX));
        }
        if let Decay::Steps { at, factor } = &self.schedule.decay {
            if !(factor.is_finite() && *factor > 0.0) {
                return refuse(format!("schedule.decay.factor is {factor}; it must be a positive number"));
            }
            if !at.windows(2).all(|pair| pair[0] < pair[1]) {
                return refuse(format!("schedule.decay.at is {at:?}; the steps must increase"));
            }
        }
        let optimiser = &self.optimiser;
        if !(optimiser.learning_rate.is_finite() && optimiser.learning_rate > 0.0) {
            return refuse(format!(
                "optimiser.learning-rate is {}; it must be a positive number",
                optimiser.learning_rate
            ));
        }
        if !(0.0..1.0).contains(&optimiser.momentum) {
            return refuse(format!("optimiser.momentum is {}; it must be in [0, 1)", optimiser.momentum));
        }
        if !(optimiser.weight_decay.is_finite() && optimiser.weight_decay >= 0.0) {
            return refuse(format!("optimiser.weight-decay is {}; it must be 0 or more", optimiser.weight_decay));
        }
        if let Some(0) = self.data.train {
            return refuse("data.train is 0; at least one training object is needed".to_owned());
        }
        if let Some(0) = self.data.test {
            return refuse("data.test is 0; at least one test object is needed".to_owned());
        }
        if let Some(width) = self.model.hidden.iter().find(|&&width| width == 0) {
            return refuse(format!("model.hidden has a layer of width {width}; every width must be at least 1"));
        }
        self.validate_loss()
    }

    /// The part of [`RunSpec::validate`] about the loss.
    fn validate_loss(&self) -> Result<(), SpecError> {
        let loss = &self.loss;
        let thresholds = &loss.thresholds;
        if let Some(eta) = thresholds.iter().find(|eta| !(eta.is_finite() && **eta > 0.0)) {
            return Err(SpecError(format!("loss.thresholds has η = {eta}; every threshold must be a positive number")));
        }
        if !thresholds.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err(SpecError(format!("loss.thresholds is {thresholds:?}; the thresholds must increase")));
        }
        match loss.kind {
            LossKind::Single if !thresholds.is_empty() => {
                return Err(SpecError(
                    "loss.kind is single, which takes no thresholds; leave loss.thresholds out".into(),
                ));
            }
            LossKind::TwoScale | LossKind::Fixed | LossKind::Separation if thresholds.is_empty() => {
                return Err(SpecError(
                    "loss.thresholds is empty; a loss of several scales needs at least one η".into(),
                ));
            }
            _ => {}
        }
        if !(loss.ratio.is_finite() && loss.ratio > 0.0) {
            return Err(SpecError(format!("loss.ratio is {}; it must be a positive number", loss.ratio)));
        }
        if let Inner::Truncated(k) = loss.inner
            && !(k.is_finite() && k > 0.0)
        {
            return Err(SpecError(format!("loss.inner.truncated is {k}; it must be a positive number")));
        }
        Ok(())
    }

    /// Checks what depends on the size of the training set: `objects` training objects are there, after [`DataSpec::train`].
    ///
    /// # Errors
    /// When not even one batch can be filled.
    pub fn validate_batch(&self, objects: usize) -> Result<(), SpecError> {
        let batch = self.schedule.batch;
        if batch > objects {
            return Err(SpecError(format!(
                "schedule.batch is {batch} but there are only {objects} training objects; choose a smaller batch"
            )));
        }
        Ok(())
    }
}

/// Appends `value` to `text`: objects by sorted keys, everything else as `serde_json` prints it.
fn write_canonical(value: &serde_json::Value, text: &mut String) {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                let _ = write!(text, "{}:", Value::String(key.clone()));
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

/// What a run is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataSpec {
    /// The data set.
    pub set: datasets::Name,
    /// Classes or super-classes.
    #[serde(default)]
    pub labels: datasets::Labels,
    /// How pixels are scaled.
    #[serde(default)]
    pub input: Input,
    /// Only the first so many training objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Only the first so many test objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
}

/// How pixels are scaled; x is the pixel on [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// x.
    #[default]
    Unit,
    /// (x - 1/2) / (1/2).
    Half,
    /// x minus the channel's mean over the training set.
    Centred,
    /// (x - mean) / standard deviation, per channel over the training set.
    Standard,
}

/// How long a run is, in which batches, and what is measured when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Schedule {
    /// Steps of the optimiser.
    pub steps: usize,
    /// Objects in a batch.
    pub batch: usize,
    /// Test accuracy is measured after every so many steps (and after the last).
    pub test_every: usize,
    /// What happens to the objects that do not fill a batch at the end of an epoch.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// How τ changes.
    #[serde(default)]
    pub decay: Decay,
}

/// The incomplete batch at the end of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LastBatch {
    /// Left out: 390 steps an epoch on CIFAR.
    #[default]
    Drop,
    /// A smaller batch.
    Keep,
}

/// How the step τ changes in training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// It does not.
    #[default]
    None,
    /// Half a cosine from τ to 0 over the run.
    Cosine,
    /// Multiplied by `factor` at each of these steps.
    Steps {
        /// Steps, counted from 0.
        at: Vec<usize>,
        /// Factor.
        factor: f64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    #[test]
    fn a_key_is_pinned() {
        // Keys are names of folders that hold weeks of training: they must not change by accident.
        let canonical = concat!(
            r#"{"data":{"input":"unit","labels":"fine","set":"digits"},"#,
            r#""loss":{"inner":"cross-entropy","kind":"two-scale","ratio":10.0,"thresholds":[0.1]},"#,
            r#""model":{"bias-initialisation":"pytorch","biases":true,"channels":[6,16],"hidden":[8],"initialisation":"pytorch","kernel":5,"kind":"mlp","last-activation":"relu"},"#,
            r#""optimiser":{"momentum":0.5,"step":0.1,"weight-decay":0.0},"#,
            r#""loss_options":{"baseline":"trained","gate":"raw","mean":"batch","normalisation":"through","separation-base":"fixed","size":{"biases":"out","every":1,"layers":"dense","norm":"frobenius","power":1.0}},"#,
            r#""schedule":{"batch":8,"decay":"none","last-batch":"drop","steps":40,"test-every":15},"#,
            r#""seed":1}"#,
        );
        assert_eq!(spec().canonical(), canonical);
        assert_eq!(spec().key(), "f138d047ee846161ef76fbd5e9b3e599");
    }

    #[test]
    fn keys_do_not_depend_on_the_order_of_fields() {
        let value = serde_json::json!({"b": [1, 0.1, 10.0], "a": {"d": null, "c": "\u{3b7}\"\n"}});
        let mut text = String::new();
        write_canonical(&value, &mut text);
        assert_eq!(text, r#"{"a":{"c":"η\"\n","d":null},"b":[1,0.1,10.0]}"#);
        let again: RunSpec = serde_json::from_str(&spec().canonical()).expect("reads its own text");
        assert_eq!(again, spec());
    }

    #[test]
    fn everything_counts_in_a_key() {
        let change: [fn(&mut RunSpec); 6] = [
            |spec| spec.seed = 2,
            |spec| spec.loss.thresholds = vec![0.2],
            |spec| spec.data.input = Input::Half,
            |spec| spec.loss_options.gate = twoscale::options::Gate::Scaled,
            |spec| spec.schedule.decay = Decay::Cosine,
            |spec| spec.model.biases = false,
        ];
        let mut keys: Vec<String> = change
            .iter()
            .map(|change| {
                let mut spec = spec();
                change(&mut spec);
                spec.key()
            })
            .collect();
        keys.push(spec().key());
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 7);
    }

    #[test]
    fn each_senseless_setting_is_named() {
        type Change = fn(&mut RunSpec);
        let cases: [(&str, Change); 13] = [
            ("schedule.steps is 0", |spec| spec.schedule.steps = 0),
            ("schedule.batch is 0", |spec| spec.schedule.batch = 0),
            ("schedule.test-every is 0", |spec| spec.schedule.test_every = 0),
            ("optimiser.learning-rate is NaN", |spec| spec.optimiser.learning_rate = f64::NAN),
            ("optimiser.learning-rate is -1", |spec| spec.optimiser.learning_rate = -1.0),
            ("optimiser.momentum is 1", |spec| spec.optimiser.momentum = 1.0),
            ("η = -0.1", |spec| spec.loss.thresholds = vec![-0.1]),
            ("η = 0", |spec| spec.loss.thresholds = vec![0.0]),
            ("must increase", |spec| spec.loss.thresholds = vec![0.2, 0.1]),
            ("needs at least one η", |spec| spec.loss.thresholds.clear()),
            ("takes no thresholds", |spec| spec.loss.kind = LossKind::Single),
            ("decay.at", |spec| spec.schedule.decay = Decay::Steps { at: vec![5, 5], factor: 0.1 }),
            ("model.hidden", |spec| spec.model.hidden = vec![10, 0]),
        ];
        assert_eq!(spec().validate(), Ok(()));
        for (sentence, change) in cases {
            let mut spec = spec();
            change(&mut spec);
            let error = spec.validate().expect_err(sentence).to_string();
            assert!(error.contains(sentence), "{error:?} does not say {sentence:?}");
        }
    }
}
