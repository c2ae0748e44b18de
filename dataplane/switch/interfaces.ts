/**
 * Interface rows of the Open_vSwitch database made into ports of bridges, one row per type.
 * An interface that cannot be is reported as Open vSwitch does: ofport -1 and a sentence.
 * Neighbours: switch.ts compares rows and ports; bridge.ts has the ports.
 */
import type { RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { formatMac, parseIpv4 } from '../../southbound/wire/address.ts'
import { WireError } from '../../southbound/wire/error.ts'
import { VXLAN_PORT } from '../../southbound/wire/vxlan.ts'
import type { FramePort } from '../ports/memory.ts'
import type { TunnelOptions, TunnelPort } from '../tunnel/tunnel-port.ts'
import type { Underlay } from '../tunnel/underlay.ts'
import type { Bridge } from './bridge.ts'
import type { BridgePort } from './bridge-port.ts'

export type InterfaceRow = RowOf<'Interface'>

/** What the rows are made with. */
export interface InterfaceHost {
  /** The device that the process registered under a name. */
  device(name: string): FramePort | undefined
  /** The device of an internal interface, made when it is first asked for. */
  internal(name: string, mac: number): FramePort
  readonly tunnels: Set<TunnelPort>
  underlay(): Underlay | undefined
  mac(): number
  /** The number of the port, asked for when it can be opened. */
  ofport(): number
}

/** What an interface came to; `error` with ofport -1. */
export interface Opened {
  readonly port: BridgePort | undefined
  readonly device: FramePort | undefined
  readonly error: string | undefined
}

type Open = (row: InterfaceRow, bridge: Bridge, host: InterfaceHost) => Opened

const failed = (error: string): Opened => ({ port: undefined, device: undefined, error })

const openDevice: Open = (row, bridge, host) => {
  const device = host.device(row.name)
  if (!device) return failed(`could not open network device ${row.name} (No such device)`)
  return { port: bridge.addDevice(host.ofport(), row.name, device), device, error: undefined }
}

/** Interface.type -> how it is opened. */
const types: Readonly<Record<string, Open>> = {
  '': openDevice,
  system: openDevice,
  memory: openDevice,
  pcap: openDevice,
  internal(row, bridge, host) {
    const device = host.internal(row.name, host.mac())
    return { port: bridge.addDevice(host.ofport(), row.name, device), device, error: undefined }
  },
  vxlan(row, bridge, host) {
    const options = tunnelOptions(row.options)
    if (typeof options === 'string') return failed(`${row.name}: ${options}`)
    const port: TunnelPort = bridge.addTunnel(
      host.ofport(),
      row.name,
      host.mac(),
      options,
      host.underlay,
      () => host.tunnels.delete(port),
    )
    host.tunnels.add(port)
    return { port, device: undefined, error: undefined }
  },
}

/** Opens the interface as a port of the bridge. */
export function openInterface(row: InterfaceRow, bridge: Bridge, host: InterfaceHost): Opened {
  const open = types[row.type]
  if (!open) return failed(`${row.name}: this switch has no interfaces of type ${row.type}`)
  return open(row, bridge, host)
}

/** What must be equal for an open port to stay as it is. */
export function interfaceIdentity(row: InterfaceRow): string {
  return JSON.stringify([row.type, row.options, row.ofport_request ?? 0])
}

/** The options of a vxlan interface, or what is wrong with them. */
function tunnelOptions(options: Readonly<Record<string, string>>): TunnelOptions | string {
  const { key, remote_ip, dst_port } = options
  if (remote_ip === undefined) return 'vxlan type requires valid remote_ip argument'
  if (dst_port !== undefined && Number(dst_port) !== VXLAN_PORT) {
    return `dst_port ${dst_port} is not ${VXLAN_PORT}`
  }
  const vni = key === undefined ? 0 : Number(key)
  if (key !== 'flow' && !(Number.isInteger(vni) && vni >= 0 && vni < 2 ** 24)) {
    return `key ${key} is no VNI`
  }
  try {
    const remoteIp = remote_ip === 'flow' ? 'flow' : parseIpv4(remote_ip)
    return { key: key === 'flow' ? 'flow' : vni, remoteIp }
  } catch (error) {
    if (error instanceof WireError) return error.message
    throw error
  }
}

/** The columns by which Open vSwitch reports an interface. */
export function interfaceStatus(opened: Opened): Partial<InterfaceRow> {
  const { port, device, error } = opened
  if (!port) {
    return { ofport: -1, error, link_state: undefined, admin_state: undefined, mtu: undefined }
  }
  // LOCAL is 65534 in the database's 16-bit numbering.
  return {
    ofport: port.ofport & 0xffff,
    error: undefined,
    mac_in_use: formatMac(port.mac),
    admin_state: 'up',
    link_state: port.up ? 'up' : 'down',
    mtu: device?.mtuBytes,
  }
}
