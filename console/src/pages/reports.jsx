// result.json of `holdfast bench ... --json`, looked at in the browser: nothing of it leaves this page.
import { useState } from "preact/hooks";
import { micros, num, short } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { Empty, Guard, Panel } from "../parts/ui.jsx";

const BYTES_MAX = 32 << 20, QUANTILES = ["p50", "p90", "p99", "p99.9", "max"];

let numbers = 0;

async function read(file) {
  if (file.size > BYTES_MAX) throw new Error(t("{name} is larger than a report is", { name: file.name }));
  let report;
  try {
    report = JSON.parse(await file.text());
  } catch {
    throw new Error(t("{name} is no JSON", { name: file.name }));
  }
  if (!report || !Array.isArray(report.runs) || !("verdict" in report)) throw new Error(t("{name} is no report of holdfast bench --json", { name: file.name }));
  return { name: file.name, report, number: ++numbers };
}

export function Reports() {
  const [reports, setReports] = useState([]), [problems, setProblems] = useState([]), [over, setOver] = useState(false);
  const take = async (files) => {
    const all = await Promise.allSettled([...files].map(read));
    setProblems(all.filter((one) => one.status === "rejected").map((one) => one.reason.message));
    setReports((old) => [...all.filter((one) => one.status === "fulfilled").map((one) => one.value), ...old]);
  };
  const close = (report) => setReports((old) => old.filter((one) => one !== report));
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  return <div class="page">
    <div class={"drop" + (over ? " over" : "")} onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)} onDrop={drop}>
      <p><label class="button">{t("Open result.json…")}<input type="file" class="hidden" accept=".json,application/json" multiple onChange={(event) => { take(event.target.files); event.target.value = ""; }} /></label></p>
      <p class="quiet">{t("Reports of load tests: holdfast bench ws … --archive DIR, then DIR/result.json. Several side by side. They stay in this page.")}</p>
    </div>
    {problems.map((text) => <p class="bad" role="alert" key={text}>{text}</p>)}
    {!reports.length ? <Empty what={t("No report is open")} /> : <div class="grid">{reports.map((one) => <Guard key={one.number} close={() => close(one)}><Report {...one} close={() => close(one)} /></Guard>)}</div>}
  </div>;
}

function Report({ name, report, close }) {
  const good = report.verdict === "measured", run = report.runs[0] ?? {}, machine = report.machine ?? {};
  return <Panel title={(report.tool ?? "holdfast bench") + " " + (report.mode ?? "")} tools={<><span class={good ? "good" : "bad"}>{report.verdict}</span><button onClick={close} aria-label={t("Close")}>✕</button></>}>
    <dl class="facts">
      <dt>{t("file")}</dt><dd class="id">{name}</dd>
      {report.started && <><dt>{t("started")}</dt><dd>{report.started}</dd></>}
      {report.url && <><dt>{t("against")}</dt><dd class="id">{report.url}</dd></>}
      {machine.cpu && <><dt>{t("machine")}</dt><dd>{machine.cpu} × {machine.cpus}, {machine.kernel}</dd></>}
    </dl>
    {report.result ? <div class="scroll"><table class="plain"><thead><tr><th>{t("Result")}</th><th class="n">{t("median")}</th><th class="n">{t("lowest")}</th><th class="n">{t("highest")}</th><th>{t("unit")}</th></tr></thead>
      <tbody>{Object.entries(report.result).map(([metric, value]) => <tr key={metric}><th scope="row">{metric.replaceAll("_", " ")}</th><td class="n"><strong>{short(value.median)}</strong></td><td class="n">{short(value.min)}</td><td class="n">{short(value.max)}</td><td>{value.unit}</td></tr>)}</tbody></table></div>
      : <p class="bad pad">{t("The generator was saturated: its numbers are no measurement of the gateway.")}</p>}
    {Object.entries(run.times_us ?? {}).map(([times, hist]) => <div key={times}><p class="pad quiet">{times.replaceAll("_", " ")}, {t("{n} times", { n: num(hist.count) })}</p><Quantiles hist={hist} /></div>)}
    {run.connections && <dl class="facts"><dt>{t("connections")}</dt><dd>{num(run.connections.opened)} / {num(run.connections.attempted)}</dd>
      {Object.entries(run.connections.failures ?? {}).filter(([, n]) => n > 0).map(([cause, n]) => <><dt class="bad">{cause}</dt><dd>{num(n)}</dd></>)}</dl>}
    {report.checks?.some((one) => !one.ok) && <ul class="checks">{report.checks.filter((one) => !one.ok).map((one) => <li key={one.name} class="bad"><i>✕</i> <strong>{one.name}</strong> <span>{one.value} ({one.limit})</span></li>)}</ul>}
  </Panel>;
}

// On a logarithmic scale: what is slow is seldom, and worth seeing.
function Quantiles({ hist }) {
  const most = Math.log10(Math.max(10, hist.max));
  return <table class="counts"><tbody>{QUANTILES.filter((q) => q in hist).map((q) => <tr key={q}><th scope="row">{q}</th><td class="n">{micros(hist[q])}</td><td class="grow"><span class="bar" aria-hidden="true"><i style={{ width: Math.max(1, (100 * Math.log10(Math.max(1, hist[q]))) / most) + "%" }} /></span></td></tr>)}</tbody></table>;
}
