//! One-off: gives every document of figures/data the names of today, the digest of its plan and of its table.
use experiment::{Catalogue, Choice, schema};
use results::publish::{Document, settings};
use std::path::Path;
fn main() {
    std::fs::write("experiments/schema.json", schema::schema_text()).unwrap();
    let catalogue = Catalogue::open(Path::new("experiments")).unwrap();
    for entry in std::fs::read_dir("figures/data").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "json") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (figure, variant) = name.split_once('-').map_or((name.as_str(), None), |(f, v)| (f, Some(v.to_owned())));
        let plan = catalogue.source(figure).unwrap().plan(&Choice { variant, ..Choice::default() }).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let map = value.as_object_mut().unwrap();
        let csv = std::fs::read(path.with_extension("csv")).unwrap();
        map.insert("plan".into(), serde_json::to_value(plan.digest()).unwrap());
        map.insert("table".into(), blake3::hash(&csv).to_hex().to_string().into());
        map.insert("figure".into(), name.clone().into());
        let now = settings(&plan.experiment);
        if map.get("settings") != Some(&now) {
            println!("{name}: settings differ: {:?} now {now}", map.get("settings"));
        }
        let document: Document = serde_json::from_value(value).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut json = serde_json::to_string_pretty(&document).unwrap();
        json.push('\n');
        std::fs::write(&path, json).unwrap();
    }
}
