// Which page is shown: links, the back button and `navigate` change the address; the page follows it.

import { fill, h, say } from "./dom.js";
import { pageAt } from "./pages.js";
import { problemBox } from "./parts.js";

let current = null;

/** Goes to an address of this site; `replace`: without a step in the history. */
export function navigate(to, { replace = false } = {}) {
  const url = new URL(to, location.href);
  if (url.origin !== location.origin) return;
  if (url.href !== location.href) history[replace ? "replaceState" : "pushState"](null, "", url);
  follow();
}

/** Starts to follow the address. */
export function start() {
  window.addEventListener("popstate", follow);
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || link.origin !== location.origin || !pageAt(link.pathname)) return;
    if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
    event.preventDefault();
    navigate(link.href);
  });
  follow();
}

async function follow() {
  const url = new URL(location.href);
  const found = pageAt(url.pathname);
  if (current && found && current.path === url.pathname && current.shown?.update) {
    current.shown.update(url);
    return;
  }
  current?.shown?.leave?.();
  current?.abort.abort();
  const abort = new AbortController();
  const here = { path: url.pathname, shown: null, abort };
  const main = document.getElementById("main");
  const isFirst = current === null;
  current = here;
  mark(found?.page);
  document.title = found ? `${found.page.title} · Tallystick` : "Not found · Tallystick";
  fill(main, h("p", { class: "empty", "aria-busy": "true" }, "Loading…"));
  if (!isFirst) main.focus();
  try {
    if (!found) throw new Error("There is no such page.");
    const module = await found.page.load();
    if (abort.signal.aborted) return;
    main.replaceChildren();
    main.className = "";
    here.shown = (await module.show(main, { url, params: found.params, signal: abort.signal, navigate })) ?? null;
    if (abort.signal.aborted) here.shown?.leave?.();
    else say(`${found.page.title} is shown.`);
  } catch (error) {
    if (!abort.signal.aborted) fill(main, problemBox(error));
  }
}

function mark(page) {
  for (const link of document.querySelectorAll("#pages a")) {
    if (page && link.getAttribute("href") === (page.within ?? page.path)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}
