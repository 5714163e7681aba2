// Light or dark: the system's choice, until one is made by hand; `early.js` has taken that before the first paint.

const KEPT = "powerlogger.theme";

/** The other one. */
export function nextTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  delete root.dataset.system;
  try {
    localStorage.setItem(KEPT, root.dataset.theme);
  } catch {
    // It lasts as long as the page.
  }
  document.dispatchEvent(new CustomEvent("themechange"));
}
