//! A forged token costs the module as it is loaded the same wherever its signature is wrong: what the
//! optimizer leaves of the comparison is counted too. Each instruction of the built module has a counter
//! put before it, the real Envoy runs it, and a gauge shows what the last request has cost. The processor's
//! instructions are counted by `instructions.rs`, in a build for this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hyper::Method;
use serde_json::json;
use serin_assignment::Variant;
use serin_document::token::{Claims, TesterKey};
use serin_document::{Audience, KeyId, RolloutName};
use serin_tests::documents::{Rollout, document};
use serin_tests::envoy::Envoy;
use serin_tests::http::{self, Connection};
use serin_tests::scratch::Scratch;
use serin_tests::{answering, artifacts};
use walrus::ir::{
    BinaryOp, Binop, Const, GlobalGet, GlobalSet, Instr, InstrLocId, InstrSeq, LoadKind, MemArg,
    Value, VisitorMut, dfs_pre_order_mut,
};
use walrus::{
    ConstExpr, DataKind, ExportItem, FunctionBuilder, FunctionId, GlobalId, ImportKind, Module,
    ValType,
};

const HOST: &str = "shop.example.com";
const NAME: &str = "shop/checkout";
const AUDIENCE: &str = "shop";
/// Thirty-two bytes 7.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const STABLE: &str = "stable";
const CANARY: &str = "canary";
const LIMIT: Duration = Duration::from_secs(10);
const CALLBACK: &str = "proxy_on_request_headers";
/// Shows what the last request has cost.
const GAUGE: &str = "instructions_of_a_request";
/// Where its name stands, and the number that the proxy gives it: at the far end of the stack, or before
/// all that the linker places.
const NAME_AT: i32 = 64;
const NUMBER_AT: i32 = 32;
/// Rounds of four requests.
const ROUNDS: usize = 30;
/// How many of them may differ by what they find in memory: the module allocates, and how long that takes
/// goes by what was allocated before, which both tokens meet alike.
const DIFFER: usize = ROUNDS / 3;

#[tokio::test]
async fn a_forged_token_takes_the_loaded_module_the_same_wherever_its_signature_is_wrong()
-> Result<()> {
    let good = good()?;
    // Of the first digit all bits are the first byte's, of the last one four the last byte's.
    let place = good.rfind('~').context("no signature")? + 1;
    let (first, last) = (forged(&good, place)?, forged(&good, good.len() - 1)?);
    for module in [artifacts::module()?, artifacts::module_with_tripwires()?] {
        let mut site = Site::start(&module).await?;
        let (mut differ, mut one) = (Vec::new(), 0);
        for _ in 0..ROUNDS {
            let mut spent = Vec::new();
            for token in [&first, &last, &last, &first] {
                spent.push(site.spent(token, STABLE).await?);
            }
            // Every other request may find memory in another state: each is compared with the next but
            // one, which shows the other token.
            if spent[0] != spent[2] || spent[1] != spent[3] {
                differ.push(spent.clone());
            }
            one = spent[3];
        }
        let whole = site.spent(&good, CANARY).await?;
        println!("{}: {one} instructions, {whole} for a good token", module.display());
        ensure!(whole != one, "a good token takes {whole} too: is anything counted?");
        println!("{} of {ROUNDS} rounds differ: {differ:?}", differ.len());
        ensure!(differ.len() <= DIFFER, "it shows in which byte a signature is wrong: {differ:?}");
    }
    Ok(())
}

/// A proxy with one worker, whose module counts.
struct Site {
    connection: Connection,
    envoy: Envoy,
    _scratch: Scratch,
}

impl Site {
    async fn start(module: &Path) -> Result<Self> {
        let scratch = Scratch::new()?;
        let counting = counting(module, &scratch)?;
        let testers = json!([{"header": "x-try", "signed": {"audience": AUDIENCE}}]);
        let rollout = Rollout::new(NAME, HOST).weight("0%").with("testers", testers);
        let mut plugin = document(1, &[rollout]);
        let fields = plugin.as_object_mut().context("no object")?;
        fields.insert("testerKeys".to_owned(), json!([{"id": "k1", "key": KEY}]));
        let filter = answering::wasm(&counting, &plugin);
        let configuration = answering::configuration("counting", Some(filter));
        let envoy = Envoy::start_with("envoy", &configuration, &scratch, 1).await?;
        let connection = Connection::to(envoy.port()).await?;
        Ok(Self { connection, envoy, _scratch: scratch })
    }

    /// The instructions of a request with this token, which this side has to serve.
    async fn spent(&mut self, token: &str, side: &str) -> Result<u64> {
        let headers = [("host", HOST), ("x-user-id", "user"), ("x-try", token)];
        let request = http::request(Method::GET, "/", &headers, "")?;
        let answer = self.connection.send(request, LIMIT).await?;
        ensure!(answer.status == 200 && answer.text() == side, "{}, not {side}", answer.text());
        let stats = http::get(self.envoy.admin().port(), &format!("/stats?filter={GAUGE}")).await?;
        let text = stats.text();
        let (_, count) =
            text.trim().rsplit_once(": ").with_context(|| format!("no gauge: {text}"))?;
        Ok(count.parse()?)
    }
}

/// A token that lets its owner in.
fn good() -> Result<String> {
    let claims = Claims {
        rollout: RolloutName::new(NAME)?,
        variant: Variant::Canary,
        expires: 4_102_444_800,
        audience: Audience::new(AUDIENCE)?,
    };
    Ok(claims.sign(&TesterKey::new(KeyId::new("k1")?, &[7; 32])?))
}

/// The same with another digit there, whose last two bits are 0 as well where those of this one are.
fn forged(token: &str, place: usize) -> Result<String> {
    let mut bytes = token.as_bytes().to_vec();
    let digit = bytes.get_mut(place).context("no such place")?;
    // Of the same kind: what kinds there are in his token the sender knows.
    let pair = match digit {
        b'A'..=b'Z' => b"AE",
        b'a'..=b'z' => b"cg",
        b'0'..=b'9' => b"04",
        _ => b"-_",
    };
    *digit = if *digit == pair[0] { pair[1] } else { pair[0] };
    Ok(String::from_utf8(bytes)?)
}

/// The module with a counter before each of its instructions, and a gauge of it after each request.
fn counting(module: &Path, scratch: &Scratch) -> Result<PathBuf> {
    let mut module = Module::from_file(module)?;
    let zero = ConstExpr::Value(Value::I64(0));
    let counter = module.globals.add_local(ValType::I64, true, false, zero);
    for (_, function) in module.funcs.iter_local_mut() {
        let entry = function.entry_block();
        dfs_pre_order_mut(&mut Counting(counter), function, entry);
    }

    let memory = module.memories.iter().next().context("no memory")?.id();
    let place = ConstExpr::Value(Value::I32(NAME_AT));
    module.data.add(DataKind::Active { memory, offset: place }, GAUGE.as_bytes().to_vec());
    let define = imported(&module, "proxy_define_metric")?;
    let record = imported(&module, "proxy_record_metric")?;
    let export = module.exports.iter().find(|it| it.name == CALLBACK).context(CALLBACK)?;
    let (id, ExportItem::Function(original)) = (export.id(), export.item) else {
        bail!("{CALLBACK} is no function");
    };
    let arguments = [(); 3].map(|()| module.locals.add(ValType::I32));
    let mut function = FunctionBuilder::new(&mut module.types, &[ValType::I32; 3], &[ValType::I32]);
    let mut body = function.func_body();
    body.i64_const(0).global_set(counter);
    for argument in arguments {
        body.local_get(argument);
    }
    let number = (LoadKind::I32 { atomic: false }, MemArg { align: 4, offset: 0 });
    body.call(original)
        .i32_const(1)
        .i32_const(NAME_AT)
        .i32_const(i32::try_from(GAUGE.len())?)
        .i32_const(NUMBER_AT)
        .call(define)
        .drop()
        .i32_const(NUMBER_AT)
        .load(memory, number.0, number.1)
        .global_get(counter)
        .call(record)
        .drop();
    let function = function.finish(arguments.to_vec(), &mut module.funcs);
    module.exports.delete(id);
    module.exports.add(CALLBACK, function);
    scratch.write("counting.wasm", module.emit_wasm())
}

fn imported(module: &Module, name: &str) -> Result<FunctionId> {
    let import = module.imports.iter().find(|it| it.name == name).context(name.to_owned())?;
    let ImportKind::Function(id) = import.kind else { bail!("{name} is no function") };
    Ok(id)
}

/// Adds one to the counter before each instruction.
struct Counting(GlobalId);

impl VisitorMut for Counting {
    fn start_instr_seq_mut(&mut self, sequence: &mut InstrSeq) {
        let global = self.0;
        let count = || -> [Instr; 4] {
            [
                GlobalGet { global }.into(),
                Const { value: Value::I64(1) }.into(),
                Binop { op: BinaryOp::I64Add }.into(),
                GlobalSet { global }.into(),
            ]
        };
        let counted = std::mem::take(&mut sequence.instrs).into_iter().flat_map(|instruction| {
            let counts = count().map(|it| (it, InstrLocId::default()));
            counts.into_iter().chain([instruction])
        });
        sequence.instrs = counted.collect();
    }
}
