import { useState } from "preact/hooks";
import { useCell } from "../lib/cell.js";
import { login, said } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { problemText, reasonText } from "../lib/names.js";

const why = {
  login_code: () => t("That login link was used already, or is too old. Log in with the API key; holdfast dev printed it, too."),
  credentials_invalid: () => t("This key is not valid: unknown, revoked or expired."),
  revoked: () => t("The key was revoked."),
};

export function Login() {
  const [text, setText] = useState(""), [busy, setBusy] = useState(false), [problem, setProblem] = useState(null);
  const reason = useCell(said);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await login(text.trim());
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  const told = problem ? (problem.offline ? t("The gateway does not answer") : why[problem.reason]?.() ?? problemText(problem)) : reason ? why[reason]?.() ?? reasonText(reason) : null;
  return <main class="login"><form class="panel" onSubmit={submit}>
    <h1><img src="icon.svg" alt="" width="28" height="28" /> Holdfast</h1>
    <p class="quiet">{t("Log in with an API key. What you see and may do is what the key may.")}</p>
    <label class="field"><span>{t("API key")}</span>
      <input type="password" name="key" autocomplete="current-password" spellcheck={false} placeholder="hfk_…" value={text} onInput={(event) => setText(event.target.value)} autofocus required />
    </label>
    {told && <p class="bad" role="alert">{told}</p>}
    <button class="main" disabled={busy || !text.trim()}>{busy ? t("Logging in…") : t("Log in")}</button>
    <p class="quiet small">{t("The key stays in this tab and goes with it. holdfast gen key makes one.")}</p>
  </form></main>;
}
