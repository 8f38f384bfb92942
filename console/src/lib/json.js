// What somebody typed, as JSON: {value, wrong: what is wrong with it, for a person, or null}. object: nothing else will do.
import { lang, t } from "./i18n.js";

// A browser says it in English; in Chinese the place is enough.
function complaint({ message }) {
  const [, line, column] = message.match(/line (\d+),? column (\d+)/) ?? [];
  return lang.get() === "zh" ? line ? t("No valid JSON: line {line}, column {column}.", { line, column }) : t("No valid JSON.") : message;
}

export function readJson(text, object) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { wrong: complaint(error) };
  }
  return { value, wrong: object && (value === null || typeof value !== "object" || Array.isArray(value)) ? t("It must be an object.") : null };
}
