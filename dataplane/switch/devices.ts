/**
 * Devices by Interface.type: what carries the frames of a port. Some the process has registered, some
 * the switch opens and closes itself, at once or (sockets) after a while.
 * Neighbours: ports/ has them; interface-rows.ts asks; tunnels have no device (interfaces.ts).
 */
import type { RowOf } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { Clock } from '../../southbound/wire/clock.ts'
import { captured } from '../ports/capture.ts'
import { type FramePort, PortError } from '../ports/frame-port.ts'
import type { PatchPanel } from '../ports/patch.ts'
import { openStreamPort } from '../ports/stream.ts'
import type { TapOptions } from '../ports/tap.ts'
import { validMac } from './addresses.ts'

type InterfaceRow = RowOf<'Interface'>

export interface DeviceHost {
  readonly clock: Clock
  readonly patches: PatchPanel
  /** The device that the process registered under a name. */
  device(name: string): FramePort | undefined
  /** The device of an internal interface, made when it is first asked for. */
  internal(name: string, mac: number): FramePort
  /** Whether types '' and system mean the kernel's device of that name when none is registered. */
  readonly systemDevices: boolean
  /** An address for who has none. */
  mac(): number
}

/** A device in use, and what lets go of it. */
export interface Held {
  readonly device: FramePort
  release(): void
}

/** @throws PortError, or rejects with it: what goes into Interface.error */
type Find = (row: InterfaceRow, host: DeviceHost) => Held | Promise<Held>

const keep = (device: FramePort): Held => ({ device, release() {} })
const own = (device: FramePort): Held => ({ device, release: () => device.close?.() })
const opened = async (device: Promise<FramePort>): Promise<Held> => own(await device)

// Loaded when they are asked for: these need native code that a lab or another system has not.
const openPacketPort = async (device: string) =>
  (await import('../ports/packet-socket.ts')).openPacketPort(device)
const openPcapPort = async (device: string) =>
  (await import('../ports/pcap.ts')).openPcapPort(device)
const openTapPort = async (options: TapOptions) =>
  (await import('../ports/tap.ts')).openTapPort(options)

const registered: Find = ({ name }, host) => {
  const device = host.device(name)
  if (device) return keep(device)
  throw new PortError(`could not open network device ${name} (No such device)`)
}

const system: Find = (row, host) =>
  host.systemDevices && !host.device(row.name)
    ? opened(openPacketPort(row.name))
    : registered(row, host)

const stream: Find = ({ name, options, mac, mtu_request }, host) => {
  const endpoint = options.pstream ?? options.stream
  // A dummy device without a stream is a port that nobody is at, as in Open vSwitch.
  if (endpoint === undefined) return keep(host.internal(name, validMac(mac) ?? host.mac()))
  const opening = openStreamPort({
    ...{ name, endpoint, mtuBytes: mtu_request, clock: host.clock },
    mac: validMac(mac) ?? host.mac(),
  })
  return opened(opening.then((port) => captured(port, options)))
}

const devices: Readonly<Record<string, Find>> = {
  '': system,
  system,
  memory: registered,
  internal: ({ name, mac }, host) => keep(host.internal(name, validMac(mac) ?? host.mac())),
  stream,
  dummy: stream,
  packet: ({ name, options }) => opened(openPacketPort(options.device ?? name)),
  pcap: (row, host) =>
    host.device(row.name)
      ? registered(row, host)
      : opened(openPcapPort(row.options.device ?? row.name)),
  tap: ({ name, mac, mtu_request }) =>
    opened(openTapPort({ name, mac: validMac(mac), mtuBytes: mtu_request })),
  patch({ name, options }, host) {
    if (options.peer) return own(host.patches.open(name, options.peer))
    throw new PortError(`${name}: patch type requires valid 'peer' argument`)
  },
}

/** Interface.type of those that have a device. */
export const deviceTypes = Object.keys(devices).filter((type) => type !== '')

/** The device of an interface; undefined: it is of a type that has none. */
export function findDevice(row: InterfaceRow, host: DeviceHost): Held | Promise<Held> | undefined {
  return Object.hasOwn(devices, row.type) ? devices[row.type]?.(row, host) : undefined
}
