//! What commands work with: the repository's folders, the experiments in it, the store, the data sets.
use std::path::{Path, PathBuf};
use std::time::Duration;

use datasets::Cache;
use experiment::{Catalogue, Choice, PAPER, Plan};
use results::gather::{Gathered, gather};
use results::publish;
use runs::store::Store;
use runs::train::{FakeFactory, LearnerFactory, NetworkFactory};

use crate::error::CommandError;
use crate::flags;

/// The folders of the repository and of the user.
pub struct Context {
    /// Root of the repository.
    pub root: PathBuf,
    /// The experiment files.
    pub catalogue: Catalogue,
    /// The records.
    pub store: Store,
    out: Option<PathBuf>,
    data: Option<PathBuf>,
    fake: Option<Duration>,
}

impl Context {
    /// Finds the repository from the working folder upwards, else where this program was compiled.
    pub fn find(folders: &flags::Folders) -> Result<Self, CommandError> {
        let root = root().ok_or_else(|| {
            CommandError::Usage("no folder `experiments` here or above; go into the repository and try again".into())
        })?;
        let catalogue = Catalogue::open(&root.join("experiments"))?;
        let named =
            folders.store.is_some() || std::env::var_os("TWOSCALE_STORE").is_some_and(|value| !value.is_empty());
        let runs = if named { Store::default_root(folders.store.clone()) } else { root.join("runs") };
        let fake = folders.fake_trainer.then(|| Duration::from_micros(folders.fake_delay));
        let store = if fake.is_some() { Store::open_fake(runs) } else { Store::open(runs) };
        // A folder that cannot be read must not pass for an empty store.
        store.readable()?;
        Ok(Self { root, catalogue, store, out: folders.out.clone(), data: folders.data.clone(), fake })
    }

    /// The data sets.
    pub fn cache(&self) -> Result<Cache, CommandError> {
        Ok(Cache::open(self.data.clone())?)
    }

    /// What trains.
    pub fn factory(&self) -> Box<dyn LearnerFactory> {
        match self.fake {
            Some(delay) => Box::new(FakeFactory { delay }),
            None => Box::new(NetworkFactory),
        }
    }

    /// Whether the fake trainer is used.
    pub fn is_fake(&self) -> bool {
        self.fake.is_some()
    }

    /// The plans of figures; `all` names every one.
    pub fn plans(&self, figures: &[String], choice: &Choice) -> Result<Vec<Plan>, CommandError> {
        let mut plans: Vec<Plan> = Vec::new();
        for figure in figures {
            let names = if figure == "all" { self.catalogue.names() } else { std::slice::from_ref(figure) };
            for name in names {
                let plan = self.catalogue.source(name)?.plan(choice)?;
                if plans.iter().all(|other| other.name != plan.name) {
                    plans.push(plan);
                }
            }
        }
        Ok(plans)
    }

    /// Where a plan's figure goes. Only the paper's own runs, unchanged, may replace what is published.
    pub fn folders(&self, plan: &Plan, choice: &Choice) -> publish::Folders {
        let changed = !choice.sets.is_empty() || choice.seeds.is_some() || !choice.only.is_empty();
        let published = publish::Folders::of(&self.root.join("figures"));
        let elsewhere = || {
            let fake = if self.fake.is_some() { "fake-" } else { "" };
            let kind = if changed { "-changed" } else { "" };
            self.root.join("target/figures").join(format!("{fake}{}{kind}", plan.scale))
        };
        match &self.out {
            Some(out) => publish::Folders { out: out.clone(), ..published },
            None if plan.scale == PAPER && !changed && self.fake.is_none() => published,
            None => publish::Folders { out: elsewhere(), ..published },
        }
    }

    /// The records there are of a plan.
    pub fn gather(&self, plan: &Plan) -> Result<Gathered, CommandError> {
        Ok(gather(plan, &self.store)?)
    }

    /// A path as one would write it here.
    pub fn shown(&self, path: &Path) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(here).unwrap_or(path).display().to_string()
    }
}

/// Root of the repository.
pub fn root() -> Option<PathBuf> {
    let has_experiments = |folder: &Path| folder.join("experiments").is_dir() && folder.join("xtask").is_dir();
    let here = std::env::current_dir().ok()?;
    let above = here.ancestors().find(|folder| has_experiments(folder)).map(Path::to_owned);
    let compiled =
        || Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).filter(|path| has_experiments(path));
    above.or_else(compiled)
}
