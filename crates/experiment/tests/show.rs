//! `show`: the printed experiment is the experiment, and every value has its place.
use std::path::Path;

use experiment::{Catalogue, Choice, Source};

fn catalogue() -> Catalogue {
    Catalogue::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments")).expect("the folder is there")
}

#[test]
fn what_is_printed_reads_back_as_the_same_experiment() {
    let catalogue = catalogue();
    // One figure of each base, and one without; a base and two patches at a time.
    for name in ["fig4", "fig13", "fig14"] {
        let source = catalogue.source(name).expect("readable");
        for scale in ["paper", "smoke"] {
            for variant in [None, source.variants().first().copied()] {
                let choice = Choice {
                    scale: Some(scale.into()),
                    variant: variant.map(Into::into),
                    sets: vec!["model.initialisation={normal: 0.1}".into()],
                    ..Choice::default()
                };
                let text = source.show(&choice).expect("valid");
                let again = Source::parse(&source.file, name, text.clone()).unwrap_or_else(|e| panic!("{e}\n{text}"));
                let (again, plan) = (again.plan(&Choice::default()), source.plan(&choice).expect("valid"));
                let again = again.unwrap_or_else(|error| panic!("{name} {scale}: {error}\n{text}"));
                assert_eq!(again.digest(), plan.digest(), "{name} {scale}:\n{text}");
                assert_eq!(again.experiment.panels, plan.experiment.panels);
                assert_eq!(again.experiment.claims, plan.experiment.claims);
                assert_eq!(again.experiment.setup, plan.experiment.setup);
            }
        }
    }
}

#[test]
fn every_value_names_its_place() {
    let choice = Choice {
        scale: Some("smoke".into()),
        sets: vec!["optimiser.learning-rate=0.2".into()],
        seeds: Some(1),
        ..Choice::default()
    };
    let text = catalogue().source("fig4").expect("readable").show(&choice).expect("valid");
    let line =
        |words: &str| text.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}:\n{text}"));
    assert!(line("learning-rate: 0.2").ends_with("# --set optimiser.learning-rate=0.2"), "{text}");
    assert!(line("seeds: 1").ends_with("# --seeds 1"));
    assert!(line("momentum: 0").ends_with("# default"));
    assert!(line("steps: 40").contains("base/cifar-lenet5.yaml:"));
    assert!(line("title: Close-enough").contains("experiments/fig4.yaml:4"));
    for line in text.lines().filter(|line| !line.ends_with(':') && !line.starts_with("  ")) {
        assert!(line.contains(" # "), "no place: {line}\n{text}");
    }
}
