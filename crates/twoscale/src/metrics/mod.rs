//! Measures of performance, §3.1 and §3.2. One [`Evaluation`] of a finished run feeds them all.

/// What is known of every object of a set, on the scale R1, at the end of a run. All columns have one entry per object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// The correct class i(s).
    pub label: Vec<u32>,
    /// p_{i(s)}.
    pub correct_probability: Vec<f32>,
    /// max_i p_i.
    pub max_probability: Vec<f32>,
    /// Number of classes with a larger probability than the correct one (0: correctly classified).
    pub rank: Vec<u32>,
    /// argmax_i p_i, the first of equals.
    pub predicted: Vec<u32>,
    /// Largest probability inside the right super-class; equal to `correct_probability` where there are no super-classes.
    pub superclass_probability: Vec<f32>,
    /// Normalised classification confidence δX̂ = δX/R(α), §2.2.
    pub normalised_margin: Vec<f32>,
}
