use serde::Serialize;

/// Measured quantity, an object of `bench --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Name, one of [`ROWS`](super::ROWS).
    pub name: &'static str,
    /// Unit of `ours` and `peer`: `ms`, `s` (for 1000 steps), `MB`, or `x` for a ratio of two of our own.
    pub unit: &'static str,
    /// Our median, by `clock`.
    pub ours: f64,
    /// Median of the peer; none without a peer, or for rows that the peer lacks.
    pub peer: Option<f64>,
    /// Ratio peer / ours.
    pub ratio: Option<f64>,
    /// Name and version of the peer.
    pub peer_name: Option<String>,
    /// Clock of `ours` and `peer`; none for quantities other than times.
    pub clock: Option<Clock>,
    /// Our wall-clock time.
    pub ours_wall: Option<f64>,
    /// Wall-clock time of the peer.
    pub peer_wall: Option<f64>,
    /// Our CPU time of the measuring thread.
    pub ours_cpu: Option<f64>,
    /// CPU time of the peer.
    pub peer_cpu: Option<f64>,
    /// Kernels that ran: `avx512`, `avx2` or `portable`.
    pub kernels: &'static str,
    /// Name of the data set, or of its stand-in.
    pub data: String,
}

/// Clock of a time. Both sides compute on one thread: on an idle machine CPU and wall-clock time agree, on a busy one CPU time leaves
/// out other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// CPU time.
    Cpu,
    /// Wall-clock time.
    Wall,
    /// Wall-clock time without the time that threads waited for a core.
    Undisturbed,
}

/// Time by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Time {
    /// Wall-clock time.
    pub wall: f64,
    /// CPU time, where the system reports it; for several threads at once, the time of [`Clock::Undisturbed`].
    pub cpu: Option<f64>,
}

impl Time {
    /// Time multiplied by `factor`.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { wall: self.wall * factor, cpu: self.cpu.map(|cpu| cpu * factor) }
    }

    /// Sum of two times.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { wall: self.wall + other.wall, cpu: self.cpu.zip(other.cpu).map(|(a, b)| a + b) }
    }

    /// Ratio of two times.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self { wall: self.wall / other.wall, cpu: self.cpu.zip(other.cpu).map(|(a, b)| a / b) }
    }
}

impl Row {
    /// Row of times, ours and the named peer's where there is one: in CPU time where both sides report it.
    #[must_use]
    pub fn new(name: &'static str, unit: &'static str, ours: Time, peer: Option<(Time, &str)>, data: &str) -> Self {
        let known = ours.cpu.is_some() && peer.is_none_or(|(peer, _)| peer.cpu.is_some());
        Self::by(if known { Clock::Cpu } else { Clock::Wall }, name, unit, ours, peer, data)
    }

    /// Row of times as of [`Row::new`], by a given clock, or by the other where its times are missing.
    #[must_use]
    pub fn by(
        clock: Clock,
        name: &'static str,
        unit: &'static str,
        ours: Time,
        peer: Option<(Time, &str)>,
        data: &str,
    ) -> Self {
        let value = |time: Time| match clock {
            Clock::Cpu | Clock::Undisturbed => time.cpu.unwrap_or(time.wall),
            Clock::Wall => time.wall,
        };
        Self {
            name,
            unit,
            ours: value(ours),
            peer: peer.map(|(peer, _)| value(peer)),
            ratio: peer.map(|(peer, _)| value(peer) / value(ours)),
            peer_name: peer.map(|(_, name)| name.to_owned()),
            clock: Some(clock),
            ours_wall: Some(ours.wall),
            peer_wall: peer.map(|(peer, _)| peer.wall),
            ours_cpu: ours.cpu,
            peer_cpu: peer.and_then(|(peer, _)| peer.cpu),
            kernels: kernels::name(),
            data: data.to_owned(),
        }
    }

    /// Row of a quantity other than a time.
    #[must_use]
    pub fn amount(name: &'static str, unit: &'static str, ours: f64, data: &str) -> Self {
        let row = Self::new(name, unit, Time { wall: ours, cpu: None }, None, data);
        Self { clock: None, ours_wall: None, ..row }
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Row, Time};

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
    fn a_busy_machine_does_not_count_where_both_sides_tell_their_cpu_time() {
        let (ours, peer) = (Time { wall: 3.0, cpu: Some(1.0) }, Time { wall: 4.0, cpu: Some(5.0) });
        let row = Row::new("mlp-step", "ms", ours, Some((peer, "PyTorch")), "mnist");
        assert_eq!((row.clock, row.ratio), (Some(Clock::Cpu), Some(5.0)));
        let unknown = Row::new("mlp-step", "ms", ours, Some((Time { cpu: None, ..peer }, "PyTorch")), "mnist");
        assert_eq!((unknown.clock, unknown.ours, unknown.peer), (Some(Clock::Wall), 3.0, Some(4.0)));
        assert_eq!(Row::by(Clock::Wall, "two-jobs", "x", ours, None, "mnist").ours.to_bits(), 3f64.to_bits());
    }

    #[test]
    fn times_add_up_and_lose_the_cpu_time_that_one_lacks() {
        let both = Time { wall: 1.0, cpu: Some(0.5) };
        assert_eq!(both.and(both).times(2.0), Time { wall: 4.0, cpu: Some(2.0) });
        assert_eq!(both.and(Time { wall: 1.0, cpu: None }), Time { wall: 2.0, cpu: None });
        assert_eq!(both.over(both.times(2.0)), Time { wall: 0.5, cpu: Some(0.5) });
    }
}
