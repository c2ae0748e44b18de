/**
 * The last dropped frame of each port and reason that a device shows: `weft-last-drop-*` of its Physical_Port. Text of a
 * device, so nothing of it is believed that is not of the form. Neighbours: `device.ts` has the reasons, `../last-drops.ts`
 * keeps what comes of it.
 */
import { keys } from '../../../southbound/agent/other-config.ts'
import type { FrameTuple } from '../../../southbound/openflow/frame-tuple.ts'
import type { RowItem } from '../../compiler/program.ts'
import { intents, reasonOfEnd } from './device.ts'
import { physicalSwitch, type VtepReplica } from './vtep-replica.ts'

export interface ShownDrop {
  /** Key of the port. */
  readonly port: string
  readonly reason: string
  /** By the device's clock: ISO 8601. */
  readonly at: string
  readonly frameBytes?: number
  readonly tuple: FrameTuple
}

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/
const ADDRESS = /^[0-9a-f.:]{2,45}$/
/** Text and nothing that could be read as text: what else is in JSON would come through as it is. */
const like = (form: RegExp) => (value: unknown) => typeof value === 'string' && form.test(value)
const forms = {
  eth_src: like(MAC),
  eth_dst: like(MAC),
  eth_type: like(/^0x[0-9a-f]{4}$/),
  vlan_vid: within(4095),
  ip_src: like(ADDRESS),
  ip_dst: like(ADDRESS),
  ip_proto: within(255),
  src_port: within(65_535),
  dst_port: within(65_535),
} as const satisfies Record<keyof FrameTuple, (value: unknown) => boolean>

/** @param items that the device should have: they tell whose its ports are */
export function shownDrops(
  replica: VtepReplica,
  name: string,
  items: readonly RowItem[],
): ShownDrop[] {
  const owners = intents(items).ports
  return (physicalSwitch(replica, name)?.ports ?? []).flatMap((uuid) => {
    const row = replica.table('Physical_Port').get(uuid)
    const [owner] = (row && owners.get(row.name)) ?? []
    if (!row || !owner?.startsWith('port/')) return []
    const port = owner.slice('port/'.length)
    return Object.entries(row.other_config).flatMap(([key, text]) => {
      if (!key.startsWith(keys.lastDrop)) return []
      const reason = reasonOfEnd(key.slice(keys.lastDrop.length))
      const shown = reason === undefined ? undefined : parse(text)
      return shown && reason !== undefined ? [{ port, reason, ...shown }] : []
    })
  })
}

function parse(text: string): Omit<ShownDrop, 'port' | 'reason'> | undefined {
  let value: Record<string, unknown>
  try {
    value = Object(JSON.parse(text))
  } catch {
    return undefined
  }
  const { at, frameBytes } = value
  if (typeof at !== 'string' || Number.isNaN(Date.parse(at))) return undefined
  const found = Object.entries(forms).filter(([field, isOne]) => isOne(value[field]))
  const tuple = Object.fromEntries(found.map(([field]) => [field, value[field]]))
  if (!('eth_src' in tuple && 'eth_dst' in tuple && 'eth_type' in tuple)) return undefined
  return {
    at: new Date(at).toISOString(),
    ...(within(65_549)(frameBytes) && { frameBytes: frameBytes as number }),
    tuple: tuple as unknown as FrameTuple,
  }
}

function within(most: number): (value: unknown) => boolean {
  return (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most
}
