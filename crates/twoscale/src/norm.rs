//! The norm of the parameters R(α), eq. (9): R = Π_i ‖αⁱ‖ over the counted layers, held as its logarithm, which is a sum and cannot overflow.
use candle_core::{DType, Device, Tensor};

use crate::finding::{Findings, KeyPath};
use crate::models::ModelSpec;
use crate::ops::log_norm;
use crate::options::{BiasNorm, Layers, NormKind, NormOptions};
use crate::parameters::{LayerKind, Parameter, Role};
use crate::{Error, Result};

/// R(α) of one model: the parameters that count, and their norms.
#[derive(Clone, Debug)]
pub struct ParameterNorm {
    /// The factors of R, each the norm of some parameters taken together.
    factors: Vec<Vec<usize>>,
    /// Summand of log R that does not depend on the weights: the repetitions of kernels in their Toeplitz matrices.
    repetitions: f64,
    /// Positions of all parameters of the counted layers, biases included.
    members: Vec<usize>,
    layers: usize,
    kind: NormKind,
    power: f64,
}

/// log R(α) with its gradient ∂log R/∂w = slope·w.
#[derive(Clone, Debug, PartialEq)]
pub struct NormGradient {
    /// log R(α).
    pub log: f64,
    /// The slope of every parameter of the model: power/‖αⁱ‖², 0 where it does not count.
    pub slopes: Vec<f64>,
}

impl ParameterNorm {
    /// Finds the counted parameters of a model.
    ///
    /// # Errors
    /// Fails when no layer counts, a named layer does not exist, or the power is not a positive number.
    pub fn new(options: &NormOptions, parameters: &[Parameter]) -> Result<Self> {
        options.findings().under(&KeyPath::top().key("loss-options").key("norm")).into_result()?;
        let names = counted(&options.layers, parameters).map_err(|reason| Error::Setting(format!("norm: {reason}")))?;
        let find = |layer: &str, role: Role| parameters.iter().position(|p| p.layer == layer && p.role == role);
        let mut factors = Vec::new();
        let mut repetitions = 0.0;
        for name in &names {
            let weight = find(name, Role::Weight);
            let bias = find(name, Role::Bias).filter(|_| options.biases != BiasNorm::Excluded);
            let before = factors.len();
            match options.biases {
                BiasNorm::Separate => factors.extend(weight.into_iter().chain(bias).map(|position| vec![position])),
                BiasNorm::Excluded | BiasNorm::Joint => factors.push(weight.into_iter().chain(bias).collect()),
            }
            if let (NormKind::Toeplitz, Some(weight)) = (options.kind, weight) {
                if parameters[weight].kind == (LayerKind::Convolution { positions: 0 }) {
                    return Err(Error::Setting(format!(
                        "norm: the Toeplitz norm of `{name}` needs the number of positions of its kernel: give the network's \
                         parameters with it, or take another norm"
                    )));
                }
                // Each factor of the layer: a bias is added at each position as well.
                let made = factors.len() - before;
                repetitions += made as f64 * 0.5 * parameters[weight].kind.positions().ln();
            }
        }
        if options.kind == NormKind::Whole {
            factors = vec![factors.concat()];
        }
        let is_member = |p: &Parameter| names.contains(&p.layer);
        let members = (0..parameters.len()).filter(|position| is_member(&parameters[*position])).collect();
        Ok(Self { factors, repetitions, members, layers: names.len(), kind: options.kind, power: options.power })
    }

    /// M - 1: the number of counted layers.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// Positions of the parameters (weights and biases) of the counted layers.
    #[must_use]
    pub fn members(&self) -> &[usize] {
        &self.members
    }

    /// log R(α), f64 without dimensions, on the host, differentiable; -∞ where a counted layer is all zero.
    ///
    /// # Errors
    /// Fails when an operation fails.
    pub fn log(&self, parameters: &[Parameter]) -> Result<Tensor> {
        let mut sum: Option<Tensor> = None;
        for factor in &self.factors {
            let log = self.log_factor(factor, parameters)?;
            sum = Some(match sum {
                Some(sum) => (sum + log)?,
                None => log,
            });
        }
        let sum = sum.ok_or_else(|| Error::Setting("R(α) has no factor: count at least one layer".into()))?;
        let mut sum = sum.to_device(&Device::Cpu)?;
        if self.repetitions != 0.0 {
            sum = (sum + self.repetitions)?;
        }
        Ok(if self.power == 1.0 { sum } else { (sum * self.power)? })
    }

    /// R(α) and its gradient, where the gradient points along the weights themselves, as for Euclidean norms; `None` for spectral
    /// ones. A step of descent along such a gradient is a weight decay, which costs nothing; through candle's graph the gradient
    /// costs another pass over the weights and an addition of gradients.
    ///
    /// # Errors
    /// Fails when an operation fails.
    pub fn log_with_slopes(&self, parameters: &[Parameter]) -> Result<Option<NormGradient>> {
        if self.kind == NormKind::Spectral {
            return Ok(None);
        }
        let mut gradient = NormGradient { log: self.power * self.repetitions, slopes: vec![0.0; parameters.len()] };
        for factor in &self.factors {
            let log = self.log_factor(factor, parameters)?.to_scalar::<f64>()?;
            gradient.log += self.power * log;
            for position in factor {
                gradient.slopes[*position] = self.power * (-2.0 * log).exp();
            }
        }
        Ok(Some(gradient))
    }

    fn log_factor(&self, factor: &[usize], parameters: &[Parameter]) -> Result<Tensor> {
        let tensor = |position: usize| parameters[position].var.as_tensor();
        match (self.kind, factor) {
            (NormKind::Spectral, [weight]) if parameters[*weight].role == Role::Weight => log_spectral(tensor(*weight)),
            (NormKind::Spectral, [weight, bias]) => {
                // A layer acts on (x, 1): its matrix is the weight with the bias as one more column.
                let weight = tensor(*weight).flatten_from(1)?;
                log_spectral(&Tensor::cat(&[&weight, &tensor(*bias).unsqueeze(1)?], 1)?)
            }
            (_, [single]) => log_norm(tensor(*single)),
            (_, several) => {
                let mut squares: Option<Tensor> = None;
                for position in several {
                    let own = tensor(*position).to_dtype(DType::F64)?.sqr()?.sum_all()?;
                    squares = Some(match squares {
                        Some(squares) => (squares + own)?,
                        None => own,
                    });
                }
                let squares = squares.ok_or_else(|| Error::Setting("a factor of R(α) has no parameter".into()))?;
                Ok((squares.log()? * 0.5)?)
            }
        }
    }
}

/// log σ_max of a weight as an (out, rest) matrix W, differentiable: with the singular vectors u, v of σ_max, held constant,
/// σ_max = uᵀ W v and ∂σ_max/∂W = u vᵀ.
///
/// # Errors
/// Fails when an operation fails.
pub fn log_spectral(w: &Tensor) -> Result<Tensor> {
    let matrix = w.flatten_from(1)?.to_dtype(DType::F64)?;
    let (rows, columns) = matrix.dims2()?;
    let constant = matrix.detach().to_device(&Device::Cpu)?;
    // The Gram matrix on the shorter side: its largest eigenvalue is σ², its eigenvector one of the two singular vectors.
    let tall = rows > columns;
    let transposed = constant.t()?.contiguous()?;
    let gram = if tall { transposed.matmul(&constant)? } else { constant.matmul(&transposed)? };
    let vector = dominant(&gram.flatten_all()?.to_vec1::<f64>()?, rows.min(columns));
    let short = Tensor::new(vector, &Device::Cpu)?.unsqueeze(1)?;
    let long = if tall { constant.matmul(&short)? } else { transposed.matmul(&short)? };
    let long = long.broadcast_div(&long.sqr()?.sum_all()?.sqrt()?)?;
    let (u, v) = if tall { (long, short) } else { (short, long) };
    let outer = u.matmul(&v.t()?.contiguous()?)?.to_device(w.device())?;
    Ok((matrix * outer)?.sum_all()?.log()?)
}

/// The eigenvector of the largest eigenvalue of a symmetric non-negative matrix (n, n), by power iteration from a fixed start,
/// so that the same weights give the same bits.
fn dominant(gram: &[f64], n: usize) -> Vec<f64> {
    // A start with no symmetry that a weight could share.
    let mut vector: Vec<f64> = (0..n).map(|i| 1.0 + 0.5 * ((i * i + 1) as f64).sin()).collect();
    let mut product = vec![0.0; n];
    for _ in 0..5000 {
        product.fill(0.0);
        // Column by column, which the symmetry allows: independent sums, several at once.
        for (row, x) in gram.chunks_exact(n).zip(&vector) {
            product.iter_mut().zip(row).for_each(|(sum, a)| *sum += a * x);
        }
        let norm = product.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm == 0.0 || norm.is_nan() {
            return product; // zero matrix, or NaN: the logarithm shows it
        }
        let mut change: f64 = 0.0;
        for (x, y) in vector.iter_mut().zip(&product) {
            change = change.max((y / norm - *x).abs());
            *x = y / norm;
        }
        // The gradient is as exact as the vector; the eigenvalue alone settles long before.
        if change <= 1e-12 {
            break;
        }
    }
    vector
}

/// Lists what makes no sense in the counted layers for the network of a specification: names that no layer has, no layer at all.
/// Nothing is listed for a specification that makes no network.
///
/// The names are those of a network as deep as the specified one and as narrow as possible, which is made in a moment.
#[must_use]
pub fn findings_for(options: &NormOptions, model: &ModelSpec) -> Findings {
    let mut findings = Findings::default();
    if matches!(options.layers, Layers::All | Layers::Dense) {
        return findings;
    }
    let narrow = ModelSpec {
        hidden: vec![1; model.hidden.len()],
        channels: [1, 1],
        kernel: 1,
        width: model.width.map(|_| 1),
        ..model.clone()
    };
    if let Ok(network) = narrow.build([1, 32, 32], 2, 0, &Device::Cpu)
        && let Err(reason) = counted(&options.layers, network.parameters())
    {
        findings.require(false, &KeyPath::top().key("layers"), reason);
    }
    findings
}

/// Names of the counted layers, in the order in which data passes them.
fn counted(layers: &Layers, parameters: &[Parameter]) -> std::result::Result<Vec<String>, String> {
    let weights = || parameters.iter().filter(|p| p.role == Role::Weight);
    let names =
        |wanted: &dyn Fn(&Parameter) -> bool| weights().filter(|p| wanted(p)).map(|p| p.layer.clone()).collect();
    let chosen: Vec<String> = match layers {
        Layers::All => names(&|_| true),
        Layers::Dense => names(&|p| p.kind == LayerKind::Dense),
        Layers::Convolutions => names(&|p| matches!(p.kind, LayerKind::Convolution { .. })),
        Layers::Named(wanted) => {
            let known: Vec<String> = names(&|_| true);
            if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
                return Err(format!("no layer `{unknown}` in this model: its layers are {}", known.join(", ")));
            }
            names(&|p| wanted.contains(&p.layer))
        }
    };
    if chosen.is_empty() {
        return Err("no layer counts in R(α): choose `all`, or name layers of the model".into());
    }
    Ok(chosen)
}
