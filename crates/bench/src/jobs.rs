//! Throughput of two runs at once.
use std::sync::Barrier;
use std::time::Instant;

use super::measure::{Samples, account, median, turn};
use super::network::Network;
use super::ours::{Call, Ours};
use super::row::{Clock, Row, Time};
use super::steps::data;
use super::{Bench, BenchError, Result};
use runs::train::{RunData, TrainError};

impl Bench<'_> {
    /// Row of the steps per second of two runs at once over those of one, measured alternately: the cost of shared caches, memory and
    /// locks. Time in which threads wait for a core used by other programs is subtracted; the wall-clock ratio stands beside it.
    pub(super) fn two_jobs(&mut self, name: &'static str, network: Network) -> Result<Option<Row>> {
        if std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2) {
            self.note("two-jobs: left out, one core");
            return Ok(None);
        }
        let run_data = self.run_data(network);
        let mut warm = Samples::default();
        let mut training = Ours::new(network, &run_data)?;
        turn(5, &mut warm, &mut || training.call(Call::GatheredStep))?;
        // Turns are longer than elsewhere, because threads start and end at slightly different moments.
        let calls = 3 * self.effort.calls(warm.quickest());
        let mut ratios = (Vec::new(), Vec::new());
        for _ in 0..self.effort.rounds.div_ceil(2) {
            let one = jobs(1, calls, network, &run_data)?;
            let two = jobs(2, calls, network, &run_data)?;
            let ratio = one.over(two).times(2.0);
            ratios.0.push(ratio.wall);
            ratios.1.extend(ratio.cpu);
        }
        let ratio = Time { wall: median(&ratios.0).unwrap_or(f64::NAN), cpu: median(&ratios.1) };
        let clock = if ratio.cpu.is_some() { Clock::Undisturbed } else { Clock::Wall };
        let row = Row::by(clock, name, "x", ratio, None, &data(&run_data));
        Ok(Some(Row { ours_cpu: None, ..row }))
    }
}

/// Seconds that `count` simultaneous trainings take for `calls` steps each, from the common start to the last end; `cpu` is the longest
/// of these times without waiting for a core.
fn jobs(count: usize, calls: usize, network: Network, run_data: &RunData) -> Result<Time> {
    let barrier = Barrier::new(count);
    let job = || -> Result<(Instant, Instant, Option<f64>)> {
        // Work that candle gives to rayon has a thread of its own, as in every run.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(TrainError::from);
        let training = Ours::new(network, run_data);
        // A failed job reaches the barrier too; otherwise the others would wait for ever.
        barrier.wait();
        let (pool, mut training) = (pool?, training?);
        pool.install(|| {
            let (before, begin) = (account(), Instant::now());
            for _ in 0..calls {
                training.call(Call::GatheredStep)?;
            }
            let (end, after) = (Instant::now(), account());
            let waited = before.zip(after).map(|(before, after)| after.waiting - before.waiting);
            Ok((begin, end, waited.map(|waited| (end - begin).as_secs_f64() - waited)))
        })
    };
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(job)).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| BenchError::Thread)?).collect::<Result<_>>()
    })?;
    let begin = done.iter().map(|(begin, ..)| *begin).min();
    let end = done.iter().map(|(_, end, _)| *end).max();
    let wall = begin.zip(end).map_or(f64::NAN, |(begin, end)| (end - begin).as_secs_f64());
    let undisturbed = done.iter().map(|(.., own)| *own).collect::<Option<Vec<f64>>>();
    Ok(Time { wall, cpu: undisturbed.map(|own| own.into_iter().fold(0.0, f64::max)) })
}
