//! Loads data sets and says how long that took: `cargo run --release -p datasets --example load -- cifar-10`.
use std::time::Instant;

use datasets::{Cache, Name};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = Cache::open(None)?;
    for text in std::env::args().skip(1) {
        let name: Name = text.parse()?;
        let start = Instant::now();
        let set = cache.load(name)?;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{name}: {} + {} images in {seconds:.3} s, {:?}",
            set.train.len(),
            set.test.len(),
            set.channel_statistics()
        );
        println!("  {}", set.digests[0].sha256);
    }
    Ok(())
}
