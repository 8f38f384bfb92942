import { kept } from "./cell.js";

export const theme = kept("theme", "auto"); // auto, light, dark
const apply = (value) => {
  if (value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
};
apply(theme.get());
theme.listen(apply); // the first to be told: charts read their colours from the page
