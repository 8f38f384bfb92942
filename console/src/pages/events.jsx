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

function Tail({ params }) {
  const [rows, setRows] = useState([]), [state, setState] = useState("connecting"), [problem, setProblem] = useState(null), [open, setOpen] = useState(null);
  const [paused, setPaused] = useState(false), [from, setFrom] = useState("latest"), [dropped, setDropped] = useState(0);
  const tail = useRef(null), now = useNow();
  const filter = { type: params.type, device: params.device, topic: params.topic }, key = JSON.stringify(filter);
  useEffect(() => {
    setRows([]);
    setDropped(0);
    setFrom("latest");
  }, [key]);
  useEffect(() => {
    if (paused) return undefined;
    setProblem(null);
    tail.current = follow({ ...filter, from }, {
      state: (next, why) => { setState(next); if (why) setProblem(why); },
      events: (list) => setRows((old) => {
        const all = old.concat(list);
        if (all.length > KEEP) setDropped((n) => n + all.length - KEEP);
        return all.slice(-KEEP);
      }),
    });
    return () => tail.current.close();
  }, [key, paused, from]);
  const pause = () => {
    if (!paused) setFrom(String(tail.current.next() ?? "latest"));
    setPaused(!paused);
  };
  const jump = (event) => {
    event.preventDefault();
    const text = event.target.elements.offset.value.trim();
    setRows([]);
    setDropped(0);
    setFrom(text === "" ? "latest" : text);
    setPaused(false);
  };
  useEffect(() => {
    const onKey = (event) => {
      if (event.key === "p" && !event.ctrlKey && !event.metaKey && !event.target.closest("input,textarea,select")) pause();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  const last = rows[rows.length - 1], late = last && !paused && state === "open" ? now - last.time_ms : 0;
  return <div class="page fill">
    <div class="filters">
      <button class={paused ? "main" : ""} onClick={pause} aria-pressed={paused} title="p">{paused ? t("Resume") : t("Pause")}</button>
      <select aria-label={t("Type")} value={params.type ?? ""} onChange={(event) => setQuery({ type: event.target.value })}>
        <option value="">{t("all types")}</option>{GROUPS.map(([name, types]) => <option key={name} value={types}>{t(name)}</option>)}
        {params.type && !GROUPS.some(([, types]) => types === params.type) && <option value={params.type}>{params.type.split(",").map(typeText).join(", ")}</option>}
      </select>
      <input aria-label={t("Device")} placeholder={t("Device")} defaultValue={params.device} key={"d" + params.device} onChange={(event) => setQuery({ device: event.target.value.trim() })} spellcheck={false} />
      <input aria-label={t("Topic filter")} placeholder={t("Topic, such as fleet/#")} defaultValue={params.topic} key={"t" + params.topic} onChange={(event) => setQuery({ topic: event.target.value.trim() })} spellcheck={false} />
      <form onSubmit={jump} class="inline"><input name="offset" inputMode="numeric" size={9} aria-label={t("From offset")} placeholder={t("From offset")} pattern="[0-9]*|earliest|latest" /><button>{t("Go")}</button></form>
      <span class="grow" />
      <span role="status" class={state === "open" && !paused ? "quiet" : "note"}>{paused ? t("paused at offset {n}", { n: from }) : state === "open" ? t("live") : state === "refused" ? t("refused") : t("connecting…")}</span>
      {late > BEHIND_MS && from !== "latest" && <span class="quiet">{t("newest shown is {span} old", { span: span(late) })}</span>}
      <span class="quiet">{num(rows.length)}{dropped > 0 && " " + t("(older ones left this page)")}</span>
    </div>
    {problem && <Trouble problem={problem} />}
    <VirtualList rows={rows} keyOf={(row) => row.offset ?? "gap" + row.from} label={t("Events")} columns="events" stick={!paused && !open} onOpen={setOpen}
      head={<><span role="columnheader" class="n wide-only">{t("Offset")}</span><span role="columnheader">{t("Time")}</span><span role="columnheader">{t("Type")}</span><span role="columnheader">{t("Device")}</span><span role="columnheader" class="wide-only">{t("About")}</span></>}
      row={(row) => <><span role="cell" class="n quiet wide-only">{row.offset}</span><span role="cell"><Time ms={row.time_ms} exact /></span><span role="cell" class={"type t-" + row.type.split(".")[0]} title={row.type}>{typeText(row.type)}</span><span role="cell" class="id">{row.device ?? row.group ?? "–"}</span><span role="cell" class="wide-only id">{about(row)}</span></>}
      empty={state === "connecting" ? <Loading /> : <Empty what={t("Nothing yet")}>{t("Events appear here as soon as they are durable.")}</Empty>} />
    {open && <aside class="drawer" aria-label={t("Event")}><header><h2 title={open.type}>{typeText(open.type)}</h2><span class="grow" />{open.device && <a class="button" href={"#/device/" + encodeURIComponent(open.device)}>{t("Device")}</a>}<button onClick={() => setOpen(null)} aria-label={t("Close")}>✕</button></header><Json value={open} /></aside>}
  </div>;
}
