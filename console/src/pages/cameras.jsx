// Cameras and what hangs below them, as a tree; the chosen channel live, moved, or as it was recorded.
import { useMemo, useRef, useState } from "preact/hooks";
import { get, may, mayChange, path, query, tenantNow } from "../lib/api.js";
import { useCell } from "../lib/cell.js";
import { num } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { route } from "../lib/route.js";
import { useFollowed } from "../lib/watched.js";
import { Playback } from "../parts/playback.jsx";
import { Choice, Empty, NoPermission, Panel, State, Waiting } from "../parts/ui.jsx";
import { Live, Ptz } from "./camera.jsx";

const PAGE = 500, LOOK_MS = 5000, WRITE = ["commands:write", "messages:write"];
const address = (camera, channel) => "#/cameras/" + encodeURIComponent(camera) + (channel ? "/" + encodeURIComponent(channel) : "");

export function Cameras() {
  if (!may("devices:read")) return <div class="page"><NoPermission scopes="devices:read" /></div>;
  return <All key={tenantNow()} />;
}

function All() {
  const { parts } = useCell(route), [, camera, channel] = parts, [how, setHow] = useState("live");
  const known = useRef(new Set());
  const list = useFollowed({ type: "online,offline,unknown,disconnected,camera.bound" }, (signal) => get("/v1/cameras" + query({ limit: PAGE }), { signal }), [], LOOK_MS, (one) => one.protocol === "gb28181" || known.current.has(one.device));
  const cameras = list.data?.cameras ?? [];
  known.current = useMemo(() => new Set(cameras.map((one) => one.device)), [list.data]);
  return <div class="page"><div class="grid cameras">
    <Panel title={t("Cameras")} tools={list.data && <span class="quiet">{num(cameras.length)}{list.data.next_cursor ? "+" : ""}</span>}>
      {!list.data ? <Waiting load={list} /> : !cameras.length ? <Empty what={t("No camera was here yet")}>{t("They appear here when they register (gb28181.enabled).")}</Empty>
        : <ul class="tree" role="tree" aria-label={t("Cameras")}>{cameras.map((one) => <Node key={one.device} one={one} open={one.device === camera} channel={channel} />)}</ul>}
    </Panel>
    {camera && channel ? <div class="side">
      <div class="filters"><Choice label={t("Picture")} value={how} onChange={setHow} options={[["live", t("Live")], ["playback", t("Recordings")]]} /><span class="id quiet">{channel}</span><span class="grow" /><a class="button" href={"#/device/" + encodeURIComponent(camera) + "/camera"}>{t("Device")}</a></div>
      {how === "live" ? <>
        <Panel title={t("Live picture")}>{may("events:read") ? <Live key={camera + channel} id={camera} channel={channel} /> : <NoPermission scopes="events:read" />}</Panel>
        <Panel title={t("Move")}>{mayChange(...WRITE) ? <Ptz key={camera + channel} id={camera} channel={channel} /> : may(...WRITE) ? <Empty what={t("This console is read-only")} /> : <NoPermission scopes={WRITE} />}</Panel>
      </> : <Panel title={t("Recordings")}>{!may(...WRITE) ? <NoPermission scopes={WRITE} /> : !may("events:read") ? <NoPermission scopes="events:read" /> : <Playback key={camera + channel} id={camera} channel={channel} />}</Panel>}
    </div> : <Empty what={t("Choose a channel")} />}
  </div></div>;
}

function Node({ one, open, channel }) {
  return <li role="treeitem" aria-expanded={open}>
    <a class="row" href={open ? "#/cameras" : address(one.device)} aria-current={open ? "true" : undefined}><i aria-hidden="true">{open ? "▾" : "▸"}</i><State state={one.state} bare /><span class="grow id">{one.device}</span></a>
    {open && <Below camera={one.device} channel={channel} />}
  </li>;
}

function Below({ camera, channel }) {
  const tree = useFollowed({ type: "camera.channels", device: camera }, (signal) => get(path`/v1/cameras/${camera}/channels` + "?tree=true", { signal }), [camera], (data) => data?.complete ? 30000 : 1000);
  if (!tree.data) return <Waiting load={tree} />;
  return <>{tree.data.tree.length ? <Branch camera={camera} list={tree.data.tree} channel={channel} /> : <p class="quiet pad">{t("It names no channel yet")}</p>}{!tree.data.complete && <p class="note pad">{t("The list is not complete yet.")}</p>}</>;
}

const Branch = ({ camera, list, channel }) => <ul role="group">{list.map((one) => <li key={one.channel} role="treeitem">
  {one.kind === "channel" ? <a class="row" href={address(camera, one.channel)} aria-current={one.channel === channel ? "true" : undefined} data-channel={one.channel}><State state={one.state} bare /><span class="grow">{one.name ?? one.channel}</span></a> : <span class="row quiet">{one.name ?? one.channel}</span>}
  {one.children && <Branch camera={camera} list={one.children} channel={channel} />}
</li>)}</ul>;
