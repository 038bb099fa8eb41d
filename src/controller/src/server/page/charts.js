// Drawing curves over time: a frame with its axes, and what is drawn in it. Nothing here knows what
// the curves are about.

import { el } from "./dom.js";
import { clock } from "./words.js";

const MARGIN = { top: 14, right: 84, bottom: 26, left: 52 };
const MINUTE = 60_000;
const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440].map((minutes) => minutes * MINUTE);
const SHORT_TICKS = [1, 2, 5, 10, 15, 30].map((seconds) => seconds * 1000);

/**
 * A frame of `width` by `height` pixels over the time from `from` to `to` (milliseconds), with
 * values from `low` to `high`, logarithmic where `log` is true.
 */
export function frame({ width, height, from, to, low, high, log = false }) {
  const [left, right] = [MARGIN.left, width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
  const at = log ? Math.log : (value) => value;
  const long = Math.max(1, to - from);
  const x = (time) => left + ((Math.min(Math.max(time, from), to) - from) / long) * (right - left);
  const inside = (value) => Math.min(Math.max(value, low), high);
  const y = (value) => bottom - ((at(inside(value)) - at(low)) / (at(high) - at(low))) * (bottom - top);
  return { width, height, left, right, top, bottom, from, to, x, y };
}

/** The figure around the layers; `title` says in words what they show. */
export function figure(area, { title, ticks, label }, ...layers) {
  return el("svg", { viewBox: `0 0 ${area.width} ${area.height}`, width: area.width, height: area.height, role: "img", "aria-label": title },
    ticks.map((value) => [
      el("line", { class: "grid", x1: area.left, x2: area.right, y1: area.y(value), y2: area.y(value) }),
      el("text", { class: "tick", x: area.left - 8, y: area.y(value) + 4, "text-anchor": "end" }, label(value)),
    ]),
    times(area), layers);
}

function times(area) {
  const fit = Math.max(2, Math.floor((area.right - area.left) / 110));
  const long = area.to - area.from;
  const step = [...SHORT_TICKS, ...TICKS].find((step) => long / step <= fit) ?? long / fit;
  const ticks = [];
  for (let time = Math.ceil(area.from / step) * step; time <= area.to; time += step) ticks.push(time);
  const text = (time) => (step < MINUTE ? clock(time) : clock(time).replace(/:\d\d$/, ""));
  return ticks.map((time) => [
    el("line", { class: "grid", x1: area.x(time), x2: area.x(time), y1: area.top, y2: area.bottom }),
    el("text", { class: "tick", x: area.x(time), y: area.bottom + 18, "text-anchor": "middle" }, text(time)),
  ]);
}

const join = (points) => points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/** A line through `[time, value]`s; a `null` value interrupts it. */
export function line(area, kind, points) {
  const runs = [[]];
  for (const [time, value] of points) {
    if (value === null || value === undefined) runs.push([]);
    else runs.at(-1).push([area.x(time), area.y(value)]);
  }
  return el("path", { class: `line ${kind}`, d: runs.filter((run) => run.length).map(join).join("") });
}

/** A line that keeps each value until the next one. */
export function stairs(area, kind, points) {
  const corners = [];
  for (const [time, value] of points) {
    if (corners.length) corners.push([time, corners.at(-1)[1]]);
    corners.push([time, value]);
  }
  const drawn = corners.map(([time, value]) => [area.x(time), area.y(value)]);
  if (!drawn.length) return null;
  const floor = [[drawn.at(-1)[0], area.bottom], [drawn[0][0], area.bottom]];
  return [el("path", { class: `fill ${kind}`, d: `${join([...drawn, ...floor])}Z` }), el("path", { class: `line ${kind}`, d: join(drawn) })];
}

/** The area between `[time, low, high]`s. */
export function band(area, kind, points) {
  const known = points.filter(([, low]) => low !== null && low !== undefined);
  if (known.length < 2) return null;
  const lower = known.map(([time, low]) => [area.x(time), area.y(low)]);
  const upper = known.map(([time, , high]) => [area.x(time), area.y(high ?? Infinity)]).reverse();
  return el("path", { class: `band ${kind}`, d: `${join([...lower, ...upper])}Z` });
}

/** A limit across the whole frame, with its name beside it, and hatching on its wrong side. */
export function limit(area, value, name, wrong) {
  const place = area.y(value);
  const [from, to] = wrong === "above" ? [area.top, place] : [place, area.bottom];
  return [
    el("defs", {}, el("pattern", { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      el("line", { class: "hatch", x1: 0, x2: 0, y1: 0, y2: 8 }))),
    el("rect", { class: "wrong", fill: "url(#hatch)", x: area.left, width: Math.max(0, area.right - area.left), y: from, height: Math.max(0, to - from) }),
    el("line", { class: "limit", x1: area.left, x2: area.right, y1: place, y2: place }),
    el("text", { class: "mark limit-name", x: area.right + 6, y: place + 4 }, name),
  ];
}

/** What a curve says at its end. */
export function ending(area, kind, value, text) {
  const y = area.y(value);
  return [
    el("circle", { class: `dot ${kind}`, cx: area.right, cy: y, r: 4 }),
    el("text", { class: `mark ${kind}`, x: area.right + 8, y: y + 5 }, text),
  ];
}

/** Signs on the time axis. */
export function events(area, marks) {
  return marks.map(({ at, sign, tone, text }) =>
    el("text", { class: `event ${tone}`, x: area.x(at), y: area.top - 2, "text-anchor": "middle" }, sign, el("title", {}, text)));
}
