// A value that tells who looks at it when it changes.
import { useEffect, useState } from "preact/hooks";

export function cell(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useCell(one) {
  const [value, set] = useState(one.get());
  useEffect(() => {
    set(one.get()); // it may have changed between the first drawing and this
    return one.listen(set);
  }, [one]);
  return value;
}

// Whole seconds that pass, for ages. One timer for all of them.
const second = cell(Date.now());
setInterval(() => second.set(Date.now()), 1000);
export const useNow = () => Math.max(useCell(second), Date.now());

// What is kept in this browser: the look, never a key.
export function kept(name, fallback) {
  let first = fallback;
  try {
    first = localStorage.getItem("holdfast." + name) ?? fallback;
  } catch { /* storage is forbidden here: then it lasts as long as the page */ }
  const one = cell(first);
  one.listen((value) => {
    try {
      localStorage.setItem("holdfast." + name, value);
    } catch { /* as above */ }
  });
  return one;
}
