import { useEffect, useState } from "preact/hooks";
import { get, mayChange, path, send, settings, may } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { useEvents } from "../lib/past.js";
import { Empty, Field, Json, JsonForm, Loading, NoPermission, Panel, Reach, Reason, Time, Trouble, useDeed } from "../parts/ui.jsx";

const WAIT_MS = 10000, KEEP = 30, COMMAND_EVENTS = "command.queued,command.sent,command.delivered,command.done,command.failed", STEPS = ["queued", "sent", "delivered", "done"], FINAL = ["done", "failed", "expired", "canceled"];
const CAMERA_COMMANDS = ["DeviceStatus", "DeviceInfo", "Catalog", "PTZ", "Play", "Snapshot", "TeleBoot"];

// What events say of one, in their order: only the first has its name.
const told = (old, event) => ({ id: event.id, name: event.name ?? old?.name, state: event.type.slice("command.".length), time_ms: old?.time_ms ?? event.time_ms, reason: event.reason, payload: event.payload ?? old?.payload, text: event.text ?? old?.text });

export function Commands({ id, camera, online }) {
  const found = useEvents({ device: id, type: COMMAND_EVENTS }, { spans_ms: [600e3, 3600e3, 86400e3], keep: 500, wanted: (one) => one.id });
  const [name, setName] = useState("");
  const [mine, setMine] = useState([]); // what was sent from here: full answers, newest first
  const can = mayChange("commands:write", "messages:write"), put = (answer) => setMine((old) => old.map((one) => one.id === answer.id ? { ...one, ...answer } : one));
  const order = async (payload) => {
    const answer = await send("POST", path`/v1/devices/${id}/commands`, { name: name.trim(), ...(payload === undefined ? {} : { payload }), wait_ms: online ? WAIT_MS : 0 }, { headers: { "Idempotency-Key": crypto.randomUUID?.() ?? String(Date.now()) + Math.random() } });
    setMine((old) => [{ ...answer, time_ms: Date.now() }, ...old].slice(0, KEEP)); // its own time is in what events say, and in a second look at it
  };
  const cancel = useDeed(async (one) => put(await send("DELETE", path`/v1/commands/${one.id}`)));
  // Events tell that something became of one; the answer is asked for then.
  useEffect(() => {
    for (const id of new Set(found.list.slice(-10).map((event) => event.id))) {
      const known = mine.find((one) => one.id === id);
      if (known && !FINAL.includes(known.state) && may("devices:read", "commands:write", "messages:write"))
        get(path`/v1/commands/${id}`).then(put, () => {});
    }
  }, [found.list[found.list.length - 1]?.offset]); // not its length, which ends to grow
  const others = new Map();
  for (const event of found.list) others.set(event.id, told(others.get(event.id), event));
  const sent = mine.map((one) => ({ ...one, time_ms: others.get(one.id)?.time_ms ?? one.time_ms }));
  for (const one of mine) others.delete(one.id);
  return <div class="grid">
    <Panel title={t("Send a command")}>{can ? <JsonForm name="payload" label={t("Payload, JSON")} help={t("Empty: none")} rows={5} placeholder='{"delay_s": 1}' optional keep can={!!name.trim()} verb={t("Send")} busyVerb={t("Waiting for the answer…")} deed={order}>
      <Field label={t("Name")}><input name="name" list="command-names" value={name} onInput={(event) => setName(event.target.value)} required maxLength={256} spellcheck={false} autocomplete="off" placeholder={camera ? "DeviceStatus" : "reboot"} /></Field>
      {camera && <datalist id="command-names">{CAMERA_COMMANDS.map((one) => <option key={one} value={one} />)}</datalist>}
      {!online && <p class="note">{t("The device is not connected: the command waits for it, for 24 hours.")}</p>}
    </JsonForm> : settings.get().read_only ? <Empty what={t("This console is read-only")}>{t("console.mode of the configuration says so.")}</Empty> : <NoPermission scopes={["commands:write", "messages:write"]} />}</Panel>
    <Panel title={t("Commands")} tools={may("events:read") && <Reach found={found} count={mine.length + others.size} />}>
      {cancel.problem && <Trouble problem={cancel.problem} />}
      {!mine.length && !others.size ? !may("events:read") ? <NoPermission scopes="events:read" /> : found.busy ? <Loading /> : <Empty what={t("Nobody sent a command")} /> : <ol class="commands">
        {sent.map((one) => <li key={one.id} data-command={one.name} data-state={one.state}><Command one={one} cancel={can && !FINAL.includes(one.state) ? () => cancel.go(one) : null} /></li>)}
        {[...others.values()].reverse().map((one) => <li key={one.id}><Command one={one} /></li>)}
      </ol>}
    </Panel>
  </div>;
}

function Command({ one, cancel }) {
  const at = STEPS.indexOf(one.state), result = one.result ?? one.text ?? one.payload;
  return <>
    <div class="line"><strong>{one.name}</strong> <Time ms={one.created_ms ?? one.time_ms} exact />
      <span class={"steps " + (at < 0 ? "bad" : one.state === "done" ? "good" : "")}>{at >= 0 && STEPS.map((step, i) => <i key={step} class={i <= at ? "on" : ""} title={t(step)} />)} {t(one.state)}</span>
      {one.reason && <Reason name={one.reason} />}{cancel && <button onClick={cancel}>{t("Cancel")}</button>}</div>
    {result !== undefined && <Json value={result} />}
  </>;
}
