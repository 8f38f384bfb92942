// #/page/part/...?name=value
import { cell } from "./cell.js";

function parse() {
  const [where, search] = location.hash.replace(/^#\/?/, "").split("?");
  return { parts: where.split("/").filter(Boolean).map((part) => { try { return decodeURIComponent(part); } catch { return part; } }), params: Object.fromEntries(new URLSearchParams(search ?? "")) };
}

export const route = cell(parse());
addEventListener("hashchange", () => route.set(parse()));

// Changes some of the parameters of this page, without a step back for each letter of a search.
export function setQuery(changes) {
  const { parts, params } = route.get();
  const next = new URLSearchParams(Object.entries({ ...params, ...changes }).filter(([, value]) => value));
  history.replaceState(null, "", "#/" + parts.map(encodeURIComponent).join("/") + (String(next) ? "?" + next : ""));
  route.set(parse());
}
