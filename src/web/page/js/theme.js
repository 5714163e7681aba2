// Light or dark: the system's choice, until one is made by hand; `early.js` has taken that before the first paint.

const KEPT = "powerlogger.theme";

/** The other one. */
export function nextTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try {
    localStorage.setItem(KEPT, root.dataset.theme);
  } catch {
    // It lasts as long as the page.
  }
  document.dispatchEvent(new CustomEvent("themechange"));
}
