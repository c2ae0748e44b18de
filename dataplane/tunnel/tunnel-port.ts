/**
 * VXLAN ports of bridges: the outer headers of what goes out, made of the port's options, the flow and
 * the inner packet. All tunnel ports of a switch share its one underlay.
 * Neighbours: tunnel-options.ts, tunnel-table.ts (which port takes what comes in), underlay.ts.
 */
import { ETH_TYPE } from '../../southbound/wire/ethernet.ts'
import { DROP } from '../packet/drop.ts'
import { flowHash } from '../packet/flow-hash.ts'
import { keyField, TUNNEL_ID } from '../packet/key-layout.ts'
import { LARGEST_MTU } from '../ports/frame-port.ts'
import type { BridgePort } from '../switch/bridge-port.ts'
import { newCounters } from '../switch/bridge-port.ts'
import { copyAddress, isNone, newAddress } from './address.ts'
import { newOuter, type Outer } from './outer.ts'
import { readTunnelDst, readTunnelSrc } from './tunnel-key.ts'
import { DEFAULT_TTL, type TunnelOptions } from './tunnel-options.ts'
import { SENT, type Underlay } from './underlay.ts'

export interface TunnelPort extends BridgePort {
  readonly options: TunnelOptions
  /** An inner frame that this port takes; all is borrowed for the call. */
  receive(bytes: Uint8Array, start: number, end: number, outer: Outer): void
}

export interface TunnelPortOptions {
  readonly ofport: number
  readonly name: string
  readonly mac: number
  readonly now: number
  readonly tunnel: TunnelOptions
  readonly underlay: () => Underlay | undefined
  readonly receive: TunnelPort['receive']
  /** Called when the port is closed. */
  readonly closed: () => void
}

const ETH_TYPE_SLOT = keyField.eth_type.slot
/** Eight bits: DSCP and ECN. */
const TOS = keyField.nw_tos.slot
const TTL = keyField.nw_ttl.slot
const DSCP_BITS = 0xfc
const ECN_BITS = 0x03
/** RFC 7348 §5: the source port is from the dynamic range, and a hash of the inner flow. */
const FIRST_SOURCE_PORT = 0xc000

export function tunnelPort(options: TunnelPortOptions): TunnelPort {
  const { outKey, remoteIp, localIp, dstPort, tos, ttl, dontFragment, checksum } = options.tunnel
  const counters = newCounters()
  const outer = newOuter()
  const nothing = newAddress()
  outer.destinationPort = dstPort
  outer.dontFragment = dontFragment
  outer.checksum = checksum

  return {
    ofport: options.ofport,
    name: options.name,
    mac: options.mac,
    mtuBytes: LARGEST_MTU,
    up: true,
    config: 0,
    egress: undefined,
    counters,
    createdAt: options.now,
    options: options.tunnel,
    transmit(run) {
      const underlay = options.underlay()
      if (!underlay) return DROP.tunnel_no_underlay
      const { key } = run
      if (remoteIp === 'flow') readTunnelDst(key, outer.dst)
      else copyAddress(remoteIp, outer.dst)
      if (isNone(outer.dst)) return DROP.tunnel_no_destination
      if (localIp === 'flow') readTunnelSrc(key, outer.src)
      else copyAddress(localIp === 'any' ? nothing : localIp, outer.src)
      const type = key[ETH_TYPE_SLOT]
      const isIp = type === ETH_TYPE.ipv4 || type === ETH_TYPE.ipv6
      const inner = isIp ? key[TOS]! : 0
      // The ECN always goes along, congestion experienced too (RFC 6040 §4.1, normal mode).
      outer.tos = ((tos === 'inherit' ? inner : tos) & DSCP_BITS) | (inner & ECN_BITS)
      if (ttl === 'inherit') outer.ttl = isIp ? key[TTL]! : DEFAULT_TTL
      else outer.ttl = ttl
      outer.vni = outKey === 'flow' ? key[TUNNEL_ID]! & 0xff_ffff : outKey
      outer.sourcePort = FIRST_SOURCE_PORT | (flowHash(key) & 0x3fff)
      outer.identification = (outer.identification + 1) & 0xffff
      const result = underlay.send(run.packet, outer)
      if (result === SENT) {
        counters.txPackets++
        counters.txBytes += run.packet.end - run.packet.start
      }
      return result
    },
    receive(bytes, start, end, of) {
      counters.rxPackets++
      counters.rxBytes += end - start
      options.receive(bytes, start, end, of)
    },
    close: options.closed,
  }
}
