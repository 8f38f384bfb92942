import { useEffect, useState } from "preact/hooks";
import { ask, get, mayChange, path, Problem, settings } from "../lib/api.js";
import { brief, num } from "../lib/format.js";
import { apply, changes, pointers, rebase } from "../lib/merge.js";
import { t } from "../lib/i18n.js";
import { readJson } from "../lib/json.js";
import { Empty, Field, Json, NoPermission, Panel, Time, Trouble, useLoad, Waiting } from "../parts/ui.jsx";

const WAIT_MS = 10000, VERSIONS = 30;
const at = (text) => text ? Date.parse(text) : null;
const pretty = (value) => JSON.stringify(value, null, 2);

export function Shadow({ id, name, changed }) {
  const where = name ? path`/v1/devices/${id}/shadow/${name}` : path`/v1/devices/${id}/shadow`;
  const shadow = useLoad((signal) => get(where, { signal }), [where]);
  const versions = useLoad((signal) => get(where + "/versions?limit=" + VERSIONS, { signal }), [where]);
  const named = useLoad((signal) => get(path`/v1/devices/${id}/shadows`, { signal }), [id]), address = "#/device/" + encodeURIComponent(id) + "/shadow";
  useEffect(() => {
    if (!changed) return;
    shadow.again();
    versions.again();
    named.again();
  }, [changed]);
  const go = (event) => {
    event.preventDefault();
    const wanted = event.target.elements.shadow.value.trim();
    location.hash = address + (wanted ? "/" + encodeURIComponent(wanted) : "");
  };
  return <>
    <form class="filters" onSubmit={go}><label class="quiet">{t("Shadow")} <input name="shadow" defaultValue={name} key={name} placeholder={t("the unnamed one")} pattern="[A-Za-z0-9._:@\-]*" spellcheck={false} /></label><button>{t("Go")}</button>
      {named.data?.shadows.length > 0 && [undefined, ...named.data.shadows.map((one) => one.name)].map((one) => <a key={one ?? ""} class="chip" aria-current={one === (name || undefined) ? "page" : undefined} href={address + (one ? "/" + encodeURIComponent(one) : "")}>{one ?? t("the unnamed one")}</a>)}
      {shadow.data && <span class="quiet">{t("version {n}", { n: shadow.data.version })} · <Time ms={at(shadow.data.updated)} /></span>}</form>
    {shadow.data ? <Both key={where} where={where} shadow={shadow.data} versions={versions} again={() => { shadow.again(); versions.again(); }} /> : <Waiting load={shadow} />}
  </>;
}

function Both({ where, shadow, versions, again }) {
  return <div class="grid two">
    <Panel title={t("Wanted and reported")}><Compare shadow={shadow} /></Panel>
    <Panel title={t("Change what is wanted")}>{mayChange("messages:write") ? <Editor where={where} shadow={shadow} again={again} /> : settings.get().read_only ? <Empty what={t("This console is read-only")} /> : <NoPermission scopes="messages:write" />}</Panel>
    <Panel title={t("Versions")} wide><Versions versions={versions} where={where} now={shadow.version} /></Panel>
  </div>;
}

const Value = ({ value }) => value === undefined ? <span class="quiet">–</span> : <span class="id" title={JSON.stringify(value)}>{brief(JSON.stringify(value), 60)}</span>;

function Compare({ shadow }) {
  const wanted = pointers(shadow.desired), reported = pointers(shadow.reported), lacking = pointers(shadow.delta), all = [...new Set([...wanted.keys(), ...reported.keys()])].sort();
  if (!all.length) return <Empty what={t("Nothing is reported and nothing wanted yet")} />;
  return <div class="scroll"><table class="plain"><thead><tr><th>{t("Field")}</th><th>{t("Wanted")}</th><th>{t("Reported")}</th><th class="wide-only">{t("Changed")}</th></tr></thead><tbody>
    {all.map((pointer) => {
      const open = lacking.has(pointer), meta = shadow.metadata["/reported" + pointer] ?? shadow.metadata["/desired" + pointer] ?? shadow.metadata[pointer];
      return <tr key={pointer} class={open ? "differs" : ""} data-differs={open || undefined}><th scope="row" class="id">{pointer.slice(1).replaceAll("/", ".")}</th><td><Value value={wanted.get(pointer)} /></td><td><Value value={reported.get(pointer)} /> {open && <span class="note">{t("not yet")}</span>}</td><td class="wide-only quiet"><Time ms={at(meta?.updated)} /></td></tr>;
    })}
  </tbody></table>{Object.keys(shadow.tags ?? {}).length > 0 && <><p class="pad quiet">{t("Tags")}</p><Json value={shadow.tags} /></>}</div>;
}

// What is typed is a whole document; what is sent are the fields that differ from the version it began with, on condition that this is still the version there is, whatever rule the shadow has.
function Editor({ where, shadow, again }) {
  const [base, setBase] = useState(shadow), [text, setText] = useState(pretty(shadow.desired)), [busy, setBusy] = useState(false), [told, setTold] = useState(null), [label, setLabel] = useState("stored");
  const { value: mine, wrong = null } = readJson(text, true);
  const list = wrong ? [] : changes(base.desired, mine), dirty = wrong !== null || list.length > 0;
  const begin = (from, document = from.desired) => {
    setBase(from);
    setText(pretty(document));
    setTold(null);
  };
  useEffect(() => {
    if (shadow.version !== base.version && !dirty) begin(shadow);
  }, [shadow.version]);
  const send = async () => {
    setBusy(true);
    setTold(null);
    try {
      const answer = await ask(`${where}?merge=version&wait=${label}&timeout_ms=${WAIT_MS}`, { method: "PATCH", type: "application/merge-patch+json", body: { desired: apply(base.desired, mine) }, headers: base.version ? { "If-Match": `"${base.version}"` } : {} });
      const now = await answer.json();
      begin(now);
      setTold({ done: now });
      again();
    } catch (problem) {
      setTold({ problem, theirs: problem.status === 409 && problem.document ? problem.document : null });
    }
    setBusy(false);
  };
  const theirs = told?.theirs ?? (shadow.version !== base.version && dirty ? shadow : null);
  return <div class="form">
    <Field label={t("Wanted, JSON, from version {n}", { n: base.version })}><textarea name="desired" rows={10} spellcheck={false} value={text} aria-invalid={!!wrong} onInput={(event) => setText(event.target.value)} /></Field>
    {wrong && <p class="bad" role="alert">{wrong}</p>}
    {list.length > 0 && !theirs && <Diff list={list} />}
    {theirs && <Conflict base={base} mine={wrong ? base.desired : mine} theirs={theirs} told={told?.theirs} take={() => begin(theirs)} both={() => begin(theirs, rebase(base.desired, mine, theirs.desired))} />}
    {told?.problem && !told.theirs && <Trouble problem={told.problem instanceof Problem ? told.problem : { message: String(told.problem) }} />}
    {told?.done && <p class="good" role="status">{t("Version {n}: {labels}", { n: told.done.changed_version ?? told.done.version, labels: (told.done.labels ?? ["stored"]).map((one) => t(one)).join(", ") })}{told.done.missing?.length > 0 && <span class="note">{t("not in time: {labels}", { labels: told.done.missing.map((one) => t(one)).join(", ") })}</span>}</p>}
    <div class="tools"><button class="main" disabled={busy || !!wrong || !list.length || !!theirs} onClick={send}>{busy ? t("Waiting for the answer…") : t("Apply")}</button>
      <label class="quiet">{t("and wait until it is")} <select value={label} onChange={(event) => setLabel(event.target.value)}>{["stored", "delivered", "applied"].map((one) => <option key={one} value={one}>{t(one)}</option>)}</select></label>
      {dirty && <button onClick={() => begin(shadow)}>{t("Undo")}</button>}</div>
  </div>;
}

const Diff = ({ list }) => <table class="plain diff" aria-label={t("What will be sent")}><tbody>{list.map(({ pointer, from, to }) => <tr key={pointer}><th scope="row" class="id">{pointer.slice(1).replaceAll("/", ".")}</th><td><del><Value value={from} /></del></td><td>{to === undefined ? <span class="bad">{t("removed")}</span> : <ins><Value value={to} /></ins>}</td></tr>)}</tbody></table>;

function Conflict({ base, mine, theirs, told, take, both }) {
  const ours = new Map(changes(base.desired, mine).map((one) => [one.pointer, one])), other = new Map(changes(base.desired, theirs.desired).map((one) => [one.pointer, one])), all = [...new Set([...ours.keys(), ...other.keys()])].sort();
  return <div class="conflict" role="alert" data-conflict>
    <p><strong>{told ? t("Somebody was faster: it is version {n} now.", { n: theirs.version }) : t("It has changed meanwhile: version {n}.", { n: theirs.version })}</strong> {t("Nothing of yours was stored.")}</p>
    <div class="scroll"><table class="plain"><thead><tr><th>{t("Field")}</th><th>{t("was, {n}", { n: base.version })}</th><th>{t("yours")}</th><th>{t("theirs")}</th></tr></thead><tbody>
      {all.map((pointer) => { const a = ours.get(pointer), b = other.get(pointer), clash = a && b && JSON.stringify(a.to) !== JSON.stringify(b.to);
        return <tr key={pointer} class={clash ? "clash" : ""}><th scope="row" class="id">{pointer.slice(1).replaceAll("/", ".")}</th><td><Value value={(a ?? b).from} /></td><td>{a ? <Value value={a.to} /> : ""}</td><td>{b ? <Value value={b.to} /> : ""}</td></tr>; })}
    </tbody></table></div>
    <div class="tools"><button onClick={take}>{t("Take theirs")}</button><button class="main" onClick={both}>{t("Put mine on top of theirs")}</button></div>
  </div>;
}

function Versions({ versions, where, now }) {
  const [open, setOpen] = useState(null);
  const old = useLoad((signal) => open ? get(`${where}?version=${open}`, { signal }) : Promise.resolve(null), [open, where]);
  if (!versions.data) return <Waiting load={versions} />;
  if (!versions.data.versions.length) return <Empty what={t("None yet")} />;
  return <ol class="sip">{versions.data.versions.map((one) => <li key={one.version}><button class="row" aria-expanded={open === one.version} onClick={() => setOpen(open === one.version ? null : one.version)}>
    <strong>{num(one.version)}</strong><Time ms={at(one.updated)} exact /><span class="quiet">{one.who}</span><span class="grow id">{brief(one.change ?? "", 140)}</span>{one.version === now && <span class="chip">{t("now")}</span>}</button>
    {open === one.version && (old.data ? <Json value={{ desired: old.data.desired, reported: old.data.reported, tags: old.data.tags }} /> : <Waiting load={old} />)}</li>)}</ol>;
}
