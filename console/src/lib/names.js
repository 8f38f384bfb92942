// What the gateway says by a stable name. In English the name itself, which is what people search for; in Chinese what it means.
import { lang } from "./i18n.js";
import { details } from "./zh-details.js";
import { actions, pools, reasons, types } from "./zh-names.js";

const said = (table) => (name) => lang.get() === "zh" ? table[name] ?? name : name;
export const reasonText = said(reasons), typeText = said(types), actionText = said(actions), poolText = (name) => said(pools)(name).replaceAll("_", " ");

const patterns = Object.entries(details).map(([english, chinese]) => [new RegExp("^" + english.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("(.+?)") + "$"), chinese]);

function chinese(detail) {
  for (const [pattern, text] of patterns) {
    const found = detail.match(pattern);
    if (found) return text.replace(/\{\}/g, () => found.splice(1, 1)[0]);
  }
  return null;
}

// What a check of /readyz says: a reason with its text, or words alone.
export function checkText(text) {
  const reason = text.match(/^(\w+): /)?.[1];
  return problemText({ reason, detail: reason ? undefined : text, message: text });
}

// What went wrong, for a person. Details are the gateway's own words, English: those that pages meet have their Chinese; of others the reason comes first, and the words, which have the numbers and names, behind it.
export function problemText({ reason, detail, message }) {
  if (lang.get() !== "zh") return message;
  const text = detail && chinese(detail);
  return text || (reasons[reason] ? reasons[reason] + (detail ? ` (${detail})` : "") : message);
}
