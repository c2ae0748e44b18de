/** The bytes that both sides of `ovsdb-codec` read: what ovsdb-server answers a monitor of many ports. */
import { operations } from '../../../southbound/ovsdb/operation.ts'
import { openVSwitch } from '../../../southbound/ovsdb/schemas/open-vswitch.ts'

export const PORTS = 20_000

/** What is monitored of an Interface: what a controller wants to know of a port. */
export const columns = [
  'name',
  'external_ids',
  'ofport',
  'mtu',
  'error',
  'type',
  'options',
  'mac_in_use',
] as const

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0')
const uuid = (n: number) => `6d3f5ab0-91c2-4d01-8c11-${hex(n, 12)}`
const mac = (n: number) =>
  `02:00:00:${hex(n >> 16, 2)}:${hex((n >> 8) & 255, 2)}:${hex(n & 255, 2)}`

/** A virtual machine's port as it looks on a host; one in a hundred is in error. */
export function port(n: number) {
  const ok = n % 100 !== 0
  return {
    name: `tap${hex(n, 8)}-${hex(n % 251, 2)}`,
    external_ids: {
      'attached-mac': mac(n),
      'iface-id': uuid(n + 0x100000),
      'iface-status': 'active',
      'vm-uuid': uuid(n + 0x200000),
    },
    ofport: ok ? n + 1 : -1,
    mtu: ok ? 9000 : undefined,
    error: ok ? undefined : `could not open network device tap${n} (No such device)`,
    type: '',
    mac_in_use: ok ? mac(n + 7) : undefined,
    options: n % 10 === 0 ? { 'vhost-server-path': `/run/vhost/${n}` } : {},
  }
}

const { insert } = operations(openVSwitch)
/** A port's `<row>` in wire form. */
export const wireRow = (n: number): unknown => insert('Interface', port(n)).row

/** The reply to a `monitor` request with this id. */
export function monitorReply(id: number): string {
  const rows: Record<string, unknown> = {}
  for (let n = 0; n < PORTS; n++) rows[uuid(n)] = { new: wireRow(n) }
  return JSON.stringify({ id, result: { Interface: rows }, error: null })
}
