import type { SQLInputValue } from "node:sqlite";
import type { CatalogQuery } from "@dragoman/event-log";

/** A statement that lists entries, and what it is executed with. */
export interface ListStatement {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

const columns = "namespace, kind, parent, id, label, state, place, value";
const order = "ORDER BY place DESC, namespace DESC, parent DESC, id DESC";

/**
 * Builds the statement of a query, which reads an index in the order of the list and stops at the limit.
 *
 * The index is named, because without statistics SQLite takes others. Several states are several ranges of
 * one index, which UNION ALL merges in order; `state IN (…)` would read and sort all of them.
 */
export function listStatement(query: CatalogQuery): ListStatement {
  const states = [...new Set(query.states)];
  const parts = states.length > 0 && query.parent === undefined ? states.map((state) => [state]) : [states];
  const selects = parts.map((part) => select(query, part));
  return {
    sql: `${selects.map(({ sql }) => sql).join(" UNION ALL ")} ${order} LIMIT ?`,
    values: [...selects.flatMap(({ values }) => values), query.limit],
  };
}

function select(query: CatalogQuery, states: readonly string[]): ListStatement {
  const { kind, namespace, parent, label, after } = query;
  const conditions = ["kind = ?"];
  const values: SQLInputValue[] = [kind];
  const add = (condition: string, ...operands: SQLInputValue[]) => {
    conditions.push(condition);
    values.push(...operands);
  };
  // The plus keeps SQLite from taking the namespace for a constant of the order: it would sort then.
  if (namespace !== undefined) add(parent === undefined ? "namespace = ?" : "+namespace = ?", namespace);
  if (parent !== undefined) add("parent = ?", parent);
  if (label !== undefined) add("label = ?", label);
  if (states.length > 0) add(`state IN (${states.map(() => "?").join(", ")})`, ...states);
  if (after) {
    add("place <= ?", after.order);
    add(
      "(place, namespace, parent, id) < (?, ?, ?, ?)",
      after.order,
      after.namespace,
      after.parent,
      after.id,
    );
  }
  const index = indexFor(query, states);
  return {
    sql: `SELECT ${columns} FROM catalog INDEXED BY ${index} WHERE ${conditions.join(" AND ")}`,
    values,
  };
}

/** Picks the narrowest index: the children of one parent are fewest, then those in one state. */
function indexFor({ namespace, parent, label }: CatalogQuery, states: readonly string[]): string {
  if (parent !== undefined) return "catalog_by_parent";
  if (namespace === undefined) return states.length > 0 ? "catalog_by_state" : "catalog_by_kind";
  if (states.length > 0) return "catalog_by_namespace_state";
  return label === undefined ? "catalog_by_namespace" : "catalog_by_label";
}
