// What moves, by one WebSocket (/v1/live): the node's counters each second, events of as many filters as the page wants, devices that it watches. What it lacks for a while is said by `link`;
// while there is no socket, but a gateway, `up` says that what can be had by HTTP is to be asked for.
import { cell } from "./cell.js";
import { get, Problem, self, socketAddress, tenantNow, may } from "./api.js";

export const STALE_MS = 5000;
const KEEP = 600, RATE_SPAN_MS = 5000, RATE_LEAST_MS = 2500 /* the counters are copies, up to a second old */, RETRY_MS = 500, RETRY_MAX_MS = 2000, BUSY_MS = 5000, SILENT_MS = 8000, LOOK_MS = 2000, BUNDLE_MAX = 500;

// ---- the socket ----

export const link = cell({ ok: true, at: Date.now() }); // does the gateway answer? at: when it last did
export const up = cell(null); // is the socket open? null: not known yet
export const overview = cell(null); // {at, data, past: [{ms, data}]}, newest last; null: not known yet
export const heatmap = cell(null); // {at, data}, while somebody wants it

let socket = null, turn = 0, again, watchdog, asking, wait = RETRY_MS, past = [], wanted = 0, heatmaps = 0, of = null, numbers = 0;
const subscriptions = new Map(); // number -> {filter, next, on, take}
const watches = new Map(); // number -> {wish, on}

const say = (message) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));

function heard() {
  link.set({ ok: true, at: Date.now() });
  clearTimeout(watchdog);
  watchdog = setTimeout(() => socket?.close(), SILENT_MS); // a second is its pace: there is nobody at the other end
}

function count(data) {
  if (past.length && past[past.length - 1].data.node.boot !== data.node.boot) past = []; // it began anew, and so did its counters
  past.push({ ms: data.time_ms, data });
  if (past.length > KEEP) past = past.slice(-KEEP);
  overview.set({ at: Date.now(), data, past });
}

const STATUS = { forbidden: 403, bad_request: 400 }; // it is no use to ask again

function refused(message, all, number, begin) {
  const one = all.get(number), status = STATUS[message.reason];
  one?.on.state?.("refused", new Problem(message, status ?? 503));
  if (one && !status) setTimeout(() => all.get(number) === one && begin(number, one), BUSY_MS);
}

function take(message) {
  const one = subscriptions.get(message.subscription ?? of), watched = watches.get(message.watch);
  switch (message.type) {
    case "tick":
      wait = RETRY_MS; // not when it opens: who is sent away at once would come back at once
      for (const number of message.watched ?? []) watches.get(number)?.on.holds?.();
      break;
    case "overview": count(message.overview); break;
    case "heatmap": if (heatmaps) heatmap.set({ at: Date.now(), data: message.heatmap }); break;
    case "device":
    case "samples": watched?.on.told(message[message.type]); break;
    case "events_of": of = message.subscription; break;
    case "subscribed":
      if (one?.next === "latest") one.next = message.from; // a connection that is lost before an event came has missed nothing
      one?.on.state?.("open");
      break;
    case "refused":
      if (message.watch !== undefined) refused(message, watches, message.watch, begin);
      else if (message.subscription !== undefined) refused(message, subscriptions, message.subscription, subscribe);
      break;
    default: one?.take(message);
  }
}

const subscribe = (number, { filter, next }) => say({ subscribe: number, ...filter, from: next });
const begin = (number, { wish }) => document.hidden || say({ watch: number, ...wish });

// A browser does not say why a socket was refused or closed: asking for the key does, and tells what it may do now. True: the gateway answers.
async function why() {
  try {
    const who = await get("/v1/self"), old = self.get();
    link.set({ ok: true, at: Date.now() });
    if (old && String(who.scopes) !== String(old.scopes)) self.set(who);
    return true;
  } catch (problem) { // 401 has logged us out
    if (problem.offline || problem.status >= 500) link.set({ ok: false, at: link.get().at });
    return false;
  }
}

// A proxy in between that lets no WebSocket pass: the counters, as the pages their devices, are asked for until there is one.
async function look(mine) {
  if (mine !== turn || up.get() || !wanted) return;
  try {
    count(await get("/v1/overview"));
    link.set({ ok: true, at: Date.now() });
  } catch (problem) {
    if (problem.offline) return; // the next try to connect says so
  }
  clearTimeout(asking);
  if (mine === turn) asking = setTimeout(look, LOOK_MS, mine);
}

function open(mine) {
  if (!self.get()) return;
  let opened = false;
  const one = (socket = new WebSocket(socketAddress("/v1/live")));
  one.onopen = () => {
    if (mine !== turn) return one.close();
    opened = true;
    clearTimeout(asking);
    heard();
    up.set(true);
    if (wanted) say({ overview: true });
    if (heatmaps) say({ heatmap: true });
    for (const [number, subscription] of subscriptions) subscribe(number, subscription);
    for (const [number, one] of watches) begin(number, one);
    return undefined;
  };
  one.onmessage = ({ data }) => {
    if (mine !== turn) return;
    heard();
    take(JSON.parse(data));
  };
  one.onclose = async ({ reason }) => {
    if (mine !== turn) return;
    clearTimeout(watchdog);
    of = null;
    up.set(false);
    if (opened) link.set({ ok: false, at: link.get().at });
    for (const subscription of subscriptions.values()) subscription.on.state?.("lost");
    if ((!opened || reason.includes("revoked")) && await why() && !opened) look(mine);
    if (mine !== turn) return;
    again = setTimeout(() => open(mine), wait + Math.random() * wait);
    wait = Math.min(2 * wait, RETRY_MAX_MS);
  };
}

function restart() {
  clearTimeout(again);
  clearTimeout(watchdog);
  clearTimeout(asking);
  const old = socket;
  turn++;
  of = null;
  up.set(null);
  wait = RETRY_MS;
  if (old && old.readyState === WebSocket.OPEN) old.close(); // one that connects is closed when it has: at once would be a complaint on the browser's console, key included
  open(turn);
}

export function watch() {
  let who = null;
  const change = (now) => {
    const is = now ? now.key + " " + tenantNow() : null;
    if (!now) {
      past = [];
      overview.set(null);
    }
    wanted = now && may("metrics:read") ? 1 : 0;
    if (is !== who) restart();
    who = is;
  };
  self.listen(change);
  document.addEventListener("visibilitychange", () => {
    for (const [number, one] of watches) document.hidden ? say({ unwatch: number }) : begin(number, one); // nobody looks
    if (!document.hidden && self.get() && socket?.readyState === WebSocket.CLOSED) restart(); // timers of a hidden page sleep: a retry need not
  });
  change(self.get());
}

// The value of a counter's growth a second, over the last seconds before sample `i`.
export function rate(all, of, i = all.length - 1, span = RATE_SPAN_MS) {
  if (i < 1) return null;
  let from = i - 1;
  while (from > 0 && all[i].ms - all[from].ms < span) from--;
  const ms = all[i].ms - all[from].ms;
  return ms >= RATE_LEAST_MS ? ((of(all[i].data) - of(all[from].data)) * 1000) / ms : null;
}

// A quantile of what a histogram of [upper bound, count] gathered between two looks. null: nothing.
export function quantile(before, after, q) {
  const old = new Map(before);
  let total = 0;
  const grown = after.map(([bound, count]) => [bound, Math.max(0, count - (old.get(bound) ?? 0))]);
  for (const [, count] of grown) total += count;
  if (!total) return null;
  let sum = 0;
  for (const [bound, count] of grown) if ((sum += count) >= q * total) return bound;
  return grown[grown.length - 1][0];
}

// ---- events ----

// Follows events with `filter`; `on` gets {events(list), state("connecting" | "open" | "lost" | "refused", problem)}. Events come in bundles, at most one per picture that the screen shows. Returns {close(), next()}: next() is the offset to go on from.
export function follow({ from, ...wish }, on) {
  const number = ++numbers, filter = Object.fromEntries(Object.entries(wish).filter(([, value]) => value));
  let bundle = [], frame, closed = false;
  const flush = () => {
    frame = 0;
    if (closed || !bundle.length) return;
    const list = bundle;
    bundle = [];
    on.events(list);
  };
  const mine = {
    filter, on, next: /^[0-9]+$/.test(from) ? Number(from) : from,
    take(event) {
      if (event.offset) mine.next = event.offset + 1;
      bundle.push(event);
      if (!frame) frame = document.hidden ? setTimeout(flush, 250) : requestAnimationFrame(flush);
      else if (bundle.length >= BUNDLE_MAX) flush(); // the page was hidden before its next picture, which may be in an hour
    },
  };
  on.state?.("connecting");
  subscriptions.set(number, mine);
  subscribe(number, mine);
  return {
    next: () => bundle[0] ? bundle[0].offset ?? bundle[0].from : mine.next, // what waits for its picture was not seen
    close() {
      closed = true;
      subscriptions.delete(number);
      say({ unsubscribe: number });
    },
  };
}

// ---- devices ----

// Watches a device: wish is {state, samples}, and `on` gets {told(what GET answers), holds(): that is still so; state("refused", problem)}. Not while the page is hidden. Returns {close()}.
export function watchDevice(device, wish, on) {
  const number = ++numbers, mine = { wish: { device, ...wish }, on };
  watches.set(number, mine);
  begin(number, mine);
  return {
    close() {
      watches.delete(number);
      say({ unwatch: number });
    },
  };
}

// ---- latencies ----

export function wantHeatmap() {
  if (heatmaps++ === 0) say({ heatmap: true });
  return () => {
    if (--heatmaps > 0) return;
    say({ heatmap: false });
    heatmap.set(null);
  };
}
