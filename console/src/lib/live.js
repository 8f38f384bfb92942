// What moves: the node's counters, asked for once a second, and events, by one WebSocket at a time.
import { cell } from "./cell.js";
import { get, may, self, socketAddress, ask } from "./api.js";

export const STALE_MS = 5000;
const KEEP = 600, TURN_MS = 1000, HIDDEN_MS = 5000, RATE_SPAN_MS = 5000, RATE_LEAST_MS = 2500 /* the counters are copies, up to a second old */, RETRY_MAX_MS = 8000, WAIT_MS = 8000;

// ---- the node ----

export const link = cell({ ok: true, at: Date.now() }); // does the gateway answer? at: when it last did
export const overview = cell(null); // {at, data, past: [{ms, data}]}, newest last; null: not known yet

let timer, past = [], running = 0;

async function look(turn) {
  const abort = new AbortController(), late = setTimeout(() => abort.abort(), WAIT_MS);
  try {
    if (may("metrics:read")) {
      const data = await get("/v1/overview", { signal: abort.signal });
      if (turn !== running) return;
      if (past.length && past[past.length - 1].data.node.boot !== data.node.boot) past = []; // it began anew, and so did its counters
      past.push({ ms: data.time_ms, data });
      if (past.length > KEEP) past = past.slice(-KEEP);
      overview.set({ at: Date.now(), data, past });
    } else {
      await ask("/livez", { signal: abort.signal });
    }
    if (turn === running) link.set({ ok: true, at: Date.now() });
  } catch (problem) {
    if (turn === running && (problem.offline || problem.name === "AbortError" || problem.status >= 500)) link.set({ ok: false, at: link.get().at });
  } finally {
    clearTimeout(late);
  }
}

async function round(turn) {
  if (self.get()) await look(turn);
  if (turn === running) timer = setTimeout(() => round(turn), document.hidden ? HIDDEN_MS : TURN_MS);
}

function restart() {
  clearTimeout(timer);
  round(++running);
}

export function watch() {
  let who = null;
  self.listen((now) => {
    if (!now) {
      past = [];
      overview.set(null);
    }
    if (now?.key !== who) restart();
    who = now?.key;
  });
  document.addEventListener("visibilitychange", () => !document.hidden && restart());
  restart();
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

// Follows /v1/events with `filter`; `on` gets {events(list), state("connecting" | "open" | "lost" | "refused", problem)}. Events come in bundles, at most one per picture that the screen shows. Returns {close(), next()}: next() is the offset to go on from.
export function follow(filter, on) {
  let socket, closed = false, wait = 500, next = filter.from, bundle = [], again, frame;
  const flush = () => {
    frame = 0;
    if (closed || !bundle.length) return;
    const list = bundle;
    bundle = [];
    on.events(list);
  };
  const arm = () => {
    if (!frame) frame = document.hidden ? setTimeout(flush, 250) : requestAnimationFrame(flush);
  };
  const open = async () => {
    on.state?.("connecting");
    let opened = false;
    socket = new WebSocket(socketAddress("/v1/events", { ...filter, from: next }));
    socket.onopen = () => {
      opened = true;
      wait = 500;
      on.state?.("open");
    };
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.offset) next = event.offset + 1;
      bundle.push(event);
      arm();
    };
    socket.onclose = async () => {
      if (closed) return;
      on.state?.("lost");
      if (!opened) {
        try { // a browser does not say why a socket was refused: the same question by HTTP does
          await ask("/v1/events?limit=1&from=latest&until=1&follow=false");
        } catch (problem) {
          if (closed) return;
          if (problem.status === 401 || problem.status === 403) {
            on.state?.("refused", problem);
            return;
          }
        }
      }
      again = setTimeout(open, wait + Math.random() * wait);
      wait = Math.min(2 * wait, RETRY_MAX_MS);
    };
  };
  open();
  return {
    next: () => next,
    close() {
      closed = true;
      clearTimeout(again);
      if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(); // at once it would be a complaint on the browser's console, key included
      else socket?.close();
    },
  };
}
