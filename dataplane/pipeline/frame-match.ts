/**
 * What a frame in a packet-out is known to be, as a flow's match says it of a flow's packets: its
 * actions are checked against that, as Open vSwitch does.
 * Neighbours: bridge.ts asks, actions.ts checks.
 */
import type { Match } from '../../southbound/openflow/match.ts'
import { type FieldName, fieldOf } from '../../southbound/openflow/oxm.ts'
import { readField } from '../packet/bits.ts'
import { extract } from '../packet/flow-key.ts'
import { KEY_WORDS, keyField, keyNames } from '../packet/key-layout.ts'
import type { PacketPool } from '../packet/packet.ts'
import { hasField, prerequisites } from '../packet/prerequisite.ts'

/** Fields that are a prerequisite of others. */
const NEEDED = [...new Set(keyNames.flatMap((name) => Object.keys(fieldOf[name].needs)))].filter(
  (name) => name !== 'in_port' && !name.startsWith('ct_'),
) as FieldName[]

export function frameMatch(pool: PacketPool, frame: Uint8Array): Match {
  const packet = pool.take(frame, 0, frame.length)
  if (!packet) return {}
  const key = new Uint32Array(KEY_WORDS)
  extract(key, packet)
  pool.give(packet)
  const known = NEEDED.filter((name) => hasField(key, prerequisites(keyField[name])))
  return Object.fromEntries(known.map((name) => [name, readField(key, keyField[name])])) as Match
}
