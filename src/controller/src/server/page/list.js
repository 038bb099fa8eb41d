// The list of all releases: what hurts first, and a box to find the one that is looked for.

import { byId, el, morph } from "./dom.js";
import { phase, rank, share, spaced, weight } from "./words.js";

/** Each release by its key, with its row and what the filter looks at. */
const known = new Map();
let chosen = null;

/** From where on the evidence of harm is told in the list, and is strong, in percent. */
const [TOLD, STRONG] = [25, 75];

const keyOf = (release) => `${release.namespace}/${release.name}`;

/** Takes over what is new. */
export function take(news) {
  if (news.whole) {
    const all = new Set(news.releases.map(keyOf));
    for (const key of known.keys()) if (!all.has(key)) drop(key);
  }
  news.gone.forEach(drop);
  for (const release of news.releases) {
    const key = keyOf(release);
    const fresh = row(key, release);
    const before = known.get(key);
    if (before) morph(before.row, fresh);
    const text = `${key} ${release.version} ${phase(release).word}`.toLowerCase();
    known.set(key, { release, row: before?.row ?? fresh, text });
  }
  if (news.whole || news.releases.length || news.gone.length) arrange();
}

export const has = (key) => known.has(key);

/** Marks the release that is shown beside the list. */
export function choose(key) {
  mark(chosen, false);
  chosen = key;
  mark(chosen, true);
}

export function start() {
  byId("filter").addEventListener("input", arrange);
}

function mark(key, on) {
  const link = known.get(key)?.row.firstChild;
  if (on) link?.setAttribute("aria-current", "page");
  else link?.removeAttribute("aria-current");
}

function drop(key) {
  known.get(key)?.row.remove();
  known.delete(key);
}

function row(key, release) {
  const { sign, word, tone } = phase(release);
  const troubles = [...release.alerts, ...release.troubles].map(spaced);
  const bar = el("svg", { class: "weight-bar", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" },
    el("rect", { width: 100, height: 4, class: "rest" }), el("rect", { width: share(release.weight) * 100, height: 4, class: "part" }));
  return el("li", {},
    el("a", { href: `#/${key}`, "aria-current": key === chosen ? "page" : null },
      el("span", { class: `sign ${tone}`, "aria-hidden": "true" }, sign),
      el("span", { class: "name" }, key, " ", el("span", { class: "version" }, release.version)),
      el("span", { class: `phase ${tone}` }, word),
      el("span", { class: "weight" }, weight(release.weight), bar),
      troubles.length > 0 && el("span", { class: "troubles" }, `! ${troubles.join(", ")}`),
      release.harm >= TOLD && el("span", { class: `harm ${release.harm >= STRONG ? "bad" : "wait"}` }, `evidence of harm, ${release.harm} % of the way to a rollback`),
      el("span", { class: "message" }, release.message)));
}

function order(one, other) {
  const [a, b] = [one.release, other.release];
  return rank(a) - rank(b) || (b.harm ?? 0) - (a.harm ?? 0) || (keyOf(a) < keyOf(b) ? -1 : 1);
}

function arrange() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = [...known.values()].filter(({ text }) => words.every((word) => text.includes(word))).sort(order);
  const list = byId("releases");
  // Only what stands in the wrong place is moved, so that the focus stays where it is.
  shown.forEach(({ row }, place) => {
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
  });
  while (list.children.length > shown.length) list.lastChild.remove();
  byId("count").textContent = shown.length === known.size ? `${known.size}` : `${shown.length} of ${known.size}`;
  const none = byId("none");
  none.hidden = shown.length > 0;
  none.textContent = known.size ? "No release is as the filter says." : "This controller knows no release yet.";
}
