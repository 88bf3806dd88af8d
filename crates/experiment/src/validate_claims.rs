//! Mistakes in the claims of a figure.
use super::claims::{Magnitude, Part, Range, Statistic};
use super::file::Experiment;
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
    if let Statistic::Change([before, after]) = part.statistic {
        let ordered = before[0] <= before[1] && after[0] <= after[1];
        findings.require(ordered, &path.key("statistic"), "each range must go from the smaller to the larger x");
    }
    let asks = part.direction.is_some() || part.magnitude.is_some();
    findings.require(asks, path, "give `direction`, `magnitude` or both: what the part is judged by");
    if let Some(direction) = part.direction {
        let path = path.key("direction");
        findings.require(!direction.is_open(), &path, "give `from`, `to` or both");
        range(direction, &path, findings);
    }
    if let Some(asked) = &part.magnitude {
        magnitude(asked, &path.key("magnitude"), findings);
    }
}

fn magnitude(magnitude: &Magnitude, path: &KeyPath, findings: &mut Findings) {
    let open = magnitude.range().is_open();
    findings.require(
        !open || magnitude.value.is_some(),
        path,
        "give the printed `value`, or a range with `from`, `to` or both",
    );
    let reasoned = open || magnitude.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    findings.require(reasoned, path, "a range needs its `reason`");
    let paired = magnitude.figure.is_none() || magnitude.value.is_some();
    findings.require(paired, path, "`figure` contradicts a printed `value`: give both");
    range(magnitude.range(), path, findings);
}

fn range(range: Range, path: &KeyPath, findings: &mut Findings) {
    if let (Some(from), Some(to)) = (range.from, range.to) {
        findings.require(from <= to, path, format!("`from` ({from}) must not be larger than `to` ({to})"));
    }
}
