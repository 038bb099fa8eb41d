// What a person can do to a release: only what fits where it stands, and asked twice where it cannot
// be undone.

import { command, may } from "./access.js";
import { byId, el } from "./dom.js";

const ACTIONS = [
  {
    word: "approve",
    label: "Approve",
    fits: (it) => !it.frozen && (it.reason === "WaitingForApproval" || it.phase === "Promoting"),
    sure: (it) => `${it.phase === "Promoting" ? "Everyone goes to the new version" : "The canary gets more users"}. Nobody can take an approval back.`,
  },
  {
    word: "pause",
    label: "Pause",
    fits: (it) => (it.phase === "Pending" || it.phase === "Progressing") && !it.paused && !it.frozen,
  },
  { word: "resume", label: "Resume", fits: (it) => Boolean(it.paused) || (it.frozen && it.phase !== "Progressing") },
  {
    word: "skipStep",
    shell: "promote --skip-step",
    label: "Skip this step",
    fits: (it) => it.phase === "Progressing" && !it.frozen && !it.paused,
    sure: () => "The step counts as over, whatever is left of its time and requests: the canary gets more users. Harm still rolls back.",
  },
  {
    word: "abort",
    label: "Abort",
    fits: (it) => ["Pending", "Progressing", "Promoting"].includes(it.phase) || (it.phase === "Succeeded" && it.canaryServes),
    sure: () => "Everyone goes back to stable at once. The version starts again from its first step only.",
  },
  { word: "retry", label: "Retry", fits: (it) => it.phase === "RolledBack" },
];

const fitting = (release) => ACTIONS.filter((action) => action.fits(release));

/** The buttons for a release, or what to write in a terminal where this page cannot do it. */
export function actions(release) {
  const fit = fitting(release);
  if (!fit.length) return null;
  if (may().commands && !release.stored) {
    // All of them, so that a button never becomes another one under somebody's finger.
    return el("div", { class: "actions", role: "group", "aria-label": "Commands" },
      ACTIONS.map((action) => el("button",
        { type: "button", "data-command": action.word, class: action.word, hidden: !fit.includes(action) }, action.label)));
  }
  if (!may().objects) return null;
  const why = release.stored ? "The replica that shows this page does not run the release." : "This page is read-only.";
  const line = (action) => `kubectl serin ${action.shell ?? action.word} ${release.name} -n ${release.namespace}`;
  return el("details", { class: "shell" }, el("summary", {}, `${why} By kubectl:`),
    el("ul", {}, fit.map((action) => el("li", {}, el("code", {}, line(action))))));
}

/** Makes the buttons below `place` work; `release()` is the one that is shown, `done` hears its status. */
export function start(place, release, done) {
  place.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-command]");
    const shown = release();
    const action = ACTIONS.find((one) => one.word === button?.dataset.command);
    if (!action || !shown) return;
    const key = `${shown.namespace}/${shown.name}`;
    if (action.sure && !(await sure(action, shown))) return;
    say(`${action.label}: asked`);
    try {
      const status = await command(key, action.word);
      say(`${action.label}: ${status.message}`);
      done(status);
      // The button that had the focus may fit no more.
      if (document.activeElement === document.body) place.querySelector("h2")?.focus();
    } catch (error) {
      say(`${action.label}: ${error.message}`, true);
    }
  });
}

/** How often somebody was asked whether they are sure. */
let asked = 0;

function sure(action, release) {
  const dialog = byId("sure");
  asked += 1;
  const mine = asked;
  byId("sure-title").textContent = `${action.label} ${release.namespace}/${release.name}?`;
  byId("sure-text").textContent = action.sure(release);
  byId("sure-yes").textContent = action.label;
  byId("sure-yes").className = action.word;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => {
      // The event comes a moment after the end, when the next question may be open already.
      if (mine === asked && dialog.open) return;
      dialog.removeEventListener("close", closed);
      resolve(mine === asked && dialog.returnValue === "yes");
    };
    dialog.addEventListener("close", closed);
  });
}

function say(text, bad = false) {
  const said = byId("said");
  said.textContent = text;
  said.dataset.tone = bad ? "bad" : "calm";
}
