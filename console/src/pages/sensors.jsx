import { useEffect, useMemo, useState } from "preact/hooks";
import { get, path } from "../lib/api.js";
import { num, short } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { Chart } from "../parts/chart.jsx";
import { Age, Empty, Fresh, Panel, Stat, useLoad, Waiting } from "../parts/ui.jsx";

const LOOK_MS = 500, KEEP = 600;
// channel, member of /live, color, digits
const CHANNELS = [["power", "power_w", "--c1", "W"], ["cadence", "cadence_rpm", "--c3", "rpm"], ["lean", "lean_deg", "--c4", "°"]];
const names = { power: () => t("Power"), cadence: () => t("Cadence"), lean: () => t("Lean") };

const shown = (value, unit) => value === null || value === undefined ? "–" : num(value) + (unit === "°" ? "°" : " " + unit);

export function Sensors({ id }) {
  const live = useLoad((signal) => get(path`/v1/devices/${id}/live`, { signal }), [id], LOOK_MS);
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
      <Stat label={t("Behind")} value={num(now.delay_ms)} unit="ms" note={now.clock.synchronised ? "± " + num(now.clock.uncertainty_ms) + " ms" : t("clock not synchronised")} help={t("From capture to arrival, by two clocks")} />
      <Stat label={t("Samples")} value={short(now.samples)} tone={now.lost ? "warn" : ""} note={t("{n} lost at the device", { n: num(now.lost) })} />
    </div></Fresh> : <Panel><Empty what={t("No sensor spoke since the gateway started")}>{t("Batches of samples make this page live (holdfast agent).")}</Empty></Panel>}
    {now && <div class="grid">{CHANNELS.map((one) => <LiveChart key={one[0]} past={past} channel={one} />)}</div>}
  </>;
}

function LiveChart({ past, channel: [name, member, color, unit] }) {
  const data = useMemo(() => [past.map((one) => one.t_ms / 1000), past.map((one) => one.window_1s[member]?.max ?? null), past.map((one) => one.window_1s[member]?.min ?? null), past.map((one) => one.window_1s[member]?.mean ?? null)], [past]);
  return <Panel title={names[name]() + ", " + t("each second")}><Chart data={data} min={name === "lean" ? null : 0} band={[1, 2]} format={(value) => shown(value, unit)} label={names[name]()} height={130}
    series={[{ label: t("highest"), color: "--line2" }, { label: t("lowest"), color: "--line2" }, { label: t("mean"), color }]} /></Panel>;
}
