// A modal dialog: focus goes in, stays in, and comes back to where it was; Escape closes it.

import { fresh, h } from "./dom.js";

/**
 * Opens a dialog and returns it with a promise of how it ended: the value given to `close`, or null after Escape.
 * `body` is called with `close` and returns what stands in it.
 */
export function openDialog(title, body) {
  const before = document.activeElement;
  const heading = fresh("dialog");
  let answer = null;
  const dialog = h("dialog", { "aria-labelledby": heading });
  const close = (value = null) => {
    answer = value;
    dialog.close();
  };
  dialog.append(
    h("header", {}, h("h2", { id: heading }, title), h("button", { type: "button", class: "plain", "aria-label": "Close", on: { click: () => close() } }, "×")),
  );
  dialog.append(h("div", { class: "body" }, body(close)));
  document.body.append(dialog);
  const ended = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement) before.focus();
      resolve(answer);
    });
  });
  dialog.showModal();
  dialog.querySelector("[autofocus]")?.focus();
  return { dialog, ended };
}
