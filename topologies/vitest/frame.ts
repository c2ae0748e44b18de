/** The packets of tests: marked, so that they are recognized wherever they come out. Neighbours: arrival.ts (sends them), walk.ts. */
import { formatIpv4 } from '../../southbound/wire/address.ts'
import { tcpSynFrame, udpFrame } from '../../southbound/wire/frame.ts'
import { ipv4 } from '../../southbound/wire/ipv4.ts'
import { tcp } from '../../southbound/wire/tcp.ts'
import { udp } from '../../southbound/wire/udp.ts'
import { thousands } from '../lab/checks/claims.ts'
import { markedPacket } from '../lab/checks/frames.ts'
import type { Workload } from '../lab/lab.ts'
import type { Guest, PacketOptions, RawOptions } from './api.ts'
import { checkKeys } from './options.ts'
import type { Asked } from './walk.ts'

export interface Sending {
  readonly what: string
  readonly from: Workload
  /** The bytes, with the mark in them; raw ones are what they are. */
  frame(mark: Uint8Array): Uint8Array
  readonly isRaw: boolean
  /** What a trace of it is asked for; undefined of raw bytes, which no trace takes. */
  readonly asked?: Asked
}

export const PING_BYTES = 84
/** Headers of any protocol here, and a mark. */
const LEAST_BYTES = 64
const [MOST_BYTES, MOST_PORT] = [65_535, 65_535]
/** Of the dynamic range, RFC 6335 §6: what a trace is walked with. */
const SOURCE_PORT = 49_152

/** @throws RangeError for a length or a port that no packet has, and what `find` throws */
export function sendingOf(
  find: (named: string | Guest) => Workload,
  of: PacketOptions | RawOptions,
): Sending {
  const from = find(of.from)
  if ('raw' in of) {
    checkKeys(of, ['from', 'raw'], 'frame')
    const raw = of.raw.slice()
    const what = `a frame of ${thousands(raw.length)} bytes`
    return { what, from, isRaw: true, frame: () => raw.slice() }
  }
  checkKeys(of, ['from', 'to', 'udp', 'tcp', 'bytes'], 'frame')
  const to = find(of.to)
  const bytes = bytesOf(of.bytes, from, LEAST_BYTES)
  const [protocol, port] =
    of.udp !== undefined ? ['udp' as const, of.udp] : ['tcp' as const, of.tcp]
  const target = formatIpv4(to.address)
  const size = `${thousands(bytes)} bytes of IP`
  const ports = [`${from.tenant}/${from.portId}`, `${to.tenant}/${to.portId}`] as const
  const asked = { from: ports[0], to: ports[1], packetBytes: bytes }
  if (port === undefined) {
    const frame = (mark: Uint8Array) => markedPacket(mark, from, to, { ipBytes: bytes })
    const what = `ICMP to ${target}, ${size}`
    return { what, from, isRaw: false, frame, asked: { ...asked, protocol: 'icmp' } }
  }
  if (!Number.isInteger(port) || port < 1 || port > MOST_PORT)
    throw new RangeError(`${protocol}: ${port} is no port; it would be 1 to ${MOST_PORT}`)
  return {
    what: `${protocol.toUpperCase()} to ${target} port ${port}, ${size}`,
    from,
    isRaw: false,
    frame: (mark) => segment(protocol, { mark, from, to, port, bytes }),
    asked: { ...asked, protocol, port },
  }
}

/** @throws RangeError */
export function bytesOf(
  bytes: number | 'mtu' | undefined,
  { mtuBytes }: Workload,
  least: number,
): number {
  if (bytes === 'mtu') return mtuBytes
  const asked = bytes ?? PING_BYTES
  if (Number.isInteger(asked) && asked >= least && asked <= MOST_BYTES) return asked
  throw new RangeError(`bytes: ${asked} is no length here; it would be ${least} to ${MOST_BYTES}`)
}

function segment(
  protocol: 'udp' | 'tcp',
  of: { mark: Uint8Array; from: Workload; to: Workload; port: number; bytes: number },
): Uint8Array {
  const { mark, from, to, port, bytes } = of
  const header = protocol === 'udp' ? udp.size : tcp.size
  const payload = new Uint8Array(bytes - ipv4.size - header)
  payload.set(mark)
  const addresses = { eth_src: from.mac, eth_dst: to.mac, dontFragment: true }
  const ip = { ...addresses, ipv4_src: from.address, ipv4_dst: to.address, payload }
  return protocol === 'udp'
    ? udpFrame({ ...ip, udp_src: SOURCE_PORT, udp_dst: port })
    : tcpSynFrame({ ...ip, tcp_src: SOURCE_PORT, tcp_dst: port })
}
