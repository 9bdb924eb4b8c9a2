// Asking the reader for a bearer token.

import { openDialog } from "./dialog.js";
import { fresh, h } from "./dom.js";

/** A token, or null when the reader has none. `why`: what was wrong with the one before. */
export async function askForToken(why = "") {
  const id = fresh("token");
  const { ended } = openDialog("Who asks?", (close) => {
    const input = h("input", { id, type: "password", autocomplete: "off", spellcheck: "false", autofocus: true, required: true, "aria-describedby": `${id}-help` });
    const give = (event) => {
      event.preventDefault();
      if (input.value.trim()) close(input.value.trim());
    };
    return h(
      "form",
      { class: "stack", on: { submit: give } },
      why && h("p", { class: "problem", role: "alert" }, why),
      h("label", { for: id }, "Bearer token"),
      input,
      h("p", { id: `${id}-help`, class: "help" }, "Made by “tally token create --role reader”. It is kept in this tab until the tab is closed, and sent to this server alone."),
      h("p", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Use it"), h("button", { type: "button", on: { click: () => close() } }, "Not now")),
    );
  });
  return ended;
}
