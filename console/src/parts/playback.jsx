// What a channel recorded on one day, as a bar of 24 hours: a click plays from there. All times are the camera's own, as it says them and is asked for them: which zone it lives in is not told.
import { useEffect, useRef, useState } from "preact/hooks";
import { path, send } from "../lib/api.js";
import { num } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { play } from "../pages/camera.jsx";
import { Empty, Trouble, useLoad, Waiting } from "./ui.jsx";

const DAY_S = 86400, SPEEDS = [1, 2, 4], pad = (n) => String(n).padStart(2, "0");
const clock = (s) => [Math.floor(s / 3600), Math.floor(s / 60) % 60, Math.floor(s) % 60].map(pad).join(":");
const today = () => { const now = new Date(); return `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`; };
const secondOf = (text, day) => Math.min(DAY_S, Math.max(0, (Date.parse(text.slice(0, 19) + "Z") - Date.parse(day + "T00:00:00Z")) / 1000));

export function Playback({ id, channel }) {
  const [day, setDay] = useState(today()), [at, setAt] = useState(null), [call, setCall] = useState(null), [state, setState] = useState({}), [speed, setSpeed] = useState(1);
  const video = useRef(), mine = useRef(null), abort = useRef(null);
  const order = (what, body) => send("POST", path`/v1/cameras/${id}/${channel}/` + what, body);
  const records = useLoad(() => order("records", { start_time: day + "T00:00:00", end_time: day + "T23:59:59", type: "all" }), [id, channel, day]);
  const list = (records.data?.result?.items ?? []).filter((one) => one.start_time && one.end_time).map((one) => ({ ...one, from: secondOf(one.start_time, day), until: secondOf(one.end_time, day) }));
  const stop = () => {
    abort.current?.abort();
    const old = mine.current;
    mine.current = null;
    setCall(null);
    if (old) order("stop", { call: old }).catch(() => {}); // it may have ended by itself
  };
  useEffect(() => stop, [id, channel]);
  const begin = async (from) => {
    const until = list.find((one) => from >= one.from && from <= one.until)?.until ?? DAY_S - 1;
    stop();
    const now = (abort.current = new AbortController());
    setAt(from);
    setSpeed(1);
    setState({ busy: true });
    try {
      const answer = await order("playback", { from: `${day}T${clock(from)}`, until: `${day}T${clock(Math.max(from + 1, until))}` });
      if (now.signal.aborted) { // another has begun meanwhile, or nobody looks any more
        order("stop", { call: answer.result.call }).catch(() => {});
        return;
      }
      mine.current = answer.result.call;
      setCall({ id: answer.result.call, from });
      await play(video.current, path`/v1/cameras/${id}/${channel}/live.mp4` + "?kind=playback", now.signal, () => setState((old) => old.playing ? old : { playing: true }), false);
    } catch (problem) {
      if (!now.signal.aborted) setState({ problem });
    }
  };
  const steer = async (what, body) => {
    try {
      await order(what, { call: call.id, ...body });
    } catch (problem) {
      setState((old) => ({ ...old, problem }));
    }
  };
  const onBar = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    begin(Math.floor(((event.clientX - box.left) / box.width) * DAY_S));
  };
  return <div class="live playback">
    <div class="screen"><video ref={video} muted playsInline hidden={!call} aria-label={t("Recorded picture")} onTimeUpdate={(event) => call && setAt(Math.min(DAY_S, call.from + event.currentTarget.currentTime))} />
      {!call && <div class="empty">{state.busy && !state.problem ? <span class="spin" /> : t("Choose a time below.")}</div>}</div>
    <div class="pad">
      <svg class="daybar" viewBox={`0 0 ${DAY_S} 20`} preserveAspectRatio="none" role="img" aria-label={t("Recordings of {day}", { day })} onClick={onBar}>
        {list.map((one, i) => <rect key={i} x={one.from} width={Math.max(60, one.until - one.from)} y="0" height="20"><title>{clock(one.from)} – {clock(one.until)} {one.name ?? ""}</title></rect>)}
        {at !== null && <line x1={at} x2={at} y1="0" y2="20" />}
      </svg>
      <div class="ends quiet">{[0, 6, 12, 18, 24].map((hour) => <span key={hour}>{pad(hour)}:00</span>)}</div>
    </div>
    <div class="tools">
      <input type="date" aria-label={t("Day")} value={day} max={today()} onChange={(event) => event.target.value && setDay(event.target.value)} />
      {call && <><button onClick={() => steer("pause", {})}>{t("Pause")}</button><button onClick={() => steer("resume", {})}>{t("Resume")}</button>
        <select aria-label={t("Speed")} value={speed} onChange={(event) => { setSpeed(Number(event.target.value)); steer("speed", { scale: Number(event.target.value) }); }}>{SPEEDS.map((one) => <option key={one} value={one}>{one}×</option>)}</select>
        <button onClick={stop}>{t("Stop")}</button></>}
      {at !== null && <span class="id" data-live="at">{clock(at)}</span>}
      <span class="quiet">{t("The camera's own time.")}</span>
    </div>
    {state.problem && (state.problem.status ? <Trouble problem={state.problem} /> : <p class="bad pad" role="alert">{state.problem.message}</p>)}
    {!records.data ? <Waiting load={records} /> : !list.length ? <Empty what={t("Nothing was recorded that day")} /> : <><p class="pad quiet">{t("{n} recordings", { n: num(list.length) })}{!records.data.result.complete && <span class="note">{t("The list is not complete yet.")}</span>}</p>
      <ul class="channels records">{list.slice(0, 200).map((one, i) => <li key={i}><button class="row" onClick={() => begin(one.from)}><span class="id">{clock(one.from)} – {clock(one.until)}</span><span class="grow quiet">{one.name}</span><small class="quiet">{one.type}</small></button></li>)}</ul></>}
  </div>;
}
