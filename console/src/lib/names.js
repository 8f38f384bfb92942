// What the gateway says by a stable name. In English the name itself, which is what people search for; in Chinese what it means.
import { lang } from "./i18n.js";
import { actions, pools, reasons, types } from "./zh-names.js";

const said = (table) => (name) => lang.get() === "zh" ? table[name] ?? name : name;
export const reasonText = said(reasons), typeText = said(types), actionText = said(actions), poolText = (name) => said(pools)(name).replaceAll("_", " ");

// What went wrong, for a person. Details are the gateway's own words, English: in Chinese the reason comes first.
export const problemText = (problem) => lang.get() === "zh" && reasons[problem.reason] ? `${reasons[problem.reason]} (${problem.message})` : problem.message;
