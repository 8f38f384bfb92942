// A list of any length of which only what can be seen is in the document. Rows are all of one height. It is a grid whose rows take the focus one at a time, so that a keyboard and a
// screen reader walk it row by row: the one that has it, or had it last, stays in the document wherever it is scrolled to.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

const BEYOND = 8; // rows above and below what can be seen, so that a quick finger finds them there

let left = {}; // where the last list was left: {place, top, at, mark}

// Where the marked row is now: rows come and go before it. One that went leaves its place to who stands there.
function find(rows, keyOf, mark, was) {
  if (mark === undefined || (was < rows.length && keyOf(rows[was]) === mark)) return was;
  const now = rows.findIndex((one) => keyOf(one) === mark);
  return now >= 0 ? now : Math.min(was, rows.length - 1);
}

// place: its name, if it is to be found again as it was left. more: there are rows that it does not have yet.
export function VirtualList({ place, rows, height = 32, row, keyOf, head, label, onOpen, onNearEnd, stick, onLeave, empty, columns, more }) {
  const box = useRef();
  const [view, setView] = useState({ top: 0, room: 600 });
  const known = place && left.place === place ? left : { top: 0, at: -1 };
  const [mark, setMark] = useState(known.mark), was = useRef(known.at), back = useRef(known.top), here = useRef();
  const hasFocus = useRef(false), marked = useRef(), lastFocus = useRef();
  const at = find(rows, keyOf, mark, was.current);
  if (rows.length) was.current = at;
  here.current = { place, top: view.top, at: was.current, mark };
  const put = (n) => {
    was.current = n;
    setMark(keyOf(rows[n]));
  };
  useEffect(() => () => {
    left = here.current;
  }, []);
  useLayoutEffect(() => { // rows may come one page after the other
    if (!rows.length && !back.current && mark !== undefined) {
      was.current = -1;
      setMark(undefined);
    }
    if (!back.current || !rows.length) return;
    box.current.scrollTop = back.current;
    if (at >= 0 && keyOf(rows[at]) === mark) marked.current?.focus({ preventScroll: true });
    if (box.current.scrollTop >= back.current) back.current = 0;
  }, [rows]);
  const look = () => box.current && setView({ top: box.current.scrollTop, room: box.current.clientHeight }); // a page that is gone may still be told that it was scrolled
  const scrolled = useRef(0);
  const onScroll = () => {
    if (!box.current) return;
    const { scrollTop, scrollHeight, clientHeight } = box.current, up = scrollTop < scrolled.current;
    scrolled.current = scrollTop;
    if (stick && up && scrollHeight - clientHeight - scrollTop > height) onLeave?.(); // who scrolls back wants to read
    look();
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(look);
    observer.observe(box.current);
    look();
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (!stick) return;
    box.current.scrollTop = box.current.scrollHeight;
    scrolled.current = box.current.scrollTop;
  }, [rows, stick]);
  const top = stick ? Math.max(0, rows.length * height - view.room) : view.top; // where it will be in a moment
  const first = Math.max(0, Math.floor(top / height) - BEYOND);
  const last = Math.min(rows.length, Math.ceil((top + view.room) / height) + BEYOND);
  useEffect(() => {
    if (onNearEnd && last > rows.length - 200) onNearEnd();
  }, [last, rows.length]);
  const shown = []; // numbers of rows
  for (let n = first; n < last; n++) shown.push(n);
  if (at >= 0 && at < first) shown.unshift(at);
  else if (at >= last) shown.push(at);
  const entry = at >= 0 ? at : stick ? rows.length - 1 : Math.min(Math.ceil(top / height), rows.length - 1); // where Tab comes in
  useLayoutEffect(() => { // the focus follows the arrows, and stays when its row went
    const lost = lastFocus.current && !lastFocus.current.isConnected;
    lastFocus.current = null;
    if (at >= 0 && (hasFocus.current || lost) && document.activeElement !== marked.current) marked.current?.focus({ preventScroll: true });
  });
  const go = (to) => {
    to = Math.max(0, Math.min(rows.length - 1, to));
    put(to);
    const { scrollTop, clientHeight } = box.current;
    if (to * height < scrollTop) box.current.scrollTop = to * height;
    else if ((to + 1) * height > scrollTop + clientHeight) box.current.scrollTop = (to + 1) * height - clientHeight;
  };
  const stay = () => {
    back.current = 0;
  };
  const onKey = (event) => {
    stay();
    const page = Math.max(1, Math.floor(view.room / height) - 1);
    const to = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: rows.length - 1 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !rows.length) return;
    if (to !== undefined) {
      event.preventDefault();
      go(to);
    } else if (event.key === "Enter" && onOpen && at >= 0 && at < rows.length) {
      event.preventDefault();
      onOpen(rows[at]);
    }
  };
  const onFocusOut = (event) => {
    hasFocus.current = !!box.current?.contains(event.relatedTarget);
    lastFocus.current = event.target;
  };
  return <div class="vlist" role="grid" aria-label={label} aria-rowcount={more ? -1 : rows.length + (head ? 1 : 0)}>
    {head && <div class={"vrow head " + (columns ?? "")} role="row" aria-rowindex={1}>{head}</div>}
    <div class="vbox" ref={box} tabIndex={-1} role="rowgroup" onKeyDown={onKey} onWheel={stay} onPointerDown={stay} onScroll={onScroll}
      onFocusIn={() => (hasFocus.current = true)} onFocusOut={onFocusOut}>
      {rows.length === 0 ? empty : <div style={{ height: rows.length * height + "px", position: "relative" }} role="presentation">
        {shown.map((n) => {
          const one = rows[n];
          return <div key={keyOf(one)} ref={n === at ? marked : undefined} role="row" aria-rowindex={n + (head ? 2 : 1)} tabIndex={n === entry ? 0 : -1} class={"vrow " + (columns ?? "") + (n === at ? " at" : "")}
            style={{ transform: `translateY(${n * height}px)`, height: height + "px" }} onFocus={() => put(n)} onClick={() => { put(n); onOpen?.(one); }}>{row(one)}</div>;
        })}
      </div>}
    </div>
  </div>;
}
