import { useMemo } from "preact/hooks";
import { useCell } from "../lib/cell.js";
import { may } from "../lib/api.js";
import { bytes, micros, num, short, span } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { overview, quantile, rate } from "../lib/live.js";
import { checkText, poolText, reasonText } from "../lib/names.js";
import { Chart } from "../parts/chart.jsx";
import { Counts, Fresh, Loading, NoPermission, Panel, Reason, Since, Stat, Bar } from "../parts/ui.jsx";

const MINUTE_MS = 60000, AWAY = "offline or not back yet";

function minuteAgo(past) {
  const last = past[past.length - 1];
  return past.find((one) => last.ms - one.ms <= MINUTE_MS) ?? last;
}

const grown = (now, before) => Object.entries(now).map(([name, n]) => [name, n - (before[name] ?? 0)]).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
const sorted = (counts) => Object.entries(counts).sort((a, b) => b[1] - a[1]);

// By state are those in memory. Of the others the tables know: offline since long, or, soon after a start, not back yet.
const byState = ({ offline = 0, ...others }, away) => ({ ...others, [away > 0 ? AWAY : "offline"]: offline + away });

export function Overview() {
  const now = useCell(overview);
  if (!may("metrics:read")) return <div class="page"><Panel title={t("Overview")}><NoPermission scopes="metrics:read" /></Panel></div>;
  if (!now) return <div class="page"><Loading /></div>;
  return <Numbers now={now} />;
}

function Numbers({ now }) {
  const { data, past } = now, old = minuteAgo(past).data;
  const charts = useMemo(() => {
    const x = past.map((one) => one.ms / 1000);
    return {
      messages: [x, past.map((_, i) => rate(past, (d) => d.messages.in, i)), past.map((_, i) => rate(past, (d) => d.messages.out, i))],
      devices: [x, past.map((one) => one.data.connections.devices_now)],
      stall: [x, past.map((one, i) => i < 1 ? null : quantile(past[Math.max(0, i - 5)].data.loop.stall_us, one.data.loop.stall_us, 0.99))],
    };
  }, [past, now]);
  const stall = quantile(old.loop.stall_us, data.loop.stall_us, 0.99), devices = data.connections.devices_now;
  const ended = grown(data.connections.ended, old.connections.ended), seconds = Math.min(MINUTE_MS, past[past.length - 1].ms - past[0].ms) / 1000;
  const cpu = rate(past, (d) => d.process.cpu_us);
  const here = Object.values(data.devices_now).reduce((a, b) => a + b, 0), known = Math.max(here, data.known_now); // the tables follow a moment later
  const wrong = Object.values(data.ledger).reduce((sum, book) => sum + Math.abs(book.difference), 0);
  const lag = data.log.lag_records_now;
  return <div class="page"><Fresh at={now.at}>
    {!data.health.ready && <div class="alert bad" role="alert"><strong>{t("This node is not ready")}</strong> {data.health.checks.filter((one) => !one.ok).map((one) => checkText(one.reason)).join("; ")}</div>}
    <div class="stats">
      <Stat label={t("Devices online")} value={num(devices)} note={t("of {n} known", { n: num(known) })} href="#/devices?state=online" />
      <Stat label={t("Messages in")} value={short(rate(past, (d) => d.messages.in))} unit="/s" note={bytes(rate(past, (d) => d.messages.in_bytes)) + "/s"} />
      <Stat label={t("Messages out")} value={short(rate(past, (d) => d.messages.out))} unit="/s" note={t("{n} waiting", { n: num(data.messages.pending_now) })} />
      <Stat label={t("Durable lag")} value={num(lag)} unit={t("records")} tone={lag > 100000 ? "warn" : ""} note={data.log.writable ? t("log writable") : t("log takes nothing")} help={t("Records that are durable but not yet in the tables")} />
      <Stat label={t("Loop stall P99")} value={micros(stall)} tone={stall > 5000 ? "warn" : ""} note={t("last minute")} help={t("By how much one turn of an event loop delays what is ready")} />
      <Stat label={t("Memory")} value={bytes(data.process.resident_bytes_now)} note={devices >= 100 ? t("{n} per device", { n: bytes(data.process.resident_bytes_now / devices) }) : t("resident")} help={t("All of the process by devices online; shown from 100 on")} />
      <Stat label={t("CPU")} value={cpu === null ? "–" : (cpu / 1e4).toFixed(0)} unit="%" note={t("{n} workers", { n: data.node.workers })} help={t("Of one core")} />
      <Stat label={t("Ledger")} value={wrong ? num(wrong) : "0"} tone={wrong ? "bad" : "good"} note={wrong ? t("unexplained") : t("all explained")} help={t("accepted = delivered + pending + dropped")} />
    </div>
    <div class="grid">
      <Panel title={t("Messages per second")}><Chart data={charts.messages} format={short} label={t("Messages per second")} series={[{ label: t("in"), color: "--c1", fill: true }, { label: t("out"), color: "--c2" }]} /></Panel>
      <Panel title={t("Devices online")}><Chart data={charts.devices} format={short} label={t("Devices online")} series={[{ label: t("online"), color: "--c3", fill: true }]} /></Panel>
      <Panel title={t("Loop stall P99")}><Chart data={charts.stall} format={micros} label={t("Loop stall P99")} series={[{ label: "P99", color: "--c4" }]} /></Panel>
    </div>
    <div class="stack">
      <Panel title={t("Devices by state")}><Counts rows={sorted(byState(data.devices_now, known - here))} name={(state) => t(state)} href={(name) => "#/devices?state=" + (name === AWAY ? "offline" : name)} empty={t("No device was here yet")} /></Panel>
      <Panel title={t("Disconnects, last {span}", { span: span(seconds * 1000) })} tools={<span class="quiet">{t("{n} since the start", { n: num(Object.values(data.connections.ended).reduce((a, b) => a + b, 0)) })}</span>}>
        <Counts rows={ended} name={reasonText} href={(name) => "#/devices?reason=" + name} empty={t("Nobody left")} />
      </Panel>
      <Panel title={t("Disconnects since the start")}><Counts rows={sorted(data.connections.ended)} name={reasonText} href={(name) => "#/devices?reason=" + name} empty={t("Nobody left")} /></Panel>
      <Panel title={t("Refused since the start")}>
        <Counts rows={sorted({ ...data.connections.refused, ...data.connections.refused_at_accept })} name={reasonText} empty={t("Nobody was refused")} />
      </Panel>
      <Panel title={t("Ledger since the start")}><Ledger books={data.ledger} /></Panel>
      <Panel title={t("Bounds")}><Pools pools={data.pools} /></Panel>
      <Panel title={t("Event log")}><dl class="facts">
        <dt>{t("durable up to")}</dt><dd>{num(data.log.durable_offset)}</dd>
        <dt>{t("oldest kept")}</dt><dd>{num(data.log.oldest_offset)}</dd>
        <dt>{t("on disk")}</dt><dd>{bytes(data.log.bytes_now)}</dd>
        <dt>{t("written")}</dt><dd>{short(rate(past, (d) => d.log.records))}/s</dd>
        <dt>{t("batch to durable, P99")}</dt><dd>{micros(data.log.commit_p99_us)}</dd>
        <dt>{t("up for")}</dt><dd><Since ms={data.node.started_ms} /></dd>
      </dl></Panel>
    </div>
  </Fresh></div>;
}

const names = { uplink: () => t("from devices"), downlink: () => t("to devices"), broadcast: () => t("broadcast") };

function Ledger({ books }) {
  return <div class="scroll"><table class="plain"><thead><tr><th /><th class="n">{t("accepted")}</th><th class="n">{t("delivered")}</th><th class="n">{t("pending")}</th><th class="n">{t("dropped")}</th></tr></thead>
    <tbody>{Object.entries(books).map(([name, book]) => {
      const dropped = sorted(book.dropped);
      return <><tr key={name}><th scope="row">{names[name]?.() ?? name}</th><td class="n">{num(book.accepted)}</td><td class="n">{num(book.delivered)}</td><td class="n">{num(book.pending_now)}</td><td class="n">{num(dropped.reduce((sum, [, n]) => sum + n, 0))}</td></tr>
        {dropped.length > 0 && <tr class="more"><td class="n quiet" colSpan={5}>{dropped.map(([reason, n]) => <div key={reason}><Reason name={reason} /> {num(n)}</div>)}</td></tr>}</>;
    })}</tbody></table></div>;
}

export function Pools({ pools }) {
  return <table class="counts"><tbody>{pools.filter((one) => one.max > 0).map((one) => {
    const part = one.used / one.max, said = one.name.endsWith("_bytes") ? bytes : short;
    return <tr key={one.name}><th scope="row" title={one.name}>{poolText(one.name)}</th><td class="n">{said(one.used)}</td><td class="n quiet">/ {said(one.max)}</td><td class="grow"><Bar part={part} tone={part >= 0.95 ? "bad" : part >= 0.8 ? "warn" : ""} /></td></tr>;
  })}</tbody></table>;
}
