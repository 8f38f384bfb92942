import { Component } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { useNow } from "../lib/cell.js";
import { ago, num, span, utc, when } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { readJson } from "../lib/json.js";
import { link, STALE_MS } from "../lib/live.js";
import { problemText, reasonText } from "../lib/names.js";

// The reader's zone, UTC on hover.
export const Time = ({ ms, exact }) => ms ? <time dateTime={new Date(ms).toISOString()} title={utc(ms)}>{when(ms, exact)}</time> : <span class="quiet">–</span>;

export function Age({ ms }) {
  const now = useNow();
  return ms ? <time dateTime={new Date(ms).toISOString()} title={utc(ms)}>{ago(ms, now)}</time> : <span class="quiet">–</span>;
}

export function Since({ ms }) {
  const now = useNow();
  return ms ? <time dateTime={new Date(ms).toISOString()} title={utc(ms)}>{span(now - ms)}</time> : <span class="quiet">–</span>;
}

// Shape and colour: neither alone has to be seen.
const marks = { online: "●", offline: "○", unknown: "◐" };
export const State = ({ state, bare }) => <span class={"state " + state}><i aria-hidden="true">{marks[state] ?? "·"}</i>{bare ? <span class="hidden">{t(state)}</span> : t(state)}</span>;

export const Reason = ({ name, code }) => name ? <span class="reason" title={name + (code ? " · " + t("close code {code}", { code }) : "")}>{reasonText(name)}</span> : <span class="quiet">–</span>;

// What was told more than 5 s ago is grey, and says how old it is.
export function Fresh({ at, children }) {
  const now = useNow(), old = at ? now - at : 0;
  const stale = old > STALE_MS;
  return <div class={"fresh" + (stale ? " stale" : "")} data-stale={stale || undefined}>{stale && <span class="note" role="status">{t("{span} old", { span: span(old) })}</span>}{children}</div>;
}

export function Stat({ label, value, unit, note, tone, href, help }) {
  const body = <>
    <span class="label">{label}</span>
    <span class="value">{value}{unit && <small> {unit}</small>}</span>
    <span class="quiet">{note ?? " "}</span>
  </>;
  const props = { class: "stat" + (tone ? " " + tone : ""), title: help };
  return href ? <a href={href} {...props}>{body}</a> : <div {...props}>{body}</div>;
}

export const Panel = ({ title, tools, children, wide, flush, id }) => <section class={"panel" + (wide ? " wide" : "") + (flush ? " flush" : "")} id={id}>
  {(title || tools) && <header><h2>{title}</h2>{tools && <div class="tools">{tools}</div>}</header>}
  {children}
</section>;

export const Loading = () => <p class="empty" role="status"><span class="spin" aria-hidden="true" /> {t("Loading…")}</p>;

export const Empty = ({ children, what }) => <div class="empty"><p><strong>{what}</strong></p>{children && <p>{children}</p>}</div>;

export const NoPermission = ({ scopes }) => <div class="empty"><p><strong>{[].concat(scopes).every((one) => one.endsWith(":write")) ? t("Your key may not do this") : t("Your key may not see this")}</strong></p>
  <p>{t("It needs one of these scopes:")} <code>{[].concat(scopes).join(", ")}</code></p></div>;

export function Trouble({ problem, again }) {
  const ask = useRef();
  ask.current = again;
  useEffect(() => problem.offline ? link.listen(({ ok }) => ok && ask.current?.()) : undefined, [problem]); // it is back, and nobody has to say so
  const scopes = problem.status === 403 && problem.detail?.match(/scopes?: (.+)$/)?.[1], missing = problem.status === 404;
  if (scopes) return <NoPermission scopes={scopes} />;
  return <div class="empty bad" role="alert">
    <p><strong>{problem.offline ? t("The gateway does not answer") : missing ? t("There is no such thing") : t("That did not work")}</strong></p>
    {!problem.offline && <p title={problem.message}>{(!missing || problem.detail) && problemText(problem)} {problem.reason && <code>{problem.reason}</code>}</p>}
    {again && <p><button onClick={again}>{t("Try again")}</button></p>}
  </div>;
}

// What cannot be drawn takes nothing else with it. at: another one is another try. close: removes it.
export class Guard extends Component {
  componentDidCatch(error) {
    console.error(error);
    this.setState({ error });
  }
  componentDidUpdate({ at }) {
    if (at !== this.props.at && this.state.error) this.setState({ error: null });
  }
  render({ children, close }, { error }) {
    return error ? <div class="empty bad" role="alert"><p><strong>{t("This cannot be shown")}</strong></p><p>{String(error)}</p><p><button onClick={() => this.setState({ error: null })}>{t("Try again")}</button> {close && <button onClick={close}>{t("Close")}</button>}</p></div> : children;
  }
}

// What `load` promises: {data, problem, at, again()}; begins anew when `keys` change, and every `every` ms, which may depend on the data.
export function useLoad(load, keys, every) {
  const [state, set] = useState({});
  const turn = useRef(0);
  const again = useRef();
  useEffect(() => {
    const mine = ++turn.current, abort = new AbortController();
    let timer, fresh = true, asked = 0, heard = 0;
    const run = async () => {
      const number = ++asked; // again() may ask before the last answer is there, and that come later
      clearTimeout(timer);
      let data, problem;
      try {
        data = await load(abort.signal);
      } catch (error) {
        problem = error;
      }
      if (mine !== turn.current || number < heard || problem?.name === "AbortError") return;
      heard = number;
      set(problem ? (old) => ({ ...(fresh ? {} : old), problem }) : { data, at: Date.now() });
      fresh = false;
      const wait = () => typeof every === "function" ? every(data) : every, ms = wait();
      if (number === asked && ms) timer = setTimeout(() => wait() && run(), document.hidden ? 5 * ms : ms); // it may be told by then
    };
    again.current = run;
    set({});
    run();
    return () => {
      turn.current++;
      clearTimeout(timer);
      abort.abort();
    };
  }, keys);
  return { ...state, again: () => again.current() };
}

// What useEvents() has found: how many, how far back, and further.
export const Reach = ({ found, count }) => <>{found.live !== "open" && <span class="note">{t("not live")}</span>}<span class="quiet">{num(count)} · {t("last {span}", { span: span(found.span_ms) })}</span>{found.further && <button disabled={found.busy} onClick={found.further}>{t("Look further back")}</button>}</>;

// What a button does: {busy, problem, go()}; go() tells whether it worked. An error that is shown is gone with the next try.
export function useDeed(deed) {
  const [state, set] = useState({ busy: false, problem: null });
  const go = async (...args) => {
    set({ busy: true, problem: null });
    let problem = null;
    try {
      await deed(...args);
    } catch (error) {
      problem = error;
    }
    set({ busy: false, problem });
    return !problem;
  };
  return { ...state, go };
}

// A form of one field of JSON; deed() gets its value. object: nothing else will do. optional: no text is undefined, and may be sent. keep: the text stays when it was.
export function JsonForm({ name, label, help, placeholder, rows = 4, begin = "", object, optional, keep, verb, busyVerb, deed, can = true, children }) {
  const [text, setText] = useState(begin), { busy, problem, go } = useDeed(deed);
  const { value, wrong } = text.trim() ? readJson(text, object) : {};
  const submit = async (event) => {
    event.preventDefault();
    if (await go(value) && !keep) setText(begin);
  };
  return <form class="form" onSubmit={submit}>{children}
    <Field label={label} help={wrong ? undefined : help}><textarea name={name} rows={rows} spellcheck={false} value={text} placeholder={placeholder} aria-invalid={!!wrong} onInput={(event) => setText(event.target.value)} /></Field>
    {wrong && <p class="bad" role="alert">{wrong}</p>}
    <button class="main" disabled={busy || !!wrong || !can || (!optional && (value === undefined || (begin && text === begin)))}>{busy && busyVerb ? busyVerb : verb}</button>
    {problem && <Trouble problem={problem} />}
  </form>;
}

// One of the three that are not data, or null.
export const Waiting = ({ load }) => load.data !== undefined ? null : load.problem ? <Trouble problem={load.problem} again={load.again} /> : <Loading />;

export const Json = ({ value }) => <pre class="json" tabIndex={0}>{typeof value === "string" ? value : JSON.stringify(value, null, 2)}</pre>;

export function Field({ label, children, help }) {
  return <label class="field"><span>{label}</span>{children}{help && <small class="quiet">{help}</small>}</label>;
}

export const Choice = ({ value, options, onChange, label }) => <div class="choice" role="group" aria-label={label}>
  {options.map(([id, text]) => <button key={id} type="button" aria-pressed={value === id} onClick={() => onChange(id)}>{text}</button>)}
</div>;

// A bar of a part, with its numbers.
export const Bar = ({ part, tone }) => <span class={"bar " + (tone ?? "")} aria-hidden="true"><i style={{ width: Math.min(100, Math.max(0, 100 * part)) + "%" }} /></span>;

export const Counts = ({ rows, href, empty, name: said = (one) => one }) => {
  const most = Math.max(1, ...rows.map(([, n]) => n));
  if (!rows.length) return <p class="quiet pad">{empty}</p>;
  return <table class="counts"><tbody>{rows.map(([name, n, text]) => <tr key={name}>
    <th scope="row">{href ? <a href={href(name)}>{said(name)}</a> : said(name)}</th><td class="n">{text ?? n.toLocaleString()}</td><td class="grow"><Bar part={n / most} /></td>
  </tr>)}</tbody></table>;
};
