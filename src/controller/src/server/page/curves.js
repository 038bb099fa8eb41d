// Which curves show how a release fares: the weights, the evidence of harm, each gate's ratio.

import { band, ending, events, figure, frame, limit, line, stairs } from "./charts.js";
import { harm, number, percent, share, weight } from "./words.js";

/** The least time that a picture covers: else the first seconds would fill it. */
const SHORTEST_MS = 20_000;

/** Decisions that a person wants to find again, with their signs. */
const MARKS = {
  Harm: ["✕", "bad"],
  Aborted: ["✕", "bad"],
  CanaryNotReady: ["✕", "bad"],
  Tripped: ["✕", "bad"],
  LoweredByHand: ["▼", "wait"],
  Paused: ["‖", "wait"],
  Resumed: ["▲", "calm"],
  Approved: ["✓", "calm"],
  StepSkipped: ["▲", "calm"],
  Succeeded: ["✓", "good"],
};

/** Decisions with which a rollout begins. */
const STARTS = new Set(["NewVersion", "NewPlan", "Retried"]);

/** The decisions of this rollout, oldest first. */
export function ofThis(decisions) {
  const start = decisions.findLastIndex((one) => STARTS.has(one.reason));
  return decisions.slice(Math.max(0, start));
}

function span(release, now) {
  const first = ofThis(release.decisions)[0]?.at;
  const from = Math.min(first ? Date.parse(first) : now, release.trail?.points[0]?.at ?? now);
  // At rest nothing is to be seen after the last decision.
  const over = release.phase === "Succeeded" || release.phase === "RolledBack";
  const last = Math.max(Date.parse(release.decisions.at(-1)?.at ?? 0), release.trail?.points.at(-1)?.at ?? 0);
  const to = over && last > from ? last : now;
  return [Math.min(from, to - SHORTEST_MS), to];
}

/** The canary's share over time: as it was set, and as it was seen. */
export function weights(release, width, now) {
  const [from, to] = span(release, now);
  const area = frame({ width, height: 200, from, to, low: 0, high: 1 });
  const log = ofThis(release.decisions);
  const points = release.trail?.points ?? [];
  const set = [
    ...log.map((one) => [Date.parse(one.at), share(one.weight)]),
    ...points.map((point) => [point.at, point.weight]),
  ].sort(([a], [b]) => a - b);
  if (set.length) set.push([to, share(release.weight)]);
  const seen = points.map((point) => [point.at, point.share]);
  const marks = log.filter((one) => MARKS[one.reason]).map((one) => {
    const [sign, tone] = MARKS[one.reason];
    return { at: Date.parse(one.at), sign, tone, text: one.message };
  });
  const observed = release.observedShare;
  const title = `The canary's share over time: now ${weight(release.weight)}${observed === null ? "" : `, ${percent(observed)} seen`}. ` +
    `It went through ${[...new Set(log.map((one) => weight(one.weight)))].join(", ")}.`;
  return figure(area, { title, ticks: [0, 0.25, 0.5, 0.75, 1], label: (value) => `${value * 100} %` },
    stairs(area, "set", set), line(area, "seen", seen), events(area, marks),
    ending(area, "set", share(release.weight), weight(release.weight)));
}

/** The evidence of harm over time. */
export function evidence(release, width, now) {
  const [from, to] = span(release, now);
  const area = frame({ width, height: 130, from, to, low: 0, high: 1 });
  const points = (release.trail?.points ?? []).map((point) => [point.at, point.evidence]);
  const { way, word, detail } = harm(release.evidence);
  return figure(area, { title: `Evidence of harm: ${word}. ${detail}`, ticks: [0, 0.5], label: (value) => (value ? "half" : "none") },
    limit(area, 1, "rollback", "above"), line(area, "evidence", points), ending(area, "evidence", way, `${Math.round(way * 100)} %`));
}

/** A gate's ratio canary/stable over time, with its confidence band and its limit. */
export function ratio(release, gate, width, now) {
  const found = gate.evidence;
  const [from, to] = span(release, now);
  const place = release.trail?.gates.indexOf(gate.name) ?? -1;
  const points = (release.trail?.points ?? []).map(({ at, gates }) => [at, gates[place] ?? null]);
  const margin = found.test.margin;
  const reach = [0.5, 2, margin, found.ratio, Math.min(found.ratioHigh, 16), Math.max(found.ratioLow, 1 / 16)].filter((value) => value > 0);
  const [low, high] = [Math.max(Math.min(...reach), 1 / 32) / 1.2, Math.min(Math.max(...reach), 32) * 1.2];
  const area = frame({ width, height: 170, from, to, low, high, log: true });
  const ticks = [1 / 16, 1 / 4, 1, 4, 16].concat(high / low < 20 ? [1 / 2, 2] : []).filter((value) => value >= low && value <= high);
  const wrong = found.test.worse === "lower" ? "below" : "above";
  const bands = points.map(([at, one]) => [at, one?.low ?? null, one?.high ?? null]);
  // What the band is now, also where nothing was seen before.
  bands.push([to, found.ratioLow, found.ratioHigh]);
  if (bands.filter(([, one]) => one !== null).length === 1) bands.unshift([Math.max(from, to - 2000), found.ratioLow, found.ratioHigh]);
  const title = `${gate.name}: ${ratioText(found)}; limit ${number(margin)} times`;
  return figure(area, { title, ticks, label: (value) => (value < 1 ? `1/${1 / value}×` : `${value}×`) },
    limit(area, margin, `limit ${number(margin)}×`, wrong), band(area, "ratio", bands),
    line(area, "ratio", points.map(([at, one]) => [at, one?.ratio ?? null])),
    found.ratio !== null && ending(area, "ratio", found.ratio, Math.abs(area.y(found.ratio) - area.y(margin)) > 14 ? `${number(found.ratio)}×` : ""));
}

/** The ratio and its band in words. */
export function ratioText(found) {
  const band = `between ${number(found.ratioLow)} and ${number(found.ratioHigh ?? Infinity)} times`;
  return found.ratio === null ? "no events yet" : `${number(found.ratio)} times stable's, ${band}`;
}
