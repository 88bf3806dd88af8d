//! Processors that train runs: the CPU, or a GPU through candle's operations.
use std::fmt;
use std::str::FromStr;

use candle_core::Device;

use super::Result;
use super::data::RunData;
use super::learner::{Learner, LearnerFactory, NetworkFactory, fresh_on};
use experiment::spec::RunSpec;

/// Processor that trains runs: `cpu`, `cuda` (the first GPU) or `cuda:N` (GPU N, from 0).
///
/// The processor is no part of a run's key: records name it beside their results, as they name the CPU's kernels. The GPU's code is
/// compiled with the feature `cuda` alone, and such a program begins only where NVIDIA's driver is installed, which it is linked
/// with. The code was never run on a GPU; the same operations are compared with the kernels on the CPU (`twoscale::ops::composed`).
///
/// ```
/// use runs::train::Processor;
/// assert_eq!("cuda:1".parse(), Ok(Processor::Cuda(1)));
/// assert_eq!("cuda".parse::<Processor>().unwrap().to_string(), "cuda:0");
/// assert!("gpu".parse::<Processor>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Processor {
    /// The CPU, with the kernels of `crates/kernels`; a run is one thread.
    #[default]
    Cpu,
    /// A GPU of NVIDIA's, by its number.
    Cuda(usize),
}

/// A processor that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessorError {
    /// No processor has this name.
    #[error("no device is called `{0}`: take `cpu`, `cuda` or `cuda:N` with the number N of a GPU, from 0")]
    Unknown(String),
    /// Compiled without the feature `cuda`.
    #[error(
        "`cuda` was asked for, but this program was compiled without it: `cargo run --release --package xtask --features cuda -- ...` \
         compiles it, with NVIDIA's CUDA toolkit (nvcc) installed; or leave `--device` out"
    )]
    NotCompiled,
    /// The GPU does not answer.
    #[error("GPU {number} cannot be used: {why}; take `--device cpu`, or the number of another GPU")]
    Unusable {
        /// Number of the GPU.
        number: usize,
        /// Message of the driver, in one line.
        why: String,
    },
}

impl fmt::Display for Processor {
    /// Writes `cpu` or `cuda:N`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl FromStr for Processor {
    type Err = ProcessorError;

    fn from_str(text: &str) -> std::result::Result<Self, ProcessorError> {
        let unknown = || ProcessorError::Unknown(text.chars().take(60).collect());
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let number = text.strip_prefix("cuda:").ok_or_else(unknown)?;
                number.parse().map(Self::Cuda).map_err(|_| unknown())
            }
        }
    }
}

impl Processor {
    /// Refuses a processor whose code this program lacks.
    ///
    /// # Errors
    /// [`ProcessorError::NotCompiled`].
    pub fn compiled(self) -> std::result::Result<(), ProcessorError> {
        if self == Self::Cpu || cfg!(feature = "cuda") { Ok(()) } else { Err(ProcessorError::NotCompiled) }
    }

    /// Opens the processor; its factory trains networks there.
    ///
    /// # Errors
    /// [`ProcessorError::NotCompiled`] and [`ProcessorError::Unusable`].
    pub fn factory(self) -> std::result::Result<Box<dyn LearnerFactory>, ProcessorError> {
        self.compiled()?;
        match self {
            Self::Cpu => Ok(Box::new(NetworkFactory)),
            Self::Cuda(number) => Ok(Box::new(CudaFactory { device: open(number)?, number })),
        }
    }
}

fn open(number: usize) -> std::result::Result<Device, ProcessorError> {
    Device::new_cuda(number).map_err(|error| {
        let text = error.to_string();
        let why = text.lines().next().unwrap_or("no reason given").trim_end_matches('.').to_owned();
        ProcessorError::Unusable { number, why }
    })
}

/// Trains networks on one GPU.
#[derive(Debug)]
struct CudaFactory {
    device: Device,
    number: usize,
}

impl LearnerFactory for CudaFactory {
    /// Returns `cuda:N, candle's operations`: records of a GPU are told from those of the CPU by it, and a checkpoint of one begins
    /// anew on the other.
    fn device(&self) -> String {
        format!("{}, candle's operations", Processor::Cuda(self.number))
    }

    fn begin<'a>(&'a self, spec: &RunSpec, data: &RunData) -> Result<Box<dyn Learner + 'a>> {
        Ok(Box::new(fresh_on(&self.device, spec, data)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, processor) in
            [("cpu", Processor::Cpu), ("cuda", Processor::Cuda(0)), ("cuda:12", Processor::Cuda(12))]
        {
            assert_eq!(text.parse(), Ok(processor));
            assert_eq!(processor.to_string().parse(), Ok(processor));
        }
        for wrong in ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:0:0", "cuda:99999999999999999999"] {
            assert_eq!(wrong.parse::<Processor>(), Err(ProcessorError::Unknown(wrong.to_owned())));
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn without_the_feature_there_is_no_gpu() {
        assert_eq!(Processor::Cuda(0).factory().err(), Some(ProcessorError::NotCompiled));
        assert!(Processor::Cpu.factory().is_ok());
    }
}
