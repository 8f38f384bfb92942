// What was changed, by which key: events with `by`. Those of the past are asked for in ever longer spans, until there are some; new ones come by themselves. What the event log does not
// have any more is in the audit, a year long, but for what was sent.
import { useEffect, useRef, useState } from "preact/hooks";
import { get, may, query, tenantNow } from "../lib/api.js";
import { brief, payloadOf } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { actionText, reasonText, typeText } from "../lib/names.js";
import { useEvents } from "../lib/past.js";
import { Empty, Loading, NoPermission, Panel, Reach, Time, Trouble, useLoad } from "./ui.jsx";

const PAGE = 200;

// {list, newest first; more: asks for what was before, or null when there is nothing}.
function useAudit(filter, before_ms) {
  const begin = { list: [], to: 0, cursor: null, end: false, busy: false, problem: null }, key = JSON.stringify(filter) + tenantNow();
  const [state, set] = useState(begin), turn = useRef(0);
  useEffect(() => {
    turn.current++;
    set(begin);
  }, [key]);
  const more = async () => {
    const mine = turn.current, to = state.to || before_ms; // the same for all pages of a cursor
    set((old) => ({ ...old, busy: true, problem: null }));
    try {
      const page = await get("/v1/audit" + query({ ...filter, to, limit: PAGE, cursor: state.cursor }));
      if (mine === turn.current) set((old) => ({ list: [...old.list, ...page.entries], to, cursor: page.next_cursor, end: !page.next_cursor, busy: false, problem: null }));
    } catch (problem) {
      if (mine === turn.current) set((old) => ({ ...old, busy: false, problem }));
    }
  };
  return { ...state, more: state.end ? null : more };
}

export function useChanges(filter) {
  const asked = { by: "*", ...filter }, found = useEvents(asked, { spans_ms: [600e3, 3600e3, 86400e3, 7 * 86400e3], keep: 1000, wanted: (one) => one.by });
  const audit = useAudit(asked, found.list[0]?.time_ms ?? Date.now()), known = new Set(found.list.map((one) => one.offset)), oldest = audit.list[audit.list.length - 1];
  return {
    ...found, rows: [...[...found.list].reverse(), ...audit.list.filter((one) => !known.has(one.offset))],
    busy: found.busy || audit.busy, problem: found.problem ?? audit.problem, again: found.problem ? found.again : audit.more, further: found.further ?? audit.more,
    span_ms: oldest ? Date.now() - oldest.time_ms : found.span_ms,
  };
}

// Names of keys, for those who may see them; the others see ids.
export function useKeyNames() {
  const keys = useLoad((signal) => may("keys:admin") ? get("/v1/keys", { signal }) : { keys: [] }, [tenantNow()]);
  return new Map((keys.data?.keys ?? []).filter((one) => one.name).map((one) => [one.id, one.name]));
}

const what = (event) => event.action ? <span title={event.action}>{actionText(event.action)}</span> : <span title={event.type}>{typeText(event.type)}</span>;
const about = (event) => brief(event.change ?? event.document ?? event.details ?? payloadOf(event) ?? (event.reason ? reasonText(event.reason) : ""), 120);
const named = (event) => event.what ?? event.key ?? "–";

export function Changes({ title, found, device, tools, names }) {
  if (!may("events:read")) return <Panel title={title}><NoPermission scopes="events:read" /></Panel>;
  const { rows } = found;
  return <Panel title={title} tools={<>{tools}<Reach found={found} count={rows.length} /></>}>
    {found.problem && <Trouble problem={found.problem} again={found.again} />}
    {found.busy && !rows.length ? <Loading /> : !rows.length ? !found.problem && <Empty what={t("Nobody changed anything")}>{t("Whatever is changed over the HTTP API appears here, with the key that did it.")}</Empty>
      : <div class="scroll"><table class="plain events changes"><thead><tr><th>{t("Time")}</th><th>{t("Key")}</th><th>{t("Change")}</th>{!device && <th>{t("Of")}</th>}<th>{t("About")}</th></tr></thead><tbody>
        {rows.map((one) => <tr key={one.offset}><td><Time ms={one.time_ms} exact /></td><td><span class="id" title={one.by}>{names.get(one.by) ?? one.by}</span>{one.via === "console" && <> <span class="chip">{t("console")}</span></>}</td>
          <td>{what(one)}{one.name || one.topic ? <span class="quiet"> {one.name ?? one.topic}</span> : null}</td>{!device && <td>{one.device ? <a class="id" href={"#/device/" + encodeURIComponent(one.device) + "/timeline"}>{one.device}</a> : one.group ? <a class="id" href={"#/groups/" + encodeURIComponent(one.group)}>{one.group}</a> : named(one)}</td>}<td class="id">{about(one)}</td></tr>)}
      </tbody></table></div>}
  </Panel>;
}
