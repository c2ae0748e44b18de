/**
 * VXLAN ports of bridges. `key` and `remote_ip` are fixed or come from the flow (`flow`), as in
 * the options of an Open vSwitch Interface of type vxlan. All tunnel ports of a switch share its
 * one underlay; which of them an arriving packet is for is decided here, the most exact first.
 * Neighbours: underlay.ts, bridge.ts.
 */

import { DROP } from '../packet/drop.ts'
import { flowHash } from '../packet/flow-key.ts'
import { TUN_DST, TUNNEL_ID } from '../packet/key-layout.ts'
import type { BridgePort } from '../switch/bridge-port.ts'
import { newCounters } from '../switch/bridge-port.ts'
import { SENT, type Underlay } from './underlay.ts'

export interface TunnelOptions {
  /** VNI, or 'flow' = the flow's tunnel_id. */
  readonly key: number | 'flow'
  /** IPv4 address, or 'flow' = the flow's tun_dst. */
  readonly remoteIp: number | 'flow'
}

export interface TunnelPort extends BridgePort {
  readonly options: TunnelOptions
  /** An inner frame that this port takes. */
  receive(
    bytes: Uint8Array,
    start: number,
    end: number,
    vni: number,
    src: number,
    dst: number,
  ): void
}

export interface TunnelPortOptions extends TunnelOptions {
  readonly ofport: number
  readonly name: string
  readonly mac: number
  readonly now: number
  readonly underlay: () => Underlay | undefined
  readonly receive: TunnelPort['receive']
  /** Called when the port is closed. */
  readonly closed: () => void
}

export function tunnelPort(options: TunnelPortOptions): TunnelPort {
  const { key, remoteIp } = options
  const counters = newCounters()
  return {
    ofport: options.ofport,
    name: options.name,
    mac: options.mac,
    mtuBytes: 65_535,
    up: true,
    counters,
    createdAt: options.now,
    options: { key, remoteIp },
    transmit(run) {
      const underlay = options.underlay()
      if (!underlay) return DROP.tunnel_no_underlay
      const dst = remoteIp === 'flow' ? run.key[TUN_DST]! : remoteIp
      if (dst === 0) return DROP.tunnel_no_destination
      const vni = key === 'flow' ? run.key[TUNNEL_ID]! & 0xff_ffff : key
      const result = underlay.send(run.packet, vni, dst, flowHash(run.key))
      if (result === SENT) {
        counters.txPackets++
        counters.txBytes += run.packet.end - run.packet.start
      }
      return result
    },
    receive(bytes, start, end, vni, src, dst) {
      counters.rxPackets++
      counters.rxBytes += end - start
      options.receive(bytes, start, end, vni, src, dst)
    },
    close: options.closed,
  }
}

/** The port that takes packets of a VNI from an address; undefined = none does. */
export function findTunnel(
  ports: Iterable<TunnelPort>,
  vni: number,
  src: number,
): TunnelPort | undefined {
  let best: TunnelPort | undefined
  let bestRank = -1
  for (const port of ports) {
    const { key, remoteIp } = port.options
    if (key !== 'flow' && key !== vni) continue
    if (remoteIp !== 'flow' && remoteIp !== src) continue
    const rank = (remoteIp === 'flow' ? 0 : 2) + (key === 'flow' ? 0 : 1)
    if (rank > bestRank) {
      best = port
      bestRank = rank
    }
  }
  return best
}
