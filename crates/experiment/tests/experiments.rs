//! Tests of the repository's experiment files: they resolve at every scale, share runs where they should, and name what the
//! paper's own curves name.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use experiment::file::{Experiment, PanelSeries};
use experiment::{Catalogue, Choice, Plan, schema};
use twoscale::models::ModelKind;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn catalogue() -> Catalogue {
    Catalogue::open(&root().join("experiments")).expect("the folder is there")
}

fn plan(name: &str, scale: Option<&str>, variant: Option<&str>) -> Plan {
    let choice = Choice { scale: scale.map(Into::into), variant: variant.map(Into::into), ..Choice::default() };
    let source = catalogue().source(name).expect("the file is there");
    source.plan(&choice).unwrap_or_else(|error| panic!("{name} at {scale:?}, {variant:?}:\n{error}"))
}

fn single_and_pair(name: &str) -> BTreeMap<(String, u64), experiment::spec::RunSpec> {
    plan(name, None, None).runs.into_iter().map(|run| ((run.loss, run.seed), run.spec)).collect()
}

#[test]
fn every_file_resolves_at_every_scale_and_variant() {
    let catalogue = catalogue();
    assert_eq!(catalogue.names().len(), 15, "every figure of the paper");
    for name in catalogue.names() {
        let source = catalogue.source(name).expect("readable");
        assert_eq!(source.scales(), ["paper", "reduced", "smoke"], "{name}");
        let variants: Vec<_> = source.variants().into_iter().map(Some).chain([None]).collect();
        for scale in source.scales() {
            for variant in &variants {
                let plan = plan(name, Some(scale), *variant);
                assert!(!plan.runs.is_empty());
                let stand_in = matches!(plan.experiment.data.set, datasets::Name::Digits | datasets::Name::Textures);
                // A wide residual network learns nothing from textures in minutes: its reduced figures use the beginning of CIFAR.
                let reduced_cifar = scale == "reduced" && plan.experiment.model.kind == ModelKind::WideResNet;
                assert_eq!(stand_in, scale != "paper" && !reduced_cifar, "{name} at {scale}");
            }
        }
    }
}

#[test]
fn figures_3_to_9_train_once() {
    let all = single_and_pair("fig3");
    assert_eq!(all.len(), 40);
    for name in ["fig4", "fig5", "fig6", "fig7", "fig8", "fig9"] {
        for (key, spec) in single_and_pair(name) {
            assert_eq!(spec, all[&key], "{name} {key:?} is trained as in fig3");
        }
    }
    let coarse = plan("fig9", None, Some("coarse"));
    assert_eq!(coarse.name, "fig9-coarse");
    assert!(
        coarse.runs.iter().all(|run| all.values().all(|spec| *spec != run.spec)),
        "other labels are another training"
    );
}

#[test]
fn figures_10_and_15_share_what_they_both_need() {
    let (ten, fifteen) = (single_and_pair("fig10"), single_and_pair("fig15"));
    for seed in 1..=10 {
        for loss in ["single", "two-scale-0.01"] {
            assert_eq!(ten[&(loss.to_owned(), seed)], fifteen[&(loss.to_owned(), seed)]);
        }
    }
    assert_eq!(fifteen.len(), 30);
}

#[test]
fn panels_and_series_are_named_as_in_the_papers_curves() {
    for name in catalogue().names() {
        let file = root().join(format!("figures/paper/{name}.csv"));
        let text = std::fs::read_to_string(&file).expect("the paper's curves are there");
        let paper: BTreeSet<(String, String)> = text
            .lines()
            .skip(1)
            .map(|line| {
                let mut fields = line.split(',');
                (fields.next().unwrap_or_default().into(), fields.next().unwrap_or_default().into())
            })
            .collect();
        assert_eq!(drawn(&plan(name, None, None).experiment), paper, "{name}");
    }
}

fn drawn(experiment: &Experiment) -> BTreeSet<(String, String)> {
    let slug = |series: &PanelSeries| match series {
        PanelSeries::Loss(slug) | PanelSeries::Named { slug, .. } => slug.clone(),
    };
    let panels = experiment.panels.iter();
    panels.flat_map(|panel| panel.series.iter().map(move |series| (panel.panel.clone(), slug(series)))).collect()
}

#[test]
fn every_claim_of_the_paper_is_judged() {
    let wanted = [
        "1a", "2a", "2b", "2c", "3a", "3b", "3c", "3d", "3e", "4a", "4b", "5a", "5b", "6a", "6b", "7a", "8a", "9a",
        "9b", "10a", "10b", "10c", "10d", "11a", "12a", "13a", "13b", "13c", "13d", "13e", "14a", "14b", "14c", "14d",
        "15a", "15b",
    ];
    let claims: Vec<String> = catalogue()
        .names()
        .iter()
        .flat_map(|name| plan(name, None, None).experiment.claims.into_iter().map(|claim| claim.id))
        .collect();
    assert_eq!(claims, wanted);
}

#[test]
fn the_schema_for_editors_is_current() {
    let text = std::fs::read_to_string(root().join("experiments/schema.json")).unwrap_or_default();
    assert!(text == schema::schema_text(), "experiments/schema.json is out of date: run `cargo xtask schema`");
}
