// The words for what the controller's JSON says: the same as those of `serin status`.

/** Each phase's sign, a shape of its own, and its tone. */
const PHASES = {
  Pending: { sign: "○", tone: "calm" },
  Progressing: { sign: "▲", tone: "calm" },
  Promoting: { sign: "◆", tone: "calm" },
  Succeeded: { sign: "✓", tone: "good" },
  RollingBack: { sign: "◀", tone: "bad" },
  RolledBack: { sign: "✕", tone: "bad" },
};

const VERDICTS = {
  pass: { sign: "✓", word: "pass", tone: "good" },
  noComparison: { sign: "–", word: "no comparison", tone: "calm" },
  skipped: { sign: "–", word: "skipped", tone: "calm" },
  hold: { sign: "‖", word: "hold", tone: "wait" },
  fail: { sign: "✕", word: "FAIL", tone: "bad" },
  noData: { sign: "?", word: "no data", tone: "wait" },
  broken: { sign: "!", word: "broken", tone: "wait" },
};

const PAUSES = {
  person: "paused by a person",
  stateLost: "paused: the state was lost",
  loweredByHand: "paused: the weight was lowered by hand",
};

/** `RollbackNotEffective` as `rollback not effective`. */
export const spaced = (word) => word.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();

export function phase(release) {
  if (!release.phase) return { sign: "?", word: "Unknown", tone: "wait" };
  const { sign, tone } = PHASES[release.phase] ?? { sign: "?", tone: "wait" };
  const word = release.phase.replace(/([a-z])([A-Z])/g, "$1 $2");
  if (release.frozen) return { sign: "■", word: `${word}, frozen`, tone: "bad" };
  if (release.paused) return { sign: "‖", word: `${word}, paused`, tone: "wait" };
  if (release.reason === "WaitingForApproval") return { sign: "◎", word: `${word}, waits for approval`, tone: "wait" };
  return { sign, word, tone };
}

export const verdict = (word) => VERDICTS[word] ?? { sign: "?", word, tone: "wait" };
export const pause = (why) => PAUSES[why] ?? `paused: ${spaced(why)}`;

/** What hurts first: the lower, the more somebody should look. */
export function rank(release) {
  const alerts = release.alerts ?? [];
  if (release.frozen || alerts.includes("RollbackNotEffective")) return 0;
  if (release.phase === "RollingBack") return 1;
  if (alerts.length || release.troubles?.length || !release.phase) return 2;
  if (release.verdicts?.includes("fail")) return 3;
  if (release.paused || release.reason === "WaitingForApproval") return 5;
  if (release.verdicts?.length) return 4;
  if (release.phase === "Progressing" || release.phase === "Promoting") return 6;
  if (release.phase === "RolledBack") return 7;
  return release.phase === "Pending" ? 8 : 9;
}

/** A number with three significant digits at most, as the terminal's view writes it. */
export function number(value) {
  const size = Math.abs(value);
  const decimals = size >= 1000 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.01 ? 3 : 6;
  const text = value.toFixed(decimals);
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

export const count = (value) => Math.round(value).toLocaleString("en-US");
export const percent = (share) => `${number(share * 100)} %`;
/** `25%` as `25 %`. */
export const weight = (text) => text.replace("%", " %");
export const share = (text) => Number.parseFloat(text) / 100;

export function ago(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

export function clock(ms) {
  const time = new Date(ms);
  const today = new Date().toDateString() === time.toDateString();
  const of = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return today ? time.toLocaleTimeString("en-GB", of) : time.toLocaleString("en-GB", { day: "numeric", month: "short", ...of });
}

/** The evidence of harm: how far it is on its way to a rollback, and what that means. */
export function harm(evidence) {
  if (!evidence) return { way: 0, word: "Nothing compared yet", detail: "" };
  const way = Math.min(1, Math.max(0, evidence.logE / evidence.logThreshold));
  const words = [[1, "Enough to roll back"], [0.75, "Strong"], [0.5, "Growing"], [0.25, "Some"], [0.02, "Hardly any"]];
  const word = words.find(([from]) => way >= from)?.[1] ?? "None";
  const factor = (log) => (log < Math.log(1e6) ? number(Math.exp(log)) : `10^${Math.floor(log / Math.LN10)}`);
  const detail = `${factor(evidence.logE)} of the ${factor(evidence.logThreshold)} that a rollback takes, after ${count(evidence.intervals)} looks`;
  return { way, word, detail };
}

/** What the step could have shown by now. */
export function detects(measure, ratio) {
  if (ratio === null || ratio === undefined) return "can detect nothing at this step so far";
  const what = {
    errorRate: `a ${number(ratio)}-fold error rate`,
    latency: `a ${number(ratio)}-fold share of slow requests`,
    conversion: `conversions at ${number(ratio)} of stable's`,
  }[measure];
  return `detects ${what} by now, with 90 %`;
}

export const MEASURES = { errorRate: "errors", latency: "slow requests", conversion: "conversions" };
