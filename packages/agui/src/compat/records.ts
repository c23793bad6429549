/** An object of which nothing is known yet. */
export type UnknownRecord = { readonly [key: string]: unknown };

export function isRecord(value: unknown): value is UnknownRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A copy without the named fields where they are null, or the record itself if none is. */
export function withoutNulls(record: UnknownRecord, fields: readonly string[]): UnknownRecord {
  if (!fields.some((field) => record[field] === null)) return record;
  return Object.fromEntries(
    Object.entries(record).filter(([field, value]) => value !== null || !fields.includes(field)),
  );
}

/** A copy in which a list is converted item by item, or the record itself if that changes nothing. */
export function mapList(
  record: UnknownRecord,
  field: string,
  convert: (item: unknown) => unknown,
): UnknownRecord {
  const list = record[field];
  if (!Array.isArray(list)) return record;
  const converted = list.map(convert);
  return converted.every((item, index) => item === list[index]) ? record : { ...record, [field]: converted };
}
