//! Tests of the form of `bench`'s output for scripts. No test compares times, since machines differ and are busy.
use crate::support::User;
use serde_json::Value;

#[test]
fn rows_are_as_scripts_rely_on_with_or_without_a_peer() {
    let user = User::new();
    let file = user.path("rows.json");
    let file = file.to_str().expect("text");
    let did = user.run(&["bench", "--quick", "--only", "mlp-step", "--json", file]);
    let did = did.expect(0, &["mlp-step", "Kernels:", "a stand-in for mnist"]);
    let rows: Value = serde_json::from_str(&std::fs::read_to_string(file).expect("written")).expect("JSON");
    let rows = rows.as_array().expect("a list");
    assert_eq!(rows.len(), 1, "only what was asked for");
    let row = &rows[0];
    assert_eq!((&row["name"], &row["unit"]), (&"mlp-step".into(), &"ms".into()));
    assert!(["avx512", "avx2", "portable"].contains(&row["kernels"].as_str().expect("text")));
    let ours = row["ours"].as_f64().expect("a number");
    assert!(ours > 0.0 && ours.is_finite());
    match row["peer"].as_f64() {
        Some(peer) => {
            let ratio = row["ratio"].as_f64().expect("a number");
            assert!((ratio - peer / ours).abs() <= 1e-9 * ratio, "ratio = peer / ours");
            assert!(row["peer_name"].as_str().expect("text").contains("PyTorch"));
            assert!(did.out.contains("ratio = peer / ours"));
        }
        None => {
            assert!(row["peer"].is_null() && row["ratio"].is_null() && row["peer_name"].is_null());
            assert!(did.err.contains("no peer") && did.err.contains("pip install torch"), "{}", did.err);
        }
    }
}

#[test]
fn unknown_rows_are_answered_with_those_there_are() {
    let _ = User::new().run(&["bench", "--only", "mlp-stpe"]).expect(2, &["mlp-stpe", "mlp-step"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_lenet_run_takes_at_most_60_megabytes_beside_its_data() {
    let user = User::new();
    let file = user.path("rows.json");
    let arguments = ["bench", "--quick", "--only", "lenet-memory-100", "--json", file.to_str().expect("text")];
    let _ = user.run(&arguments).expect(0, &["lenet-memory-100"]);
    let rows: Value = serde_json::from_str(&std::fs::read_to_string(file).expect("written")).expect("JSON");
    let megabytes = rows[0]["ours"].as_f64().expect("a number");
    assert_eq!(rows[0]["unit"], "MB");
    assert!(megabytes > 0.0 && megabytes <= 60.0, "{megabytes} MB");
}
