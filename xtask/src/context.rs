//! Context of a command: the repository's folders, the experiments in it, the store, the data sets.
use std::path::{Path, PathBuf};
use std::time::Duration;

use datasets::Cache;
use experiment::{Catalogue, Choice, PAPER, Plan, Source};
use results::gather::{Gathered, gather};
use results::publish::{self, Standing};
use runs::scheduler::DataCache;
use runs::store::Store;
use runs::train::{FakeFactory, LearnerFactory, Processor};

use crate::data::Fetching;
use crate::error::CommandError;
use crate::flags;

/// Folders of the repository and of the user.
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
    processor: Processor,
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
        let (out, data) = (folders.out.clone(), folders.data.clone());
        Ok(Self { root, catalogue, store, out, data, fake, processor: Processor::Cpu })
    }

    /// The same context with another processor to train on; refused where it cannot be used.
    pub fn on(self, processor: Processor) -> Result<Self, CommandError> {
        processor.factory()?;
        Ok(Self { processor, ..self })
    }

    /// The data sets.
    pub fn cache(&self) -> Result<Cache, CommandError> {
        Ok(Cache::open(self.data.clone())?)
    }

    /// The data sets for trainings: fetched where they are missing, each loaded once.
    pub fn sets(&self) -> Result<DataCache<'static>, CommandError> {
        Ok(DataCache::new(Fetching(self.cache()?)))
    }

    /// Factory of the learners.
    pub fn factory(&self) -> Result<Box<dyn LearnerFactory>, CommandError> {
        Ok(match self.fake {
            Some(delay) => Box::new(FakeFactory { delay }),
            None => self.processor.factory()?,
        })
    }

    /// Returns whether the fake trainer trains.
    pub fn is_fake(&self) -> bool {
        self.fake.is_some()
    }

    /// An experiment: a path that ends in .yaml, else a figure of the repository.
    pub fn source(&self, name: &str) -> Result<Source, CommandError> {
        let path = Path::new(name);
        let is_file = path.extension().is_some_and(|extension| extension == "yaml");
        // `fig13.yaml` is the repository's figure wherever no file of that name is meant.
        if is_file && (path.is_file() || path.components().count() > 1) {
            return Ok(Source::read(path, self.catalogue.folder())?);
        }
        Ok(self.catalogue.source(name)?)
    }

    /// The plans of figures; `all` names every one of the paper's, and leaves out those that lack the scale or the variant.
    pub fn plans(&self, figures: &[String], choice: &Choice) -> Result<Vec<Plan>, CommandError> {
        let mut plans: Vec<Plan> = Vec::new();
        let mut add = |plan: Plan| {
            if plans.iter().all(|other| other.name != plan.name || other.of_paper != plan.of_paper) {
                plans.push(plan);
            }
        };
        for figure in figures {
            if figure != "all" {
                add(self.source(figure)?.plan(choice)?);
                continue;
            }
            let mut lacking = Vec::new();
            for name in self.catalogue.names() {
                let source = self.catalogue.source(name)?;
                match lack(&source, choice) {
                    Some(what) => lacking.push((name, what)),
                    None => add(source.plan(choice)?),
                }
            }
            if lacking.len() == self.catalogue.names().len() {
                let what = lacking.first().map(|(_, what)| what.clone()).unwrap_or_default();
                return Err(CommandError::Usage(format!("no figure is left: every one has {what}")));
            }
            for (name, what) in lacking {
                crate::text::tell!("{name}: {what}, left out");
            }
        }
        Ok(plans)
    }

    /// Folders of a plan's figure. Only the paper's own runs, unchanged, may replace what is published.
    pub fn folders(&self, plan: &Plan, choice: &Choice) -> publish::Folders {
        let usual = self.usual_folders(plan, choice);
        publish::Folders { out: self.out.clone().unwrap_or(usual.out), ..usual }
    }

    fn usual_folders(&self, plan: &Plan, choice: &Choice) -> publish::Folders {
        let published = publish::Folders::of(&self.root.join("figures"));
        publish::Folders { out: self.usual(plan, choice).unwrap_or_else(|| published.out.clone()), ..published }
    }

    /// The folder outside of `figures` where a plan's figure goes without `--out`; none where it is the paper's own.
    fn usual(&self, plan: &Plan, choice: &Choice) -> Option<PathBuf> {
        let own = !plan.of_paper;
        let fake = self.fake.is_some();
        if plan.scale == PAPER && !choice.is_changed() && !fake && !own {
            return None;
        }
        let changed = if choice.is_changed() { "-changed" } else { "" };
        let scale = format!("{}{}{changed}", if fake { "fake-" } else { "" }, plan.scale);
        let base = self.root.join("target/figures");
        match (own, scale.as_str()) {
            (false, scale) => Some(base.join(scale)),
            (true, PAPER) => Some(base.join("own")),
            (true, scale) => Some(base.join("own").join(scale)),
        }
    }

    /// The name that a plan's files have: changed runs get the digest of their plan behind it, so that two changes never share
    /// a name. Where `--out` says the folder, the name is the figure's.
    pub fn name(&self, plan: &Plan, choice: &Choice) -> String {
        if self.out.is_none() { usual_name(plan, choice) } else { plan.name.clone() }
    }

    /// Finds what is published of a plan: in the folder of `--out`, else where such figures usually go.
    pub fn published(&self, plan: &Plan, choice: &Choice) -> Result<Found, CommandError> {
        let usual = Found {
            standing: Standing::Nothing,
            folders: self.usual_folders(plan, choice),
            name: usual_name(plan, choice),
        };
        let out = self.out.as_ref().map(|out| Found {
            standing: Standing::Nothing,
            folders: publish::Folders { out: out.clone(), ..usual.folders.clone() },
            name: plan.name.clone(),
        });
        let mut other = None;
        let mut last = usual.clone();
        for mut found in out.into_iter().chain([usual]) {
            found.standing = publish::standing(plan, &found.name, &found.folders)?;
            match found.standing {
                Standing::Current(_) => return Ok(found),
                Standing::OtherPlan { .. } => other = other.or(Some(found)),
                Standing::Nothing => last = found,
            }
        }
        Ok(other.unwrap_or(last))
    }

    /// The published variants of a figure that were made for the plans which its file has now.
    pub fn published_variants(&self, plan: &Plan, choice: &Choice) -> Result<Vec<publish::Document>, CommandError> {
        if !plan.of_paper {
            return Ok(Vec::new());
        }
        let source = self.catalogue.source(&plan.experiment.figure)?;
        let mut documents = Vec::new();
        for variant in source.variants() {
            let choice = Choice { variant: Some(variant.to_owned()), ..choice.clone() };
            let plan = source.plan(&choice)?;
            if let Standing::Current(document) = self.published(&plan, &choice)?.standing {
                documents.push(*document);
            }
        }
        Ok(documents)
    }

    /// The records there are of a plan.
    pub fn gather(&self, plan: &Plan) -> Result<Gathered, CommandError> {
        let mut gathered = gather(plan, &self.store)?;
        crate::soften::soften(self, plan, &mut gathered)?;
        Ok(gathered)
    }

    /// Returns a path as a user would write it from the working folder.
    pub fn shown(&self, path: &Path) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(here).unwrap_or(path).display().to_string()
    }
}

/// Published files of a plan.
#[derive(Clone)]
pub struct Found {
    /// State of the document beside the plan.
    pub standing: Standing,
    /// Folders of the files.
    pub folders: publish::Folders,
    /// Name of the files.
    pub name: String,
}

fn usual_name(plan: &Plan, choice: &Choice) -> String {
    if choice.is_changed() { format!("{}-{}", plan.name, &plan.digest().whole[..8]) } else { plan.name.clone() }
}

/// The scale or the variant of a choice that an experiment does not have, in words.
fn lack(source: &Source, choice: &Choice) -> Option<String> {
    let lacks =
        |wanted: &Option<String>, there: &[&str]| wanted.clone().filter(|wanted| !there.contains(&wanted.as_str()));
    let scale = lacks(&choice.scale, &source.scales()).map(|scale| format!("no scale {scale}"));
    scale.or_else(|| lacks(&choice.variant, &source.variants()).map(|variant| format!("no variant {variant}")))
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
