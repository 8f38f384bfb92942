// Commands of all devices: what became of those of the last hours, and of those that come.
import { useState } from "preact/hooks";
import { get, may, mayChange, path, send, tenantNow } from "../lib/api.js";
import { num } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useEvents } from "../lib/past.js";
import { setQuery } from "../lib/route.js";
import { useKeyNames } from "../parts/changes.jsx";
import { Empty, Json, Loading, NoPermission, Panel, Reach, Reason, Time, Trouble, useLoad, Waiting } from "../parts/ui.jsx";

const TYPES = "command.queued,command.sent,command.delivered,command.done,command.failed", SPANS_MS = [600e3, 3600e3, 86400e3], KEEP = 5000, SHOWN = 500;
const FATES = ["queued", "sent", "delivered", "done", "failed", "expired", "canceled"], FINAL = ["done", "failed", "expired", "canceled"];

const fateOf = (event) => {
  const step = event.type.slice("command.".length);
  return step !== "failed" ? step : event.reason === "canceled" ? "canceled" : /expired|deadline/.test(event.reason) ? "expired" : "failed";
};

// Events in order become one row for each command.
function fold(events) {
  const all = new Map();
  for (const event of events) {
    const old = all.get(event.id) ?? { id: event.id, device: event.device, name: event.name, time_ms: event.time_ms };
    const fate = fateOf(event);
    all.set(event.id, { ...old, name: event.name ?? old.name, fate, reason: event.reason, ...(event.type === "command.queued" && { by: event.by, via: event.via, expires_ms: event.expires_ms }), ...(FINAL.includes(fate) && { ended_ms: event.time_ms }) });
  }
  return [...all.values()].reverse();
}

export function Orders({ params }) {
  if (!may("events:read")) return <div class="page"><NoPermission scopes="events:read" /></div>;
  return <List params={params} key={tenantNow()} />;
}

function List({ params }) {
  const names = useKeyNames(), device = params.device, [open, setOpen] = useState(null);
  const found = useEvents({ type: TYPES, device }, { spans_ms: SPANS_MS, keep: KEEP, wanted: (one) => one.id }), all = fold(found.list);
  const rows = all.filter((one) => (!params.fate || one.fate === params.fate) && (!params.name || one.name?.includes(params.name)));
  return <div class="page">
    <div class="filters">
      <input aria-label={t("Device")} placeholder={t("Device")} defaultValue={device} key={"d" + device} onChange={(event) => setQuery({ device: event.target.value.trim() })} spellcheck={false} />
      <input aria-label={t("Name")} placeholder={t("Name")} defaultValue={params.name} key={"n" + params.name} onChange={(event) => setQuery({ name: event.target.value.trim() })} spellcheck={false} />
      <select aria-label={t("Fate")} value={params.fate ?? ""} onChange={(event) => setQuery({ fate: event.target.value })}><option value="">{t("any fate")}</option>{FATES.map((one) => <option key={one} value={one}>{t(one)}</option>)}</select>
      {FATES.map((one) => [one, all.filter((row) => row.fate === one).length]).filter(([, n]) => n > 0).map(([one, n]) => <span key={one} class="quiet">{t(one)} {num(n)}</span>)}
    </div>
    <Panel title={t("Commands")} tools={<Reach found={found} count={rows.length} />}>
      {found.problem && <Trouble problem={found.problem} again={found.again} />}
      {found.busy && !rows.length ? <Loading /> : !rows.length ? !found.problem && <Empty what={all.length ? t("No command is like that") : t("Nobody sent a command")}>{t("They are sent on the page of a device, or over the HTTP API.")}</Empty>
        : <div class="scroll"><table class="plain events orders"><thead><tr><th>{t("Time")}</th><th>{t("Device")}</th><th>{t("Name")}</th><th>{t("Fate")}</th><th class="n">{t("took")}</th><th>{t("Key")}</th><th /></tr></thead><tbody>
          {rows.slice(0, SHOWN).map((one) => <Row key={one.id} one={one} names={names} open={open === one.id} toggle={() => setOpen(open === one.id ? null : one.id)} />)}
        </tbody></table></div>}
    </Panel>
  </div>;
}

function Row({ one, names, open, toggle }) {
  return <>
    <tr data-command={one.name} data-fate={one.fate}><td><Time ms={one.time_ms} exact /></td><td><a href={"#/device/" + encodeURIComponent(one.device) + "/commands"}>{one.device}</a></td><td><strong>{one.name}</strong></td>
      <td><span class={one.fate === "done" ? "good" : FINAL.includes(one.fate) ? "bad" : ""}>{t(one.fate)}</span>{one.fate === "failed" && one.reason && <> <Reason name={one.reason} /></>}</td>
      <td class="n">{one.ended_ms ? num(one.ended_ms - one.time_ms) + " ms" : "–"}</td><td>{one.by ? <span title={one.by}>{names.get(one.by) ?? one.by}</span> : "–"}{one.via === "console" && <> <span class="chip">{t("console")}</span></>}</td>
      <td><button aria-expanded={open} onClick={toggle}>{t("Details")}</button></td></tr>
    {open && <tr><td colSpan={7}><Details one={one} /></td></tr>}
  </>;
}

function Details({ one }) {
  const [problem, setProblem] = useState(null), load = useLoad((signal) => get(path`/v1/commands/${one.id}`, { signal }), [one.id, one.fate]);
  const cancel = async () => {
    try {
      await send("DELETE", path`/v1/commands/${one.id}`);
    } catch (error) {
      setProblem(error);
    }
  };
  return <>{load.data ? <Json value={load.data} /> : <Waiting load={load} />}{problem && <Trouble problem={problem} />}
    {!FINAL.includes(one.fate) && mayChange("commands:write", "messages:write") && <button onClick={cancel}>{t("Cancel")}</button>}</>;
}
