/**
 * Interface rows of the Open_vSwitch database: the ports that they mean, one entry per type, and the
 * columns that report what came of them. Those that have a device are found in devices.ts.
 * Neighbours: interface-rows.ts compares rows and ports; bridge.ts has the ports.
 */
import type { RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { formatMac } from '../../southbound/wire/address.ts'
import { PortError } from '../ports/frame-port.ts'
import { tunnelOptions } from '../tunnel/tunnel-options.ts'
import type { TunnelPort } from '../tunnel/tunnel-port.ts'
import type { TunnelTable } from '../tunnel/tunnel-table.ts'
import type { Bridge } from './bridge.ts'
import type { BridgePort } from './bridge-port.ts'
import { type DeviceHost, deviceTypes, type Held } from './devices.ts'

export type InterfaceRow = RowOf<'Interface'>

/** What the rows are made with. */
export interface InterfaceHost extends DeviceHost {
  readonly tunnels: TunnelTable
}

/** What an interface came to; `error` with ofport -1. */
export interface Opened {
  readonly port: BridgePort | undefined
  readonly held: Held | undefined
  readonly error: string | undefined
}

type OpenTunnel = (
  row: InterfaceRow,
  bridge: Bridge,
  host: InterfaceHost & {
    /** The number of the port, asked for when it can be opened. */
    ofport(): number
  },
) => BridgePort

/** Interface.type of what has no device -> how it is opened. */
const types: Readonly<Record<string, OpenTunnel>> = {
  vxlan(row, bridge, host) {
    const { name } = row
    const options = tunnelOptions(name, row.options)
    if (host.tunnels.isTaken(options)) {
      throw new PortError(`could not add network device ${name} to ofproto (File exists)`)
    }
    const port: TunnelPort = bridge.addTunnel(
      host.ofport(),
      name,
      host.mac(),
      options,
      () => host.tunnels.underlay,
      () => host.tunnels.remove(port),
    )
    host.tunnels.add(port)
    return port
  },
}

/** What Open_vSwitch.iface_types says. */
export const interfaceTypes = [...deviceTypes, ...Object.keys(types)].sort()

/** Opens an interface that has no device as a port of the bridge. @throws PortError */
export const openTunnel: OpenTunnel = (row, bridge, host) => {
  const open = Object.hasOwn(types, row.type) ? types[row.type] : undefined
  if (open) return open(row, bridge, host)
  throw new PortError(`${row.name}: this switch has no interfaces of type ${row.type}`)
}

/** What must be equal for an open port to stay as it is. */
export function interfaceIdentity(row: InterfaceRow): string {
  return JSON.stringify([row.type, row.mac ?? '', Object.entries(row.options).sort()])
}

/** The columns by which Open vSwitch reports an interface, but for its statistics. */
export function interfaceStatus({ port, held, error }: Opened): Partial<InterfaceRow> {
  if (!port) {
    const nothing = { link_state: undefined, admin_state: undefined, mtu: undefined }
    return { ofport: -1, error, ...nothing, mac_in_use: undefined, ifindex: undefined }
  }
  // LOCAL is 65534 in the database's 16-bit numbering.
  return {
    ofport: port.ofport & 0xffff,
    error: undefined,
    mac_in_use: formatMac(port.mac),
    admin_state: 'up',
    link_state: port.up ? 'up' : 'down',
    mtu: held?.device.mtuBytes,
    ifindex: held?.device.index,
  }
}
