//! Mistakes in the claims of a figure.
use super::file::{Accept, Experiment, Part, Statistic};
use super::maxima;
use super::path::KeyPath;
use super::validate::Findings;
use super::validate_panels::{known_loss, positions};

/// Checks the claims.
pub fn claims(experiment: &Experiment, findings: &mut Findings) {
    let path = KeyPath::top().key("claims");
    let ids = experiment.claims.iter().enumerate();
    findings.require_distinct(ids.map(|(index, claim)| (claim.id.as_str(), path.index(index).key("id"))));
    for (index, claim) in experiment.claims.iter().enumerate() {
        let parts = path.index(index).key("parts");
        findings.require(!claim.parts.is_empty(), &parts, "a claim needs at least one part to be judged by");
        for (number, part) in claim.parts.iter().enumerate() {
            self::part(experiment, part, &parts.index(number), findings);
        }
    }
}

fn part(experiment: &Experiment, part: &Part, path: &KeyPath, findings: &mut Findings) {
    known_loss(experiment, &part.loss, &path.key("loss"), findings);
    for (key, slug) in [("minus", &part.minus), ("identical-to", &part.identical_to)] {
        if let Some(slug) = slug {
            known_loss(experiment, slug, &path.key(key), findings);
            findings.require(*slug != part.loss, &path.key(key), "a loss cannot be compared with itself");
        }
    }
    findings.require_within(part.smooth, 0, maxima::STEPS, &path.key("smooth"));
    match (part.measure, &part.identical_to) {
        (Some(measure), None) => positions(experiment, measure, &part.at, path, findings),
        (None, Some(_)) => {
            let plain = part.minus.is_none() && part.minus_set.is_none();
            findings.require(plain, path, "`identical-to` stands alone, without `minus` or `minus-set`");
        }
        _ => findings.require(false, path, "give exactly one of `measure` and `identical-to`"),
    }
    if let Statistic::Mean([a, b])
    | Statistic::MeanAbsolute([a, b])
    | Statistic::Min([a, b])
    | Statistic::Max([a, b])
    | Statistic::ArgMax([a, b])
    | Statistic::LeastGrowth([a, b]) = part.statistic
    {
        findings.require(
            a <= b,
            &path.key("statistic"),
            format!("the range must go from the smaller to the larger x, is [{a}, {b}]"),
        );
    }
    accept(part.accept, &path.key("accept"), findings);
}

fn accept(accept: Accept, path: &KeyPath, findings: &mut Findings) {
    match (accept.from, accept.to) {
        (None, None) => findings.require(false, path, "give `from`, `to` or both: what would every value tell?"),
        (Some(from), Some(to)) => {
            findings.require(from <= to, path, format!("`from` ({from}) must not be larger than `to` ({to})"));
        }
        _ => {}
    }
}
