use serde::Serialize;

/// One measured thing, as it stands in `bench --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// One of [`ROWS`](super::ROWS).
    pub name: &'static str,
    /// Unit of `ours` and `peer`: `ms`, `s` (for 1000 steps), `MB`, or `x` for a ratio of two of our own.
    pub unit: &'static str,
    /// Ours, by the clock on the wall (median).
    pub ours: f64,
    /// The peer's; none where there is no peer, or none for this row.
    pub peer: Option<f64>,
    /// peer / ours.
    pub ratio: Option<f64>,
    /// Which peer, with its version.
    pub peer_name: Option<String>,
    /// Ours, in CPU time of the measuring thread: what remains of `ours` when other programs' load is left out.
    pub ours_cpu: Option<f64>,
    /// The peer's CPU time.
    pub peer_cpu: Option<f64>,
    /// The kernels that ran: `avx512`, `avx2` or `portable`.
    pub kernels: &'static str,
    /// What it was measured on: the data set's name, or what stood in for it.
    pub data: String,
}

/// A time, both ways of taking it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Time {
    /// By the clock on the wall.
    pub wall: f64,
    /// CPU time, where the system tells it.
    pub cpu: Option<f64>,
}

impl Time {
    /// `factor` times as long.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { wall: self.wall * factor, cpu: self.cpu.map(|cpu| cpu * factor) }
    }

    /// One after the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { wall: self.wall + other.wall, cpu: self.cpu.zip(other.cpu).map(|(a, b)| a + b) }
    }

    /// How often `self` has `other` in it.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self { wall: self.wall / other.wall, cpu: self.cpu.zip(other.cpu).map(|(a, b)| a / b) }
    }
}

impl Row {
    /// A row of ours, and of the named peer's where there is one.
    #[must_use]
    pub fn new(name: &'static str, unit: &'static str, ours: Time, peer: Option<(Time, &str)>, data: &str) -> Self {
        let peer_name = peer.map(|(_, name)| name.to_owned());
        let peer = peer.map(|(time, _)| time);
        Self {
            name,
            unit,
            ours: ours.wall,
            peer: peer.map(|peer| peer.wall),
            ratio: peer.map(|peer| peer.wall / ours.wall),
            peer_name,
            ours_cpu: ours.cpu,
            peer_cpu: peer.and_then(|peer| peer.cpu),
            kernels: twoscale::kernels::name(),
            data: data.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, Time};

    #[test]
    fn a_row_is_the_object_that_scripts_rely_on() {
        let time = |wall| Time { wall, cpu: None };
        let row = Row::new("mlp-step", "ms", time(0.5), Some((time(1.0), "PyTorch")), "mnist");
        let json = serde_json::to_value(&row).expect("plain data");
        assert_eq!(json["ratio"], 2.0, "peer / ours: how many times faster we are");
        assert_eq!((&json["unit"], &json["peer_name"]), (&"ms".into(), &"PyTorch".into()));
        let alone = serde_json::to_value(Row::new("mlp-step", "ms", time(0.5), None, "mnist")).expect("plain data");
        for key in ["peer", "ratio", "peer_name"] {
            assert_eq!(alone.get(key), Some(&serde_json::Value::Null), "{key}");
        }
    }

    #[test]
    fn times_add_up_and_lose_the_cpu_time_that_one_lacks() {
        let both = Time { wall: 1.0, cpu: Some(0.5) };
        assert_eq!(both.and(both).times(2.0), Time { wall: 4.0, cpu: Some(2.0) });
        assert_eq!(both.and(Time { wall: 1.0, cpu: None }), Time { wall: 2.0, cpu: None });
        assert_eq!(both.over(both.times(2.0)), Time { wall: 0.5, cpu: Some(0.5) });
    }
}
