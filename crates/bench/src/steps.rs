//! Rows of one thread: steps, losses, evaluations, and whole runs as sums of these.
use super::measure::{Effort, Samples, turn};
use super::network::Network;
use super::ours::{Call, EVALUATED, Ours};
use super::peer::Peer;
use super::row::{Row, Time};
use super::{Bench, Result};
use runs::train::RunData;

/// Result of both sides: our time, and the peer's with its name.
type Both = (Time, Option<(Time, String)>);

impl Bench<'_> {
    /// Row of a training step.
    pub(super) fn step(&mut self, name: &'static str, network: Network) -> Result<Row> {
        self.calls(name, network, Call::Step)
    }

    /// Row of a training step of seconds.
    pub(super) fn long_step(&mut self, name: &'static str, network: Network) -> Result<Row> {
        let effort = std::mem::replace(&mut self.effort, Effort::LONG);
        let row = self.step(name, network);
        self.effort = effort;
        row
    }

    /// Row of the loss alone.
    pub(super) fn loss(&mut self, name: &'static str, network: Network) -> Result<Row> {
        self.calls(name, network, Call::Loss)
    }

    fn calls(&mut self, name: &'static str, network: Network, call: Call) -> Result<Row> {
        let run_data = self.run_data(network);
        let (ours, peer) = self.interleave(network, &run_data, &mut Ours::new(network, &run_data)?, call)?;
        Ok(Row::new(name, "ms", ours, named(peer.as_ref()), &data(&run_data)))
    }

    /// Row of the evaluation of a whole test set.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    pub(super) fn evaluation(&mut self, name: &'static str, network: Network) -> Result<Row> {
        let run_data = self.run_data(network);
        let (ours, peer) = self.interleave(network, &run_data, &mut Ours::new(network, &run_data)?, Call::Evaluate)?;
        let batches = network.objects().1 as f64 / EVALUATED as f64;
        let peer = peer.map(|(time, name)| (time.times(batches), name));
        Ok(Row::new(name, "ms", ours.times(batches), named(peer.as_ref()), &data(&run_data)))
    }

    /// Row of 1000 steps of a whole run, in seconds: gathered steps, the tests among these steps, and their share of the final
    /// evaluation of all objects.
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    pub(super) fn whole_run(&mut self, name: &'static str, network: Network) -> Result<Row> {
        let run_data = self.run_data(network);
        let (schedule, (train, test)) = (network.spec().schedule, network.objects());
        let batches = |objects: usize| objects as f64 / EVALUATED as f64;
        let parts = [
            ("steps", Call::GatheredStep, 1000.0),
            ("tests", Call::Count, 1000.0 / schedule.test_every as f64 * batches(test)),
            ("final evaluation", Call::Evaluate, 1000.0 / schedule.steps as f64 * batches(train + test)),
        ];
        let mut training = Ours::new(network, &run_data)?;
        let (mut ours, mut peer) = (Time { wall: 0.0, cpu: Some(0.0) }, None);
        let mut words = Vec::new();
        for (number, (part, call, times)) in parts.into_iter().enumerate() {
            let (own, others) = self.interleave(network, &run_data, &mut training, call)?;
            let own = own.times(1e-3 * times);
            ours = ours.and(own);
            words.push(format!("{part} {:.3} s", own.cpu.unwrap_or(own.wall)));
            let others = others.map(|(time, name)| (time.times(1e-3 * times), name));
            peer = match (number, peer, others) {
                (0, _, first) => first,
                (_, Some((sum, name)), Some((time, _))) => Some((sum.and(time), name)),
                _ => None,
            };
        }
        self.note(&format!("{name}, ours: {}", words.join(", ")));
        Ok(Row::new(name, "s", ours, named(peer.as_ref()), &data(&run_data)))
    }

    /// Medians of a call, measured alternately on both sides. A failing peer is reported and left out from then on.
    fn interleave(
        &mut self,
        network: Network,
        run_data: &RunData,
        training: &mut Ours<'_>,
        call: Call,
    ) -> Result<Both> {
        let effort = self.effort;
        let mut peer = self.peer(network, run_data);
        let (mut ours, mut others) = (Samples::default(), Samples::default());
        let mut own = |times: usize, into: &mut Samples| turn(times, into, &mut || training.call(call));
        // Two rounds of warming up: the first fills caches and allocates, the second gives the number of calls in a turn.
        let mut warm = Samples::default();
        own(effort.first_calls(), &mut warm)?;
        own(effort.calls(warm.quickest()).div_ceil(2), &mut warm)?;
        let own_calls = effort.calls(warm.quickest());
        let mut warm = Samples::default();
        let mut peer_calls = 0;
        self.ask(&mut peer, |peer| {
            peer.turn(call, effort.first_calls(), &mut warm)?;
            peer.turn(call, effort.calls(warm.quickest()).div_ceil(2), &mut warm)?;
            peer_calls = effort.calls(warm.quickest());
            Ok(())
        });
        for _ in 0..effort.rounds {
            own(own_calls, &mut ours)?;
            self.ask(&mut peer, |peer| peer.turn(call, peer_calls, &mut others));
        }
        let result = (ours.median(), peer.as_ref().map(|peer| (others.median(), peer.name.clone())));
        self.peer = Some(peer);
        Ok(result)
    }

    fn ask(&mut self, peer: &mut Option<Peer>, question: impl FnOnce(&mut Peer) -> std::result::Result<(), String>) {
        if let Some(running) = peer
            && let Err(why) = question(running)
        {
            self.note(&format!("the peer stopped: {why}"));
            *peer = None;
        }
    }
}

fn named(peer: Option<&(Time, String)>) -> Option<(Time, &str)> {
    peer.map(|(time, name)| (*time, name.as_str()))
}

/// Name of the data set, or of its stand-in, for a row.
pub(super) fn data(run_data: &RunData) -> String {
    let data = run_data.dataset();
    data.stand_in.clone().unwrap_or_else(|| data.name.as_str().to_owned())
}
