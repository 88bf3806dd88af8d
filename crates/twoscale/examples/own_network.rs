//! Trains a network of candle_nn with a two-scale loss: class 1 where the two coordinates of a point add up to more than 0.
use candle_core::{DType, Device, Tensor};
use candle_nn::{Module, Optimizer, SGD, VarBuilder, VarMap, linear, seq};
use twoscale::loss::{LossSpec, TwoScaleLoss};

pub(crate) fn main() -> twoscale::Result<()> {
    let (varmap, cpu) = (VarMap::new(), Device::Cpu);
    let vb = VarBuilder::from_varmap(&varmap, DType::F32, &cpu);
    let network = seq().add(linear(2, 16, vb.pp("fc1"))?).add_fn(|x| x.relu()).add(linear(16, 2, vb.pp("fc2"))?);
    let loss = TwoScaleLoss::new(LossSpec::two_scale([0.1]), &varmap)?;
    let mut optimiser = SGD::new([varmap.all_vars(), loss.vars()].concat(), 0.1)?;
    let points = Tensor::randn(0f32, 1.0, (256, 2), &cpu)?;
    let labels = points.sum(1)?.gt(0f32)?;
    for _ in 0..200 {
        optimiser.backward_step(&loss.forward(&network.forward(&points)?, &labels)?)?;
    }
    let accuracy = twoscale::metrics::accuracy(&loss.evaluate(&network.forward(&points)?, &labels)?);
    println!("accuracy {accuracy}, scales {:?}", loss.scales().values()?);
    assert!(accuracy > 0.9);
    Ok(())
}
