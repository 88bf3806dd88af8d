//! [`RunSpec`]: one training, as plain data. Its canonical JSON's BLAKE3 hash is the run's key ([`RunSpec::key`]).
use std::fmt::Write as _;

use crate::own_data::{Folder, LabelSource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twoscale::finding::{Findings, KeyPath, number};
use twoscale::models::{ModelKind, ModelSpec};
use twoscale::optimiser::OptimiserSpec;
use twoscale::options::{Layers, LossOptions, Normalisation};

use crate::maxima;

/// A specification that makes no sense; the sentence says which setting and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SpecError(pub String);

/// Everything that decides the bits of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunSpec {
    /// Training and test data.
    pub data: DataSpec,
    /// The network.
    pub model: ModelSpec,
    /// The loss.
    pub loss: twoscale::loss::LossSpec,
    /// Options of the loss and its training.
    pub loss_options: LossOptions,
    /// The optimiser.
    pub optimiser: OptimiserSpec,
    /// Steps, batches, measurements.
    pub schedule: Schedule,
    /// Seed of all random streams.
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
    /// Keys are sorted here and not left to the order of a map: some crate of the tree may switch on `serde_json`'s `preserve_order`,
    /// and every key would change.
    #[must_use]
    pub fn canonical(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        let mut text = String::new();
        write_canonical(&value, &mut text);
        text
    }

    /// Lists everything that makes no sense and can be seen without the data.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let mut findings = parts(&self.data, &self.model, &self.loss_options, &self.optimiser, &self.schedule);
        findings.add(self.loss.findings(), &KeyPath::top().key("loss"));
        findings
    }

    /// Checks everything that can be checked without the data.
    ///
    /// # Errors
    /// Tells the first of [`RunSpec::findings`].
    pub fn validate(&self) -> Result<(), SpecError> {
        match self.findings().0.into_iter().next() {
            Some(finding) => Err(SpecError(finding.to_string())),
            None => Ok(()),
        }
    }

    /// Checks what depends on the size of the training set: `objects` training objects are there, after [`DataSpec::train`].
    ///
    /// # Errors
    /// Fails when not even one batch can be filled.
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

/// Lists what makes no sense in those parts of a training that an experiment file and a [`RunSpec`] have in common, each under its key.
#[must_use]
pub fn parts(
    data: &DataSpec,
    model: &ModelSpec,
    loss_options: &LossOptions,
    optimiser: &OptimiserSpec,
    schedule: &Schedule,
) -> Findings {
    let (mut findings, top) = (Findings::default(), KeyPath::top());
    findings.add(data.findings(), &top.key("data"));
    let model_spec = model;
    let model = match (data.set.shape(), data.classes()) {
        (Some(shape), Some(classes)) => model.findings_for(shape, classes),
        _ => model.findings(),
    };
    findings.add(model, &top.key("model"));
    findings.add(loss_options.findings(), &top.key("loss-options"));
    if model_spec.findings().0.is_empty() && loss_options.findings().0.is_empty() {
        let norm = twoscale::norm::findings_for(&loss_options.norm, model_spec);
        findings.add(norm, &top.key("loss-options").key("norm"));
    }
    findings.add(wide_resnet(model_spec, loss_options), &top);
    findings.add(schedule.findings(), &top.key("schedule"));
    if let Some(train) = data.train.filter(|train| *train > 0) {
        let batch = schedule.batch;
        let reason = format!("{train} objects do not fill a batch of {batch}");
        findings.require(batch <= train, &top.key("data").key("train"), reason);
    }
    findings.add(optimiser.findings(), &top.key("optimiser"));
    findings
}

/// Lists what makes no sense for images (C, H, W) that only the files of an own data set tell, beside [`parts`]. The number of classes
/// stands in the files too; here it is the smallest there can be.
#[must_use]
pub fn for_images(data: &DataSpec, model: &ModelSpec, images: [usize; 3]) -> Findings {
    let (mut findings, top) = (Findings::default(), KeyPath::top());
    findings.add(model.findings_for(images, 2), &top.key("model"));
    if let Some(augmentation) = &data.augmentation {
        findings.add(augmentation.findings(Some(images)), &top.key("data").key("augmentation"));
    }
    findings
}

/// Lists options of the loss that a wide residual network cannot have.
fn wide_resnet(model: &ModelSpec, loss_options: &LossOptions) -> Findings {
    let (mut findings, top) = (Findings::default(), KeyPath::top());
    if model.kind != ModelKind::WideResNet {
        return findings;
    }
    let last_layer_counts = match &loss_options.norm.layers {
        Layers::All | Layers::Dense => true,
        Layers::Convolutions => false,
        Layers::Named(names) => names.iter().any(|name| name == "fc"),
    };
    findings.require(
        !(model.last_layer_begins_at_zero && last_layer_counts),
        &top.key("model").key("last-layer-begins-at-zero"),
        "the last layer counts in R(α), so that R(α⁰) would be 0: set `loss-options.norm.layers: convolutions`, or let that layer \
         begin like the others",
    );
    findings.require(
        loss_options.normalisation != Normalisation::RescaledOnce,
        &top.key("loss-options").key("normalisation"),
        "batch normalisation undoes a division of the weights: take `direct`, which divides the logits by R(α⁰)",
    );
    findings
}

/// Appends `value` to `text`: objects by sorted keys, everything else as `serde_json` prints it.
pub(crate) fn write_canonical(value: &serde_json::Value, text: &mut String) {
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

/// Training and test data of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataSpec {
    /// The data set.
    pub set: datasets::Name,
    /// Classes (`fine`) or super-classes (`coarse`). With `set: files`: the `.npy` file of the labels, whole numbers (N), the
    /// classes numbered from 0 without gaps.
    #[serde(default)]
    pub labels: LabelSource,
    /// With `set: files`: the `.npy` file of the images, bytes (N, H, W), (N, C, H, W), (N, H, W, C) or (N, W). Relative to the
    /// experiment file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<String>,
    /// With `set: files`: the images of the test part. Without: see `test-share`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_images: Option<String>,
    /// With `set: files`: the labels of the test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_labels: Option<String>,
    /// With `set: files` and no files for testing: the share of the objects that is kept for testing, drawn at random, the same in
    /// every run. Default: 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_share: Option<f64>,
    /// With `set: files`: the SHA-256 of the lines `sha256  file` of the files, as `sha256sum` prints them in the order images,
    /// labels, test images, test labels. May be left out; where it is given, files with other content are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Folder of the experiment file.
    #[serde(skip)]
    #[schemars(skip)]
    pub folder: Folder,
    /// Scaling of the pixels.
    #[serde(default)]
    pub input: Input,
    /// Number of training objects, the first of the set; all where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Number of test objects, the first of the set; all where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<usize>,
    /// Random changes of the training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
}

/// Random changes of training images, anew at every step, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Augmentation {
    /// Black pixels laid around the image, out of which a window of the image's size is taken at a random place. 0: none; 4 is usual.
    #[serde(default)]
    pub crop: usize,
    /// Mirroring from left to right with probability 1/2.
    #[serde(default)]
    pub flip: bool,
    /// Side of a square set to 0 after scaling, its centre at a random place of the image. 0: none; 16 is usual.
    #[serde(default)]
    pub cutout: usize,
    /// Probability of the square.
    #[serde(default = "half")]
    pub cutout_probability: f64,
}

fn half() -> f64 {
    0.5
}

impl Augmentation {
    /// Lists the numbers that make no sense for images (C, H, W); a set whose images are known only once it is read has no shape.
    #[must_use]
    pub fn findings(&self, shape: Option<[usize; 3]>) -> Findings {
        let (mut findings, top) = (Findings::default(), KeyPath::top());
        let side = shape.map_or(maxima::OBJECTS, |[_, height, width]| height.min(width));
        findings.require_within(self.crop, 0, side, &top.key("crop"));
        findings.require_within(self.cutout, 0, side, &top.key("cutout"));
        let probability = self.cutout_probability;
        let reason = format!("must be a probability, 0 to 1, is {}", number(probability));
        findings.require((0.0..=1.0).contains(&probability), &top.key("cutout-probability"), reason);
        findings
    }
}

impl DataSpec {
    /// Number of classes that a network is trained on; `None` where the files of the set decide.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        match self.label_kind() {
            datasets::Labels::Fine => self.set.classes(),
            datasets::Labels::Coarse => self.set.superclasses(),
        }
    }

    /// Lists the settings that make no sense.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let (mut findings, top) = (Findings::default(), KeyPath::top());
        for (key, count) in [("train", self.train), ("test", self.test)] {
            if let Some(count) = count {
                findings.require_within(count, 1, maxima::OBJECTS, &top.key(key));
            }
        }
        for (key, reason) in self.source_findings() {
            findings.require(false, &top.key(key), reason);
        }
        if let Some(augmentation) = &self.augmentation {
            findings.add(augmentation.findings(self.set.shape()), &top.key("augmentation"));
        }
        findings
    }
}

/// Scaling of the pixels; x is the pixel on [0, 1].
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

/// Steps, batches and measurements of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Schedule {
    /// Steps of the optimiser.
    pub steps: usize,
    /// Objects in a batch.
    pub batch: usize,
    /// Number of steps between two measurements of the test accuracy; it is measured after the last step, too.
    pub test_every: usize,
    /// Treatment of the objects that do not fill a batch at the end of an epoch.
    #[serde(default)]
    pub last_batch: LastBatch,
    /// Change of the learning rate τ.
    #[serde(default)]
    pub decay: Decay,
}

impl Schedule {
    /// Lists the settings that make no sense.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let (mut findings, top) = (Findings::default(), KeyPath::top());
        findings.require_within(self.steps, 1, maxima::STEPS, &top.key("steps"));
        findings.require_within(self.batch, 1, maxima::BATCH, &top.key("batch"));
        findings.require_within(self.test_every, 1, maxima::STEPS, &top.key("test-every"));
        if let Decay::Steps { at, factor } = &self.decay {
            let path = top.key("decay").key("steps");
            findings.require_positive(*factor, &path.key("factor"));
            let (list, count, most) = (path.key("at"), at.len(), maxima::LIST);
            findings.require(count <= most, &list, format!("a list has at most {most} steps, this one {count}"));
            for (index, step) in at.iter().enumerate().take(most) {
                findings.require_within(*step, 0, maxima::STEPS, &list.index(index));
                let reason =
                    format!("step {step} lies past the end of a run of {} steps; name an earlier one", self.steps);
                findings.require(*step < self.steps, &list.index(index), reason);
            }
            for (index, pair) in at.windows(2).enumerate().take(most) {
                let reason = format!("steps must grow, {} follows {}", pair[1], pair[0]);
                findings.require(pair[0] < pair[1], &list.index(index + 1), reason);
            }
        }
        findings
    }
}

/// Treatment of the incomplete batch at the end of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LastBatch {
    /// The incomplete batch is left out: 390 steps an epoch on CIFAR with batches of 128.
    #[default]
    Drop,
    /// The incomplete batch is used as a smaller batch.
    Keep,
}

/// Change of the learning rate τ in training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Constant learning rate.
    #[default]
    None,
    /// Half a cosine from τ to 0 over the run.
    Cosine,
    /// Learning rate multiplied by `factor` at each of these steps.
    Steps {
        /// Steps, counted from 0.
        at: Vec<usize>,
        /// Factor.
        factor: f64,
    },
}

#[cfg(test)]
mod tests {
    use twoscale::loss::{Inner, LossKind};

    use super::*;
    use crate::testing::spec;

    #[test]
    fn a_key_is_pinned() {
        // Keys are names of folders that hold weeks of training: they must not change by accident.
        let canonical = concat!(
            r#"{"data":{"input":"unit","labels":"fine","set":"digits"},"#,
            r#""loss":{"inner":"cross-entropy","kind":"two-scale","ratio":10.0,"thresholds":[0.1]},"#,
            r#""loss-options":{"baseline":"trained","gate":"raw","norm":{"biases":"excluded","every":1,"kind":"frobenius","layers":"dense","power":1.0},"normalisation":"through","reduction":"mean","separation-base":"fixed"},"#,
            r#""model":{"bias-initialisation":"pytorch","biases":true,"channels":[6,16],"hidden":[8],"initialisation":"pytorch","kernel":5,"kind":"mlp","last-activation":"relu"},"#,
            r#""optimiser":{"learning-rate":0.1,"momentum":0.5,"weight-decay":0.0},"#,
            r#""schedule":{"batch":8,"decay":"none","last-batch":"drop","steps":40,"test-every":15},"#,
            r#""seed":1}"#,
        );
        assert_eq!(spec().canonical(), canonical);
        assert_eq!(spec().key(), "1171e76ab683b43be3a329ea345d426b");
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
        let cases: [(&str, Change); 24] = [
            ("schedule.steps: must be at least 1, is 0", |spec| spec.schedule.steps = 0),
            ("schedule.batch: must be at least 1, is 0", |spec| spec.schedule.batch = 0),
            ("schedule.test-every: must be at least 1", |spec| spec.schedule.test_every = 0),
            ("optimiser.learning-rate: must be greater than 0, is NaN", |spec| spec.optimiser.learning_rate = f64::NAN),
            ("optimiser.learning-rate: must be greater than 0, is -1", |spec| spec.optimiser.learning_rate = -1.0),
            ("optimiser.momentum: must be in [0, 1), is 1", |spec| spec.optimiser.momentum = 1.0),
            ("loss.thresholds[0]: must be greater than 0, is -0.1", |spec| spec.loss.thresholds = vec![-0.1]),
            ("loss.thresholds[0]: must be greater than 0, is 0", |spec| spec.loss.thresholds = vec![0.0]),
            ("loss.thresholds[1]: thresholds must grow, 0.1 follows 0.2", |spec| spec.loss.thresholds = vec![0.2, 0.1]),
            ("loss.thresholds: a loss of several scales needs a threshold", |spec| spec.loss.thresholds.clear()),
            ("loss.thresholds: a loss of kind `single` has one scale", |spec| spec.loss.kind = LossKind::Single),
            ("schedule.decay.steps.at[1]: steps must grow", |spec| {
                spec.schedule.decay = Decay::Steps { at: vec![5, 5], factor: 0.1 }
            }),
            ("model.hidden[0]: must be at most 65536", |spec| spec.model.hidden = vec![usize::MAX]),
            ("model.hidden: a network has at most 64", |spec| spec.model.hidden = vec![1; 1_000_000]),
            ("model.hidden: the network has", |spec| spec.model.hidden = vec![65_536; 2]),
            ("schedule.steps: must be at most 100000000", |spec| spec.schedule.steps = usize::MAX),
            ("schedule.batch: must be at most 1000000", |spec| spec.schedule.batch = usize::MAX),
            ("loss.inner.truncated: must be greater than 0 and at most 1", |spec| {
                spec.loss.inner = Inner::Truncated(1.5)
            }),
            ("loss.ratio: must be from", |spec| spec.loss.ratio = 1e300),
            ("loss.thresholds: a loss has at most 16", |spec| spec.loss.thresholds = vec![1.0; 100_000]),
            ("loss-options.norm.every: must be at most", |spec| spec.loss_options.norm.every = usize::MAX),
            ("loss-options.norm.power: must be at most 100", |spec| spec.loss_options.norm.power = 1e9),
            ("data.train: must be at most", |spec| spec.data.train = Some(usize::MAX)),
            ("model.hidden[1]: must be at least 1, is 0", |spec| spec.model.hidden = vec![10, 0]),
        ];
        assert_eq!(spec().validate(), Ok(()));
        for (sentence, change) in cases {
            let mut spec = spec();
            change(&mut spec);
            let error = spec.validate().expect_err(sentence).to_string();
            assert!(error.len() < 300, "{error}");
            assert!(error.contains(sentence), "{error:?} does not say {sentence:?}");
        }
    }
}
