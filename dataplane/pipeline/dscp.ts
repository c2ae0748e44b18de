/**
 * Raising the drop precedence of a packet: what a dscp_remark band does. Only assured forwarding has
 * one (RFC 2597: DSCP class * 8 + precedence * 2, classes 1 to 4, precedences 1 to 3); every other
 * DSCP stays as it is. Neighbours: meters.ts, pipeline.ts.
 */
import { keyField } from '../packet/key-layout.ts'
import { storeField } from '../packet/set-field.ts'
import type { Run } from './run.ts'

const DSCP = keyField.ip_dscp
const ETH_TYPE = keyField.eth_type.slot
const IPV4 = 0x0800
const IPV6 = 0x86dd
const HIGHEST = 3

/** The DSCP with its precedence raised by `levels`, at most to the highest. */
export function remarked(dscp: number, levels: number): number {
  const precedence = (dscp >>> 1) & 3
  const assured = dscp >= 8 && dscp < 40 && (dscp & 1) === 0 && precedence > 0
  return assured ? (dscp & ~6) | (Math.min(precedence + levels, HIGHEST) << 1) : dscp
}

export function remark(run: Run, levels: number): void {
  const { key } = run
  if (key[ETH_TYPE] !== IPV4 && key[ETH_TYPE] !== IPV6) return
  const { slot, shift } = DSCP
  const before = (key[slot]! >>> shift) & 0x3f
  const after = remarked(before, levels)
  if (after === before) return
  key[slot] = key[slot]! ^ ((before ^ after) << shift)
  storeField(key, run.packet, DSCP)
}
