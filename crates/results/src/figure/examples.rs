//! Figures for inspection by eye: every experiment file drawn with synthetic series near the paper's.
//! `cargo test --release -p results --lib -- --ignored draw_every_figure` writes the figures to `target/examples`.
use std::path::Path;

use crate::figure::{Caption, draw};
use crate::publish::paper_curves;
use crate::series::{Point, Series};
use experiment::{Catalogue, Choice};

#[test]
#[ignore = "writes figures for inspection by eye"]
fn draw_every_figure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let out = root.join("target/examples");
    std::fs::create_dir_all(&out).unwrap();
    let experiments = Catalogue::open(&root.join("experiments")).unwrap();
    for n in [3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15] {
        let name = format!("fig{n}");
        let experiment = experiments.source(&name).unwrap().resolve(&Choice::default()).unwrap();
        let paper = paper_curves(&root.join(format!("figures/paper/{name}.csv")), &experiment.paper).unwrap();
        let series: Vec<_> = paper
            .iter()
            .map(|p| Series {
                panel: p.panel.clone(),
                series: p.series.clone(),
                points: p.points.iter().map(|&(x, y)| near(x, y)).collect(),
                diverged: 0,
            })
            .collect();
        let caption = Caption {
            subtitle:
                "10 seeds · 50,000 steps of 128 objects · CIFAR-100 · R over all layers, detached; initialisation \
                       fan-in; inputs half; last activation relu"
                    .into(),
            ..Caption::default()
        };
        std::fs::write(out.join(format!("{name}.svg")), draw(&experiment, &series, &paper, &caption, &[]).unwrap())
            .unwrap();
        let poor = Caption {
            banners: vec![
                "STAND-IN DATA: UCI optical digits (8x8) in place of MNIST; these are not the paper's data".into(),
                "REDUCED RUN (scale smoke): 3 of 30 seeds, 150 of 1,000 steps".into(),
            ],
            notes: vec!["Diverged and left out, η = 0.01: seed 3 at step 1,240, seed 7 at step 14.".into()],
            ..caption
        };
        let some = &series[..series.len() / 2];
        std::fs::write(out.join(format!("{name}-poor.svg")), draw(&experiment, some, &paper, &poor, &[]).unwrap())
            .unwrap();
    }
}

fn near(x: f64, y: f64) -> Point {
    let mean = y * (1.0 + 0.02 * (x * 0.7).sin()) + 0.004 * (x * 3.0).cos();
    let mean = if y == 0.0 { 0.0 } else { mean };
    Point { x, mean, low: mean - 0.01, high: mean + 0.01, n: 10 }
}
