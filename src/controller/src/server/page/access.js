// Who may give commands, and giving them. The token never leaves this tab's own storage but in the
// header of a request to the controller.

import { byId } from "./dom.js";

const TOKEN = "serin-token";
const NAME = "serin-name";

let access = { commands: false, token: false, objects: false };
let changed = () => {};

export const may = () => access;

function headers() {
  const [token, name] = [sessionStorage.getItem(TOKEN), sessionStorage.getItem(NAME)];
  return {
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(name ? { "serin-by": name } : {}),
  };
}

/** Asks what this page may do. */
export async function ask() {
  try {
    const answer = await fetch("/v1/access", { headers: headers(), cache: "no-store" });
    if (answer.ok) access = await answer.json();
  } catch {
    // The controller is away, as the page says already: what was allowed is asked again later.
  }
  show();
  changed();
}

/** Sends a command; gives the status after it, or throws what the controller says. */
export async function command(release, word) {
  const path = release.split("/").map(encodeURIComponent).join("/");
  let answer;
  try {
    answer = await fetch(`/v1/releases/${path}/${word}`, { method: "POST", headers: headers(), cache: "no-store" });
  } catch {
    throw new Error("the controller does not answer; nothing is known of the command");
  }
  const told = await answer.json().catch(() => ({ error: `the controller answered ${answer.status}` }));
  if (answer.status === 401 || answer.status === 403) await ask();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

function show() {
  const button = byId("key");
  const name = sessionStorage.getItem(NAME);
  button.textContent = access.commands ? `Commands on${name ? `: ${name}` : ""}` : "Read-only";
  button.dataset.on = access.commands;
  byId("access-text").textContent = access.commands
    ? "Commands are taken from this page."
    : `This page is read-only: ${access.why ?? "the controller has not said what it may do"}.`;
  byId("access-token-line").hidden = !access.token;
}

/** Makes the button in the header work; `then` is called whenever what is allowed has changed. */
export function start(then) {
  changed = then;
  const dialog = byId("access");
  byId("key").addEventListener("click", () => {
    byId("access-name").value = sessionStorage.getItem(NAME) ?? "";
    byId("access-token").value = "";
    dialog.showModal();
  });
  dialog.addEventListener("close", () => {
    const [name, token] = [byId("access-name").value.trim(), byId("access-token").value.trim()];
    byId("access-token").value = "";
    if (dialog.returnValue === "use") {
      keep(NAME, name);
      if (token) sessionStorage.setItem(TOKEN, token);
      ask();
    } else if (dialog.returnValue === "forget") {
      keep(NAME, "");
      keep(TOKEN, "");
      ask();
    }
    dialog.returnValue = "";
  });
  ask();
}

function keep(key, value) {
  if (value) sessionStorage.setItem(key, value);
  else sessionStorage.removeItem(key);
}
