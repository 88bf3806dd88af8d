//! Reduction of the losses of a batch to one number.
use candle_core::Tensor;

use crate::Result;
use crate::options::Reduction;

impl Reduction {
    /// Weights w_i of a batch's loss Σ w_i L_i; `sides[i]` is the side of object i, see [`MultiScale::sides`](super::MultiScale::sides).
    ///
    /// ```
    /// use twoscale::options::Reduction;
    /// let sides = [0, 1, 1, 1]; // one object on R1, three on R2
    /// assert_eq!(Reduction::Mean.weights(&sides), [0.25; 4]);
    /// assert_eq!(Reduction::PerScale.weights(&sides), [1.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
    /// assert_eq!(Reduction::PerFirstScale.weights(&sides), [1.0; 4]);
    /// assert_eq!(Reduction::PerFirstScale.weights(&[1, 1]), [1.0; 2]); // n₁ = 0 counts as 1
    /// ```
    #[must_use]
    pub fn weights(self, sides: &[u32]) -> Vec<f64> {
        let mut counts = vec![0u32; sides.iter().max().map_or(0, |side| *side as usize + 1)];
        for side in sides {
            counts[*side as usize] += 1;
        }
        let all = sides.len() as f64;
        let own = |side: u32| f64::from(counts[side as usize]);
        let weight = |side: &u32| match self {
            Self::Mean => all,
            Self::PerScale => own(*side),
            Self::PerFirstScale => own(0).max(1.0),
        };
        sides.iter().map(|side| weight(side).recip()).collect()
    }

    /// The loss of a batch (no dimensions) from the losses of its objects (N). `sides` is called where the reduction needs them.
    ///
    /// # Errors
    /// Fails when `sides` fails, or there are not as many sides as losses.
    pub fn apply(self, losses: &Tensor, sides: impl FnOnce() -> Result<Vec<u32>>) -> Result<Tensor> {
        if self == Self::Mean {
            return Ok(losses.mean_all()?);
        }
        let weights = Tensor::new(self.weights(&sides()?), losses.device())?.to_dtype(losses.dtype())?;
        Ok((losses * weights)?.sum_all()?)
    }
}
