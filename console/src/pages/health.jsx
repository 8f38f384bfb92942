import { useRef, useState } from "preact/hooks";
import { useCell } from "../lib/cell.js";
import { get, may, self, settings, tenantNow } from "../lib/api.js";
import { num, zone } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { overview } from "../lib/live.js";
import { checkText, reasonText } from "../lib/names.js";
import { Pools } from "./overview.jsx";
import { Choice, Counts, Empty, Fresh, NoPermission, Panel, Since, Time, useLoad, Waiting } from "../parts/ui.jsx";

const READY_MS = 2000;
const checks = { started: () => t("start"), draining: () => t("not shutting down"), log: () => t("Event log"), store: () => t("Tables") }; // what is fine when it is
const readyz = async (signal) => (await fetch("/readyz", { signal, cache: "no-store" })).json(); // 503 has it, too

// The counters have it; a key that may not see those asks.
function useReady(now) {
  const counted = useRef();
  counted.current = now && may("metrics:read");
  const asked = useLoad(readyz, [], () => counted.current ? 0 : READY_MS);
  return counted.current && !(asked.at > now.at) ? { data: now.data.health, at: now.at } : asked;
}

export function Health() {
  const now = useCell(overview), who = useCell(self);
  const ready = useReady(now), started = useLoad((signal) => get("/startupz", { signal }), []);
  return <div class="page"><div class="stack">
    <Panel title={t("Health")}>{ready.data ? <Fresh at={ready.at}><ul class="checks">{ready.data.checks.map((one) => <li key={one.name} class={one.ok ? "good" : "bad"}><i aria-hidden="true">{one.ok ? "✓" : "✕"}</i> <strong title={one.name}>{checks[one.name]?.() ?? one.name}</strong> <span>{one.ok ? t("fine") : checkText(one.reason)}</span></li>)}</ul></Fresh> : <Waiting load={ready} />}</Panel>
    <Panel title={t("Node")}><dl class="facts">
      {now && <><dt>{t("name")}</dt><dd>{now.data.node.name}</dd><dt>{t("workers")}</dt><dd>{now.data.node.workers}</dd></>}
      <dt>{t("version")}</dt><dd>{settings.get().version}</dd>
      {started.data && <><dt>{t("started")}</dt><dd><Time ms={started.data.since_ms} /> (<Since ms={started.data.since_ms} />)</dd></>}
      <dt>{t("your time zone")}</dt><dd>{zone()}</dd>
      <dt>{t("your key")}</dt><dd class="id">{who.key}</dd>
      <dt>{t("tenant")}</dt><dd>{tenantNow()}</dd>
      <dt>{t("scopes")}</dt><dd>{who.scopes.join(" ")}</dd>
      <dt>{t("console")}</dt><dd>{settings.get().read_only ? t("read-only") : t("on")}</dd>
    </dl></Panel>
    {now && <Panel title={t("Bounds")}><Fresh at={now.at}><Pools pools={now.data.pools} /></Fresh></Panel>}
    {now && <Panel title={t("HTTP problems since the start")}><Counts rows={Object.entries(now.data.api.problems).sort((a, b) => b[1] - a[1])} name={reasonText} empty={t("None")} /></Panel>}
  </div>{may("admin") ? <Config /> : <Panel title={t("Configuration")}><NoPermission scopes="admin" /></Panel>}</div>;
}

function Config() {
  const config = useLoad((signal) => get("/v1/config", { signal }), []), [text, setText] = useState(""), [which, setWhich] = useState("changed");
  const rows = (config.data?.options ?? []).filter((one) => (which === "all" || one.changed) && (!text || one.option.includes(text) || one.help.toLowerCase().includes(text.toLowerCase())));
  return <Panel title={t("Configuration")} tools={<><Choice label={t("Options")} value={which} onChange={setWhich} options={[["changed", t("not the default")], ["all", t("all")]]} /><input type="search" id="search" placeholder={t("Search options")} aria-label={t("Search options")} value={text} onInput={(event) => setText(event.target.value)} /></>}>
    {!config.data ? <Waiting load={config} /> : !rows.length ? <Empty what={t("No option is like that")} /> : <div class="scroll"><table class="plain config"><thead><tr><th>{t("Option")}</th><th>{t("Value")}</th><th class="wide-only">{t("Default")}</th><th class="wide-only">{t("Change")}</th></tr></thead>
      <tbody>{rows.map((one) => <tr key={one.option}><td><strong class="id">{one.option}</strong><br /><small class="quiet">{one.help}</small></td><td class={"id" + (one.changed ? " changed" : "")}>{one.value}</td><td class="id quiet wide-only">{one.default}</td><td class="quiet wide-only">{one.live ? t("reload") : t("restart")}</td></tr>)}</tbody></table></div>}
    <p class="quiet pad small">{t("As it was read last; {n} options. Tenants, keys and cameras are left out.", { n: num(config.data?.options.length ?? 0) })}</p>
  </Panel>;
}
