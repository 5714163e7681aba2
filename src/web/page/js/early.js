// Before the first paint: the theme that was chosen, so that nothing flashes. A classic script, so that it is waited for.
(() => {
  try {
    const kept = localStorage.getItem("powerlogger.theme");
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch {
    // Storage may be forbidden.
  }
})();
