import { useEffect, useRef, useState } from "preact/hooks";
import { get, may, query, tenantNow } from "../lib/api.js";
import { num } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { follow } from "../lib/live.js";
import { reasonText } from "../lib/names.js";
import { setQuery } from "../lib/route.js";
import { VirtualList } from "../parts/vlist.jsx";
import { Empty, Loading, NoPermission, Reason, Since, State, Trouble } from "../parts/ui.jsx";

const PAGE = 1000, FIRST = 2000, PRESENCE = "online,offline,unknown,disconnected";

// One list: pages come as they are wanted, events change rows in place.
class Rows {
  constructor(filter, changed) {
    Object.assign(this, { filter, changed, rows: [], byId: new Map(), cursor: undefined, whole: false, busy: false, problem: null, dead: false });
  }
  async more() {
    if (this.busy || this.whole || this.dead) return;
    this.busy = true;
    this.problem = null;
    this.changed();
    try {
      const page = await get("/v1/devices" + query({ ...this.filter, limit: PAGE, cursor: this.cursor }));
      if (this.dead) return;
      for (const row of page.devices) this.byId.set(row.device, row);
      this.rows = this.rows.concat(page.devices);
      this.cursor = page.next_cursor;
      this.whole = !page.next_cursor;
    } catch (problem) {
      this.problem = problem;
    }
    this.busy = false;
    if (this.dead) return;
    this.changed();
    if (!this.problem && this.rows.length < FIRST) this.more();
  }
  wants(row) {
    const { state, contains, protocol, reason } = this.filter;
    return (!state || row.state === state) && (!contains || row.device.includes(contains)) && (!protocol || row.protocol === protocol) && (!reason || row.reason === reason);
  }
  take(events) {
    let changed = false;
    for (const event of events) {
      if (!event.device || !PRESENCE.includes(event.type)) continue;
      const old = this.byId.get(event.device);
      const state = event.type === "disconnected" ? old?.state ?? "unknown" : event.type;
      const row = { connects: 0, ...old, device: event.device, state, since_ms: event.time_ms, reason: event.reason, code: event.code, protocol: event.protocol ?? old?.protocol };
      if (event.type === "online") row.connects++;
      if (old) {
        Object.assign(old, row); // it stays in the list until that is asked for anew, even if the filter would not have it now: rows that jump away under the mouse help nobody
        changed = true;
      } else if (this.wants(row) && (this.whole || row.device < this.rows[this.rows.length - 1]?.device)) {
        this.byId.set(row.device, row);
        const at = this.rows.findIndex((one) => one.device > row.device);
        this.rows.splice(at < 0 ? this.rows.length : at, 0, row);
        changed = true;
      }
    }
    if (changed) {
      this.rows = [...this.rows];
      this.changed();
    }
  }
}

export function Devices({ params }) {
  const [, draw] = useState(0), list = useRef(null), timer = useRef(), [live, setLive] = useState("connecting");
  const filter = { state: params.state, contains: params.contains, protocol: params.protocol, reason: params.reason };
  const key = JSON.stringify(filter) + tenantNow(), allowed = may("devices:read"), liveAllowed = may("events:read");
  useEffect(() => {
    if (!allowed) return undefined;
    const mine = (list.current = new Rows(filter, () => draw((n) => n + 1)));
    mine.more();
    const events = liveAllowed ? follow({ type: PRESENCE, from: "latest" }, { events: (all) => mine.take(all), state: setLive }) : null;
    return () => {
      mine.dead = true;
      events?.close();
    };
  }, [key]);
  if (!allowed) return <div class="page"><NoPermission scopes="devices:read" /></div>;
  const rows = list.current?.rows ?? [], { busy, whole, problem } = list.current ?? { busy: true };
  const online = rows.reduce((n, row) => n + (row.state === "online"), 0), filtered = Object.values(filter).some(Boolean);
  const search = (event) => {
    const text = event.target.value.trim();
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setQuery({ contains: text }), 250);
  };
  return <div class="page fill">
    <form class="filters" onSubmit={(event) => event.preventDefault()} role="search">
      <input type="search" id="search" key={params.contains} placeholder={t("Search ids")} aria-label={t("Search ids")} defaultValue={params.contains} onInput={search} spellcheck={false} />
      <select aria-label={t("State")} value={params.state ?? ""} onChange={(event) => setQuery({ state: event.target.value })}>
        <option value="">{t("any state")}</option>{["online", "offline", "unknown"].map((one) => <option key={one} value={one}>{t(one)}</option>)}
      </select>
      <select aria-label={t("Protocol")} value={params.protocol ?? ""} onChange={(event) => setQuery({ protocol: event.target.value })}>
        <option value="">{t("any protocol")}</option>{["raw", "holdfast.v1", "holdfast.v1.json", "gb28181"].map((one) => <option key={one}>{one}</option>)}
      </select>
      {params.reason && <button type="button" class="chip" onClick={() => setQuery({ reason: "" })} title={t("Remove this filter")}>{t("last reason")}: {reasonText(params.reason)} ✕</button>}
      <span class="quiet grow" role="status">{num(rows.length)}{!whole && "+"} {t("devices")}, {num(online)} {t("online")}{busy && <span class="spin" />}</span>
      {liveAllowed ? live !== "open" && <span class="note">{t("not live")}</span> : <span class="note" title="events:read">{t("not live: the key may not read events")}</span>}
      <a class="button" href="#/devices" hidden={!filtered}>{t("Clear")}</a>
    </form>
    <VirtualList rows={rows} more={!whole} keyOf={(row) => row.device} label={t("Devices")} place={"devices " + key} columns="devices" onOpen={(row) => (location.hash = "#/device/" + encodeURIComponent(row.device))} onNearEnd={() => list.current?.more()}
      head={<><span role="columnheader">{t("State")}</span><span role="columnheader">{t("Device")}</span><span role="columnheader">{t("For")}</span><span role="columnheader" class="wide-only">{t("Last reason")}</span><span role="columnheader" class="wide-only">{t("Protocol")}</span><span role="columnheader" class="n wide-only">{t("Connects")}</span></>}
      row={(row) => <><span role="gridcell"><State state={row.state} /></span><span role="gridcell" class="id"><a href={"#/device/" + encodeURIComponent(row.device)} title={row.device} tabIndex={-1}>{row.device}</a></span><span role="gridcell"><Since ms={row.since_ms} /></span><span role="gridcell" class="wide-only"><Reason name={row.reason} code={row.code} /></span><span role="gridcell" class="wide-only">{row.protocol ?? "–"}</span><span role="gridcell" class="n wide-only">{row.connects}</span></>}
      empty={problem ? <Trouble problem={problem} again={() => list.current.more()} /> : busy || !list.current ? <Loading /> : filtered ? <Empty what={t("No device is like that")}><a href="#/devices">{t("Show all")}</a></Empty> : <Empty what={t("No device was here yet")}>{t("They appear here by themselves when they connect.")}</Empty>} />
  </div>;
}
