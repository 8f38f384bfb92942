// Tags of a device: members of its unnamed shadow that only applications see. What is sent are the changes, on condition that the version is still the one that is shown.
import { useEffect, useState } from "preact/hooks";
import { ask, get, mayChange, path, Problem } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { Empty, Panel, Trouble, useLoad, Waiting } from "./ui.jsx";

const valueOf = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return text; // a word is a word, without its quotes
  }
};
const textOf = (value) => typeof value === "string" && valueOf(value) === value ? value : JSON.stringify(value);

export function Tags({ id, changed }) {
  const where = path`/v1/devices/${id}/shadow`, load = useLoad((signal) => get(where, { signal }), [where]);
  useEffect(() => {
    if (changed) load.again();
  }, [changed]);
  return <Panel title={t("Tags")}>{load.data ? <Editor key={where} where={where} shadow={load.data} again={load.again} /> : <Waiting load={load} />}</Panel>;
}

function Editor({ where, shadow, again }) {
  const [name, setName] = useState(""), [text, setText] = useState(""), [busy, setBusy] = useState(false), [problem, setProblem] = useState(null);
  const can = mayChange("messages:write"), tags = Object.entries(shadow.tags ?? {});
  const change = async (tags) => {
    setBusy(true);
    setProblem(null);
    try {
      await ask(where, { method: "PATCH", type: "application/merge-patch+json", body: { tags }, headers: shadow.version ? { "If-Match": `"${shadow.version}"` } : {} });
      setName("");
      setText("");
    } catch (error) {
      setProblem(error.status === 409 ? new Problem({ detail: t("Somebody changed it meanwhile. This is how it is now; do it again if you still want to.") }, 0) : error);
    }
    setBusy(false);
    again();
  };
  const submit = (event) => {
    event.preventDefault();
    change({ [name.trim()]: valueOf(text.trim()) });
  };
  return <>
    {tags.length ? <table class="plain tags"><tbody>{tags.map(([tag, value]) => <tr key={tag} data-tag={tag}><th scope="row" class="id">{tag}</th><td class="id">{textOf(value)}</td>
      {can && <td class="n"><button disabled={busy} onClick={() => { setName(tag); setText(textOf(value)); }}>{t("Change")}</button> <button disabled={busy} aria-label={t("Remove {name}", { name: tag })} onClick={() => change({ [tag]: null })}>✕</button></td>}</tr>)}</tbody></table>
      : <Empty what={t("It has no tags")}>{t("Tags name where it belongs: a site, a floor, groups.")}</Empty>}
    {can && <form class="filters pad" onSubmit={submit}>
      <input name="tag" aria-label={t("Tag")} placeholder={t("Tag, such as site")} value={name} onInput={(event) => setName(event.target.value)} required maxLength={64} spellcheck={false} />
      <input name="tag-value" aria-label={t("Value")} placeholder={t("Value, or JSON")} value={text} onInput={(event) => setText(event.target.value)} required spellcheck={false} />
      <button class="main" disabled={busy || !name.trim() || !text.trim()}>{t("Set")}</button>
    </form>}
    {problem && <Trouble problem={problem} />}
  </>;
}
