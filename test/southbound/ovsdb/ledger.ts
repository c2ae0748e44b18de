/** A small database of the tests: entries by a unique name, and a counter. */
import { operations } from '../../../southbound/ovsdb/operation.ts'
import {
  database,
  integer,
  map,
  one,
  optional,
  set,
  string,
  table,
} from '../../../southbound/ovsdb/schema.ts'

export const ledger = database('Ledger', '1.0.0', {
  Entry: table(
    {
      name: one(string()),
      number: one(integer()),
      owner: optional(string()),
      tags: set(string()),
      external_ids: map(string(), string()),
    },
    { isRoot: true, indexes: [['name']] },
  ),
  Counter: table({ value: one(integer()) }, { isRoot: true }),
})

export const { insert, update, mutate, deleteRows, select, wait, rows } = operations(ledger)
