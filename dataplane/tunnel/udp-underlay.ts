/**
 * Tunnels over UDP sockets of the host: no rights, no address of the switch's own. What the host's
 * stack does for us limits what a tunnel can ask for:
 * - outer ECN is always Not-ECT, since the sockets do not tell the ECN of what arrives: the
 *   compatibility mode of RFC 6040 §4.3. DSCP is 0 and what arrives has tos 0 and ttl 0.
 * - packets over the MTU that was configured are dropped by name; on Linux the sockets also forbid the
 *   stack to cut what is over a smaller path MTU (IP_MTU_DISCOVER), and that is counted the same.
 * - the UDP checksum is always there. The source port is one of a few sockets', chosen by the flow.
 * - which own address a packet came to is known when `addresses` says one, else it is none.
 * A frame is copied once to send it, since the socket may send it later.
 * Neighbours: underlay.ts (options), vxlan.ts.
 */
import { createSocket, type Socket } from 'node:dgram'
import { platform } from 'node:os'
import { WireError } from '../../southbound/wire/error.ts'
import { vxlan } from '../../southbound/wire/vxlan.ts'
import { DROP } from '../packet/drop.ts'
import { plainBytes } from '../ports/frame-port.ts'
import { libc } from '../ports/libc.ts'
import {
  type Address,
  addressMap,
  copyAddress,
  formatAddress,
  isIpv4,
  isMulticast,
  isNone,
  newAddress,
  parseAddress,
  sameAddress,
} from './address.ts'
import { ipv4Overhead, ipv6Overhead, writeVxlan } from './encapsulate.ts'
import { newOuter } from './outer.ts'
import { portSet } from './port-set.ts'
import { SENT, type UdpUnderlayOptions, type Underlay, type UnderlayHost } from './underlay.ts'
import { DECAPSULATED, type Inner, readVxlan } from './vxlan.ts'

const FIRST_SOURCE_PORT = 0xc000
const SOURCE_PORTS = 0x4000
/** Bytes that may wait in the kernel, and in a socket of ours. */
const BUFFER_BYTES = 4 << 20
const LISTEN_AGAIN_MS = 1000
/** Addresses whose other form is kept. */
const MAX_SPELLINGS = 65_536
const DEFAULT_MTU = 1500

export function udpUnderlay(options: UdpUnderlayOptions, host: UnderlayHost): Underlay {
  const { mtuBytes = DEFAULT_MTU, sourcePorts = 8 } = options
  const own = (options.addresses ?? ['0.0.0.0', '::']).map((text) => stationOf(text))
  const spellings = addressMap<string>()
  const addresses = new Map<string, Address>()
  const listening = new Map<number, Set<Socket>>()
  const inner: Inner = { start: 0, end: 0 }
  const outer = newOuter()
  let isOpen = true

  /** The words of a sender's address; they are the same senders again and again. */
  const parsed = (text: string): Address => {
    let address = addresses.get(text)
    if (!address) {
      address = parseAddress(text.replace(/%.*$/, ''))
      if (addresses.size >= MAX_SPELLINGS) addresses.clear()
      addresses.set(text, address)
    }
    return address
  }
  const spelled = (address: Address): string => {
    let text = spellings.get(address)
    if (text === undefined) {
      text = formatAddress(address)
      if (spellings.size >= MAX_SPELLINGS) spellings.clear()
      spellings.set(address, text)
    }
    return text
  }

  const receive = (
    bytes: Uint8Array,
    from: string,
    sourcePort: number,
    port: number,
    at: Address,
  ) => {
    copyAddress(parsed(from), outer.src)
    copyAddress(at, outer.dst)
    outer.tos = 0
    outer.ttl = 0
    outer.checksum = true
    outer.sourcePort = sourcePort
    outer.destinationPort = port
    const result = readVxlan(bytes, 0, bytes.length, outer, inner)
    if (result === DECAPSULATED) host.receive(bytes, inner.start, inner.end, outer)
    else host.drop(result)
  }

  const listenAt = (station: Station, port: number, sockets: Set<Socket>) => {
    const socket = newSocket(station)
    sockets.add(socket)
    socket.on('message', (bytes, from) => {
      receive(plainBytes(bytes), from.address, from.port, port, station.address)
    })
    socket.on('error', (error) => {
      // Somebody else has the port, or the address is not there yet.
      host.warn({ address: station.text, port, error: error.message }, 'cannot listen for tunnels')
      socket.close()
      if (!sockets.delete(socket)) return
      host.clock.after(LISTEN_AGAIN_MS, () => {
        if (isOpen && listening.get(port) === sockets) listenAt(station, port, sockets)
      })
    })
    socket.bind({ port, address: station.text, exclusive: true }, () => prepare(socket, station))
  }
  const ports = portSet(
    (port) => {
      const sockets = new Set<Socket>()
      listening.set(port, sockets)
      for (const station of own) listenAt(station, port, sockets)
    },
    (port) => {
      for (const socket of listening.get(port) ?? []) socket.close()
      listening.get(port)?.clear()
      listening.delete(port)
    },
  )
  const senders = own.flatMap((station) =>
    Array.from({ length: sourcePorts }, (_, i) => {
      const first = FIRST_SOURCE_PORT + Math.floor((i * SOURCE_PORTS) / sourcePorts)
      return openSender(station, first, host)
    }),
  )
  const stationFor = (to: Address, from: Address): number => {
    for (let i = 0; i < own.length; i++) {
      const { address, isFour } = own[i]!
      if (isFour !== isIpv4(to)) continue
      if (isNone(from) || sameAddress(address, from)) return i
    }
    return -1
  }
  const sent = (error: Error | null) => {
    if (error) host.drop(reasonOf((error as NodeJS.ErrnoException).code))
  }

  return {
    addresses: own.map(({ text }) => text),
    mtuBytes,
    listen: ports.add,
    send(packet, to) {
      const { bytes, start, end } = packet
      const overhead = isIpv4(to.dst) ? ipv4Overhead : ipv6Overhead
      if (end - start + overhead > mtuBytes) return DROP.underlay_mtu_exceeded
      if (isMulticast(to.dst)) return DROP.underlay_no_route
      const station = stationFor(to.dst, to.src)
      if (station < 0) return isNone(to.src) ? DROP.underlay_no_route : DROP.tunnel_no_source
      const sender = senders[station * sourcePorts + (to.sourcePort % sourcePorts)]!
      if (!isOpen || !sender.isBound) return DROP.underlay_down
      const { socket } = sender
      if (socket.getSendQueueSize() > BUFFER_BYTES) return DROP.underlay_queue_full
      const copy = Buffer.allocUnsafe(vxlan.size + end - start)
      copy.set(bytes.subarray(start, end), vxlan.size)
      writeVxlan(copy, vxlan.size, to.vni)
      if (sender.ttl !== to.ttl && to.ttl > 0) {
        sender.ttl = to.ttl
        socket.setTTL(to.ttl)
      }
      socket.send(copy, 0, copy.length, to.destinationPort, spelled(to.dst), sent)
      return SENT
    },
    close() {
      if (!isOpen) return
      isOpen = false
      for (const sockets of listening.values()) for (const socket of sockets) socket.close()
      for (const sender of senders) sender.socket.close()
      listening.clear()
    },
  }
}

/** Where the sockets of one version of IP stand. */
interface Station {
  readonly text: string
  readonly isFour: boolean
  /** None when it is any. */
  readonly address: Address
}

function stationOf(text: string): Station {
  const address = parseAddress(text)
  if (isMulticast(address)) throw new WireError(`'${text}' is no address of one host`, 0)
  const isAny = text === '0.0.0.0' || isNone(address)
  return { text, isFour: isIpv4(address), address: isAny ? newAddress() : address }
}

function newSocket({ isFour }: Station): Socket {
  const socket = createSocket({
    type: isFour ? 'udp4' : 'udp6',
    ipv6Only: !isFour,
    // What is an address already need not be looked up: it is sent in this turn.
    lookup: (address, _options, done) => done(null, address, isFour ? 4 : 6),
  })
  return socket.unref()
}

interface Sender {
  socket: Socket
  isBound: boolean
  /** 0 = the system's. */
  ttl: number
}

/** Bound to the first port from `first` on that is free. */
function openSender(station: Station, first: number, host: UnderlayHost): Sender {
  const sender: Sender = { socket: newSocket(station), isBound: false, ttl: 0 }
  const bind = (socket: Socket, port: number) => {
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (sender.isBound) return // of what was sent before: its callback tells
      if (error.code === 'EADDRINUSE' && port < first + 64) {
        socket.close()
        sender.socket = newSocket(station)
        bind(sender.socket, port + 1)
      } else host.warn({ address: station.text, error: error.message }, 'cannot send to tunnels')
    })
    socket.bind({ port, address: station.text, exclusive: true }, () => {
      prepare(socket, station)
      sender.isBound = true
    })
  }
  bind(sender.socket, first)
  return sender
}

const SOL_SOCKET = 1
const SO_SNDBUFFORCE = 32
const SO_RCVBUFFORCE = 33
const IPPROTO_IP = 0
const IP_MTU_DISCOVER = 10
const IPPROTO_IPV6 = 41
const IPV6_MTU_DISCOVER = 23
const PMTUDISC_DO = 2

/** Large buffers, and no fragments, as far as the system lets us. */
function prepare(socket: Socket, { isFour }: Station): void {
  socket.setRecvBufferSize(BUFFER_BYTES)
  socket.setSendBufferSize(BUFFER_BYTES)
  const fd = descriptorOf(socket)
  if (platform() !== 'linux' || fd < 0) return
  const set = (level: number, option: number, value: number) => {
    try {
      libc().setsockopt(fd, level, option, new Uint8Array(Int32Array.of(value).buffer))
    } catch {
      // Only root may pass the system's limits; and what is left of the rest is in the README.
    }
  }
  if (isFour) set(IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DO)
  else set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO)
  set(SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
  set(SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES)
}

/** Node has no other way to it: of `_handle` it warns on standard error. −1: there is none. */
function descriptorOf(socket: Socket): number {
  const inside = socket as unknown as Record<symbol, { handle?: { fd?: number } } | undefined>
  const state = Object.getOwnPropertySymbols(inside).find(
    ({ description }) => description === 'state symbol',
  )
  return (state && inside[state]?.handle?.fd) ?? -1
}

function reasonOf(code: string | undefined): number {
  if (code === 'EMSGSIZE') return DROP.underlay_mtu_exceeded
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return DROP.underlay_no_route
  if (code === 'ENOBUFS' || code === 'EAGAIN') return DROP.underlay_queue_full
  return DROP.underlay_send_failed
}
