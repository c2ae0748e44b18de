/**
 * The device that carries the tunnels, and the MTU that it has now, as `external_ids:weft-underlay-mtu` of the Open_vSwitch
 * row: `phy0 9050`. It is in no bridge, so that no Interface row could tell. Neighbour: switch.ts.
 */
import { type Operation, operations } from '../../southbound/ovsdb/operation.ts'
import { openVSwitch, type RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { FramePort } from '../ports/frame-port.ts'

const ops = operations(openVSwitch)
const KEY = 'weft-underlay-mtu'

/** @param mtuBytes of the largest outer packet; nothing to write when the row says it. */
export function underlayReport(
  { _uuid, external_ids }: RowOf<'Open_vSwitch'>,
  port: FramePort | undefined,
  mtuBytes: number | undefined,
): Operation[] {
  const text = port && mtuBytes !== undefined ? `${port.name} ${mtuBytes}` : undefined
  const { [KEY]: said, ...others } = external_ids
  if (said === text) return []
  const next = text === undefined ? others : { ...others, [KEY]: text }
  return [ops.update('Open_vSwitch', _uuid, { external_ids: next })]
}
