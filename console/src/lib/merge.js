// Documents that people and devices change at the same time: what differs, as merge patches (RFC 7396). An array is one field, as it is at the gateway.
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const escape = (name) => name.replaceAll("~", "~0").replaceAll("/", "~1");

// Every leaf by its JSON Pointer.
export function pointers(document, prefix = "", found = new Map()) {
  for (const [name, value] of Object.entries(document ?? {})) {
    if (isObject(value) && Object.keys(value).length) pointers(value, prefix + "/" + escape(name), found);
    else found.set(prefix + "/" + escape(name), value);
  }
  return found;
}

// [{pointer, from, to}]; to undefined: it is gone.
export function changes(before, after) {
  const old = pointers(before), now = pointers(after), all = [...new Set([...old.keys(), ...now.keys()])].sort();
  return all.filter((pointer) => !same(old.get(pointer), now.get(pointer))).map((pointer) => ({ pointer, from: old.get(pointer), to: now.get(pointer) }));
}

// The merge patch that makes `after` of `before`.
export function apply(before, after) {
  const patch = {};
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) patch[name] = null;
  for (const [name, value] of Object.entries(after)) {
    if (same(before[name], value)) continue;
    patch[name] = isObject(value) && isObject(before[name]) ? apply(before[name], value) : value;
  }
  return patch;
}

function merge(target, patch) {
  const out = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = isObject(value) ? merge(out[name], value) : value;
  }
  return out;
}

// What we changed, on top of what they made of it.
export const rebase = (base, mine, theirs) => merge(theirs, apply(base, mine));
