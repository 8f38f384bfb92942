import { may, self, tenantNow } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { setQuery } from "../lib/route.js";
import { Changes, useChanges, useKeyNames } from "../parts/changes.jsx";
import { Choice, NoPermission } from "../parts/ui.jsx";

export function Audit({ params }) {
  if (!may("events:read")) return <div class="page"><NoPermission scopes="events:read" /></div>;
  return <List params={params} key={tenantNow()} />;
}

function List({ params }) {
  const found = useChanges({ by: params.by || "*", device: params.device }), names = useKeyNames(), mine = self.get()?.key;
  const rows = params.via ? found.rows.filter((one) => one.via === params.via) : found.rows;
  const seen = [...new Set([params.by, mine, ...names.keys(), ...found.rows.map((one) => one.by)].filter(Boolean))].sort();
  return <div class="page">
    <div class="filters">
      <select aria-label={t("Key")} value={params.by ?? ""} onChange={(event) => setQuery({ by: event.target.value })}>
        <option value="">{t("any key")}</option>{seen.map((id) => <option key={id} value={id}>{names.get(id) ? names.get(id) + " · " + id : id}{id === mine ? " " + t("(yours)") : ""}</option>)}
      </select>
      <input aria-label={t("Device")} placeholder={t("Device")} defaultValue={params.device} key={"d" + params.device} onChange={(event) => setQuery({ device: event.target.value.trim() })} spellcheck={false} />
      <Choice label={t("From where")} value={params.via ?? ""} onChange={(via) => setQuery({ via })} options={[["", t("all")], ["console", t("console")]]} />
    </div>
    <Changes title={t("Changes")} found={{ ...found, rows }} names={names} />
  </div>;
}
