import { useEffect, useRef, useState } from "preact/hooks";
import { get, mayChange, path, send, settings, may } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { Empty, Field, Json, NoPermission, Panel, Time, Trouble } from "../parts/ui.jsx";

const WAIT_MS = 10000, KEEP = 30, STEPS = ["queued", "sent", "delivered", "done"], FINAL = ["done", "failed", "expired", "canceled"];
const CAMERA_COMMANDS = ["DeviceStatus", "DeviceInfo", "Catalog", "PTZ", "Play", "Snapshot", "TeleBoot"];

const wire = (event) => ({ id: event.id, name: event.name, state: event.type.slice("command.".length), time_ms: event.time_ms, reason: event.reason, payload: event.payload, text: event.text });

export function Commands({ id, feed, camera, online }) {
  const [name, setName] = useState(""), [payload, setPayload] = useState(""), [busy, setBusy] = useState(false), [problem, setProblem] = useState(null);
  const [mine, setMine] = useState([]); // what was sent from here: full answers, newest first
  const field = useRef();
  const can = mayChange("commands:write", "messages:write");
  let wrong = null;
  if (payload.trim()) {
    try {
      JSON.parse(payload);
    } catch (error) {
      wrong = error.message;
    }
  }
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      const answer = await send("POST", path`/v1/devices/${id}/commands`, { name: name.trim(), ...(payload.trim() ? { payload: JSON.parse(payload) } : {}), wait_ms: online ? WAIT_MS : 0 }, { headers: { "Idempotency-Key": crypto.randomUUID?.() ?? String(Date.now()) + Math.random() } });
      setMine((old) => [answer, ...old].slice(0, KEEP));
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  // Events tell that something became of one; the answer is asked for then.
  useEffect(() => {
    for (const event of feed.commands.slice(-10)) {
      const known = mine.find((one) => one.id === event.id);
      if (known && !FINAL.includes(known.state) && may("devices:read", "commands:write", "messages:write"))
        get(path`/v1/commands/${event.id}`).then((answer) => setMine((old) => old.map((one) => one.id === answer.id ? answer : one)), () => {});
    }
  }, [feed.commands]);
  const others = new Map();
  for (const event of feed.commands) others.set(event.id, { ...others.get(event.id), ...wire(event) });
  for (const one of mine) others.delete(one.id);
  const cancel = async (one) => {
    try {
      const answer = await send("DELETE", path`/v1/commands/${one.id}`);
      setMine((old) => old.map((other) => other.id === answer.id ? answer : other));
    } catch (error) {
      setProblem(error);
    }
  };
  return <div class="grid">
    <Panel title={t("Send a command")}>{can ? <form class="form" onSubmit={submit}>
      <Field label={t("Name")}><input ref={field} name="name" list="command-names" value={name} onInput={(event) => setName(event.target.value)} required maxLength={256} spellcheck={false} autocomplete="off" placeholder={camera ? "DeviceStatus" : "reboot"} /></Field>
      {camera && <datalist id="command-names">{CAMERA_COMMANDS.map((one) => <option key={one} value={one} />)}</datalist>}
      <Field label={t("Payload, JSON")} help={wrong ? undefined : t("Empty: none")}><textarea name="payload" rows={5} spellcheck={false} value={payload} onInput={(event) => setPayload(event.target.value)} placeholder='{"delay_s": 1}' aria-invalid={!!wrong} /></Field>
      {wrong && <p class="bad" role="alert">{wrong}</p>}
      {!online && <p class="note">{t("The device is not connected: the command waits for it, for 24 hours.")}</p>}
      <button class="main" disabled={busy || !name.trim() || !!wrong}>{busy ? t("Waiting for the answer…") : t("Send")}</button>
      {problem && <Trouble problem={problem} />}
    </form> : settings.get().read_only ? <Empty what={t("This console is read-only")}>{t("console.mode of the configuration says so.")}</Empty> : <NoPermission scopes={["commands:write", "messages:write"]} />}</Panel>
    <Panel title={t("Commands")}>
      {!mine.length && !others.size ? <Empty what={t("None since this page was opened")} /> : <ol class="commands">
        {mine.map((one) => <li key={one.id} data-command={one.name} data-state={one.state}><Command one={one} cancel={can && !FINAL.includes(one.state) ? () => cancel(one) : null} /></li>)}
        {[...others.values()].reverse().map((one) => <li key={one.id}><Command one={one} /></li>)}
      </ol>}
    </Panel>
  </div>;
}

function Command({ one, cancel }) {
  const at = STEPS.indexOf(one.state), result = one.result ?? one.text ?? one.payload;
  return <>
    <div class="line"><strong>{one.name}</strong> <Time ms={one.created_ms ?? one.time_ms} exact />
      <span class={"steps " + (at < 0 ? "bad" : one.state === "done" ? "good" : "")}>{at < 0 ? one.state : STEPS.map((step, i) => <i key={step} class={i <= at ? "on" : ""} title={step} />)} {at >= 0 && one.state}</span>
      {one.reason && <code>{one.reason}</code>}{cancel && <button onClick={cancel}>{t("Cancel")}</button>}</div>
    {result !== undefined && <Json value={result} />}
  </>;
}
