// Devices that a tag puts together (tags.groups of their shadows): who they are, the context of the group, and what is said to all of them.
import { useEffect, useState } from "preact/hooks";
import { ask, get, lines, may, mayChange, path, query, send, tenantNow } from "../lib/api.js";
import { num } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { route } from "../lib/route.js";
import { useCell } from "../lib/cell.js";
import { Age, Empty, Field, Json, NoPermission, Panel, State, Time, Trouble, useLoad, Waiting } from "../parts/ui.jsx";

const PAGE = 200, LOOK_MS = 5000, NAMES_MS = 86400e3, VALID = "[A-Za-z0-9._:@\\-]{1,120}";

// Names that were heard of in the last day; others can be typed.
function useNames() {
  const load = useLoad((signal) => may("events:read") ? lines("/v1/events" + query({ type: "shadow.changed,document.changed", from_time: Date.now() - NAMES_MS, follow: false }), { most: 2000, signal }) : [], [tenantNow()]);
  const names = new Set();
  for (const event of load.data ?? []) {
    if (event.group) names.add(event.group);
    const tagged = Array.isArray(event.change) ? event.change.filter((one) => /^\/tags\/groups/.test(one.path)).map((one) => one.value) : event.change?.tags?.groups;
    for (const name of [tagged].flat(2)) if (typeof name === "string") names.add(name);
  }
  return [...names].sort();
}

export function Groups() {
  const { parts } = useCell(route), name = parts[1], names = useNames();
  const go = (event) => {
    event.preventDefault();
    const wanted = event.target.elements.group.value.trim();
    if (wanted) location.hash = "#/groups/" + encodeURIComponent(wanted);
  };
  return <div class="page">
    <form class="filters" onSubmit={go}><input name="group" id="search" list="group-names" defaultValue={name} key={name} placeholder={t("Name of a group")} aria-label={t("Name of a group")} pattern={VALID} required spellcheck={false} /><button>{t("Go")}</button>
      <datalist id="group-names">{names.map((one) => <option key={one} value={one} />)}</datalist>
      {names.slice(0, 12).map((one) => <a key={one} class="chip" aria-current={one === name ? "page" : undefined} href={"#/groups/" + encodeURIComponent(one)}>{one}</a>)}</form>
    {name ? <Group key={tenantNow() + " " + name} name={name} /> : <Empty what={t("Choose a group")}>{t("A device is in a group when its tag groups names it; connections may join one, too (?groups=).")}</Empty>}
  </div>;
}

function Group({ name }) {
  return <div class="grid two">
    <Panel title={t("Members")}>{may("devices:read") ? <Members name={name} /> : <NoPermission scopes="devices:read" />}</Panel>
    <Panel title={t("Context")}>{may("devices:read", "messages:write") ? <Context name={name} /> : <NoPermission scopes={["devices:read", "messages:write"]} />}</Panel>
    <Panel title={t("Configuration")}>{may("devices:read", "messages:write") ? <Push name={name} /> : <NoPermission scopes={["devices:read", "messages:write"]} />}</Panel>
    <Panel title={t("Send to all of it")}>{mayChange("messages:write") ? <Broadcast name={name} /> : may("messages:write") ? <Empty what={t("This console is read-only")} /> : <NoPermission scopes="messages:write" />}</Panel>
  </div>;
}

function Members({ name }) {
  const members = useLoad((signal) => get("/v1/devices" + query({ group: name, limit: PAGE }), { signal }), [name], LOOK_MS);
  if (!members.data) return <Waiting load={members} />;
  const list = members.data.devices;
  if (!list.length) return <Empty what={t("No device is in it")}>{t("Set the tag groups of a device, such as [\"{name}\"].", { name })}</Empty>;
  return <><p class="pad quiet">{num(list.length)}{members.data.next_cursor ? "+" : ""} · {num(list.filter((one) => one.state === "online").length)} {t("online")}</p><div class="scroll tall"><table class="plain members"><tbody>{list.map((one) => <tr key={one.device}><td><State state={one.state} /></td><td class="id"><a href={"#/device/" + encodeURIComponent(one.device)}>{one.device}</a></td><td class="quiet"><Age ms={one.since_ms} /></td></tr>)}</tbody></table></div></>;
}

function Context({ name }) {
  const where = path`/v1/groups/${name}/context`, load = useLoad((signal) => get(where, { signal }), [where]);
  const [text, setText] = useState(null), [busy, setBusy] = useState(false), [problem, setProblem] = useState(null);
  const now = load.data?.document ?? {}, can = mayChange("messages:write");
  useEffect(() => setText(null), [load.data?.version]);
  let patch, wrong = null;
  try {
    patch = JSON.parse(text ?? "{}");
    if (patch === null || typeof patch !== "object" || Array.isArray(patch)) throw new Error(t("It must be an object."));
  } catch (error) {
    wrong = error.message;
  }
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await ask(where, { method: "PATCH", type: "application/merge-patch+json", body: patch, headers: load.data?.version ? { "If-Match": `"${load.data.version}"` } : {} });
      setText(null);
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
    load.again();
  };
  if (load.problem && load.problem.status !== 404 && !load.data) return <Waiting load={load} />;
  if (!load.data && !load.problem) return <Waiting load={load} />;
  return <>
    {load.data?.version ? <><p class="quiet pad">{t("version {n}", { n: load.data.version })}</p><Json value={now} /></> : <Empty what={t("It has none yet")} />}
    {can && <form class="form" onSubmit={submit}><Field label={t("Change, JSON merge patch")}><textarea name="context" rows={4} spellcheck={false} value={text ?? "{}"} aria-invalid={!!wrong} onInput={(event) => setText(event.target.value)} /></Field>
      {wrong && <p class="bad" role="alert">{wrong}</p>}<button class="main" disabled={busy || !!wrong || text === null}>{t("Apply")}</button>{problem && <Trouble problem={problem} />}</form>}
  </>;
}

// What a push has come to, newest first.
function Push({ name }) {
  const where = path`/v1/groups/${name}/shadow`, can = mayChange("messages:write");
  const pushes = useLoad((signal) => get(where + "/pushes?limit=10", { signal }), [where], (data) => data?.pushes.some((one) => one.state === "running") ? 1000 : LOOK_MS);
  const [text, setText] = useState(""), [busy, setBusy] = useState(false), [problem, setProblem] = useState(null);
  let desired, wrong = null;
  try {
    desired = JSON.parse(text || "{}");
    if (desired === null || typeof desired !== "object" || Array.isArray(desired)) throw new Error(t("It must be an object."));
  } catch (error) {
    wrong = error.message;
  }
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await send("POST", where, { desired }, { type: "application/merge-patch+json" });
      setText("");
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
    pushes.again();
  };
  return <>
    {can && <form class="form" onSubmit={submit}><Field label={t("Wanted of each member, JSON merge patch")}><textarea name="push" rows={4} spellcheck={false} value={text} placeholder='{"interval": 5}' aria-invalid={!!wrong} onInput={(event) => setText(event.target.value)} /></Field>
      {wrong && <p class="bad" role="alert">{wrong}</p>}<button class="main" disabled={busy || !!wrong || !text.trim()}>{t("Push")}</button>{problem && <Trouble problem={problem} />}</form>}
    {!pushes.data ? <Waiting load={pushes} /> : !pushes.data.pushes.length ? <Empty what={t("Nothing was pushed yet")} /> : <div class="scroll"><table class="plain pushes"><thead><tr><th>{t("Time")}</th><th class="n">{t("stored")}</th><th class="n">{t("delivered")}</th><th class="n">{t("applied")}</th><th class="n">{t("Members")}</th></tr></thead><tbody>
      {pushes.data.pushes.map((one) => <tr key={one.id} title={one.who}><td><Time ms={one.created_ms} /> {one.state === "running" && <span class="spin" />}</td><td class="n">{num(one.stored)}</td><td class="n">{num(one.delivered)}</td><td class="n">{num(one.applied)}</td><td class="n">{num(one.members)}</td></tr>)}
    </tbody></table></div>}
  </>;
}

function Broadcast({ name }) {
  const [text, setText] = useState(""), [busy, setBusy] = useState(false), [told, setTold] = useState(null), [problem, setProblem] = useState(null);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    setTold(null);
    let payload;
    try {
      payload = { payload: JSON.parse(text) };
    } catch {
      payload = { text };
    }
    try {
      setTold(await send("POST", "/v1/broadcast", { target: { group: name }, ...payload }));
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  return <form class="form" onSubmit={submit}>
    <Field label={t("Payload, text or JSON")} help={t("To connections that joined the group; nothing waits for those that are away.")}><textarea name="broadcast" rows={4} spellcheck={false} value={text} onInput={(event) => setText(event.target.value)} /></Field>
    <button class="main" disabled={busy || !text.trim()}>{t("Send")}</button>
    {told && <p role="status">{t("Written to {written} of {targets}.", { written: num(told.written), targets: num(told.targets) })}</p>}
    {problem && <Trouble problem={problem} />}
  </form>;
}
