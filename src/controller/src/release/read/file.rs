//! `spec.traffic.file`.

use core::time::Duration;
use std::path::Path;

use super::{Origin, duration_within, files};
use crate::input;
use crate::release::FieldPath;
use crate::release::fault::Faults;
use crate::release::file::{Reload, Template, WeightsFile};
use crate::release::spec;

/// The longest template, in bytes: a hundred times a large one.
const LONGEST: usize = 1 << 20;

/// How long a reload may take where nothing is said: a proxy with a large configuration takes
/// seconds to check it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A pass of the release waits for the command, and with it a rollback.
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_mins(1));

/// The outer `None` is a fault.
#[expect(clippy::option_option, reason = "a fault and a release without a file are two things")]
pub(super) fn read(
    spec: Option<&spec::WeightsFile>,
    has_objects: bool,
    origin: &Origin<'_>,
    at: &FieldPath,
    faults: &mut Faults,
) -> Option<Option<WeightsFile>> {
    let Some(spec) = spec else { return Some(None) };
    if has_objects || matches!(origin, Origin::Object { .. }) {
        // Whoever may write an object must not get the controller to run a program.
        let rule = "only `serin run` keeps a proxy's file and runs its command";
        faults.value(at.clone(), &spec.path, rule);
        return None;
    }
    let template = files::file(&spec.template, origin, at.field("template"), faults);
    let template = template
        .and_then(|path| faults.parse(at.field("template"), &spec.template, |_| load(&path)));
    let path = if spec.path.is_empty() {
        faults.missing(at.field("path"), "the file to write, such as /etc/nginx/serin.conf");
        None
    } else {
        files::file(&spec.path, origin, at.field("path"), faults)
    };
    let timeout = match spec.timeout.as_deref() {
        None => Some(TIMEOUT),
        Some(text) => duration_within(text, at.field("timeout"), TIMEOUTS, faults),
    };
    if spec.reload.first().is_some_and(String::is_empty) {
        faults.missing(at.field("reload").index(0), "a program, such as nginx");
        return None;
    }
    let timeout = timeout?;
    let reload = spec.reload.split_first().map(|(program, arguments)| Reload {
        program: program.clone(),
        arguments: arguments.to_vec(),
        timeout,
    });
    Some(Some(WeightsFile { template: template?, path: path?, reload }))
}

fn load(path: &Path) -> Result<Template, String> {
    let bytes = input::read(path, LONGEST).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Template::new(&name, text)
}
