use std::cell::RefCell;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};

use crate::Result;

/// Variables and the sums of their gradients so far.
type Gathered = Vec<(Tensor, Vec<f32>)>;

thread_local! {
    /// Gradients of variables, gathered while [`backward`] runs on this thread.
    static GATHERED: RefCell<Option<Gathered>> = const { RefCell::new(None) };
}

/// Gradients of a loss with respect to all variables: candle's `Tensor::backward`, faster for the operations of this module.
///
/// candle adds every gradient to a tensor of zeros, above 65,536 elements on a pool of threads that
/// wait by spinning: with a run on every core, this addition takes longer than the rest of a dense network's step. During this function
/// the operations of the module sum the gradients of variables without candle. The results are those of `Tensor::backward`, up to the
/// order in which gradients of one variable are added.
///
/// ```
/// use candle_core::{Device, Var};
/// let w = Var::new(&[3f32, 4.], &Device::Cpu)?;
/// let gradients = twoscale::ops::backward(&twoscale::ops::log_norm(&w)?)?;
/// let gradient = gradients.get(&w).expect("w takes part").to_vec1::<f32>()?;
/// assert!((gradient[0] - 3. / 25.).abs() < 1e-7 && (gradient[1] - 4. / 25.).abs() < 1e-7);
/// # Ok::<(), twoscale::Error>(())
/// ```
///
/// # Errors
/// When an operation has no gradient.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    /// Ends the gathering also when `backward` fails.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            GATHERED.with_borrow_mut(|gathered| *gathered = None);
        }
    }
    GATHERED.with_borrow_mut(|gathered| *gathered = Some(Vec::new()));
    let end = End;
    let mut gradients = loss.backward()?;
    let gathered = GATHERED.with_borrow_mut(Option::take).unwrap_or_default();
    drop(end);
    for (variable, values) in gathered {
        let mut gradient = Tensor::from_vec(values, variable.shape(), &Device::Cpu)?;
        // Operations of candle's own may have given this variable a gradient too.
        if let Some(other) = gradients.remove(&variable) {
            gradient = (gradient + other)?;
        }
        gradients.insert(&variable, gradient);
    }
    Ok(gradients)
}

/// Gradient of `like` for an operation's `bwd` to return; none if `like` needs no gradient or [`backward`] has gathered it.
pub(super) fn give(values: Vec<f32>, like: &Tensor) -> candle_core::Result<Option<Tensor>> {
    if !like.track_op() {
        return Ok(None);
    }
    let left = GATHERED.with_borrow_mut(|gathered| match gathered {
        Some(gathered) if like.is_variable() => {
            match gathered.iter_mut().find(|(variable, _)| variable.id() == like.id()) {
                Some((_, sum)) => sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
                None => gathered.push((like.clone(), values)),
            }
            None
        }
        _ => Some(values),
    });
    left.map(|values| Tensor::from_vec(values, like.shape(), &Device::Cpu)).transpose()
}

/// [`give`] of the gradient `factor` · `values`, added without a further buffer to a gradient gathered before.
pub(super) fn give_scaled(factor: f32, values: &[f32], like: &Tensor) -> candle_core::Result<Option<Tensor>> {
    let added = GATHERED.with_borrow_mut(|gathered| {
        let sum = gathered.as_mut()?.iter_mut().find(|(variable, _)| variable.id() == like.id());
        sum.map(|(_, sum)| sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value))
    });
    if added.is_some() {
        return Ok(None);
    }
    give(values.iter().map(|value| factor * value).collect(), like)
}
