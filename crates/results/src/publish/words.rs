//! Options of network and loss, and departures from the text, in words for the caption of a figure.
use serde_json::Value;
use twoscale::initialisation::Initialisation;
use twoscale::models::{LastActivation, ModelKind, ModelSpec};
use twoscale::options::{Gate, Layers, NormKind, Normalisation, Reduction};

use experiment::file::Experiment;
use experiment::spec::Input;

/// Size of a network in words: `6 and 16 channels, 120 hidden units`, `WRN-16-8`.
pub fn network(model: &ModelSpec) -> String {
    let widths = |widths: &[usize]| widths.iter().map(usize::to_string).collect::<Vec<_>>().join(" and ");
    let hidden = match model.hidden.as_slice() {
        [] => "no hidden layer".to_owned(),
        hidden => format!("{} hidden units", widths(hidden)),
    };
    match model.kind {
        ModelKind::Mlp => hidden,
        ModelKind::LeNet5 => format!("{} channels, {hidden}", widths(&model.channels)),
        ModelKind::WideResNet => {
            let number = |value: Option<usize>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
            format!("WRN-{}-{}", number(model.depth), number(model.width))
        }
    }
}

/// Options that decide the result of a training, in a line of words.
pub fn options(experiment: &Experiment) -> String {
    let (options, model) = (&experiment.loss_options, &experiment.model);
    let layers = match &options.norm.layers {
        Layers::Dense => "the dense layers".to_owned(),
        Layers::All => "all layers".to_owned(),
        Layers::Convolutions => "the convolutions".to_owned(),
        Layers::Named(names) => format!("the layers {}", names.join(", ")),
    };
    let kind = if options.norm.kind == NormKind::Frobenius {
        String::new()
    } else {
        format!(" by {} norms", plain(&serde_json::to_value(options.norm.kind).unwrap_or_default()))
    };
    let power = if options.norm.power == 1.0 { String::new() } else { format!(" to the power {}", options.norm.power) };
    let gradient = match options.normalisation {
        Normalisation::Through => ", with its gradient".to_owned(),
        Normalisation::Detached => ", constant for the gradient".to_owned(),
        other => format!(", {}", plain(&serde_json::to_value(other).unwrap_or_default())),
    };
    let gate = match options.gate {
        Gate::Raw => "η compared with the margin of the logits",
        Gate::Normalised => "η compared with the normalised margin",
        Gate::Scaled => "η compared with the margin on the scale R1",
    };
    let reduction = match options.reduction {
        Reduction::Mean => "loss averaged over the batch",
        Reduction::PerScale => "loss averaged over the objects of each scale",
        Reduction::PerFirstScale => "loss divided by the number of objects on R1",
    };
    let initialisation = match model.initialisation {
        Initialisation::Pytorch => "PyTorch's initialisation".to_owned(),
        Initialisation::FanIn => "weights of variance 1/fan-in".to_owned(),
        Initialisation::Kaiming => "Kaiming initialisation".to_owned(),
        Initialisation::Xavier => "Xavier initialisation".to_owned(),
        Initialisation::Normal(deviation) => format!("weights of standard deviation {deviation}"),
    };
    let biases = if model.biases { "" } else { ", no biases" };
    let input = match experiment.data.input {
        Input::Unit => "pixels in [0, 1]",
        Input::Half => "pixels in [−1, 1]",
        Input::Centred => "pixels minus their channel's mean",
        Input::Standard => "pixels standardised by channel",
    };
    let activation = match model.last_activation {
        LastActivation::Relu => "ReLU on the logits",
        LastActivation::None => "no activation on the logits",
        LastActivation::Abs => "absolute value of the logits",
    };
    [
        format!("R(α) over {layers}{kind}{power}{gradient}"),
        gate.to_owned(),
        reduction.to_owned(),
        format!("{initialisation}{biases}"),
        input.to_owned(),
        activation.to_owned(),
    ]
    .join(" · ")
}

/// Sentence that lists the settings that contradict the paper's text; none where there is no such setting.
pub fn departures(experiment: &Experiment) -> Option<String> {
    let of_key = |(key, ours): (String, Value)| {
        let text = experiment.text.get(&key).and_then(|value| serde_json::to_value(value).ok()).unwrap_or_default();
        let name = key.rsplit('.').next().unwrap_or(&key).replace('-', " ");
        format!("{name} {} where the text has {}", plain(&ours), plain(&text))
    };
    let all: Vec<String> = experiment.departures().into_iter().map(of_key).collect();
    (!all.is_empty()).then(|| format!("Departs from the text: {}.", all.join("; ")))
}

/// Writes JSON without its punctuation: `{"normal": 0.1}` reads `normal 0.1`.
fn plain(value: &Value) -> String {
    value.to_string().replace(['{', '}', '"', '[', ']'], "").replace(':', " ").replace(',', ", ")
}
