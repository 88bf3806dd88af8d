//! The keys of all runs of all figures are pinned: a record is found by its key, so a change of the experiment files' form must
//! not change a single one.
use std::collections::BTreeMap;
use std::path::Path;

use experiment::{Catalogue, Choice};

#[test]
fn the_keys_of_every_figure_are_pinned() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let catalogue = Catalogue::open(&root.join("experiments")).expect("the folder is there");
    let mut found = BTreeMap::new();
    for name in catalogue.names() {
        let source = catalogue.source(name).expect("readable");
        let variants: Vec<Option<String>> =
            std::iter::once(None).chain(source.variants().into_iter().map(|name| Some(name.to_owned()))).collect();
        for scale in source.scales() {
            for variant in &variants {
                let choice = Choice { scale: Some(scale.to_owned()), variant: variant.clone(), ..Choice::default() };
                let plan = source.plan(&choice).expect("valid");
                let mut hash = blake3::Hasher::new();
                for run in &plan.runs {
                    let line = format!("{} {} {}\n", run.loss, run.seed, run.spec.key());
                    let _ = hash.update(line.as_bytes());
                }
                let digest = hash.finalize().to_hex()[..16].to_owned();
                let _ = found.insert(format!("{} {scale}", plan.name), (plan.runs.len(), digest));
            }
        }
    }
    let text: String = found.iter().map(|(name, (runs, digest))| format!("{name}: {runs} runs {digest}\n")).collect();
    let pinned = include_str!("keys.txt");
    assert!(text == pinned, "keys changed; pinned:\n{pinned}\nnow:\n{text}");
}
