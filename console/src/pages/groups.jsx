// Devices that a tag puts together (tags.groups of their shadows): who they are, the context of the group, and what is said to all of them.
import { useState } from "preact/hooks";
import { ask, get, may, mayChange, path, query, send, tenantNow } from "../lib/api.js";
import { num } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { readJson } from "../lib/json.js";
import { route } from "../lib/route.js";
import { useCell } from "../lib/cell.js";
import { Age, Bar, Empty, Field, Json, JsonForm, NoPermission, Panel, Reason, State, Time, Trouble, useDeed, useLoad, Waiting } from "../parts/ui.jsx";

const PAGE = 200, LOOK_MS = 5000, PATCH = "application/merge-patch+json", VALID = "[A-Za-z0-9._:@\\-]{1,120}", NAME = new RegExp("^" + VALID + "$");
const rule = () => t("The name of a group is 1 to 120 of A-Z a-z 0-9 . _ : @ -");

export function Groups() {
  const { parts } = useCell(route), name = parts[1], tenant = tenantNow();
  const go = (event) => {
    event.preventDefault();
    const wanted = event.target.elements.group.value.trim();
    if (wanted) location.hash = "#/groups/" + encodeURIComponent(wanted);
  };
  return <div class="page">
    <form class="filters" onSubmit={go}><input name="group" id="search" defaultValue={name} key={name} placeholder={t("Name of a group")} aria-label={t("Name of a group")} pattern={VALID} title={rule()} required spellcheck={false} /><button>{t("Go")}</button>{name && <a class="button" href="#/groups">{t("All groups")}</a>}</form>
    {name && !NAME.test(name) ? <Empty what={rule()} /> : name ? <Group key={tenant + " " + name} name={name} /> : may("devices:read") ? <All key={tenant} /> : <NoPermission scopes="devices:read" />}
  </div>;
}

function All() {
  const [more, setMore] = useState(null), groups = useLoad((signal) => get("/v1/groups" + query({ limit: PAGE }), { signal }), [], LOOK_MS);
  const next = useDeed(async (cursor) => {
    const page = await get("/v1/groups" + query({ limit: PAGE, cursor }));
    setMore((old) => ({ list: [...(old?.list ?? []), ...page.groups], cursor: page.next_cursor }));
  });
  if (!groups.data) return <Waiting load={groups} />;
  const first = groups.data.groups, last = first[first.length - 1]?.group, list = [...first, ...(more?.list ?? []).filter((one) => one.group > last)], cursor = more ? more.cursor : groups.data.next_cursor; // the first page may have grown or shrunk meanwhile
  if (!list.length) return <Empty what={t("No group has a member")}>{t("A device is in a group when its tag groups names it; connections may join one, too (?groups=).")}</Empty>;
  return <Panel title={t("Groups")} tools={<span class="quiet">{num(list.length)}{cursor ? "+" : ""}</span>}>
    <div class="scroll"><table class="counts groups"><tbody>{list.map((one) => <tr key={one.group}><th scope="row"><a class="id" href={"#/groups/" + encodeURIComponent(one.group)}>{one.group}</a></th><td class="n">{num(one.members)}</td><td class="grow"><Bar part={one.members / Math.max(...list.map(({ members }) => members))} /></td></tr>)}</tbody></table></div>
    {cursor && <p class="pad"><button disabled={next.busy} onClick={() => next.go(cursor)}>{t("More")}</button></p>}
    {next.problem && <Trouble problem={next.problem} />}
  </Panel>;
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
  const where = path`/v1/groups/${name}/context`, load = useLoad((signal) => get(where, { signal }).catch((problem) => { if (problem.status !== 404) throw problem; return {}; }), [where]), version = load.data?.version;
  const change = async (body) => {
    try {
      await ask(where, { method: "PATCH", type: PATCH, body, headers: version ? { "If-Match": `"${version}"` } : {} });
    } finally {
      load.again();
    }
  };
  if (!load.data) return <Waiting load={load} />;
  return <>
    {version ? <><p class="quiet pad">{t("version {n}", { n: version })}</p><Json value={load.data.document} /></> : <Empty what={t("It has none yet")} />}
    {mayChange("messages:write") && <JsonForm name="context" label={t("Change, JSON merge patch")} begin="{}" object verb={t("Apply")} deed={change} />}
  </>;
}

// What a push has come to, newest first.
function Push({ name }) {
  const where = path`/v1/groups/${name}/shadow`;
  const pushes = useLoad((signal) => get(where + "/pushes?limit=10", { signal }), [where], (data) => data?.pushes.some((one) => one.state === "running") ? 1000 : LOOK_MS);
  const push = async (desired) => {
    await send("POST", where, { desired }, { type: PATCH });
    pushes.again();
  };
  return <>
    {mayChange("messages:write") && <JsonForm name="push" label={t("Wanted of each member, JSON merge patch")} placeholder='{"interval": 5}' object verb={t("Push")} deed={push} />}
    {!pushes.data ? <Waiting load={pushes} /> : !pushes.data.pushes.length ? <Empty what={t("Nothing was pushed yet")} /> : <div class="scroll"><table class="plain pushes"><thead><tr><th>{t("Time")}</th><th class="n">{t("stored")}</th><th class="n">{t("delivered")}</th><th class="n">{t("applied")}</th><th class="n">{t("Members")}</th></tr></thead><tbody>
      {pushes.data.pushes.map((one) => <tr key={one.id} title={one.who}><td><Time ms={one.created_ms} /> {one.state === "running" && <span class="spin" />}{Object.entries(one.refused).map(([reason, n]) => <div key={reason} class="bad"><Reason name={reason} /> {num(n)}</div>)}</td><td class="n">{num(one.stored)}</td><td class="n">{num(one.delivered)}</td><td class="n">{num(one.applied)}</td><td class="n">{num(one.members)}</td></tr>)}
    </tbody></table></div>}
  </>;
}

function Broadcast({ name }) {
  const [text, setText] = useState(""), [told, setTold] = useState(null), { value, wrong } = readJson(text);
  const { busy, problem, go } = useDeed(async () => {
    setTold(null);
    setTold(await send("POST", "/v1/broadcast", { target: { group: name }, ...(wrong ? { text } : { payload: value }) }));
  });
  const submit = (event) => {
    event.preventDefault();
    go();
  };
  return <form class="form" onSubmit={submit}>
    <Field label={t("Payload, text or JSON")} help={t("To connections that joined the group; nothing waits for those that are away.")}><textarea name="broadcast" rows={4} spellcheck={false} value={text} onInput={(event) => setText(event.target.value)} /></Field>
    <div class="tools"><button class="main" disabled={busy || !text.trim()}>{t("Send")}</button>{text.trim() && <span class="quiet">{wrong ? t("as text: it is no JSON") : t("as JSON")}</span>}</div>
    {told && <p role="status">{t("Written to {written} of {targets}.", { written: num(told.written), targets: num(told.targets) })}</p>}
    {problem && <Trouble problem={problem} />}
  </form>;
}
