import { lang, t } from "./i18n.js";

const formats = new Map();
function formatOf(name, make) {
  const id = lang.get() + name;
  if (!formats.has(id)) formats.set(id, make(lang.get() === "zh" ? "zh-CN" : undefined));
  return formats.get(id);
}

export function num(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return formatOf("n", (l) => new Intl.NumberFormat(l, { maximumFractionDigits: 1 })).format(value);
}

// 0.4, 12, 1,234, 12.8 k
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e9) return (value / 1e9).toFixed(1) + " G";
  if (size >= 1e6) return (value / 1e6).toFixed(1) + " M";
  if (size >= 1e5) return Math.round(value / 1e3) + " k";
  if (size >= 1e4) return (value / 1e3).toFixed(1) + " k";
  return size >= 100 || Number.isInteger(value) ? num(Math.round(value)) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function bytes(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return (unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)) + " " + units[unit];
}

export function micros(us) {
  if (us === null || us === undefined) return "–";
  return us >= 1e6 ? (us / 1e6).toFixed(1) + " s" : us >= 1000 ? (us / 1000).toFixed(us >= 1e5 ? 0 : 1) + " ms" : Math.round(us) + " µs";
}

export function span(ms) {
  if (ms === null || ms === undefined) return "–";
  const s = Math.max(0, Math.round(ms / 1000)), [second, minute, hour, day] = lang.get() === "zh" ? ["秒", "分", "小时", "天"] : ["s", "min", "h", "d"], parts = (...list) => list.map(([n, unit]) => n + " " + unit).join(" ");
  if (s < 60) return parts([s, second]);
  if (s < 3600) return parts([Math.floor(s / 60), minute], ...(s < 600 && s % 60 ? [[s % 60, second]] : []));
  const [whole, rest] = s < 86400 ? [[Math.floor(s / 3600), hour], [Math.floor(s / 60) % 60, minute]] : [[Math.floor(s / 86400), day], [Math.floor(s / 3600) % 24, hour]];
  return parts(whole, ...(rest[0] ? [rest] : []));
}

export const utc = (ms) => new Date(ms).toISOString().replace("T", " ").replace("Z", " UTC");

// Europe/Berlin, UTC+1
export function zone() {
  const minutes = -new Date().getTimezoneOffset(), size = Math.abs(minutes);
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return name === "UTC" ? name : name + ", UTC" + (minutes < 0 ? "−" : "+") + Math.floor(size / 60) + (size % 60 ? ":" + pad(size % 60) : "");
}

const pad = (n, width = 2) => String(n).padStart(width, "0");

// The reader's zone; without the day when it is today.
export function when(ms, exact) {
  const date = new Date(ms), today = new Date().toDateString() === date.toDateString();
  const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}` + (exact ? "." + pad(date.getMilliseconds(), 3) : "");
  return today ? clock : `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock}`;
}

export const ago = (ms, now) => t("{span} ago", { span: span(now - ms) });

// JSON of any depth, in one line that is not too long.
export function brief(value, most = 200) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text === undefined ? "" : text.length > most ? text.slice(0, most) + "…" : text;
}

const BINARY_CHARS = 32; // nobody reads more of it

// What an event carries, whichever member has it.
export const payloadOf = (event) => event.payload !== undefined ? event.payload : event.text !== undefined ? event.text : event.payload_base64 !== undefined ? bytes(Math.floor(event.payload_base64.replace(/=+$/, "").length * 0.75)) + "  " + brief(event.payload_base64, BINARY_CHARS) : undefined;
