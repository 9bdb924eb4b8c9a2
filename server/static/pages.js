// Every page: its path, its name in the navigation, and the module that shows it. A page that is not here is not found.
//
// A module exports `show(main, { url, params, signal, navigate })`, async: it fills `main`; `signal` is aborted when the reader leaves. It may
// return `{ update(url) }`, which is then called instead when only the query of the same page changes, and `{ leave() }`.
// `navigate(url, { replace })` changes the address; links within the site need nothing. `key` marks the page that is current.

export const PAGES = [
  { path: "/explorer", title: "Lineage", load: () => import("./graph/page.js") },
];

/** The page that shows at a path, and what stands in the path's {braces}; null where there is none. */
export function pageAt(path) {
  for (const page of PAGES) {
    const params = match(page.path, path);
    if (params) return { page, params };
  }
  return null;
}

function match(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.replace(/(?<=.)\/$/, "").split("/");
  if (wanted.length !== given.length) return null;
  const params = {};
  for (const [index, step] of wanted.entries()) {
    if (step.startsWith("{")) {
      try {
        params[step.slice(1, -1)] = decodeURIComponent(given[index]);
      } catch {
        return null;
      }
    } else if (step !== given[index]) return null;
  }
  return params;
}
