// Texts stand in English where they are used; zh.js has the Chinese. What the gateway says by a stable name: names.js. Options stay as they are: that is what people search for.
import { kept } from "./cell.js";
import { zh } from "./zh.js";

export const lang = kept("lang", (navigator.languages?.[0] ?? navigator.language ?? "en").toLowerCase().startsWith("zh") ? "zh" : "en");

const missing = new Set(); // build.mjs finds what stands there as a text; what comes in a variable only shows here

function chinese(text) {
  if (!(text in zh) && !missing.has(text)) {
    missing.add(text);
    console.warn("no Chinese for " + text);
  }
  return zh[text] ?? text;
}

export function t(text, values) {
  const said = lang.get() === "zh" ? chinese(text) : text;
  return values ? said.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? "") : said;
}
