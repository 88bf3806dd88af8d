//! Accuracy: overall, per class, top-k, close-enough, each on classes and on super-classes.
use super::{Evaluation, share};

/// Overall accuracy: the share of objects whose predicted class is the correct one. NaN without objects.
#[must_use]
pub fn accuracy(evaluation: &Evaluation) -> f64 {
    share(evaluation.predicted.iter().zip(&evaluation.label).map(|(p, l)| p == l), evaluation.len())
}

/// Average accuracy, §3.2: the mean over classes of the accuracy inside each class; classes without objects are left out.
#[must_use]
pub fn average_accuracy(evaluation: &Evaluation) -> f64 {
    per_group(evaluation.predicted.iter().zip(&evaluation.label).map(|(p, l)| (*l, p == l)))
}

/// Top-k performance, §3.2: the share of objects whose correct class is among the k most probable ones, that is, with fewer than k
/// classes of strictly larger probability.
#[must_use]
pub fn top_k(evaluation: &Evaluation, k: u32) -> f64 {
    share(evaluation.rank.iter().map(|rank| *rank < k), evaluation.len())
}

/// Close-enough accuracy, §3.2: the share of objects with p_{i(s)} ≥ max_i p_i - at.
#[must_use]
pub fn close_enough(evaluation: &Evaluation, at: f64) -> f64 {
    within(&evaluation.correct_probability, evaluation, at)
}

/// Super-class accuracy, eq. (20) at 0: the share of objects whose predicted class lies in the right super-class.
/// `superclass[k]` is the super-class of class k.
///
/// # Panics
/// Panics when a class has no entry in `superclass`.
#[must_use]
pub fn superclass_accuracy(evaluation: &Evaluation, superclass: &[u32]) -> f64 {
    share(superclass_hits(evaluation, superclass).map(|(_, hit)| hit), evaluation.len())
}

/// Computes [`average_accuracy`] over super-classes.
///
/// # Panics
/// Panics when a class has no entry in `superclass`.
#[must_use]
pub fn superclass_average_accuracy(evaluation: &Evaluation, superclass: &[u32]) -> f64 {
    per_group(superclass_hits(evaluation, superclass))
}

/// Close-enough accuracy on super-classes, eq. (20): the share of objects for which some class of the right super-class has a
/// probability of at least max_i p_i - at.
#[must_use]
pub fn superclass_close_enough(evaluation: &Evaluation, at: f64) -> f64 {
    within(&evaluation.superclass_probability, evaluation, at)
}

fn within(own: &[f32], evaluation: &Evaluation, at: f64) -> f64 {
    // In double precision: a threshold such as 0.01 is not rounded to the neighbour of a stored probability.
    let holds = |(own, max): (&f32, &f32)| f64::from(*own) >= f64::from(*max) - at;
    share(own.iter().zip(&evaluation.max_probability).map(holds), evaluation.len())
}

fn superclass_hits<'a>(evaluation: &'a Evaluation, superclass: &'a [u32]) -> impl Iterator<Item = (u32, bool)> + 'a {
    let of = |class: &u32| superclass[*class as usize];
    evaluation.predicted.iter().zip(&evaluation.label).map(move |(p, l)| (of(l), of(p) == of(l)))
}

/// Mean over groups of the share of hits in each.
fn per_group(hits: impl Iterator<Item = (u32, bool)>) -> f64 {
    let mut groups: Vec<(usize, usize)> = Vec::new();
    for (group, hit) in hits {
        let group = group as usize;
        if groups.len() <= group {
            groups.resize(group + 1, (0, 0));
        }
        groups[group].0 += usize::from(hit);
        groups[group].1 += 1;
    }
    groups.retain(|(_, n)| *n > 0);
    groups.iter().map(|(hits, n)| *hits as f64 / *n as f64).sum::<f64>() / groups.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three objects of class 0, all right, and one of class 2, taken for class 1.
    fn sample() -> Evaluation {
        Evaluation {
            label: vec![0, 0, 0, 2],
            predicted: vec![0, 0, 0, 1],
            rank: vec![0, 0, 0, 2],
            correct_probability: vec![0.5, 0.9, 0.4, 0.2],
            max_probability: vec![0.5, 0.9, 0.4, 0.45],
            superclass_probability: vec![0.5, 0.9, 0.4, 0.45],
            normalised_margin: vec![0.1, 0.8, 0.05, -0.3],
        }
    }

    #[test]
    fn overall_accuracy_weighs_objects_and_average_accuracy_classes() {
        assert_eq!(accuracy(&sample()), 0.75);
        assert_eq!(average_accuracy(&sample()), 0.5);
    }

    #[test]
    fn superclasses_forgive_confusion_inside_them() {
        assert_eq!(superclass_accuracy(&sample(), &[0, 1, 1]), 1.0);
        assert_eq!(superclass_accuracy(&sample(), &[0, 0, 1]), 0.75);
        assert_eq!(superclass_average_accuracy(&sample(), &[0, 0, 1]), 0.5);
        assert_eq!(superclass_close_enough(&sample(), 0.0), 1.0);
    }

    #[test]
    fn top_k_and_close_enough_grow_to_one() {
        assert_eq!([1, 2, 3].map(|k| top_k(&sample(), k)), [0.75, 0.75, 1.0]);
        assert_eq!([0.0, 0.2, 0.3, 1.0].map(|at| close_enough(&sample(), at)), [0.75, 0.75, 1.0, 1.0]);
    }

    #[test]
    fn nothing_has_no_accuracy() {
        assert!(accuracy(&Evaluation::default()).is_nan() && average_accuracy(&Evaluation::default()).is_nan());
    }
}
