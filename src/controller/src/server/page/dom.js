// Elements from plain calls, and a way to bring what is shown up to date without losing what the
// reader does there: focus, selection, the place of a screen reader.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "g", "path", "line", "rect", "circle", "text", "title", "desc", "defs", "pattern"]);

/** An element with attributes and children; a `null`, `undefined` or `false` child is left out. */
export function el(name, attributes = {}, ...children) {
  const node = DRAWN.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  for (const child of children.flat(2)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  return node;
}

/** Makes `old` what `fresh` is, node by node; what is the same is not touched. */
export function morph(old, fresh) {
  for (const { name } of [...old.attributes]) {
    // What a reader has opened stays open.
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  fill(old, [...fresh.childNodes]);
}

/** Makes these nodes the children of `parent`, keeping those that fit. */
export function fill(parent, nodes) {
  nodes.forEach((fresh, place) => {
    const old = parent.childNodes[place];
    if (!old) parent.append(fresh);
    else if (old.nodeName !== fresh.nodeName || old.dataset?.key !== fresh.dataset?.key) old.replaceWith(fresh);
    else if (fresh.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
    } else morph(old, fresh);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}

/** The element of this id. */
export const byId = (id) => document.getElementById(id);
