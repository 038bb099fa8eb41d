// What changes at the controller, as it changes, and whether what is shown is still what is.

import { byId } from "./dom.js";
import { ago } from "./words.js";

/** The controller says something every five seconds at least. */
const SILENCE_MS = 12_000;

let source = null;
let followed = null;
let heardAt = null;
let skewMs = 0;
let tell = () => {};

/** Calls `listener` with each piece of news from now on. */
export function listen(listener) {
  tell = listener;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  setInterval(judge, 1000);
  open();
}

/** Follows this release in full, `null` for none. */
export function follow(release) {
  if (release === followed && source) return;
  followed = release;
  if (source) open();
}

/** The time at the controller, by which its times are told. */
export const now = () => Date.now() + skewMs;

function open() {
  close();
  const query = followed ? `?release=${encodeURIComponent(followed)}` : "";
  source = new EventSource(`/v1/events${query}`);
  source.addEventListener("news", (event) => {
    const news = JSON.parse(event.data);
    heardAt = Date.now();
    skewMs = news.at - heardAt;
    judge();
    tell(news);
  });
  source.addEventListener("error", () => {
    judge();
    // The browser tries again by itself, except where it was answered with an error.
    if (source?.readyState === EventSource.CLOSED) {
      const failed = source;
      setTimeout(() => source === failed && open(), 2000);
    }
  });
}

// A tab that nobody sees takes up no connection: browsers have six of them for each controller.
function close() {
  source?.close();
  source = null;
}

function judge() {
  const connected = source?.readyState === EventSource.OPEN;
  const silent = heardAt !== null && Date.now() - heardAt > SILENCE_MS;
  const state = heardAt === null ? "connecting" : connected && !silent ? "live" : "lost";
  const text = {
    connecting: "Connecting",
    live: "Live",
    lost: "Not live: the controller does not answer; trying again",
  }[state];
  const sign = byId("live");
  if (sign.textContent !== text) sign.textContent = text;
  sign.dataset.state = state;
  sign.title = heardAt === null ? "" : `last heard ${ago(Date.now() - heardAt)} ago`;
  document.body.dataset.live = state;
}
