//! Table of the numbers of single seeds behind the verdicts: `figures/data/figN-seeds.csv`.
use super::Error;
use crate::claims::SeedValue;

/// Writes the numbers as CSV, header `claim,part,loss,seed,value`, in full precision: `tests/recompute.py` computes the published
/// verdicts from them.
///
/// # Errors
/// Returns the writer's error; writing to memory does not fail.
pub fn seeds_csv(rows: &[SeedValue]) -> Result<String, Error> {
    let failed = |e: csv::Error| Error::Table { path: "the table".into(), reason: e.to_string() };
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(["claim", "part", "loss", "seed", "value"]).map_err(failed)?;
    for row in rows {
        writer.serialize(row).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.into_error().into()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
