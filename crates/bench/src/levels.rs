//! Comparison of the kernels for different processors on this one.
use kernels::{Level, force, name, selected};

use super::measure::{Samples, turn};
use super::network::Network;
use super::ours::{Call, Ours};
use super::row::Row;
use super::steps::data;
use super::{Bench, BenchError, Result};

const VARIABLE: &str = "TWOSCALE_KERNELS";

/// Refuses a `TWOSCALE_KERNELS` whose kernels do not run.
pub(super) fn check() -> Result<()> {
    match std::env::var(VARIABLE) {
        Ok(wanted) if !wanted.is_empty() && wanted != name() => {
            let available = Level::ALL.into_iter().filter(|level| level.is_available()).map(Level::name);
            Err(BenchError::Kernels { wanted, got: name(), available: available.collect::<Vec<_>>().join(", ") })
        }
        _ => Ok(()),
    }
}

impl Bench<'_> {
    /// Row of the time of a step with the AVX2 kernels over that with the AVX-512 kernels.
    pub(super) fn levels(&mut self, row: &'static str, network: Network) -> Result<Option<Row>> {
        let before = selected();
        if before != Level::Avx512 {
            let why =
                if Level::Avx512.is_available() { "TWOSCALE_KERNELS is set" } else { "a processor without AVX-512" };
            self.note(&format!("{row}: left out, {why}"));
            return Ok(None);
        }
        let run_data = self.run_data(network);
        let result = self.both(&mut Ours::new(network, &run_data)?);
        force(before)?;
        let [avx2, avx512] = result?.map(|samples| samples.median());
        Ok(Some(Row::new(row, "x", avx2.over(avx512), None, &data(&run_data))))
    }

    fn both(&self, training: &mut Ours<'_>) -> Result<[Samples; 2]> {
        let mut samples = [Samples::default(), Samples::default()];
        let mut calls = 5;
        // The first round warms up.
        for round in 0..=self.effort.rounds {
            for (level, samples) in [Level::Avx2, Level::Avx512].into_iter().zip(&mut samples) {
                force(level)?;
                turn(calls, samples, &mut || training.call(Call::Step))?;
            }
            if round == 0 {
                calls = self.effort.calls(samples[1].quickest());
                samples = Default::default();
            }
        }
        Ok(samples)
    }
}
