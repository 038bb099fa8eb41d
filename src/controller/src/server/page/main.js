// The page as a whole: the address says which release is shown, news go to the list and to it.

import * as access from "./access.js";
import * as actions from "./actions.js";
import { byId } from "./dom.js";
import * as list from "./list.js";
import * as live from "./live.js";
import { draw } from "./release.js";
import { phase, weight } from "./words.js";

/** More than a curve can show on any screen. */
const MOST_POINTS = 600;

/** The release in the address, as `namespace/name`. */
let wanted = null;
/** The same, as far as it is known. */
let shown = null;
/** Whether the controller has said anything yet. */
let heard = false;

/** An address that nobody can read leads to the list. */
function decoded(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return "";
  }
}

function route() {
  const address = decoded(location.hash);
  if (address && !address.startsWith("#/")) return;
  const key = address.slice(2);
  wanted = key.includes("/") ? key : null;
  shown = null;
  byId("release").hidden = wanted === null;
  document.body.dataset.view = wanted ? "release" : "list";
  list.choose(wanted);
  live.follow(wanted);
  render();
  window.scrollTo(0, 0);
}

function render() {
  // So that a tab among others says how its release stands.
  const stands = shown ? `${weight(shown.weight)} ${phase(shown).word} · ` : "";
  document.title = wanted ? `${stands}${wanted} · Serin` : "Serin";
  if (wanted) draw(byId("release"), wanted, shown, heard ? list.has(wanted) : null);
}

function news(told) {
  heard = true;
  list.take(told);
  if (told.release) {
    const trail = told.release.trail ?? shown?.trail ?? null;
    shown = { ...told.release, trail };
    if (!told.release.trail) extend(shown, told.at);
  } else if (wanted && !list.has(wanted)) shown = null;
  render();
}

/** Goes on with the curves where the controller's first answer ended. */
function extend(release, at) {
  const { trail } = release;
  if (!trail || !release.phase) return;
  const evidence = release.evidence ? release.evidence.logE / release.evidence.logThreshold : null;
  const ratio = (gate) => gate.evidence && {
    ratio: gate.evidence.ratio, low: gate.evidence.ratioLow, high: gate.evidence.ratioHigh,
  };
  if (trail.points.length > MOST_POINTS) trail.points = trail.points.filter((_, place) => place % 2 === 1);
  trail.points.push({
    at,
    weight: Number.parseFloat(release.weight) / 100,
    share: release.observedShare,
    evidence: evidence === null ? null : Math.min(1, Math.max(0, evidence)),
    gates: trail.gates.map((name) => {
      const gate = release.gates.find((one) => one.name === name);
      return (gate && ratio(gate)) ?? null;
    }),
  });
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("content").focus();
});
addEventListener("hashchange", () => {
  route();
  if (wanted) byId("release").querySelector("h2")?.focus();
});
addEventListener("resize", render);
actions.start(byId("release"), () => shown, (status) => {
  shown = { ...shown, ...status };
  render();
});
list.start();
route();
access.start(render);
live.listen(news);
