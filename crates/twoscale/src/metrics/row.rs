//! Turns the logits of an object into its row of the [`Evaluation`].
use super::Evaluation;
use crate::loss::margin;
use crate::{Error, Result};

impl Evaluation {
    /// Appends an object with logits X, evaluated by the probabilities p = softmax(c·X) on the scale R1, c = R1/R(α).
    /// `norm` is R(α) and only enters the normalised margin; `superclass[k]` is the super-class of class k.
    ///
    /// Probabilities are computed in double precision and rounded once. Ranks compare c·X instead, since soft-max keeps the order
    /// and rounds small probabilities to equal ones. A NaN among the logits counts as the largest of them and makes the probabilities NaN.
    ///
    /// # Panics
    /// Panics when the label is no class, or `superclass` is shorter than the logits; see [`check_superclasses`] and [`crate::loss::margin::check`].
    pub fn push(&mut self, logits: &[f64], label: u32, superclass: Option<&[u32]>, multiplier: f64, norm: f64) {
        let correct = label as usize;
        let scaled: Vec<f64> = logits.iter().map(|x| multiplier * x).collect();
        let predicted = margin::predicted(&scaled);
        let largest = scaled[predicted as usize];
        let weights: Vec<f64> = scaled.iter().map(|z| (z - largest).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let inside = superclass.map_or(weights[correct], |superclass| {
            let own = superclass[correct];
            let same = weights.iter().zip(superclass).filter(|(_, other)| **other == own);
            same.fold(0.0, |best, (weight, _)| best.max(*weight))
        });
        // A NaN on either side must not make an object well classified.
        let own = scaled[correct];
        let behind = |(class, z): (usize, &f64)| class != correct && (*z > own || z.is_nan() || own.is_nan());
        self.label.push(label);
        self.correct_probability.push((weights[correct] / sum) as f32);
        self.max_probability.push((weights[predicted as usize] / sum) as f32);
        self.rank.push(scaled.iter().enumerate().filter(|entry| behind(*entry)).count() as u32);
        self.predicted.push(predicted);
        self.superclass_probability.push((inside / sum) as f32);
        self.normalised_margin.push((margin::margin(logits, label) / norm) as f32);
    }
}

/// Checks that there is a super-class for every class.
///
/// # Errors
/// Fails when there is not one for each.
pub fn check_superclasses(superclass: Option<&[u32]>, classes: usize) -> Result<()> {
    match superclass {
        Some(superclass) if superclass.len() != classes => Err(Error::Setting(format!(
            "{} super-classes for {classes} classes: give the super-class of every class",
            superclass.len()
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_by_hand() {
        let mut seen = Evaluation::default();
        // Probabilities 1/10, 2/10, 7/10 at c = 1; super-classes {0, 2} and {1}.
        seen.push(&[0.0, 2f64.ln(), 7f64.ln()], 1, Some(&[0, 1, 0]), 1.0, 4.0);
        seen.push(&[0.0, 2f64.ln(), 7f64.ln()], 0, Some(&[0, 1, 0]), 1.0, 4.0);
        assert_eq!(seen.correct_probability, [0.2, 0.1]);
        assert_eq!(seen.max_probability, [0.7, 0.7]);
        assert_eq!(seen.superclass_probability, [0.2, 0.7]);
        assert_eq!(seen.rank, [1, 2]);
        assert_eq!(seen.predicted, [2, 2]);
        assert_eq!(seen.normalised_margin[0], ((2f64.ln() - 7f64.ln()) / 4.0) as f32);
    }

    #[test]
    fn equal_logits_are_predicted_as_the_first_but_rank_first_all() {
        let mut seen = Evaluation::default();
        seen.push(&[0.0, 0.0, 0.0, 0.0], 2, None, 1.0, 1.0);
        assert_eq!((seen.predicted[0], seen.rank[0], seen.normalised_margin[0]), (0, 0, 0.0));
        assert_eq!(seen.superclass_probability, seen.correct_probability);
    }

    #[test]
    fn a_diverged_network_is_not_well_classified() {
        let mut seen = Evaluation::default();
        seen.push(&[f64::NAN; 3], 2, None, 1.0, 1.0);
        assert_eq!((seen.predicted[0], seen.rank[0]), (0, 2));
        assert!(seen.correct_probability[0].is_nan());
    }
}
