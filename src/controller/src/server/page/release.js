// One release: how it stands at a glance, then the pictures, then the numbers, then who did what.

import { actions } from "./actions.js";
import { evidence, ratio, ratioText, weights } from "./curves.js";
import { el, fill } from "./dom.js";
import { now } from "./live.js";
import { MEASURES, ago, clock, count, detects, harm, number, pause, percent, phase, spaced, verdict, weight } from "./words.js";

/** Shows `release` in `place`; where there is none, whether `key` is known (`null`: not heard yet). */
export function draw(place, key, release, known) {
  const width = Math.max(280, Math.min(place.clientWidth || 600, 900));
  const back = el("p", { class: "back" }, el("a", { href: "#/" }, "All releases"));
  if (!release) {
    const why = known === false ? "This controller knows no release of this name." : "Asking for it.";
    fill(place, [back, el("h2", { tabindex: "-1" }, key), el("p", {}, why)]);
    return;
  }
  const at = now();
  fill(place, [
    back,
    head(key, release),
    actions(release) ?? el("div", { class: "actions" }),
    troubles(release, at),
    ...pictures(release, width, at),
    warnings(release),
    gates(release),
    log(release),
  ].filter(Boolean));
}

function head(key, release) {
  const { sign, word, tone } = phase(release);
  return el("div", { class: "head" },
    el("h2", { tabindex: "-1" }, key, " ", el("span", { class: "version" }, release.version)),
    el("p", { class: "stand" },
      el("span", { class: `big-weight ${tone}` }, weight(release.weight)),
      el("span", { class: `big-phase ${tone}` }, el("span", { class: "sign", "aria-hidden": "true" }, sign), ` ${word}`)),
    el("p", { class: "message" }, release.message),
    el("p", { class: "facts" }, facts(release).join(" · ")));
}

function facts(release) {
  if (!release.phase) return [];
  const clock = release.stepClock;
  return [
    `step ${release.step} of ${release.steps}`,
    release.mirror && `${weight(release.mirror)} of requests mirrored, nobody on the canary`,
    release.observedShare !== null && `${percent(release.observedShare)} seen`,
    clock && `baked ${clock.baked} of ${clock.bake}`,
    release.canaryRequests !== null && `${count(release.canaryRequests)} requests to the canary`,
    proof(release.proxies),
    tripped(release.proxies),
    release.paused && pause(release.paused),
  ].filter(Boolean);
}

function proof({ seen, behind }) {
  if (seen === 0) return "no proxy seen";
  if (behind) return `${behind} of ${seen} proxies behind`;
  return seen === 1 ? "live at the one proxy" : `live at all ${seen} proxies`;
}

function tripped({ tripped }) {
  if (!tripped) return null;
  return `${tripped === 1 ? "1 proxy has" : `${tripped} proxies have`} tripped: everyone is on stable there`;
}

function troubles(release, at) {
  const alerts = release.alerts.map((alert) => el("li", { class: "bad" },
    el("strong", {}, "! ", spaced(alert.name)), ` for ${ago(at - Date.parse(alert.since))}`));
  const problems = release.conditions.filter((one) => one.kind !== "Warning").map(told);
  return el("ul", { class: "troubles", "aria-label": "What to look at" }, alerts, problems);
}

const told = (one) => el("li", { class: "wait" }, el("strong", {}, spaced(one.kind)), `: ${one.message}`);

/** What the owner of the release should know; nothing that cannot wait. */
function warnings(release) {
  const all = release.conditions.filter((one) => one.kind === "Warning");
  return all.length > 0 && el("ul", { class: "troubles", "aria-label": "Warnings" }, all.map(told));
}

function pictures(release, width, at) {
  const compared = release.gates.filter((gate) => gate.evidence);
  const { word, detail } = harm(release.evidence);
  const shown = [
    el("figure", {}, el("figcaption", {}, el("h3", {}, "Weights"), el("span", { class: "key" }, "filled: as set", " · ", "dotted: as seen")),
      weights(release, width, at)),
  ];
  if (release.evidence) {
    shown.push(el("figure", {}, el("figcaption", {}, el("h3", {}, `Evidence of harm: ${word.toLowerCase()}`), el("span", { class: "key" }, detail)),
      evidence(release, width, at)));
  }
  for (const gate of compared) {
    const found = gate.evidence;
    shown.push(el("figure", {}, el("figcaption", {}, el("h3", {}, heading(gate)),
      el("span", { class: "key" }, `canary to stable, ${MEASURES[found.measure]}: ${ratioText(found)} · ${detects(found.measure, found.detectable)}`)),
      ratio(release, gate, width, at)));
  }
  return shown;
}

function heading(gate) {
  const { sign, word, tone } = verdict(gate.verdict);
  return [`${gate.name}: `, el("span", { class: tone }, el("span", { "aria-hidden": "true" }, `${sign} `), word)];
}

function gates(release) {
  if (!release.gates.length) return null;
  const rate = ({ events, requests }) => (requests > 0 ? `${percent(events / requests)} of ${count(requests)}` : "none");
  const row = (gate) => {
    const found = gate.evidence;
    return el("tr", {},
      el("th", { scope: "row" }, heading(gate)),
      el("td", {}, found ? rate(found.canary) : ""),
      el("td", {}, found ? rate(found.stable) : ""),
      el("td", {}, found ? band(found) : ""),
      el("td", {}, found ? limits(found.test) : ""),
      el("td", { class: "wide" }, gate.detail));
  };
  return table("Gates", ["Gate", "Canary", "Stable", "Ratio", "Limit", "In words"], release.gates.map(row));
}

function band({ ratio, ratioLow, ratioHigh }) {
  return ratio === null ? "–" : `${number(ratio)} (${number(ratioLow)} to ${number(ratioHigh ?? Infinity)})`;
}

function limits(test) {
  const way = test.worse === "lower" ? "at least" : "at most";
  const floor = test.floor === null ? "" : `, above ${percent(test.floor)}`;
  return `${way} ${number(test.margin)}${floor}`;
}

function log(release) {
  const row = (one) => el("tr", {},
    el("td", {}, el("time", { datetime: one.at }, clock(Date.parse(one.at)))),
    el("td", { class: "number" }, weight(one.weight)),
    el("th", { scope: "row" }, spaced(one.reason)),
    el("td", { class: "wide" }, one.message),
    el("td", {}, one.given ? `${spaced(one.given.command)} by ${one.given.by || "somebody"}` : ""));
  return table("Decisions", ["Time", "Weight", "What", "In words", "Asked for"], [...release.decisions].reverse().map(row));
}

function table(name, heads, rows) {
  return el("section", { class: "table" }, el("h3", { id: `${name}-title` }, name),
    el("div", { class: "scroll", role: "region", tabindex: "0", "aria-labelledby": `${name}-title` },
      el("table", { "aria-labelledby": `${name}-title` }, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, rows))));
}
