// Lines over time, by uPlot. `data` is [times in seconds, values, ...]; series: [{label, color, format}], color the name of a CSS variable.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useCell } from "../lib/cell.js";
import { when } from "../lib/format.js";
import { lang } from "../lib/i18n.js";
import { dark } from "../lib/theme.js";

const WHOLE = [1, 2, 5].flatMap((n) => Array.from({ length: 12 }, (_, i) => n * 10 ** i)).sort((a, b) => a - b); // what is counted has no halves
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// From `min`, or, with values on both sides of nothing, with some air above and below.
const span = (min, low, high) => {
  const air = Math.max(1, (high - (min ?? low)) * 0.05);
  return [min ?? low - air, high + air];
};

// A place of the axis of time: as much of it as tells one from the next, and the day where there are several.
const DAY_S = 86400, STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, DAY_S, 2 * DAY_S, 5 * DAY_S, 10 * DAY_S, 30 * DAY_S], pad = (n) => String(n).padStart(2, "0");
function stamp(s, step, span) {
  const d = new Date(s * 1000), day = pad(d.getMonth() + 1) + "-" + pad(d.getDate()), clock = pad(d.getHours()) + ":" + pad(d.getMinutes()), second = ":" + pad(d.getSeconds());
  if (step >= DAY_S) return day;
  if (span >= DAY_S) return day + " " + clock;
  return clock + (step >= 60 ? "" : second) + (step < 1 ? (s % 1).toFixed(1).slice(1) : "");
}

export function Chart({ data, series, height = 150, format = String, label, min = 0, band, onRange }) {
  const box = useRef(), plot = useRef(), latest = useRef(data);
  const look = useCell(dark), language = useCell(lang);
  latest.current = data;
  useEffect(() => {
    const axis = { stroke: css("--quiet"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const options = {
      width: box.current.clientWidth || 300, height,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      cursor: { y: false, points: { size: 6 }, drag: { x: !!onRange, y: false, setScale: false } },
      scales: { x: { time: true }, y: { range: (_, low, high) => span(min, low ?? 0, high ?? 0) } },
      axes: [{ ...axis, values: (u, list, _, __, step) => list.map((s) => stamp(s, step, u.scales.x.max - u.scales.x.min)), incrs: STEPS, space: 80, size: 24 }, { ...axis, size: 52, space: 28, incrs: WHOLE, values: (_, values) => values.map(format) }],
      series: [{}, ...series.map((one) => ({ label: one.label, stroke: css(one.color), width: 1.5, fill: one.fill ? css(one.color) + "22" : undefined, spanGaps: false, points: { show: one.points ?? false, size: 5 } }))],
      bands: band ? [{ series: band, fill: css("--accent") + "22" }] : undefined,
      hooks: {
        setCursor: [(u) => {
          const i = u.cursor.idx, out = box.current?.parentNode.querySelector("output");
          if (!out) return;
          out.textContent = i === null || i === undefined ? "" : when(u.data[0][i] * 1000) + "  " + series.map((one, n) => (series.length > 1 ? one.label + " " : "") + (u.data[n + 1][i] === null || u.data[n + 1][i] === undefined ? "–" : (one.format ?? format)(u.data[n + 1][i]))).join("  ");
        }],
        setSelect: onRange ? [(u) => u.select.width > 4 && onRange(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"))] : [],
      },
    };
    plot.current = new uPlot(options, latest.current, box.current);
    const observer = new ResizeObserver(([entry]) => plot.current.setSize({ width: entry.contentRect.width, height }));
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      plot.current.destroy();
    };
  }, [look, language, height, series.map((one) => one.label).join()]);
  useEffect(() => plot.current?.setData(data), [data]);
  return <figure class="chart">
    <figcaption>{series.length > 1 && series.map((one) => <span key={one.label} class="key"><i style={{ background: `var(${one.color})` }} />{one.label}</span>)}<output /></figcaption>
    <div ref={box} role="img" aria-label={label} />
  </figure>;
}
