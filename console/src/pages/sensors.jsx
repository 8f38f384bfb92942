import { useEffect, useMemo, useState } from "preact/hooks";
import { get, path, query } from "../lib/api.js";
import { num, short, span } from "../lib/format.js";
import { lang, t } from "../lib/i18n.js";
import { useWatched } from "../lib/watched.js";
import { Chart } from "../parts/chart.jsx";
import { Age, Choice, Empty, Fresh, Panel, Stat, Time, useLoad, Waiting } from "../parts/ui.jsx";

const LOOK_MS = 1000, KEEP = 600;
// channel, member of /live, color, digits
const CHANNELS = [["power", "power_w", "--c1", "W"], ["cadence", "cadence_rpm", "--c3", "rpm"], ["lean", "lean_deg", "--c4", "°"]];
const names = { power: () => t("Power"), cadence: () => t("Cadence"), lean: () => t("Lean") };
const SPANS = [["300000", "5 min"], ["3600000", "1 h"], ["86400000", "24 h"], ["604800000", "7 d"], ["2592000000", "30 d"]];
const POINTS = 600, RAW_MS = 90000; // shorter: sample by sample

// Whole seconds, for those are kept longest.
const stepOf = (ms) => ms <= RAW_MS ? 0 : Math.ceil(ms / POINTS / 1000) * 1000;

// Where nothing was heard the line has a hole.
export function holed(points, step) {
  const out = [], most = 1.5 * (step || 1000);
  for (const [i, one] of points.entries()) {
    if (i > 0 && one[0] - points[i - 1][0] > most) out.push([points[i - 1][0] + most / 2, null, null, null]);
    out.push(one);
  }
  return out;
}

const shown = (value, unit) => value === null || value === undefined ? "–" : num(value) + (unit === "°" ? "°" : " " + unit);

export function Sensors({ id }) {
  const live = useWatched(id, "samples", (signal) => get(path`/v1/devices/${id}/live`, { signal }), LOOK_MS);
  const [past, setPast] = useState([]);
  const now = live.data?.samples;
  useEffect(() => setPast([]), [id]);
  useEffect(() => {
    if (now) setPast((old) => old.length && old[old.length - 1].t_ms === now.t_ms ? old : [...old, now].slice(-KEEP));
  }, [now?.t_ms]);
  if (!live.data) return <Waiting load={live} />;
  return <>
    {now ? <Fresh at={live.at - now.age_ms}><div class="stats">
      <Stat label={t("Riding state")} value={t(now.riding)} tone={now.riding === "fallen" ? "bad" : ""} note={<Age ms={now.riding_since_ms} />} />
      {CHANNELS.map(([name, member, , unit]) => <Stat key={name} label={names[name]()} value={<span data-live={name}>{shown(now.latest[member], unit)}</span>} note={now.window_60s[member] ? t("{min} to {max} in a minute", { min: num(now.window_60s[member].min), max: num(now.window_60s[member].max) }) : ""} />)}
      <Stat label={t("Behind")} value={num(now.delay_ms)} unit={now.restored ? "" : "ms"} note={now.restored ? t("from the time series") : now.clock.synchronised ? "± " + num(now.clock.uncertainty_ms) + " ms" : t("clock not synchronised")} help={t("From capture to arrival, by two clocks")} />
      <Stat label={t("Samples")} value={short(now.samples)} tone={now.lost ? "warn" : ""} note={t("{n} lost at the device", { n: num(now.lost) })} />
    </div></Fresh> : <Panel><Empty what={t("No sensor spoke since the gateway started")}>{t("Batches of samples make this page live (holdfast agent).")}</Empty></Panel>}
    {now && <div class="grid">{CHANNELS.map((one) => <LiveChart key={one[0]} past={past} channel={one} />)}</div>}
    <Historical id={id} />
  </>;
}

function LiveChart({ past, channel: [name, member, color, unit] }) {
  const data = useMemo(() => [past.map((one) => one.t_ms / 1000), past.map((one) => one.window_1s[member]?.max ?? null), past.map((one) => one.window_1s[member]?.min ?? null), past.map((one) => one.window_1s[member]?.mean ?? null)], [past]);
  return <Panel title={t("{name}, each second", { name: names[name]() })}><Chart data={data} min={name === "lean" ? null : 0} band={[1, 2]} format={(value) => shown(value, unit)} label={names[name]()} height={130}
    series={[{ label: t("highest"), color: "--line2" }, { label: t("lowest"), color: "--line2" }, { label: t("mean"), color }]} /></Panel>;
}

function Historical({ id }) {
  const [channel, setChannel] = useState("power"), [ms, setMs] = useState("300000"), [zoom, setZoom] = useState(null);
  const series = useLoad((signal) => {
    const to = zoom ? Math.round(zoom[1]) : Date.now(), from = zoom ? Math.round(zoom[0]) : to - Number(ms);
    const look = (step) => get(path`/v1/devices/${id}/series` + query({ channel, from, to, step }), { signal });
    const step = stepOf(to - from);
    return look(step).then((one) => step === 0 && one.next_cursor ? look(Math.ceil((to - from) / POINTS)) : one); // more samples than one answer has
  }, [id, channel, ms, zoom?.join()]);
  const unit = CHANNELS.find(([name]) => name === channel)[3], kept = series.data?.points ?? [], raw = kept.length > 0 && kept[0].length === 2;
  const data = useMemo(() => {
    const points = holed(kept, series.data?.step_ms), x = points.map((one) => one[0] / 1000);
    return raw ? [x, points.map((one) => one[1])] : [x, points.map((one) => one[3] ?? null), points.map((one) => one[1] ?? null), points.map((one) => one[2] ?? null)];
  }, [series.data]);
  return <Panel title={t("History")} tools={<>
    <Choice label={t("Channel")} value={channel} onChange={setChannel} options={CHANNELS.map(([name]) => [name, names[name]()])} />
    <Choice label={t("Span")} value={zoom ? null : ms} onChange={(next) => { setZoom(null); setMs(next); }} options={SPANS.map(([id, text]) => [id, lang.get() === "zh" ? span(Number(id)) : text])} />
    {zoom && <button onClick={() => setZoom(null)}>{t("All of it")}</button>}<button onClick={series.again}>{t("Again")}</button></>}>
    {!series.data ? <Waiting load={series} /> : !kept.length ? <Empty what={t("Nothing is kept of that time")} />
      : <Chart key={raw ? "raw" : "steps"} data={data} min={channel === "lean" ? null : 0} height={220} band={raw ? undefined : [1, 2]} onRange={(from, to) => setZoom([from * 1000, to * 1000])} format={(value) => shown(value, unit)} label={t("History")}
        series={raw ? [{ label: names[channel](), color: "--c1" }] : [{ label: t("highest"), color: "--line2" }, { label: t("lowest"), color: "--line2" }, { label: t("mean"), color: "--c1" }]} />}
    {kept.length > 0 && <p class="quiet small pad">{t("{n} points, one each {span}. Drag over the picture to look closer.", { n: num(kept.length), span: series.data.step_ms % 1000 ? series.data.step_ms + " ms" : series.data.step_ms ? span(series.data.step_ms) : t("sample") })} <Time ms={kept[0][0]} /> – <Time ms={kept[kept.length - 1][0]} /></p>}
  </Panel>;
}
