// Everything the console knows and does goes through /v1 with the key of whoever looks.
//
// The key lives in sessionStorage: of this tab, gone with it. A cookie would be sent by itself with requests of other pages and to other ports of the same host; this is sent by nobody but us.
import { cell } from "./cell.js";

const KEY = "holdfast.key", TENANT = "holdfast.tenant";

function recall(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    if (value) sessionStorage.setItem(name, value);
    else sessionStorage.removeItem(name);
  } catch { /* then it lasts as long as the page */ }
}

export const settings = cell({ read_only: true, version: "" });
export const self = cell(null); // who we are: the answer of /v1/self, or null
export const said = cell(""); // why we are logged out, for the login page
let key = recall(KEY);
let tenant = recall(TENANT);

export class Problem extends Error {
  constructor(body, status) {
    super(body.detail || body.title || body.reason || "HTTP " + status);
    Object.assign(this, body, { status });
  }
  get offline() { // nobody is there, or only a proxy that says so
    return this.reason === "network" || (this.status >= 502 && !this.reason);
  }
}

function headersOf(extra) {
  const headers = { ...extra, "Holdfast-Client": "console" }; // what we change is recorded as changed from here
  if (key) headers.Authorization = "Bearer " + key;
  if (tenant && self.get()?.all_tenants) headers["Holdfast-Tenant"] = tenant;
  return headers;
}

async function problemOf(answer) {
  let body = {};
  try {
    body = await answer.json();
  } catch { /* not ours: a proxy in between */ }
  return new Problem({ title: answer.statusText, ...body }, answer.status);
}

// The answer itself, whatever it holds. Throws Problem.
export async function ask(path, { method = "GET", body, type = "application/json", headers, signal, ok } = {}) {
  let answer;
  const shown = key;
  try {
    answer = await fetch(path, {
      method, signal, cache: "no-store", credentials: "omit", redirect: "error",
      headers: headersOf(body === undefined ? headers : { "Content-Type": type, ...headers }),
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ reason: "network", title: "the gateway does not answer" }, 0);
  }
  if (answer.ok || ok?.includes(answer.status)) return answer;
  const problem = await problemOf(answer);
  if (answer.status === 401 && shown && shown === key && self.get()) logout(problem.reason);
  throw problem;
}

export const get = async (path, options) => (await ask(path, options)).json();
export const send = async (method, path, body, options) => (await ask(path, { method, body, ...options })).json();

export const query = (params) => {
  const pairs = Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return pairs.length ? "?" + new URLSearchParams(pairs) : "";
};

export const path = (strings, ...values) => strings.reduce((all, part, i) => all + encodeURIComponent(values[i - 1]) + part);

// Lines of JSON, the last `most` of however many there are.
export async function lines(where, { most = 5000, ...options } = {}) {
  const reader = (await ask(where, options)).body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", list = [];
  for (;;) {
    const { done, value } = await reader.read();
    const parts = (rest + (value ?? "")).split("\n");
    rest = done ? "" : parts.pop();
    list = list.concat(parts.filter(Boolean).map((line) => JSON.parse(line))).slice(-most);
    if (done) return list;
  }
}

// WebSockets take no headers. The gateway masks ?key= in whatever it writes.
export function socketAddress(where, params) {
  const named = self.get()?.all_tenants && tenant ? { tenant } : {};
  return location.origin.replace(/^http/, "ws") + where + query({ ...params, ...named, key });
}

export const may = (...scopes) => {
  const mine = self.get()?.scopes ?? [];
  return scopes.some((scope) => mine.includes(scope));
};
export const mayChange = (...scopes) => !settings.get().read_only && may(...scopes);

export const tenantNow = () => tenant || self.get()?.tenant || "";
export function chooseTenant(name) {
  tenant = name;
  remember(TENANT, name);
  self.set({ ...self.get() }); // whoever shows something of it begins anew
}

// True: we are in. Throws when the key is not good, or the gateway away.
export async function login(text) {
  key = text;
  let who;
  try {
    who = await get("/v1/self");
  } catch (problem) {
    key = null;
    if (!problem.offline) remember(KEY, null);
    throw problem;
  }
  if (who.all_tenants && !who.tenants?.includes(tenant)) tenant = who.tenants?.[0] ?? null;
  if (!who.all_tenants) tenant = null;
  remember(KEY, key);
  remember(TENANT, tenant);
  said.set("");
  self.set(who);
}

export function logout(why) {
  key = tenant = null;
  remember(KEY, null);
  remember(TENANT, null);
  said.set(why ?? "");
  self.set(null);
}

// What the page begins with: a login code in the address (removed from it at once), or the key of this tab.
export async function begin() {
  settings.set(await get("settings.json"));
  const code = location.hash.match(/^#login=([0-9a-f]+)$/)?.[1];
  if (code) {
    location.replace("#/"); // out of the address, and of the history
    try {
      const answer = await send("POST", "login", { code });
      await login(answer.key);
      return;
    } catch (problem) {
      if (!key) said.set(problem.reason === "credentials_invalid" ? "login_code" : problem.message);
    }
  }
  const mine = recall(KEY);
  if (!mine) return;
  try {
    await login(mine);
  } catch (problem) {
    if (problem.offline) throw problem;
    said.set(problem.reason);
  }
}
