import { useMemo, useState } from "preact/hooks";
import { get, may, query } from "../lib/api.js";
import { num, short, span as spanText } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useHeatmap } from "../lib/watched.js";
import { Chart } from "../parts/chart.jsx";
import { Choice, Empty, Fresh, NoPermission, Panel, Stat, useLoad, Waiting } from "../parts/ui.jsx";
import { holed } from "./sensors.jsx";

const LOOK_MS = 2000;
const ways = { "one clock": () => t("one clock"), "two clocks": () => t("two clocks"), "half of the round trip": () => t("half of the round trip") };
const anomalies = { batches_corrupt: () => t("corrupt batches"), batches_malformed: () => t("malformed batches") };
const places = { capture: () => t("capture"), "capture (rtt/2)": () => t("capture (half a round trip)"), gateway: () => t("gateway"), durable: () => t("durable"), application: () => t("application") };

export function Heatmap() {
  if (!may("metrics:read")) return <div class="page"><Panel title={t("Latency")}><NoPermission scopes="metrics:read" /></Panel></div>;
  return <Now />;
}

function Now() {
  const map = useHeatmap((signal) => get("/v1/heatmap", { signal }), LOOK_MS), data = map.data;
  if (!data) return <div class="page"><Waiting load={map} /></div>;
  const pairs = data.pairs.filter((one) => one.count > 0), bounds = data.buckets_ms;
  const bucket = (i) => i + 1 < bounds.length ? `${bounds[i]}–${bounds[i + 1]} ms` : `≥ ${bounds[i]} ms`;
  return <div class="page"><Fresh at={map.at}>
    <Panel title={t("From here to there, since the start")} tools={<span class="quiet">{t("share of each row; the stronger the colour, the more")}</span>}>
      {!pairs.length ? <Empty what={t("Nothing was measured yet")}>{t("Messages from devices are enough.")}</Empty> : <div class="scroll"><table class="plain heat"><thead><tr><th>{t("From")}</th><th>{t("To")}</th>{bounds.map((_, i) => <th key={i} class="n">{bucket(i)}</th>)}<th class="n">P50</th><th class="n">P95</th><th class="n">P99</th><th class="n">{t("highest")}</th><th class="n">{t("count")}</th><th>{t("measured by")}</th></tr></thead>
        <tbody>{pairs.map((pair) => <tr key={pair.source + pair.destination}><th scope="row">{places[pair.source]?.() ?? pair.source}</th><th scope="row">{places[pair.destination]?.() ?? pair.destination}</th>
          {pair.cells.map((n, i) => <td key={i} class="cell n" title={`${bucket(i)}: ${num(n)}`} style={{ "--part": pair.count ? Math.sqrt(n / pair.count) : 0 }}>{n ? share(n / pair.count) : ""}</td>)}
          <td class="n">{ms(pair.p50_ms)}</td><td class="n"><strong>{ms(pair.p95_ms)}</strong></td><td class="n">{ms(pair.p99_ms)}</td><td class="n">{ms(pair.max_ms)}</td><td class="n">{short(pair.count)}</td>
          <td class="quiet">{ways[pair.measured]?.() ?? pair.measured}{pair.uncertainty_mean_ms > 0 && ` ± ${num(pair.uncertainty_mean_ms)} ms`}{pair.negative > 0 && " · " + t("{n} before they were sent", { n: num(pair.negative) })}</td></tr>)}</tbody></table></div>}
    </Panel>
    <div class="stats heatstats">{Object.entries(data.anomalies).map(([name, n]) => <Stat key={name} label={anomalies[name]?.() ?? name.replaceAll("_", " ")} value={num(n)} tone={n ? "warn" : ""} />)}</div>
  </Fresh><History /></div>;
}

const HOUR_MS = 3600e3, DAY_MS = 24 * HOUR_MS, SPANS_MS = [HOUR_MS, DAY_MS, 7 * DAY_MS], FINE_MS = 10e3, COARSE_MS = 300e3, FINE_SPAN_MS = 2 * HOUR_MS;
const nameOf = ({ source, destination }) => (places[source]?.() ?? source) + " → " + (places[destination]?.() ?? destination);

// All slots of a time, however many answers they take.
async function slots(from, to, step, signal) {
  const pairs = new Map();
  while (from) {
    const page = await get("/v1/heatmap/history" + query({ from, to, step }), { signal });
    for (const pair of page.pairs) {
      const old = pairs.get(pair.source + pair.destination);
      pairs.set(pair.source + pair.destination, { ...pair, slots: [...(old?.slots ?? []), ...pair.slots] });
    }
    from = page.next_from_ms;
  }
  return { step, pairs: [...pairs.values()].filter((one) => one.slots.length) };
}

// When it was slow: quantiles of slots, which begin with the node.
function History() {
  const [ms, setMs] = useState(HOUR_MS), [zoom, setZoom] = useState(null), [wanted, want] = useState(null);
  const load = useLoad((signal) => {
    const to = zoom ? Math.round(zoom[1]) : Date.now(), from = zoom ? Math.round(zoom[0]) : to - ms;
    return slots(from, to, to - from <= FINE_SPAN_MS && from > Date.now() - DAY_MS ? FINE_MS : COARSE_MS, signal);
  }, [ms, zoom?.join()]);
  const pairs = load.data?.pairs ?? [], pair = pairs.find((one) => nameOf(one) === wanted) ?? pairs[0], few = pair?.slots.length < 3; // of these a line does not show
  const data = useMemo(() => {
    const points = holed((pair?.slots ?? []).map((one) => [one.time_ms, one.p50_ms, one.p95_ms, one.p99_ms]), load.data?.step);
    return [points.map((one) => one[0] / 1000), ...[1, 2, 3].map((i) => points.map((one) => one[i]))];
  }, [load.data, pair]);
  return <Panel title={t("When it was slow")} id="slow" tools={<>
    {pairs.length > 1 && <select aria-label={t("From here to there, since the start")} value={nameOf(pair)} onChange={(event) => want(event.target.value)}>{pairs.map((one) => <option key={nameOf(one)}>{nameOf(one)}</option>)}</select>}
    <Choice label={t("Span")} value={zoom ? null : ms} onChange={(next) => { setZoom(null); setMs(next); }} options={SPANS_MS.map((one) => [one, spanText(one)])} />
    {zoom && <button onClick={() => setZoom(null)}>{t("All of it")}</button>}<button onClick={load.again}>{t("Again")}</button></>}>
    {!load.data ? <Waiting load={load} /> : !pair ? <Empty what={t("Nothing was measured in that time")} />
      : <><Chart key={few} data={data} height={200} onRange={(from, to) => setZoom([from * 1000, to * 1000])} format={ms1} label={t("When it was slow")} series={[["P50", "--c3"], ["P95", "--c2"], ["P99", "--c1"]].map(([label, color]) => ({ label, color, points: few }))} />
        <p class="quiet small pad">{t("{n} points, one each {span}. Drag over the picture to look closer.", { n: num(pair.slots.length), span: spanText(load.data.step) })} {t("It begins with the start of the node.")}</p></>}
  </Panel>;
}

const ms1 = (value) => num(value) + " ms";
const ms = (value) => value === null || value === undefined ? "–" : (value < 1 ? value.toFixed(2) : num(value)) + " ms";
const share = (part) => part >= 0.9995 ? "100 %" : part >= 0.1 ? Math.round(part * 100) + " %" : part >= 0.001 ? (part * 100).toFixed(1) + " %" : "< 0.1 %";
