/** Reads the `result` of a transact reply (RFC 7047 §4.1.3). Neighbours: client.ts, server.ts. */
import { atoms } from './atom.ts'
import type { WireRow } from './codec.ts'
import { OvsdbError, ovsdbError } from './error.ts'
import type { OperationResult } from './operation.ts'

/** Throws the OvsdbError of the operation, or the commit, that failed. */
export function readResults(wire: unknown, size: number): OperationResult[] {
  if (!Array.isArray(wire)) throw ovsdbError('syntax error', 'transact result is no array')
  wire.forEach((result, operation) => {
    const { error, details } = Object(result)
    if (typeof error !== 'string') return
    throw new OvsdbError(error, typeof details === 'string' ? details : undefined, {
      isPeers: true,
      ...(operation < size ? { operation } : {}),
    })
  })
  if (wire.length !== size) {
    throw ovsdbError('syntax error', `${wire.length} results for ${size} operations`)
  }
  return wire.map(readResult)
}

function readResult(wire: unknown): OperationResult {
  const { uuid, count, rows } = Object(wire)
  return {
    ...(uuid === undefined ? {} : { uuid: atoms.uuid.decode(uuid) as string }),
    ...(typeof count === 'number' ? { count } : {}),
    ...(Array.isArray(rows) ? { rows: rows as WireRow[] } : {}),
  }
}
