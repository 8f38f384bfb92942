import { useEffect, useRef, useState } from "preact/hooks";
import { may, tenantNow } from "../lib/api.js";
import { brief, num, payloadOf, span } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { follow } from "../lib/live.js";
import { actionText, reasonText, typeText } from "../lib/names.js";
import { setQuery } from "../lib/route.js";
import { useNow } from "../lib/cell.js";
import { VirtualList } from "../parts/vlist.jsx";
import { Empty, Json, Loading, NoPermission, Time, Trouble } from "../parts/ui.jsx";

const KEEP = 5000, BEHIND_MS = 5000;
const GROUPS = [
  ["presence", "online,offline,unknown,disconnected,refused,camera.bound"],
  ["message", "message,message.gap,message.queued,message.sent,message.delivered,message.failed"],
  ["command", "command.queued,command.sent,command.delivered,command.done,command.failed"],
  ["ledger", "ledger,broadcast,broadcast.done"],
  ["document", "document.changed,shadow.changed,shadow.push,shadow.push_member,shadow.push_done,shadow.seen"],
  ["camera", "camera.channels,camera.settings,camera.call"],
  ["audit", "audit,key.created,key.revoked,revoked,node.started,node.stopped"],
];

function about(event) {
  if (event.type === "gap") return t("offsets {from} to {to} are gone: {reason}", { ...event, reason: reasonText(event.reason) });
  const parts = [event.reason && reasonText(event.reason), event.name, event.topic, event.action && actionText(event.action), event.code && t("close code {code}", event)].filter(Boolean), payload = payloadOf(event) ?? event.details ?? event.change ?? event.document;
  return parts.join(" · ") + (payload === undefined ? "" : (parts.length ? "  " : "") + brief(payload, 160));
}

export function Events({ params }) {
  if (!may("events:read")) return <div class="page"><NoPermission scopes="events:read" /></div>;
  return <Tail params={params} key={tenantNow()} />;
}

// What is shown begins at `from`. read: at an offset that was asked for, so its first rows stay, and it pauses when there is no room for more. more: it goes on behind the rows there are.
const begin = (from) => ({ from: from || "latest", read: !!from && from !== "latest", more: false, paused: false });

function useTail(filter, asked) {
  const [run, setRun] = useState(() => begin(asked)), [rows, setRows] = useState([]), [dropped, setDropped] = useState(0), [state, setState] = useState("connecting"), [problem, setProblem] = useState(null);
  const tail = useRef(null), kept = useRef([]), first = useRef(true), key = JSON.stringify(filter);
  const show = (list) => setRows((kept.current = list));
  const pauseAt = (offset) => setRun((old) => ({ ...old, from: String(offset ?? "latest"), paused: true }));
  useEffect(() => {
    if (!first.current) setRun(begin(asked));
    first.current = false;
  }, [key, asked]);
  useEffect(() => {
    if (run.paused) return undefined;
    if (!run.more) { // not before: the tail that was had events under way until now
      show([]);
      setDropped(0);
    }
    setProblem(null);
    tail.current = follow({ ...filter, from: run.from }, {
      state: (next, why) => { setState(next); if (why) setProblem(why); },
      events(list) {
        const all = kept.current.concat(list), over = all.length - KEEP;
        if (over > 0 && run.read) {
          pauseAt(all[KEEP].offset ?? all[KEEP].from);
          show(all.slice(0, KEEP));
          tail.current.close();
          return;
        }
        if (over > 0) setDropped((n) => n + over);
        show(all.slice(-KEEP));
      },
    });
    return () => tail.current.close();
  }, [key, run]);
  const full = rows.length >= KEEP;
  return {
    run, rows, dropped, state, problem,
    jump: (from) => setRun(begin(from)),
    pause() {
      pauseAt(tail.current.next());
      tail.current.close(); // at once: what came before the next drawing would come again
    },
    resume: () => setRun((old) => ({ ...old, paused: false, more: !(old.read && full) })), // a page that is full makes room for the next one
  };
}

function Tail({ params }) {
  const [open, setOpen] = useState(null), now = useNow();
  const { run: { from, read, paused }, rows, dropped, state, problem, jump: jumpTo, pause: stop, resume } = useTail({ type: params.type, device: params.device, topic: params.topic }, params.from);
  const pause = () => paused ? resume() : stop();
  const jump = (event) => {
    event.preventDefault();
    const text = event.target.elements.offset.value.trim(), wanted = text === "latest" ? "" : text;
    if (wanted === (params.from ?? "")) jumpTo(wanted);
    else setQuery({ from: wanted });
  };
  useEffect(() => {
    const onKey = (event) => {
      if (event.key === "Escape") setOpen(null);
      if (event.key === "p" && !event.ctrlKey && !event.metaKey && !event.target.closest("input,textarea,select")) pause();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  const last = rows[rows.length - 1], late = last && !paused && state === "open" ? now - last.time_ms : 0;
  return <div class="page fill">
    <div class="filters">
      <button class={paused ? "main" : ""} onClick={pause} title="p">{paused ? t("Resume") : t("Pause")}</button>
      <select aria-label={t("Type")} value={params.type ?? ""} onChange={(event) => setQuery({ type: event.target.value })}>
        <option value="">{t("all types")}</option>{GROUPS.map(([name, types]) => <option key={name} value={types}>{t(name)}</option>)}
        {params.type && !GROUPS.some(([, types]) => types === params.type) && <option value={params.type}>{params.type.split(",").map(typeText).join(", ")}</option>}
      </select>
      <input aria-label={t("Device")} placeholder={t("Device")} defaultValue={params.device} key={"d" + params.device} onChange={(event) => setQuery({ device: event.target.value.trim() })} spellcheck={false} />
      <input aria-label={t("Topic filter")} placeholder={t("Topic, such as fleet/#")} defaultValue={params.topic} key={"t" + params.topic} onChange={(event) => setQuery({ topic: event.target.value.trim() })} spellcheck={false} />
      <form onSubmit={jump} class="inline"><input name="offset" inputMode="numeric" size={9} aria-label={t("From offset")} placeholder={t("From offset")} defaultValue={params.from} key={"o" + params.from} pattern="[1-9][0-9]*|earliest|latest" title={t("An offset from 1 on, earliest or latest")} /><button>{t("Go")}</button></form>
      <span class="grow" />
      <span role="status" class={state === "open" && !paused ? "quiet" : "note"}>{paused ? t("paused at offset {n}", { n: from }) : state === "open" ? read ? t("from offset {n}", { n: from }) : t("live") : state === "refused" ? t("refused") : t("connecting…")}</span>
      {late > BEHIND_MS && !read && from !== "latest" && <span class="quiet">{t("newest shown is {span} old", { span: span(late) })}</span>}
      <span class="quiet">{num(rows.length)}{dropped > 0 && " " + t("(older ones left this page)")}</span>
    </div>
    {problem && <Trouble problem={problem} />}
    <VirtualList rows={rows} keyOf={(row) => row.offset ?? "gap" + row.from} label={t("Events")} columns="events" stick={!paused && !open && !read} onLeave={pause} onOpen={setOpen}
      head={<><span role="columnheader" class="n wide-only">{t("Offset")}</span><span role="columnheader">{t("Time")}</span><span role="columnheader">{t("Type")}</span><span role="columnheader">{t("Device")}</span><span role="columnheader" class="wide-only">{t("About")}</span></>}
      row={(row) => <><span role="gridcell" class="n quiet wide-only">{row.offset}</span><span role="gridcell"><Time ms={row.time_ms} exact /></span><span role="gridcell" class={"type t-" + row.type.split(".")[0]} title={row.type}>{typeText(row.type)}</span><span role="gridcell" class="id">{row.device ?? row.group ?? "–"}</span><span role="gridcell" class="wide-only id">{about(row)}</span></>}
      empty={state !== "open" ? state !== "refused" && <Loading /> : <Empty what={t("Nothing yet")}>{t("Events appear here as soon as they are durable.")}</Empty>} />
    {open && <aside class="drawer" aria-label={t("Event")}><header><h2 title={open.type}>{typeText(open.type)}</h2><span class="grow" />{open.device && <a class="button" href={"#/device/" + encodeURIComponent(open.device)}>{t("Device")}</a>}<button onClick={() => setOpen(null)} aria-label={t("Close")}>✕</button></header><Json value={open} /></aside>}
  </div>;
}
