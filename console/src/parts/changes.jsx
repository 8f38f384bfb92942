// What was changed, by which key: events with `by`. Those of the past are asked for in ever longer spans, until there are some; new ones come by themselves.
import { get, may, tenantNow } from "../lib/api.js";
import { brief, payloadOf } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { actionText, reasonText, typeText } from "../lib/names.js";
import { useEvents } from "../lib/past.js";
import { Empty, Loading, NoPermission, Panel, Reach, Time, Trouble, useLoad } from "./ui.jsx";

export function useChanges(filter) {
  const found = useEvents({ by: "*", ...filter }, { spans_ms: [600e3, 3600e3, 86400e3, 7 * 86400e3], keep: 1000, wanted: (one) => one.by });
  return { ...found, rows: [...found.list].reverse() };
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
