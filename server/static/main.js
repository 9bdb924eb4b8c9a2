// The frame around every page: navigation, theme, token, help.

import { hasToken, keepToken } from "./api.js";
import { openDialog } from "./dialog.js";
import { fill, h, say } from "./dom.js";
import { keys } from "./keys.js";
import { PAGES } from "./pages.js";
import { start } from "./router.js";
import { askForToken } from "./token.js";

const THEMES = [["auto", "As the system"], ["light", "Light"], ["dark", "Dark"]];

function nav() {
  const links = PAGES.filter((page) => !page.within).map((page) => h("li", {}, h("a", { href: page.path }, page.title)));
  fill(document.getElementById("pages"), h("ul", {}, links));
}

function theme() {
  const box = h("select", { "aria-label": "Colours", on: { change: () => use(box.value) } }, THEMES.map(([value, label]) => h("option", { value }, label)));
  box.value = document.documentElement.dataset.theme ?? "auto";
  return box;
}

function use(wanted) {
  if (wanted === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = wanted;
  try {
    localStorage.setItem("tally.theme", wanted);
  } catch {
    // It holds until the page is loaded again.
  }
  window.dispatchEvent(new Event("tally:theme"));
}

function credential() {
  const ask = async () => {
    const token = await askForToken();
    if (!token) return;
    keepToken(token);
    location.reload();
  };
  const forget = () => {
    keepToken(null);
    location.reload();
  };
  return h("button", { type: "button", class: "plain", on: { click: () => (hasToken() ? forget() : ask()) } }, hasToken() ? "Forget token" : "Token");
}

function help() {
  openDialog("Keyboard", () => h("div", {}, keys().map(([group, list]) => [h("h3", {}, group), h("dl", { class: "facts keys" }, list.map(([key, what]) => [h("dt", {}, key.split(" ").map((each) => h("kbd", {}, each))), h("dd", {}, what)]))])));
}

nav();
fill(document.getElementById("tools"), theme(), credential(), h("button", { type: "button", class: "plain", "aria-label": "Keyboard help", on: { click: help } }, "?"));
document.addEventListener("keydown", (event) => {
  const isTyping = event.target instanceof HTMLElement && event.target.matches("input, select, textarea, dialog *");
  if (event.key === "?" && !isTyping) help();
});
window.addEventListener("tally:theme", () => say("The colours changed."));
start();
