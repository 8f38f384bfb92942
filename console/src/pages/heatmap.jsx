import { get, may } from "../lib/api.js";
import { num, short } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useHeatmap } from "../lib/watched.js";
import { Empty, Fresh, NoPermission, Panel, Stat, Waiting } from "../parts/ui.jsx";

const LOOK_MS = 2000;
const ways = { "one clock": () => t("one clock"), "two clocks": () => t("two clocks"), "half of the round trip": () => t("half of the round trip") };
const anomalies = { batches_corrupt: () => t("corrupt batches"), batches_malformed: () => t("malformed batches") };
const places = { capture: () => t("capture"), "capture (rtt/2)": () => t("capture (half a round trip)"), gateway: () => t("gateway"), durable: () => t("durable"), application: () => t("application") };

export function Heatmap() {
  if (!may("metrics:read")) return <div class="page"><Panel title={t("Latency")}><NoPermission scopes="metrics:read" /></Panel></div>;
  return <Map />;
}

function Map() {
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
  </Fresh></div>;
}

const ms = (value) => value === null || value === undefined ? "–" : (value < 1 ? value.toFixed(2) : num(value)) + " ms";
const share = (part) => part >= 0.9995 ? "100 %" : part >= 0.1 ? Math.round(part * 100) + " %" : part >= 0.001 ? (part * 100).toFixed(1) + " %" : "< 0.1 %";
