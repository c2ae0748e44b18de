/**
 * What a bridge sends frames out of: a device (memory, pcap, internal) or a tunnel. Ports know
 * nothing of flows; they take a packet or say why not.
 * Neighbours: bridge.ts owns them, ports/ has the devices, tunnel-port.ts the other kind.
 */
import { ETH_TYPE, ethernet } from '../../southbound/wire/ethernet.ts'
import { vlan } from '../../southbound/wire/vlan.ts'
import { DROP } from '../packet/drop.ts'
import type { FramePort } from '../ports/frame-port.ts'
import type { Egress, EgressPort } from '../queues/egress.ts'
import { SENT } from '../tunnel/underlay.ts'

export interface BridgePort extends EgressPort {
  /** OpenFlow port number. */
  readonly ofport: number
  readonly name: string
  readonly mac: number
  readonly mtuBytes: number
  readonly up: boolean
  /** portConfig bits, as a port_mod has set them. */
  config: number
  /** Queues, a limit, marks: stands in front of transmit() where the port has a QoS. */
  egress: Egress | undefined
  readonly counters: BridgePortCounters
  /** Milliseconds on the switch's clock. */
  readonly createdAt: number
  close(): void
}

export interface BridgePortCounters {
  rxPackets: number
  rxBytes: number
  txPackets: number
  txBytes: number
  txDropped: number
}

export function newCounters(): BridgePortCounters {
  return { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, txDropped: 0 }
}

export interface DevicePortOptions {
  readonly ofport: number
  readonly name: string
  readonly device: FramePort
  readonly now: number
  /** A frame came in; bytes borrowed for the call. */
  receive(bytes: Uint8Array, start: number, end: number): void
  /** `up` or the MTU changed. */
  changed(): void
}

export function devicePort(options: DevicePortOptions): BridgePort {
  const { device } = options
  const counters = newCounters()
  const stopReceiving = device.onReceive((bytes, start, end) => {
    counters.rxPackets++
    counters.rxBytes += end - start
    options.receive(bytes, start, end)
  })
  const stopWatching = device.onState(options.changed)
  const transmitFrame = (bytes: Uint8Array, start: number, end: number): number => {
    if (!device.up) return DROP.port_down
    const tag = ethernet.get.type(bytes, start) === ETH_TYPE.vlan ? vlan.size : 0
    if (end - start > device.mtuBytes + ethernet.size + tag) return DROP.port_mtu_exceeded
    counters.txPackets++
    counters.txBytes += end - start
    device.transmit(bytes, start, end)
    return SENT
  }
  const port: BridgePort = {
    ofport: options.ofport,
    name: options.name,
    mac: device.mac,
    config: 0,
    egress: undefined,
    counters,
    createdAt: options.now,
    get mtuBytes() {
      return device.mtuBytes
    },
    get up() {
      return device.up
    },
    transmit: ({ packet }) => transmitFrame(packet.bytes, packet.start, packet.end),
    transmitFrame,
    close() {
      stopReceiving()
      stopWatching()
      port.egress?.close()
    },
  }
  return port
}
