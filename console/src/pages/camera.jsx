import { useEffect, useRef, useState } from "preact/hooks";
import { ask, get, may, mayChange, path, query, send } from "../lib/api.js";
import { num, span } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { useFollowed } from "../lib/watched.js";
import { Age, Empty, Json, NoPermission, Panel, State, Time, Trouble, useLoad, Waiting } from "../parts/ui.jsx";

const TREE_LIMIT = 500, PTZ_MS = 2000, SPEED = 90, ZOOM = 7, SIP_MS = 5000, BEHIND_S = 3;

export function Camera({ id, device }) {
  const channels = useFollowed({ type: "camera.channels", device: id }, (signal) => get(path`/v1/cameras/${id}/channels` + query({ limit: TREE_LIMIT }), { signal }), [id], (data) => data?.complete ? 10000 : 1000);
  const [chosen, choose] = useState(null);
  const list = channels.data?.channels?.filter((one) => one.kind === "channel") ?? [], channel = chosen ?? list[0]?.channel;
  return <div class="grid camera">
    <Panel title={t("Live picture")} id="live">{!channel ? <Waiting load={channels} /> ?? <Empty what={t("It names no channel yet")} /> : may("events:read") ? <Live key={channel} id={id} channel={channel} /> : <NoPermission scopes="events:read" />}</Panel>
    <div class="side">
    <Panel title={t("Channels")} tools={channels.data && <span class="quiet">{num(channels.data.count)}</span>}>
      {channels.data ? <ul class="channels">{list.map((one) => <li key={one.channel}><button class="row" aria-pressed={one.channel === channel} onClick={() => choose(one.channel)}><State state={one.state} bare /> <span class="grow">{one.name ?? one.channel}</span><small class="quiet id">{one.channel}</small></button></li>)}</ul> : <Waiting load={channels} />}
      {channels.data && !channels.data.complete && <p class="note pad">{t("The list is not complete yet.")}</p>}
    </Panel>
    <Panel title={t("Move")}>{mayChange("commands:write", "messages:write") ? channel && <Ptz id={id} channel={channel} /> : <NoPermission scopes={["commands:write", "messages:write"]} />}</Panel>
    </div>
    <Panel title={t("SIP trace")} wide><Sip id={id} heard={device.live?.last_seen_ms} /></Panel>
  </div>;
}

// fetch takes the key in a header, which a <video> with an address could not; a MediaSource plays what comes.
export async function play(video, where, signal, told, live = true) {
  const answer = await ask(where, { signal }), type = answer.headers.get("Content-Type") ?? "";
  if (!MediaSource.isTypeSupported(type)) throw new Error(t("This browser cannot show {type}.", { type }));
  const media = new MediaSource();
  video.src = URL.createObjectURL(media);
  await new Promise((done) => media.addEventListener("sourceopen", done, { once: true }));
  URL.revokeObjectURL(video.src); // it is open: the address is of no more use
  const buffer = media.addSourceBuffer(type), reader = answer.body.getReader();
  const settled = () => new Promise((done) => buffer.addEventListener("updateend", done, { once: true }));
  told({ playing: true });
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    buffer.appendBuffer(value);
    await settled();
    told({ playing: true, bytes: value.length });
    const ranges = buffer.buffered, end = ranges.length ? ranges.end(ranges.length - 1) : 0;
    if (video.paused && end > 0.3) video.play().catch(() => {});
    if (live && end - video.currentTime > BEHIND_S) video.currentTime = end - 0.2; // live is live
    if (ranges.length && video.currentTime - ranges.start(0) > 30) {
      buffer.remove(0, video.currentTime - 10);
      await settled();
    }
  }
  throw new Error(t("The stream ended."));
}

export function Live({ id, channel }) {
  const video = useRef(), [on, setOn] = useState(false), [state, setState] = useState({}), [still, setStill] = useState(null);
  useEffect(() => {
    if (!on) return undefined;
    const abort = new AbortController();
    let total = 0, last = 0;
    setState({});
    play(video.current, path`/v1/cameras/${id}/${channel}/live.mp4`, abort.signal, (now) => {
      total += now.bytes ?? 0;
      if (Date.now() - last > 500) setState({ playing: true, total });
      if (Date.now() - last > 500) last = Date.now();
    }).catch((problem) => {
      if (!abort.signal.aborted) { // else whatever came of it: a source that is gone takes no more
        setState({ problem });
        setOn(false);
      }
    });
    return () => {
      abort.abort();
      video.current?.removeAttribute("src");
      video.current?.load();
    };
  }, [on, id, channel]);
  const snap = async () => {
    setState({ busy: true });
    try {
      const answer = await ask(path`/v1/cameras/${id}/${channel}/snapshot.jpg`);
      setStill(URL.createObjectURL(await answer.blob()));
      setState({});
    } catch (problem) {
      setState({ problem });
    }
  };
  useEffect(() => () => still && URL.revokeObjectURL(still), [still]);
  return <div class="live">
    <div class="screen">
      <video ref={video} muted playsInline hidden={!on} aria-label={t("Live picture")} />
      {!on && still && <img src={still} alt={t("Snapshot")} />}
      {!on && !still && <div class="empty">{state.busy ? t("Loading…") : t("Watching asks the camera to send its picture.")}</div>}
      {on && !state.playing && <div class="empty over"><span class="spin" /> {t("Waiting for the first key frame…")}</div>}
    </div>
    <div class="tools">
      <button class={on ? "" : "main"} onClick={() => setOn(!on)}>{on ? t("Stop") : t("Watch")}</button>
      <button onClick={snap} disabled={on || state.busy}>{t("Snapshot")}</button>
      {on && state.playing && <span class="state online"><i>●</i>{t("live")}</span>}
      <span class="quiet id">{channel}</span>
    </div>
    {state.problem && (state.problem.status ? <Trouble problem={state.problem} /> : <p class="bad pad" role="alert">{state.problem.message}</p>)}
  </div>;
}

const MOVES = [["↖", -1, 1], ["↑", 0, 1], ["↗", 1, 1], ["←", -1, 0], ["■", 0, 0], ["→", 1, 0], ["↙", -1, -1], ["↓", 0, -1], ["↘", 1, -1]];

// Held down it moves; let go it stops. Should the stop be lost, the gateway sends one after two seconds.
export function Ptz({ id, channel }) {
  const [problem, setProblem] = useState(null), [moving, setMoving] = useState("");
  const order = async (body) => {
    try {
      await send("POST", path`/v1/cameras/${id}/${channel}/ptz`, body);
      setProblem(null);
    } catch (error) {
      setProblem(error);
    }
  };
  const repeat = useRef();
  const stop = () => {
    if (!repeat.current) return;
    clearInterval(repeat.current);
    repeat.current = null;
    setMoving("");
    order({ stop: true });
  };
  const start = (name, body) => {
    if (repeat.current) return;
    const again = () => order({ ...body, stop_after_ms: PTZ_MS });
    setMoving(name);
    again();
    repeat.current = setInterval(again, PTZ_MS - 500);
  };
  useEffect(() => stop, [id, channel]);
  const held = (name, body) => ({
    onPointerDown: (event) => { event.currentTarget.focus(); event.currentTarget.setPointerCapture?.(event.pointerId); start(name, body); },
    onPointerUp: stop, onPointerCancel: stop,
    onKeyDown: (event) => { if (event.key === " " || event.key === "Enter") { event.preventDefault(); if (!event.repeat) start(name, body); } },
    onKeyUp: stop, "aria-pressed": moving === name,
  });
  const arrows = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  return <div class="ptz" onFocusOut={(event) => event.currentTarget.contains(event.relatedTarget) || stop()}>{/* a key that is let go elsewhere is not heard of here */}
    <div class="pad9" role="group" aria-label={t("Move")} onKeyDown={(event) => { const to = arrows[event.key]; if (to) { event.preventDefault(); if (!event.repeat) start(event.key, { pan: to[0] * SPEED, tilt: to[1] * SPEED }); } }} onKeyUp={(event) => arrows[event.key] && stop()}>
      {MOVES.map(([sign, x, y]) => x || y ? <button key={sign} aria-label={t("Move") + " " + sign} {...held(sign, { ...(x && { pan: x * SPEED }), ...(y && { tilt: y * SPEED }) })}>{sign}</button> : <button key={sign} aria-label={t("Stop")} onClick={() => order({ stop: true })}>{sign}</button>)}
    </div>
    <div class="zoom"><button aria-label={t("Zoom in")} {...held("+", { zoom: ZOOM })}>+</button><button aria-label={t("Zoom out")} {...held("-", { zoom: -ZOOM })}>−</button></div>
    <p class="quiet small">{t("Hold to move. Arrow keys work here, too.")}</p>
    {problem && <Trouble problem={problem} />}
  </div>;
}

// heard: when something came of it. What was said to it without an answer, and who may not read events, needs another look at times.
function Sip({ id, heard }) {
  const sip = useFollowed({ device: id }, (signal) => get(path`/v1/devices/${id}/sip`, { signal }), [id], SIP_MS), [open, setOpen] = useState(null);
  useEffect(() => {
    if (sip.at) sip.again();
  }, [heard]);
  if (sip.problem?.status === 404) return <Empty what={t("It spoke no SIP lately")} />;
  if (!sip.data) return <Waiting load={sip} />;
  return <ol class="sip">{sip.data.messages.map((one, i) => {
    const key = one.time_ms + one.direction + one.first_line + i;
    return <li key={key} class={one.direction}><button class="row" aria-expanded={open === key} onClick={() => setOpen(open === key ? null : key)}>
      <Time ms={one.time_ms} exact /><span class="arrow" aria-label={one.direction === "in" ? t("from the camera") : t("to the camera")}>{one.direction === "in" ? "→" : "←"}</span><span class="grow id">{one.first_line}{one.count > 1 && " ×" + one.count}</span><small class="quiet wide-only">{one.transport} {one.bytes} B</small>
    </button>{open === key && <Json value={one.text} />}</li>;
  })}</ol>;
}
