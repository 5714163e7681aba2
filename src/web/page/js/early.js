// Before the first paint: the theme that was chosen, so that nothing flashes, and the language, whose texts are asked for
// at once. A classic script, so that it is waited for. A further language: its name here, and a file of its texts.
(() => {
  const languages = ["en", "de"];
  const root = document.documentElement;
  let [theme, language] = ["", ""];
  try {
    theme = localStorage.getItem("powerlogger.theme") ?? "";
    language = localStorage.getItem("powerlogger.language") ?? "";
  } catch {
    // Storage may be forbidden.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isChosen = theme === "light" || theme === "dark";
  root.dataset.theme = isChosen ? theme : dark.matches ? "dark" : "light";
  // The system's choice may change, in the evening say; one that was made by hand stays.
  if (!isChosen) root.dataset.system = "";
  dark.addEventListener("change", () => {
    if (!("system" in root.dataset)) return;
    root.dataset.theme = dark.matches ? "dark" : "light";
    document.dispatchEvent(new CustomEvent("themechange"));
  });
  // The browser's tags are but looked at: one may be none that Intl takes.
  const wanted = [language, ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase());
  root.lang = wanted.find((tag) => languages.includes(tag)) ?? "en";
  root.dataset.languages = languages.join(" ");
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  const preload = document.createElement("link");
  preload.rel = "modulepreload";
  preload.href = new URL(`../texts/${root.lang}.js`, script.src).href;
  document.head.append(preload);
})();
