// A list of any length of which only what can be seen is in the document. Rows are all of one height.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

const BEYOND = 8; // rows above and below what can be seen, so that a quick finger finds them there

let left = {}; // where the last list was left: {place, top, at}

// place: its name, if it is to be found again as it was left.
export function VirtualList({ place, rows, height = 32, row, keyOf, head, label, onOpen, onNearEnd, stick, onLeave, empty, columns }) {
  const box = useRef();
  const [view, setView] = useState({ top: 0, room: 600 });
  const known = place && left.place === place ? left : { top: 0, at: -1 };
  const [at, setAt] = useState(known.at), back = useRef(known.top), here = useRef();
  here.current = { place, top: view.top, at };
  useEffect(() => () => {
    left = here.current;
  }, []);
  useLayoutEffect(() => { // rows may come one page after the other
    if (!back.current || !rows.length) return;
    box.current.scrollTop = back.current;
    if (at >= 0) box.current.focus({ preventScroll: true });
    if (box.current.scrollTop >= back.current) back.current = 0;
  }, [rows]);
  const look = () => box.current && setView({ top: box.current.scrollTop, room: box.current.clientHeight }); // a page that is gone may still be told that it was scrolled
  const was = useRef(0);
  const onScroll = () => {
    if (!box.current) return;
    const { scrollTop, scrollHeight, clientHeight } = box.current, up = scrollTop < was.current;
    was.current = scrollTop;
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
    was.current = box.current.scrollTop;
  }, [rows, stick]);
  const top = stick ? Math.max(0, rows.length * height - view.room) : view.top; // where it will be in a moment
  const first = Math.max(0, Math.floor(top / height) - BEYOND);
  const last = Math.min(rows.length, Math.ceil((top + view.room) / height) + BEYOND);
  useEffect(() => {
    if (onNearEnd && last > rows.length - 200) onNearEnd();
  }, [last, rows.length]);
  const go = (to) => {
    to = Math.max(0, Math.min(rows.length - 1, to));
    setAt(to);
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
    if (event.ctrlKey || event.metaKey || event.altKey || !rows.length) return;
    if (to !== undefined) {
      event.preventDefault();
      go(to);
    } else if (event.key === "Enter" && onOpen && at >= 0 && at < rows.length) {
      event.preventDefault();
      onOpen(rows[at]);
    }
  };
  return <div class="vlist" role="table" aria-label={label} aria-rowcount={rows.length}>
    {head && <div class={"vrow head " + (columns ?? "")} role="row">{head}</div>}
    <div class="vbox" ref={box} tabIndex={0} role="rowgroup" onKeyDown={onKey} onWheel={stay} onPointerDown={stay} onScroll={onScroll} onFocus={() => at < 0 && rows.length && setAt(stick ? rows.length - 1 : 0)}>
      {rows.length === 0 ? empty : <div style={{ height: rows.length * height + "px", position: "relative" }}>
        {rows.slice(first, last).map((one, i) => {
          const n = first + i;
          return <div key={keyOf(one)} role="row" aria-rowindex={n + 1} class={"vrow " + (columns ?? "") + (n === at ? " at" : "")} style={{ transform: `translateY(${n * height}px)`, height: height + "px" }}
            onClick={() => { setAt(n); onOpen?.(one); }}>{row(one)}</div>;
        })}
      </div>}
    </div>
  </div>;
}
