//! Mistakes that the schema cannot see: values of the right type that mean nothing, names that name nothing, numbers beyond
//! [`maxima`]. The specifications of a training check themselves, see [`spec::parts`].
use twoscale::finding::{KeyPath, Segment};

use super::error::Finding;
use super::file::{Experiment, Loss, Softened};
use super::{colour, maxima, spec, text, validate_claims, validate_panels};

pub use twoscale::finding::Findings;

/// Lists everything that is wrong with an experiment as a whole.
pub fn experiment(experiment: &Experiment) -> Vec<Finding> {
    let mut findings = Findings::default();
    let top = KeyPath::top();
    findings.require(!experiment.title.trim().is_empty(), &top.key("title"), "must say something");
    findings.require(!experiment.shows.trim().is_empty(), &top.key("shows"), "must say something");
    let (seeds, most) = (experiment.seeds, maxima::SEEDS);
    findings.require(seeds > 0, &top.key("seeds"), "there must be at least one seed");
    findings.require(seeds <= most, &top.key("seeds"), format!("must be at most {most}, is {seeds}"));
    findings.require(!experiment.losses.is_empty(), &top.key("losses"), "there must be at least one loss");
    for (slug, loss) in &experiment.losses {
        self::loss(slug, loss, &mut findings);
        softened(experiment, slug, loss, &mut findings);
    }
    findings.0.extend(training(experiment));
    validate_panels::panels(experiment, &mut findings);
    validate_claims::claims(experiment, &mut findings);
    text::keys(experiment, &mut findings);
    findings.0
}

/// Lists what is wrong with that part of an experiment that decides a training; asked once more for each loss that changes it.
pub fn training(experiment: &Experiment) -> Vec<Finding> {
    let Experiment { data, model, loss_options, optimiser, schedule, .. } = experiment;
    spec::parts(data, model, loss_options, optimiser, schedule).0
}

/// Checks that the confidence is that of another loss's trained network.
fn softened(experiment: &Experiment, slug: &str, loss: &Loss, findings: &mut Findings) {
    let Some(Softened::ConfidenceOf(other)) = &loss.softened else { return };
    let path = KeyPath::top().key("losses").key(slug).key("softened").key("confidence-of");
    validate_panels::known_loss(experiment, other, &path, findings);
    let trained = experiment.losses.get(other).is_none_or(|other| other.softened.is_none());
    findings.require(trained, &path, format!("`{other}` is softened itself; name a loss that is not"));
}

fn loss(slug: &str, loss: &Loss, findings: &mut Findings) {
    let path = KeyPath::top().key("losses").key(slug);
    let is_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    findings.require(!slug.is_empty() && slug.chars().all(is_slug), &path, "a slug is made of a-z, 0-9, `-` and `.`");
    findings.require(!loss.label.trim().is_empty(), &path.key("label"), "must say something");
    let known = colour::is_colour(&loss.colour);
    let reason = format!(
        "`{}` is no colour; use one of {} or #rrggbb",
        loss.colour,
        colour::NAMES.map(|(name, _)| name).join(", ")
    );
    findings.require(known, &path.key("colour"), reason);
    let alone = loss.eta.is_none() || loss.thresholds.is_empty();
    findings.require(alone, &path.key("thresholds"), "give either `eta` or `thresholds`, not both");
    // The file may write the only threshold as `eta`, and the specification of a loss knows `thresholds` alone.
    for finding in loss.spec().findings().0 {
        let at = match &finding.path.0[..] {
            [Segment::Key(key), ..] if key == "thresholds" && loss.eta.is_some() => path.key("eta"),
            [Segment::Key(key)] if key == "thresholds" && loss.thresholds.is_empty() => path.clone(),
            _ => path.join(&finding.path),
        };
        findings.require(false, &at, finding.reason);
    }
}
