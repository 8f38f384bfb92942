import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./app.css";
import { begin, chooseTenant, logout, self, settings, tenantNow } from "./lib/api.js";
import { useCell, useNow } from "./lib/cell.js";
import { span } from "./lib/format.js";
import { lang, t } from "./lib/i18n.js";
import { link, overview, STALE_MS, up, watch } from "./lib/live.js";
import { route } from "./lib/route.js";
import { theme } from "./lib/theme.js";
import { Audit } from "./pages/audit.jsx";
import { Cameras } from "./pages/cameras.jsx";
import { Device } from "./pages/device.jsx";
import { Devices } from "./pages/devices.jsx";
import { Events } from "./pages/events.jsx";
import { Groups } from "./pages/groups.jsx";
import { Heatmap } from "./pages/heatmap.jsx";
import { Health } from "./pages/health.jsx";
import { Login } from "./pages/login.jsx";
import { Orders } from "./pages/orders.jsx";
import { Overview } from "./pages/overview.jsx";
import { Reports } from "./pages/reports.jsx";
import { Guard, Loading } from "./parts/ui.jsx";

// name, key behind g, title, page
const PAGES = [
  ["", "o", () => t("Overview"), Overview],
  ["devices", "d", () => t("Devices"), Devices],
  ["groups", "p", () => t("Groups"), Groups],
  ["cameras", "v", () => t("Cameras"), Cameras],
  ["commands", "m", () => t("Commands"), Orders],
  ["events", "e", () => t("Events"), Events],
  ["changes", "c", () => t("Changes"), Audit],
  ["latency", "l", () => t("Latency"), Heatmap],
  ["reports", "r", () => t("Reports"), Reports],
  ["health", "h", () => t("Health"), Health],
];
const THEMES = ["auto", "light", "dark"];
// Drawn: not every machine has letters for them.
const ICONS = {
  zh: "M4 6h12v8H4zM10 2.5v15", en: "M4 4h6M4 10h5M4 16h6M4 4v12M12 16V8M12 10c1-2 5-3 5 1v5",
  auto: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 1 1 0 14", light: "M10 6.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7M10 2v2M10 16v2M2 10h2M16 10h2M4.3 4.3l1.4 1.4M14.3 14.3l1.4 1.4M4.3 15.7l1.4-1.4M14.3 5.7l1.4-1.4", dark: "M16 12.5A7 7 0 0 1 7.5 4a7 7 0 1 0 8.500 8.500z",
  out: "M8 3H4v14h4M8 10h9M14 7l3 3l-3 3",
};
const Icon = ({ name }) => <svg class="drawn" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><path d={ICONS[name] ?? ICONS.auto} fill={name === "auto" ? "currentColor" : "none"} fill-opacity=".25" /></svg>;

function Nav({ page }) {
  const bar = useRef();
  useEffect(() => bar.current.querySelector("[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" }), [page]); // on a phone it may be beside the screen
  return <nav class="pages" ref={bar} aria-label={t("Pages")}>{PAGES.map(([name, key, title]) => <a key={name} href={"#/" + name} aria-current={page === name || (page === "device" && name === "devices") ? "page" : undefined} title={"g " + key}>{title()}</a>)}</nav>;
}

function Top({ page }) {
  const now = useCell(overview), state = useCell(link), who = useCell(self), look = useCell(theme), language = useCell(lang), open = useCell(up);
  useNow();
  const lost = !state.ok && Date.now() - state.at > STALE_MS, said = lost ? t("connection lost") : state.ok && open === false ? t("connected, but without a WebSocket: asked again and again") : t("connected");
  return <header class="top">
    <a class="brand" href="#/"><img src="icon.svg" alt="" width="22" height="22" /><strong>Holdfast</strong>{now && <span class="quiet wide-only">{now.data.node.name}</span>}</a>
    <Nav page={page} />
    <span class="grow" />
    {settings.get().read_only && <span class="chip wide-only" title="console.mode">{t("read-only")}</span>}
    {who.all_tenants && who.tenants?.length > 1 && <select aria-label={t("Tenant")} value={tenantNow()} onChange={(event) => chooseTenant(event.target.value)}>{who.tenants.map((one) => <option key={one}>{one}</option>)}</select>}
    <span class={"link " + (lost ? "bad" : state.ok && open !== false ? "good" : "warn")} role="status" title={said}><i aria-hidden="true">●</i><span class="hidden">{said}</span></span>
    <button class="icon" lang={language === "zh" ? "en" : "zh"} onClick={() => lang.set(language === "zh" ? "en" : "zh")} title={language === "zh" ? "English" : "中文"}><Icon name={language === "zh" ? "en" : "zh"} /></button>
    <button class="icon" onClick={() => theme.set(THEMES[(THEMES.indexOf(look) + 1) % 3])} title={t("Look: {look}", { look: t(look) })} aria-label={t("Look: {look}", { look: t(look) })}><Icon name={look} /></button>
    <button class="icon" onClick={() => logout()} title={t("Log out")} aria-label={t("Log out")}><Icon name="out" /></button>
  </header>;
}

function Lost() {
  const state = useCell(link), now = useNow(), lost = !state.ok && now - state.at > STALE_MS;
  useEffect(() => {
    document.documentElement.toggleAttribute("data-lost", lost);
  }, [lost]);
  if (!lost) return null;
  return <div class="alert bad" role="alert" id="lost"><strong>{t("The connection to the gateway is lost.")}</strong> {t("What you see is {span} old. It is tried again every few seconds.", { span: span(now - state.at) })}</div>;
}

const KEYS = [...PAGES.map(([, key, title]) => ["g " + key, title]), ["/", () => t("search")], ["↑ ↓ · j k", () => t("move in a list")], ["Enter", () => t("open")], ["p", () => t("pause or resume events")], ["?", () => t("this help")], ["Esc", () => t("close")]];

function Help({ close }) {
  const box = useRef();
  useEffect(() => box.current.showModal(), []); // takes the focus, gives it back, and closes with Esc
  return <dialog class="panel help" ref={box} aria-label={t("Keys")} onClose={close} onClick={(event) => event.target === box.current && close()}><header><h2>{t("Keys")}</h2><button onClick={close} aria-label={t("Close")}>✕</button></header><dl class="facts">{KEYS.map(([keys, text]) => <><dt><kbd>{keys}</kbd></dt><dd>{text()}</dd></>)}</dl></dialog>;
}

function useKeys(setHelp) {
  useEffect(() => {
    let g = 0;
    const onKey = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape") {
        if (event.target.matches("input,textarea")) event.target.blur();
        return;
      }
      if (event.target.closest("input,textarea,select")) return;
      if (event.key === "g") g = event.timeStamp;
      else if (event.key === "/") {
        const search = document.getElementById("search");
        if (search) {
          event.preventDefault();
          search.focus();
        }
      } else if (event.key === "?") setHelp(true);
      else if (event.timeStamp - g < 1500) {
        const page = PAGES.find(([, key]) => key === event.key);
        g = 0;
        if (page) location.hash = "#/" + page[0];
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

function App() {
  const who = useCell(self), { parts, params } = useCell(route), language = useCell(lang), [help, setHelp] = useState(false);
  useCell(theme);
  useKeys(setHelp);
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [language]);
  const page = parts[0] ?? "", known = PAGES.find(([name]) => name === page);
  useEffect(() => {
    document.title = (page === "device" ? parts[1] : known?.[2]() ?? "") + " · Holdfast";
  }, [page, parts[1], language]);
  if (!who) return <Login />;
  const Page = known?.[3];
  return <>
    <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main").focus(); }}>{t("To the content")}</a>
    <Top page={page} />
    <Lost />
    <main id="main" tabIndex={-1} key={tenantNow()}><Guard at={parts.join("/")}>{page === "device" && parts[1] ? <Device id={parts[1]} tab={parts[2]} part={parts[3]} /> : Page ? <Page params={params} /> : <div class="page"><div class="empty"><p><strong>{t("There is no such page")}</strong></p><p><a href="#/">{t("Overview")}</a></p></div></div>}</Guard></main>
    <Nav page={page} />
    {help && <Help close={() => setHelp(false)} />}
  </>;
}

const root = document.getElementById("app");

async function start() {
  try {
    await begin();
  } catch { // away while we began: ask until it is there
    render(<div class="login"><div class="panel"><p class="bad">{t("The gateway does not answer")}</p><Loading /></div></div>, root);
    setTimeout(start, 1000);
    return;
  }
  watch();
  render(<App />, root);
  document.documentElement.dataset.ready = Math.round(performance.now()); // of milliseconds since it was asked for
}

start();
