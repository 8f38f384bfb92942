// What a page shows of one thing that moves: asked for once by HTTP, then told by the socket; asked for again and again only while there is no socket, or it may not tell.
import { useEffect, useRef, useState } from "preact/hooks";
import { useLoad } from "../parts/ui.jsx";
import { may } from "./api.js";
import { useCell } from "./cell.js";
import { follow, heatmap, up, wantHeatmap, watchDevice } from "./live.js";

const LEAST_MS = 1000; // between two loads that events ask for

// load(), then `told` {at, data} by the socket; alone: it is not told by it. As useLoad().
function useTold(load, keys, every, told, alone) {
  const open = !!useCell(up) && !alone, polls = useRef();
  polls.current = !open;
  const first = useLoad(load, keys, () => polls.current && every);
  useEffect(() => {
    if (!open && first.at) first.again();
  }, [open]);
  return told && told.at >= (first.at ?? 0) ? { ...first, ...told, problem: null } : first;
}

// what: "state" or "samples" of a device.
export function useWatched(device, what, load, every) {
  const [told, tell] = useState(null), [alone, setAlone] = useState(false);
  useEffect(() => {
    tell(null);
    setAlone(false);
    const watch = watchDevice(device, { state: what === "state", samples: what === "samples" }, {
      told(data) {
        setAlone(false);
        tell({ at: Date.now(), data });
      },
      holds: () => what === "state" && tell((old) => old && { ...old, at: Date.now() }), // samples are as old as they are
      state: () => setAlone(true), // refused
    });
    return () => watch.close();
  }, [device, what]);
  return useTold(load, [device], every, told, alone);
}

export function useHeatmap(load, every) {
  const told = useCell(heatmap);
  useEffect(wantHeatmap, []);
  return useTold(load, [], every, told, false);
}

// What is loaded anew when events of `filter` say that it may have changed; `wanted` says which of them. As useLoad(); live: are there such events?
export function useFollowed(filter, load, keys, every, wanted = () => true) {
  const allowed = may("events:read"), [state, setState] = useState("connecting"), now = useRef({});
  const open = !!useCell(up) && allowed && state !== "refused";
  const loaded = useLoad(load, keys, (data) => now.current.open ? 0 : typeof every === "function" ? every(data) : every);
  Object.assign(now.current, { open, again: loaded.again, wanted });
  useEffect(() => {
    if (!allowed) return undefined;
    let timer = 0, last = 0;
    const ask = () => {
      timer = 0;
      last = Date.now();
      now.current.again();
    };
    const events = follow({ ...filter, from: "latest" }, {
      state(next) {
        setState(next);
        if (next === "open") ask(); // what came before it was, nobody told
      },
      events(list) {
        if (!timer && list.some((one) => now.current.wanted(one))) timer = setTimeout(ask, Math.max(0, last + LEAST_MS - Date.now()));
      },
    });
    return () => {
      clearTimeout(timer);
      events.close();
    };
  }, [JSON.stringify(filter), ...keys]);
  useEffect(() => {
    if (!open && loaded.at) loaded.again();
  }, [open]);
  return { ...loaded, live: open };
}
