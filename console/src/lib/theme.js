import { cell, kept } from "./cell.js";

export const theme = kept("theme", "auto"); // auto, light, dark
const apply = (value) => {
  if (value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
};
apply(theme.get());
const system = matchMedia("(prefers-color-scheme: dark)");
// What is to be seen now: for those who draw themselves.
export const dark = cell(false);
const look = () => dark.set(theme.get() === "auto" ? system.matches : theme.get() === "dark");
look();
system.addEventListener("change", look);
theme.listen(apply); // the first to be told: charts read their colours from the page
theme.listen(look);
