//! Mistakes in the panels of a figure.
use super::file::{Axis, Experiment, Measure, Panel, PanelSeries};
use super::maxima;
use super::path::KeyPath;
use super::suggest;
use super::validate::Findings;

/// Checks the panels.
pub fn panels(experiment: &Experiment, findings: &mut Findings) {
    let path = KeyPath::top().key("panels");
    findings.require(!experiment.panels.is_empty(), &path, "there must be at least one panel");
    let names = experiment.panels.iter().enumerate();
    findings.require_distinct(names.map(|(index, panel)| (panel.panel.as_str(), path.index(index).key("panel"))));
    for (index, panel) in experiment.panels.iter().enumerate() {
        self::panel(experiment, panel, &path.index(index), findings);
    }
    let paper = &experiment.paper;
    let moved = paper.x_from != 0.0 || paper.x_to != 0.0;
    findings.require(
        !moved || paper.x_from < paper.x_to,
        &KeyPath::top().key("paper"),
        "`x-from` must be smaller than `x-to`",
    );
}

fn panel(experiment: &Experiment, panel: &Panel, path: &KeyPath, findings: &mut Findings) {
    axis(&panel.x, &path.key("x"), findings);
    axis(&panel.y, &path.key("y"), findings);
    findings.require_within(panel.points, 1, maxima::POINTS, &path.key("points"));
    findings.require_within(panel.smooth, 0, maxima::STEPS, &path.key("smooth"));
    positions(experiment, panel.measure, &panel.at, path, findings);
    findings.require(!panel.series.is_empty(), &path.key("series"), "there must be at least one series");
    let slugs = panel.series.iter().enumerate().map(|(index, series)| match series {
        PanelSeries::Loss(slug) | PanelSeries::Named { slug, .. } => (slug.as_str(), path.key("series").index(index)),
    });
    findings.require_distinct(slugs);
    for (index, series) in panel.series.iter().enumerate() {
        let (PanelSeries::Loss(loss) | PanelSeries::Named { loss, .. }) = series;
        known_loss(experiment, loss, &path.key("series").index(index), findings);
    }
}

fn axis(axis: &Axis, path: &KeyPath, findings: &mut Findings) {
    let right = axis.from.is_finite() && axis.to.is_finite() && axis.from < axis.to;
    findings.require(right, path, format!("`from` ({}) must be smaller than `to` ({})", axis.from, axis.to));
}

/// Checks that a loss exists.
pub fn known_loss(experiment: &Experiment, slug: &str, path: &KeyPath, findings: &mut Findings) {
    let hint = suggest::clause(slug, experiment.losses.keys().map(String::as_str));
    findings.require(experiment.losses.contains_key(slug), path, format!("there is no loss `{slug}`{hint}"));
}

/// Checks the x values of a measure, and that the data set has what it needs.
pub fn positions(experiment: &Experiment, measure: Measure, at: &[f64], path: &KeyPath, findings: &mut Findings) {
    let at_path = path.key("at");
    if is_function_of_x(measure) {
        findings.require(!at.is_empty(), path, "this measure is a function of x: give `at`, the list of its x values");
    } else {
        findings.require(at.is_empty(), &at_path, "this measure has its own x values; leave `at` out");
    }
    let (count, most) = (at.len(), maxima::LIST);
    findings.require(count <= most, &at_path, format!("a list has at most {most} x values, this one {count}"));
    let at = &at[..count.min(most)];
    for (index, pair) in at.windows(2).enumerate() {
        findings.require(pair[0] < pair[1], &at_path.index(index + 1), "x values must grow");
    }
    let fits = |x: f64| match measure {
        Measure::TopK => x >= 1.0 && x.fract() == 0.0,
        _ => x.is_finite() && x >= 0.0,
    };
    for (index, x) in at.iter().enumerate() {
        let must = if measure == Measure::TopK { "k must be a whole number, 1 or more" } else { "must be 0 or more" };
        findings.require(fits(*x), &at_path.index(index), format!("{must}, is {x}"));
    }
    let has_superclasses = experiment.data.set.superclasses().is_some();
    findings.require(
        measure != Measure::SuperclassCloseEnough || has_superclasses,
        &path.key("measure"),
        "only cifar-100 and textures have super-classes",
    );
}

/// Returns `true` for a measure at x values that the file must give.
pub fn is_function_of_x(measure: Measure) -> bool {
    matches!(
        measure,
        Measure::CloseEnough
            | Measure::TopK
            | Measure::SuperclassCloseEnough
            | Measure::MaxProbabilityBelow
            | Measure::GapWithin
            | Measure::PoorlyClassified
            | Measure::WellClassified
    )
}
