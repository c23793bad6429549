/**
 * Whether `actual` holds at least `expected`: objects are compared on the keys that `expected` names,
 * arrays item by item, everything else by identity of value.
 */
export function isSubset(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    return (
      Array.isArray(actual) &&
      actual.length === expected.length &&
      expected.every((item, index) => isSubset(actual[index], item))
    );
  }
  if (isObject(expected)) {
    return (
      isObject(actual) &&
      Object.entries(expected).every(
        ([key, value]) => Object.hasOwn(actual, key) && isSubset(actual[key], value),
      )
    );
  }
  return Object.is(actual, expected);
}

/** Follows a dotted path; tells apart a path that does not exist and one that leads to undefined. */
export function follow(root: unknown, path: string): { readonly found: boolean; readonly value?: unknown } {
  let value = root;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return { found: false };
    value = Reflect.get(value, key);
  }
  return { found: true, value };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
