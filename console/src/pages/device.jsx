import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get, may, mayChange, path, send } from "../lib/api.js";
import { brief, bytes, num, payloadOf, short, span, when } from "../lib/format.js";
import { lang, t } from "../lib/i18n.js";
import { useNow } from "../lib/cell.js";
import { follow, STALE_MS } from "../lib/live.js";
import { problemText, reasonText, typeText } from "../lib/names.js";
import { useEvents } from "../lib/past.js";
import { useWatched } from "../lib/watched.js";
import { Changes, useChanges, useKeyNames } from "../parts/changes.jsx";
import { Chart } from "../parts/chart.jsx";
import { Tags } from "../parts/tags.jsx";
import { Age, Empty, Fresh, Loading, NoPermission, Panel, Reach, Reason, Since, State, Time, Trouble, useLoad, Waiting } from "../parts/ui.jsx";
import { Camera } from "./camera.jsx";
import { Commands } from "./commands.jsx";
import { Sensors } from "./sensors.jsx";
import { Shadow } from "./shadow.jsx";

const LOOK_MS = 2000, RTT_KEEP = 900, MESSAGES_KEEP = 500;

export function Device({ id, tab = "now", part }) {
  if (!may("devices:read")) return <div class="page"><NoPermission scopes="devices:read" /></div>;
  return <One key={id} id={id} tab={tab} part={part} />;
}

function One({ id, tab, part }) {
  const device = useWatched(id, "state", (signal) => get(path`/v1/devices/${id}`, { signal }), LOOK_MS);
  const [feed, setFeed] = useState({ messages: 0, presence: 0, shadow: 0 });
  useEffect(() => {
    if (!may("events:read")) return undefined;
    const events = follow({ device: id, from: "latest" }, {
      events(list) {
        setFeed((old) => ({
          ...old,
          messages: old.messages + list.filter((one) => one.type === "message" || one.type === "message.queued").length,
          shadow: old.shadow + list.filter((one) => one.type === "shadow.changed").length,
          presence: old.presence + list.filter((one) => /^(online|offline|unknown|disconnected|refused)$/.test(one.type)).length,
        }));
      },
    });
    return () => events.close();
  }, [id]);
  const [rtts, setRtts] = useState([[], []]);
  useEffect(() => {
    const rtt = device.data?.live?.connected ? device.data.live.rtt_ms : undefined;
    if (device.at) setRtts(([x, y]) => [[...x, device.at / 1000].slice(-RTT_KEEP), [...y, rtt ?? null].slice(-RTT_KEEP)]);
  }, [device.at]);

  const one = device.data, now = useNow(), camera = one?.protocol === "gb28181";
  const tabs = [["now", t("Now")], ["timeline", t("Timeline")], ["messages", t("Messages")], ["commands", t("Commands")], ["shadow", t("Shadow")], ...(camera ? [] : [["sensors", t("Sensors")]]), ...(camera ? [["camera", t("Camera")]] : [])];
  const bar = useRef();
  useEffect(() => bar.current?.querySelector("[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" }), [tab, camera]); // on a phone it may be beside the screen
  return <div class="page">
    <div class="title">
      <a href="#/devices" class="quiet" aria-label={t("Devices")}>←</a>
      <h1 class="id">{id}</h1>
      {one && <span class={"tools" + (now - device.at > STALE_MS ? " old" : "")}><State state={one.state} /><span class="quiet">{t("for {span}", { span: "" })}<Since ms={one.since_ms} /></span></span>}
      {one?.protocol && <span class="chip">{one.protocol}</span>}
      <span class="grow" />
      {one && mayChange("devices:write") && <Disconnect id={id} online={one.state === "online"} done={device.again} />}
    </div>
    <nav class="tabs" ref={bar} aria-label={t("Device")}>{tabs.map(([name, text]) => <a key={name} href={"#/device/" + encodeURIComponent(id) + "/" + name} aria-current={tab === name ? "page" : undefined}>{text}{name === "messages" && feed.messages > 0 && <b>{short(feed.messages)}</b>}</a>)}</nav>
    {!one && device.problem?.status === 404 ? <Empty what={t("No device of this id was here yet")}>{t("This page fills by itself when it connects.")}</Empty> : <Waiting load={device} />}
    {one && <Fresh at={device.at}>
      {!tabs.some(([name]) => name === tab) && <Empty what={t("There is no such page")} />}
      {tab === "now" && <Now id={id} one={one} rtts={rtts} presence={feed.presence} shadow={feed.shadow} />}
      {tab === "timeline" && <Timeline id={id} presence={feed.presence} />}
      {tab === "messages" && <Messages id={id} />}
      {tab === "commands" && <Commands id={id} camera={camera} online={one.state === "online"} />}
      {tab === "shadow" && <Shadow id={id} name={part} changed={feed.shadow} />}
      {tab === "sensors" && <Sensors id={id} />}
      {tab === "camera" && <Camera id={id} device={one} />}
    </Fresh>}
  </div>;
}

function Disconnect({ id, online, done }) {
  const [asked, setAsked] = useState(false), [problem, setProblem] = useState(null);
  const go = async () => {
    setAsked(false);
    setProblem(null);
    try {
      await send("POST", path`/v1/devices/${id}/disconnect`, {});
    } catch (error) {
      setProblem(error);
    }
    done();
  };
  if (problem) return <span class="bad" role="alert">{problemText(problem)} <button onClick={() => setProblem(null)}>✕</button></span>;
  return asked ? <span>{t("It will connect again by itself.")} <button class="danger" onClick={go}>{t("Disconnect")}</button> <button onClick={() => setAsked(false)}>{t("Cancel")}</button></span>
    : <button disabled={!online} onClick={() => setAsked(true)}>{t("Disconnect…")}</button>;
}

const TIMES = /(\d{4}-\d\d-\d\dT[\d:.]+Z)/;

// The gateway's own summary is English, with times in UTC: they are shown as all others. In Chinese it is said again of what it was made of.
function summary({ now, summary: text }, id) {
  if (lang.get() !== "zh") return text.split(TIMES).map((part, i) => i % 2 ? <Time key={i} ms={Date.parse(part)} exact /> : part);
  if (!now) return t("{id} never connected; what it was refused for stands below.", { id });
  const waiting = now.live?.pending_messages;
  return t("{id} is {state} since {time}", { id, state: t(now.state), time: when(now.since_ms) }) + (now.reason ? "：" + reasonText(now.reason) : "") + "。" + (waiting ? t("{n} messages wait for it.", { n: num(waiting) }) : "");
}

function Now({ id, one, rtts, presence, shadow }) {
  const explain = useLoad((signal) => get(path`/v1/devices/${id}/explain` + "?limit=12", { signal }), [id, presence]);
  const live = one.live, rtt = useMemo(() => rtts, [rtts]);
  return <div class="grid">
    <Panel title={t("Why it is as it is")} wide>
      {explain.data ? <p class="pad say">{summary(explain.data, id)}</p> : <Waiting load={explain} />}
      {explain.data && <History events={explain.data.history} />}
    </Panel>
    <Panel title={t("Connection")}><dl class="facts">
      <dt>{t("state")}</dt><dd><State state={one.state} /></dd>
      <dt>{t("since")}</dt><dd><Time ms={one.since_ms} /></dd>
      {one.reason && <><dt>{t("last reason")}</dt><dd><Reason name={one.reason} /> {one.code}</dd></>}
      {live?.connected && <>
        <dt>{t("peer")}</dt><dd>{live.peer ?? "–"} {live.tls ? "TLS" : ""}</dd>
        <dt>{t("last heard")}</dt><dd><Age ms={live.last_seen_ms} /></dd>
        {live.credentials_expire_ms && <><dt>{t("credentials expire")}</dt><dd><Time ms={live.credentials_expire_ms} /></dd></>}
        {live.trace && <><dt>{t("trace")}</dt><dd class="id">{live.trace}</dd></>}
      </>}
      <dt>{t("connection")}</dt><dd class="id">{one.conn ?? "–"}</dd>
      <dt>{t("connects")}</dt><dd>{num(one.connects)}</dd>
      <dt>{t("first seen")}</dt><dd><Time ms={one.first_seen_ms} /></dd>
    </dl></Panel>
    <Panel title={t("Traffic")}>{live?.connected ? <dl class="facts">
      <dt>{t("messages in")}</dt><dd data-live="in">{num(live.messages_in)}</dd>
      <dt>{t("messages out")}</dt><dd>{num(live.messages_out)}</dd>
      <dt>{t("queued for its socket")}</dt><dd>{num(live.send_queue_messages)} · {bytes(live.send_queue_bytes)}</dd>
      <dt>{t("waiting for it")}</dt><dd>{num(live.pending_messages)} · {bytes(live.pending_bytes)}</dd>
    </dl> : <Empty what={t("Not connected")}>{live ? t("{n} messages wait for it.", { n: num(live.pending_messages) }) : null}</Empty>}</Panel>
    {may("devices:read", "messages:write") && <Tags id={id} changed={shadow} />}
    <Panel title={t("Heartbeat round trip")} tools={<span class="quiet">{live?.rtt_ms ? num(live.rtt_ms) + " ms" : ""}</span>}>
      {rtt[1].filter((ms) => ms !== null).length > 1 ? <Chart data={rtt} format={(ms) => num(ms) + " ms"} label={t("Heartbeat round trip")} series={[{ label: "RTT", color: "--c1" }]} />
        : <Empty what={live?.rtt_ms ? num(live.rtt_ms) + " ms" : t("No heartbeat was measured yet")}>{live?.rtt_ms ? t("The line begins with the next one.") : t("Under a millisecond counts as none, too.")}</Empty>}
    </Panel>
  </div>;
}

const said = {
  online: () => t("connected"), offline: () => t("gone"), unknown: () => t("lost sight of"), disconnected: () => t("connection ended"), refused: () => t("refused"),
};

const sessions = { new: "new session", resumed: "session resumed", rebuilt: "session rebuilt" };

export function History({ events }) {
  if (!events.length) return <p class="quiet pad">{t("Nothing happened to it in the last 24 hours.")}</p>;
  return <ol class="history">{events.map((event) => <li key={event.offset} class={event.type}>
    <Time ms={event.time_ms} exact /><span class="what">{said[event.type]?.() ?? typeText(event.type)}</span>
    <span>{event.reason && <Reason name={event.reason} code={event.code} />} {event.text && <span class="quiet">{lang.get() === "zh" ? event.reason : event.text}</span>} {event.duration_ms ? <span class="quiet">{t("after {span}", { span: span(event.duration_ms) })}</span> : null}{event.session && <span class="quiet"> {t(sessions[event.session.result] ?? event.session.result)}</span>}</span>
  </li>)}</ol>;
}

// A bar of the last 24 hours: when it was here.
function Presence({ events, now }) {
  const from = now - 86400e3, spans = [];
  let end = now;
  for (const event of events) { // newest first
    if (!["online", "offline", "unknown"].includes(event.type)) continue;
    spans.push({ state: event.type, from: Math.max(event.time_ms, from), to: end });
    end = event.time_ms;
    if (end <= from) break;
  }
  return <div class="presence" role="img" aria-label={t("Presence of the last 24 hours")}>
    <svg viewBox="0 0 1000 20" preserveAspectRatio="none">{spans.map((one) => <rect key={one.from + one.state} class={one.state} x={((one.from - from) / 86400e3) * 1000} width={Math.max(1, ((one.to - one.from) / 86400e3) * 1000)} y="0" height="20"><title>{when(one.from)} – {when(one.to)} {t(one.state)}</title></rect>)}</svg>
    <div class="ends quiet"><span>{t("24 h ago")}</span><span>{t("now")}</span></div>
  </div>;
}

function Timeline({ id, presence }) {
  const explain = useLoad((signal) => get(path`/v1/devices/${id}/explain`, { signal }), [id, presence]);
  const found = useChanges({ device: id }), names = useKeyNames();
  return <>
    <Panel title={t("The last 24 hours")}>{explain.data ? <><Presence events={explain.data.history} now={Date.now()} /><History events={explain.data.history} /></> : <Waiting load={explain} />}</Panel>
    <Changes title={t("Changes")} found={found} names={names} device />
  </>;
}

function Messages({ id }) {
  const found = useEvents({ device: id, type: "message,message.queued,message.sent,message.delivered,message.failed,message.gap" }, { spans_ms: [60e3, 600e3, 3600e3, 86400e3], keep: MESSAGES_KEEP, wanted: (one) => one.offset }), all = [...found.list].reverse();
  if (!may("events:read")) return <Panel title={t("Messages")}><NoPermission scopes="events:read" /></Panel>;
  return <Panel title={t("Messages")} tools={<Reach found={found} count={all.length} />}>
    {found.problem && <Trouble problem={found.problem} again={found.again} />}
    {found.busy && !all.length ? <Loading /> : !all.length ? <Empty what={t("It said nothing lately")}>{t("Messages appear here by themselves.")}</Empty>
      : <div class="scroll"><table class="plain events messages"><thead><tr><th>{t("Time")}</th><th>{t("Type")}</th><th>{t("Topic")}</th><th>{t("Payload")}</th></tr></thead><tbody>
        {all.map((one) => <tr key={one.offset}><td><Time ms={one.time_ms} exact /></td><td title={one.type}>{typeText(one.type)}</td><td>{one.topic ?? "–"}</td><td class="id">{payloadOf(one) === undefined ? <Reason name={one.reason} code={one.code} /> : brief(payloadOf(one))}</td></tr>)}
      </tbody></table></div>}
  </Panel>;
}
