// Events of the past, asked for in ever longer spans until there are some, and those that come by themselves.
import { useEffect, useRef, useState } from "preact/hooks";
import { lines, may, query, tenantNow } from "./api.js";
import { follow } from "./live.js";

// filter: of /v1/events; wanted: which of those count. Gives {list, oldest first; busy, problem, live: is it told of new ones; span_ms, further: looks further back, or null; again}.
export function useEvents(filter, { spans_ms, keep, wanted = () => true }) {
  const allowed = may("events:read"), key = JSON.stringify(filter) + tenantNow(), begin = { list: [], reach: 0, busy: allowed };
  const [past, setPast] = useState(begin), [fresh, setFresh] = useState([]), [live, setLive] = useState("connecting");
  const turn = useRef(0);
  const look = async (reach) => {
    const mine = turn.current;
    setPast((old) => ({ ...old, busy: true, problem: null }));
    try {
      for (let i = reach; i < spans_ms.length; i++) {
        const list = (await lines("/v1/events" + query({ ...filter, from_time: Date.now() - spans_ms[i], follow: false }), { most: keep })).filter(wanted);
        if (mine !== turn.current) return;
        if (list.length || i === spans_ms.length - 1) {
          setPast({ list, reach: i, busy: false });
          return;
        }
      }
    } catch (problem) {
      if (mine === turn.current) setPast((old) => ({ ...old, busy: false, problem }));
    }
  };
  useEffect(() => {
    if (!allowed) return undefined;
    turn.current++;
    setPast(begin);
    setFresh([]);
    const events = follow({ ...filter, from: "latest" }, { state: setLive, events: (list) => setFresh((old) => [...old, ...list.filter(wanted)].slice(-keep)) });
    look(0);
    return () => {
      turn.current++;
      events.close();
    };
  }, [key]);
  const known = new Set(past.list.map((one) => one.offset)), { reach, busy, problem } = past;
  return {
    list: [...past.list, ...fresh.filter((one) => !known.has(one.offset))].slice(-keep),
    busy, problem, live, span_ms: spans_ms[reach], again: () => look(reach), further: reach < spans_ms.length - 1 ? () => look(reach + 1) : null,
  };
}
