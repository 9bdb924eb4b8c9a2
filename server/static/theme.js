// Sets light or dark before anything is drawn; a module would come after the first paint. Auto: as the system says.
(() => {
  let wanted = null;
  try {
    wanted = localStorage.getItem("tally.theme");
  } catch {
    // Storage is closed to pages here: the system's choice stands.
  }
  if (wanted === "light" || wanted === "dark") document.documentElement.dataset.theme = wanted;
})();
