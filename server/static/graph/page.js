// The lineage explorer.

import { empty } from "../parts.js";

/** Shows the graph page. */
export async function show(main) {
  main.append(empty("Search for a dataset or a job."));
}
