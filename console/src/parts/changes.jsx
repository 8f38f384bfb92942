// What was changed, by which key: events with `by`. Those of the past are asked for in ever longer spans, until there are some; new ones come by themselves.
import { useEffect, useState } from "preact/hooks";
import { get, lines, may, query, tenantNow } from "../lib/api.js";
import { brief, num, payloadOf, span } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { follow } from "../lib/live.js";
import { Empty, Loading, NoPermission, Panel, Time, Trouble, useLoad } from "./ui.jsx";

const SPANS_MS = [600e3, 3600e3, 86400e3, 7 * 86400e3], KEEP = 1000;

export function useChanges(filter) {
  const allowed = may("events:read"), key = JSON.stringify(filter) + tenantNow();
  const [past, setPast] = useState({ list: [], reach: 0, busy: allowed }), [fresh, setFresh] = useState([]), [live, setLive] = useState("connecting");
  const look = async (reach, current = () => true) => {
    setPast((old) => ({ ...old, busy: true, problem: null }));
    try {
      for (let i = reach; i < SPANS_MS.length; i++) {
        const list = await lines("/v1/events" + query({ by: "*", ...filter, from_time: Date.now() - SPANS_MS[i], follow: false }), { most: KEEP });
        if (!current()) return;
        if (list.length || i === SPANS_MS.length - 1) {
          setPast({ list: list.filter((one) => one.by), reach: i, busy: false });
          return;
        }
      }
    } catch (problem) {
      if (current()) setPast((old) => ({ ...old, busy: false, problem }));
    }
  };
  useEffect(() => {
    if (!allowed) return undefined;
    let mine = true;
    setPast({ list: [], reach: 0, busy: true });
    setFresh([]);
    const events = follow({ by: "*", ...filter, from: "latest" }, { state: setLive, events: (list) => setFresh((old) => [...old, ...list.filter((one) => one.by)].slice(-KEEP)) });
    look(0, () => mine);
    return () => {
      mine = false;
      events.close();
    };
  }, [key]);
  const known = new Set(past.list.map((one) => one.offset));
  const rows = [...past.list, ...fresh.filter((one) => !known.has(one.offset))].slice(-KEEP).reverse();
  return { allowed, rows, live, busy: past.busy, problem: past.problem, reach: past.reach, again: () => look(past.reach), more: past.reach < SPANS_MS.length - 1 ? () => look(past.reach + 1) : null };
}

// Names of keys, for those who may see them; the others see ids.
export function useKeyNames() {
  const keys = useLoad((signal) => may("keys:admin") ? get("/v1/keys", { signal }) : { keys: [] }, [tenantNow()]);
  return new Map((keys.data?.keys ?? []).filter((one) => one.name).map((one) => [one.id, one.name]));
}

const what = (event) => event.action ?? event.type;
const about = (event) => brief(event.change ?? event.document ?? event.details ?? payloadOf(event) ?? event.reason ?? "", 120);
const named = (event) => event.device ?? event.group ?? event.what ?? event.key ?? "–";

export function Changes({ title, found, device, tools, names }) {
  if (!found.allowed) return <Panel title={title}><NoPermission scopes="events:read" /></Panel>;
  const { rows } = found;
  return <Panel title={title} tools={<>{tools}{found.live !== "open" && <span class="note">{t("not live")}</span>}<span class="quiet">{num(rows.length)} · {t("last {span}", { span: span(SPANS_MS[found.reach]) })}</span>{found.more && <button disabled={found.busy} onClick={found.more}>{t("Look further back")}</button>}</>}>
    {found.problem && <Trouble problem={found.problem} again={found.again} />}
    {found.busy && !rows.length ? <Loading /> : !rows.length ? !found.problem && <Empty what={t("Nobody changed anything")}>{t("Whatever is changed over the HTTP API appears here, with the key that did it.")}</Empty>
      : <div class="scroll"><table class="plain events changes"><thead><tr><th>{t("Time")}</th><th>{t("Key")}</th><th>{t("Change")}</th>{!device && <th>{t("Of")}</th>}<th>{t("About")}</th></tr></thead><tbody>
        {rows.map((one) => <tr key={one.offset}><td><Time ms={one.time_ms} exact /></td><td><span class="id" title={one.by}>{names.get(one.by) ?? one.by}</span>{one.via === "console" && <> <span class="chip">{t("console")}</span></>}</td>
          <td>{what(one)}{one.name || one.topic ? <span class="quiet"> {one.name ?? one.topic}</span> : null}</td>{!device && <td>{one.device ? <a class="id" href={"#/device/" + encodeURIComponent(one.device) + "/timeline"}>{one.device}</a> : named(one)}</td>}<td class="id">{about(one)}</td></tr>)}
      </tbody></table></div>}
  </Panel>;
}
