//! A plugin's root context: takes its configuration, keeps its document fresh, says what it has.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use serin_document::plugin::{ConfigRefused, PluginConfig, SourceConfig, WhenStale, parse};
use serin_document::{Compiled, Environment, LeftOut, Overrides, TesterKeys, short_hash};

use crate::answer::{Answered, Outcome};
use crate::host::{Answer, Host, Level, Moment, Token};
use crate::keys::{self, Lack};
use crate::serving::Serving;
use crate::shared::SourceKeys;
use crate::shared::document::{Head, load};
use crate::shared::row::SourceState;
use crate::source::Poller;
use crate::verdict::Verdict;
use crate::vm::{Good, InForce, Vm};

/// How often each VM looks for a newer document. A user's requests go to several workers, and
/// until the last of them has looked, they disagree: as short as can be without the looking being
/// felt (it takes about a thousandth of a core for each worker).
const TICK: Duration = Duration::from_millis(100);

/// The most left-out rollouts that are logged of one document; the metric counts all.
const MAX_LINES: usize = 20;

/// One root context.
#[derive(Debug)]
pub struct Plugin {
    vm: Rc<Vm>,
    root: u32,
    /// The plugin's name and root id, by which its VM tells it from others.
    name: String,
    mode: Mode,
    serving: Rc<Serving>,
    /// What was found in the configuration, until it is reported. A VM that only checks a
    /// configuration never ticks: shared data must see nothing of it.
    verdict: Option<Verdict>,
    lack: Lack,
}

#[derive(Debug)]
enum Mode {
    Inline,
    Source(Box<Source>),
}

#[derive(Debug)]
struct Source {
    poller: Poller,
    env: Environment,
    state: SourceState,
    /// Whether the document in force is another source's: revisions of the two don't compare.
    carried: bool,
}

// What happens once in a while is `inline(never)`: its callers in the module are compiled for speed,
// and this is compiled for size.
impl Plugin {
    /// A root context without configuration: it marks nothing, and removes forged marks.
    #[must_use]
    pub fn new(vm: Rc<Vm>, root: u32) -> Self {
        let document = Rc::new(Compiled::empty(&Environment::default()));
        let serving = Rc::new(Serving::new(document, false, vm.counts()));
        Self {
            vm,
            root,
            name: String::new(),
            mode: Mode::Inline,
            serving,
            verdict: None,
            lack: Lack::default(),
        }
    }

    /// What the next request is decided by.
    #[must_use]
    pub const fn serving(&self) -> &Rc<Serving> {
        &self.serving
    }

    /// The VM in which it runs.
    #[must_use]
    pub const fn vm(&self) -> &Rc<Vm> {
        &self.vm
    }

    /// Takes a configuration; whether it is one.
    ///
    /// The verdict depends on the bytes alone, since it has to be the same in the VM that checks
    /// a configuration and in each that takes it: any JSON is a configuration. What is JSON but
    /// no document is reported, and what was in force goes on.
    #[inline(never)]
    pub fn configure(&mut self, host: &dyn Host, bytes: &[u8]) -> bool {
        self.name = plugin_name(host);
        let config = match parse(bytes) {
            Err(refused) if !refused.is_json() => {
                host.log(Level::Error, &self.refusal(bytes, &refused));
                return false;
            }
            config => config,
        };
        host.set_tick_period(TICK);
        match config {
            Ok(PluginConfig::Inline { parsed, overrides, keys }) => {
                let (env, mut lines) = self.environment(host, overrides, keys);
                let compiled = Compiled::compile(parsed, None, &env);
                lines.extend(left_out(&compiled, &format!("plugin \"{}\"", self.name)));
                self.verdict = Some(Verdict { refused: false, lines });
                self.take_inline(Rc::new(compiled), true);
            }
            Ok(PluginConfig::Source { source, overrides, keys }) => {
                let (env, lines) = self.environment(host, overrides, keys);
                self.verdict = Some(Verdict { refused: false, lines });
                let good = self.vm.good(&self.name);
                let previous = good.and_then(|good| good.for_source(host, &source, &env));
                self.take_source(host, source, env, previous);
            }
            Err(refused) => {
                let lines = vec![self.refusal(bytes, &refused)];
                self.verdict = Some(Verdict { refused: true, lines });
                match self.vm.good(&self.name) {
                    Some(Good { document, source: Some((source, env)), carried }) => {
                        self.take_source(host, source, env, Some((document, carried)));
                    }
                    Some(Good { document, source: None, .. }) => self.take_inline(document, false),
                    None => {
                        let empty = Compiled::empty(&Environment::default());
                        self.take_inline(Rc::new(empty), false);
                    }
                }
            }
        }
        true
    }

    /// Looks for a newer document, asks the source where it is time, and says what is in force.
    #[inline(never)]
    pub fn tick(&mut self, host: &dyn Host) {
        let now = host.now();
        if let Some(verdict) = self.verdict.take()
            && verdict.report(host, &plugin_hash(&self.name))
            && verdict.refused
        {
            self.vm.count_refused(host);
        }
        self.refresh(host, now);
        self.lack.report(host, &self.name, self.serving.document());
        if let Mode::Source(source) = &mut self.mode {
            if self.vm.is_replaced(self.root) {
                source.poller.stop(host);
            } else if let Some(answered) = source.poller.tick(host, now) {
                self.count(host, &answered);
            }
        }
        self.vm.tick(host, now);
    }

    /// Takes in the answer to a call.
    #[inline(never)]
    pub fn answered(&mut self, host: &dyn Host, token: Token, answer: &Answer) {
        let Mode::Source(source) = &mut self.mode else { return };
        let Some(answered) = source.poller.answered(host, token, answer) else { return };
        self.count(host, &answered);
        self.refresh(host, host.now());
        if answered.outcome == Outcome::Applied {
            let name = format!("source \"{}\"", self.source_name());
            for line in left_out(self.serving.document(), &name) {
                host.log(Level::Warn, &line);
            }
        }
    }

    /// Makes room: this root context will be given no further request.
    #[inline(never)]
    pub fn done(&mut self, host: &dyn Host) {
        if let Mode::Source(source) = &mut self.mode {
            source.poller.stop(host);
        }
        self.vm.remove(host, self.root);
    }

    fn take_inline(&mut self, document: Rc<Compiled>, is_good: bool) {
        self.mode = Mode::Inline;
        let good =
            is_good.then(|| Good { document: Rc::clone(&document), source: None, carried: false });
        self.serve(document, false, good);
    }

    /// Takes a source, and at once the document that the proxy's VMs have from it, or from the
    /// source before it, so that a new configuration leaves no request unmarked.
    fn take_source(
        &mut self,
        host: &dyn Host,
        source: SourceConfig,
        env: Environment,
        previous: Option<(Rc<Compiled>, bool)>,
    ) {
        let (document, carried) =
            previous.unwrap_or_else(|| (Rc::new(Compiled::empty(&env)), false));
        let origin = Some((source.clone(), env.clone()));
        let good = Good { document: Rc::clone(&document), source: origin, carried };
        let poller = Poller::new(host, source);
        let state = SourceState::Unanswered;
        self.mode = Mode::Source(Box::new(Source { poller, env, state, carried }));
        self.serve(document, false, Some(good));
        self.refresh(host, host.now());
    }

    /// Takes the shared document, if it is newer than the one in force, and sees whether the
    /// source still answers.
    fn refresh(&mut self, host: &dyn Host, now: Moment) {
        let Mode::Source(source) = &mut self.mode else { return };
        let config = source.poller.config();
        let head = Head::read(host, source.poller.keys());
        let state = match &head {
            None => SourceState::Unanswered,
            Some(head) if now.since(head.answered) > config.stale_after => SourceState::Stale,
            Some(_) => SourceState::Fresh,
        };
        let present = self.serving.document();
        let previous = (!source.carried).then_some(&**present);
        let newer = head
            .filter(|head| previous.is_none_or(|own| own.is_newer(head.revision)))
            .and_then(|_| shared(host, source.poller.keys(), previous, &source.env));
        let unmarked = state == SourceState::Stale && config.when_stale == WhenStale::Unmarked;
        if newer.is_none() && state == source.state && unmarked == self.serving.is_unmarked() {
            return;
        }
        source.state = state;
        source.carried &= newer.is_none();
        let carried = source.carried;
        let document = newer.unwrap_or_else(|| Rc::clone(present));
        let source = Some((config.clone(), source.env.clone()));
        let good = Good { document: Rc::clone(&document), source, carried };
        self.serve(document, unmarked, Some(good));
    }

    fn serve(&mut self, document: Rc<Compiled>, unmarked: bool, good: Option<Good>) {
        self.serving = Rc::new(Serving::new(document, unmarked, self.vm.counts()));
        self.lack.changed();
        let (scope, state) = match &self.mode {
            Mode::Inline => (format!("inline-{}", plugin_hash(&self.name)), SourceState::Inline),
            Mode::Source(source) => (source.poller.config().key_hash(), source.state),
        };
        let in_force = InForce { scope, state, serving: Rc::clone(&self.serving) };
        self.vm.put(self.root, &self.name, in_force, good);
    }

    fn count(&self, host: &dyn Host, answered: &Answered) {
        if let Mode::Source(source) = &self.mode {
            self.vm.count_answer(host, &source.poller.config().key_hash(), answered.outcome);
        }
    }

    fn source_name(&self) -> &str {
        match &self.mode {
            Mode::Inline => "inline",
            Mode::Source(source) => source.poller.config().cluster.as_str(),
        }
    }

    /// What this proxy adds to documents, and what there is to say about it.
    fn environment(
        &self,
        host: &dyn Host,
        overrides: Overrides,
        own: Option<TesterKeys>,
    ) -> (Environment, Vec<String>) {
        let namespace = host.property("xds\0node\0metadata\0NAMESPACE");
        let (keys, lines) = match keys::keys(host, own) {
            Ok(keys) => (keys, Vec::new()),
            Err(fault) => {
                let line = format!("plugin \"{}\": no key for testers' tokens: {fault}", self.name);
                (TesterKeys::default(), vec![line])
            }
        };
        (Environment { namespace, overrides, keys }, lines)
    }

    fn refusal(&self, bytes: &[u8], refused: &ConfigRefused) -> String {
        let name = &self.name;
        if bytes.is_empty() {
            return format!(
                "plugin \"{name}\": no configuration: a document or a source is needed"
            );
        }
        // Envoy hands over a StringValue's text, and any other message as it is, in binary.
        let hint = if refused.is_json() { "" } else { " (Envoy: JSON text in a StringValue)" };
        format!("plugin \"{name}\": configuration refused: {refused}{hint}")
    }
}

impl Good {
    /// Whether its document comes from this source, however often that is asked.
    fn is_from(&self, source: &SourceConfig) -> bool {
        self.source.as_ref().is_some_and(|(own, _)| own.key_hash() == source.key_hash())
    }

    /// What a source starts with, and whether that is another source's document: the source's own
    /// as `env` has it, else the one in force where nothing but the source has changed.
    fn for_source(
        &self,
        host: &dyn Host,
        source: &SourceConfig,
        env: &Environment,
    ) -> Option<(Rc<Compiled>, bool)> {
        let (_, own) = self.source.as_ref()?;
        match (own == env, self.is_from(source)) {
            (true, same) => Some((Rc::clone(&self.document), self.carried || !same)),
            (false, true) => {
                let previous = (!self.carried).then_some(&*self.document);
                let keys = SourceKeys::new(&source.key_hash());
                shared(host, &keys, previous, env).map(|document| (document, false))
            }
            (false, false) => None,
        }
    }
}

/// The newest document of a source, following on a previous one.
fn shared(
    host: &dyn Host,
    keys: &SourceKeys,
    previous: Option<&Compiled>,
    env: &Environment,
) -> Option<Rc<Compiled>> {
    let (_, json) = load(host, keys)?;
    let parsed = serin_document::parse(&json).ok()?;
    Some(Rc::new(Compiled::compile(parsed, previous, env)))
}

/// A plugin's name with its root id, where it has one.
fn plugin_name(host: &dyn Host) -> String {
    let property = |name| host.property(name).filter(|value| !value.is_empty());
    let name = property("plugin_name").unwrap_or_default();
    match property("plugin_root_id") {
        Some(root_id) => format!("{name}/{root_id}"),
        None => name,
    }
}

/// 8 hexadecimal digits for a plugin's name, which may hold any character.
fn plugin_hash(name: &str) -> String {
    short_hash(name.as_bytes())
}

fn left_out(document: &Compiled, of: &str) -> Vec<String> {
    let all = document.left_out();
    let line = |left_out: &LeftOut| format!("{of}: {left_out}");
    let mut lines: Vec<String> = all.iter().take(MAX_LINES).map(line).collect();
    if all.len() > MAX_LINES {
        lines.push(format!("{of}: {} further rollouts left out", all.len() - MAX_LINES));
    }
    lines
}
