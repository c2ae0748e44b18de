/**
 * What a controller is told unasked: a bit for each reason of each kind of message, one mask for a
 * master or equal and one for a slave (OpenFlow 1.3.5 §7.3.10; NXT_SET_ASYNC_CONFIG2).
 * Neighbours: agent.ts.
 */
import type { MessageOf } from '../../southbound/openflow/message.ts'
import { controllerRole } from '../../southbound/openflow/message.ts'

export type AsyncMasks = Omit<MessageOf<'set_async'>, 'type' | 'xid'>
export type AsyncKind = 'packet_in' | 'port_status' | 'flow_removed'

/** Before anything is said: no invalid_ttl; a slave hears of ports only (§6.3.4). */
const DEFAULTS: AsyncMasks = {
  packet_in: 0b011,
  packet_in_slave: 0,
  port_status: 0b111,
  port_status_slave: 0b111,
  flow_removed: 0b1111,
  flow_removed_slave: 0,
}

export interface AsyncConfig {
  readonly masks: AsyncMasks
  set(masks: AsyncMasks): void
  setSome(properties: MessageOf<'set_async2'>['properties']): void
  wants(kind: AsyncKind, reason: number, role: number): boolean
}

export function asyncConfig(): AsyncConfig {
  let masks = DEFAULTS
  return {
    get masks() {
      return masks
    },
    set(next) {
      masks = next
    },
    setSome(properties) {
      const next: Record<string, number> = { ...masks }
      for (const property of properties) {
        if (!('mask' in property)) continue
        const name = property.kind.replace(/_master$/, '')
        // Of role, table and group messages, which 1.3 has not, nothing is kept.
        if (name in DEFAULTS) next[name] = property.mask
      }
      masks = next as AsyncMasks
    },
    wants(kind, reason, role) {
      const mask = masks[role === controllerRole.slave ? (`${kind}_slave` as const) : kind]
      return ((mask >>> reason) & 1) === 1
    },
  }
}
