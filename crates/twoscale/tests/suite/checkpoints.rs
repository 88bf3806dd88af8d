//! A run that is taken up again goes on to the same bits.
use candle_core::{DType, Tensor};
use twoscale::loss::LossKind;
use twoscale::options::{LossOptions, NormOptions, Normalisation, SeparationBase};
use twoscale::trainer::Trainer;

use crate::support::{batch, entries, loss, sgd, trainer};

fn steps(trainer: &mut Trainer, from: u64, to: u64) {
    for step in from..to {
        let (inputs, labels) = batch(step, DType::F32);
        trainer.step(&inputs, &labels, 0.1).unwrap();
    }
}

fn bits(state: &[(String, Tensor)]) -> Vec<(String, Vec<u64>)> {
    state.iter().map(|(name, tensor)| (name.clone(), entries(tensor).iter().map(|x| x.to_bits()).collect())).collect()
}

#[test]
fn a_restored_run_goes_on_to_the_same_bits() {
    for normalisation in
        [Normalisation::Through, Normalisation::Detached, Normalisation::Direct, Normalisation::RescaledOnce]
    {
        // R every 7 steps: the break at step 10 lies between two computations of R.
        let every = if normalisation == Normalisation::Detached { 7 } else { 1 };
        let parameter_norm = NormOptions { every, ..NormOptions::default() };
        let options = LossOptions {
            normalisation,
            norm: parameter_norm,
            separation_base: SeparationBase::Trained,
            ..LossOptions::default()
        };
        for (kind, thresholds) in [(LossKind::TwoScale, vec![0.01]), (LossKind::Separation, vec![0.01, 0.1])] {
            for momentum in [0.0, 0.9] {
                let fresh = || trainer(&loss(kind, &thresholds), &options, &sgd(momentum, 1e-3), DType::F32);
                let mut whole = fresh();
                steps(&mut whole, 0, 10);
                let checkpoint = whole.state().unwrap();
                steps(&mut whole, 10, 25);
                let mut resumed = fresh();
                resumed.restore(&checkpoint).unwrap();
                steps(&mut resumed, 10, 25);
                assert_eq!(bits(&whole.state().unwrap()), bits(&resumed.state().unwrap()));
                let (inputs, labels) = batch(30, DType::F32);
                let labels = labels.to_vec1::<u32>().unwrap();
                let [mut first, mut second] = [(), ()].map(|()| twoscale::metrics::Evaluation::default());
                whole.evaluate(&inputs, &labels, None, &mut first).unwrap();
                resumed.evaluate(&inputs, &labels, None, &mut second).unwrap();
                assert_eq!(first, second);
            }
        }
    }
}

#[test]
fn a_checkpoint_does_not_follow_the_run() {
    let mut trainer = trainer(&loss(LossKind::TwoScale, &[0.01]), &LossOptions::default(), &sgd(0.9, 0.0), DType::F32);
    steps(&mut trainer, 0, 2);
    let checkpoint = trainer.state().unwrap();
    let before = bits(&checkpoint);
    steps(&mut trainer, 2, 4);
    assert_eq!(before, bits(&checkpoint));
    assert_ne!(before, bits(&trainer.state().unwrap()));
}

#[test]
fn a_state_names_what_it_holds() {
    let trainer = trainer(&loss(LossKind::TwoScale, &[0.01]), &LossOptions::default(), &sgd(0.9, 0.0), DType::F32);
    let names = |state: Vec<(String, Tensor)>| state.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let weights = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "R1", "R2", "log-norm"];
    assert_eq!(names(trainer.weights().unwrap()), weights);
    let state = names(trainer.state().unwrap());
    assert_eq!(state[..7], weights);
    assert!(state[7..].contains(&"velocity.fc2.bias".to_owned()) && state[7..].contains(&"velocity.R2".to_owned()));
}
