/**
 * The learning bridge behind OFPP_NORMAL: which port a station was last seen at, by VLAN and address.
 * Bounded and without an object per packet: sets of eight places, in which the one that was not seen
 * for longest gives way; who was silent for five minutes is forgotten.
 * Neighbours: bridge.ts sends; fail-mode.ts says when a bridge is such a one.
 */
import { portConfig } from '../../southbound/openflow/port.ts'
import { newSecret, type Secret, term } from '../classifier/secret-hash.ts'
import { DROP } from '../packet/drop.ts'
import { IN_PORT, keyField, VLAN_PRESENT, VLAN_TCI } from '../packet/key-layout.ts'
import type { Run } from '../pipeline/run.ts'
import type { Bonds } from './bonds.ts'

/** What the learning bridge asks of the bridge that it is of. */
export interface NormalHost {
  readonly ports: ReadonlyMap<number, { readonly config: number }>
  readonly bonds: Pick<Bonds, 'of' | 'active'>
  send(run: Run, ofport: number): void
  drop(run: Run, reason: number): void
}

export interface Normal {
  /** Learns who sent the packet, and sends it where its destination was seen, or everywhere. */
  output(run: Run): void
  /** The port is gone, and whoever was behind it. */
  forget(port: number): void
}

/** A flood leaves these out, OpenFlow 1.3.5 §7.2.1. */
const NOT_FLOODED = portConfig.no_fwd | portConfig.port_down

/** `random` from 0 to 1. */
export function normal(host: NormalHost, random: () => number): Normal {
  const table = macTable(newSecret(random))
  return {
    output(run) {
      const { key, now } = run
      if (isReserved(key)) return host.drop(run, DROP.link_local)
      const inPort = key[IN_PORT]!
      const { bonds } = host
      const inBond = bonds.of(inPort)
      if (inBond && bonds.active(inBond) !== inPort) return host.drop(run, DROP.bond_standby)
      // A packet-out may be of no port.
      if (host.ports.has(inPort)) table.learn(key, inPort, now)
      const found = isMulticast(key) ? 0 : table.find(key, now)
      const outBond = bonds.of(found)
      const port = outBond ? bonds.active(outBond) : found
      if (port === inPort && port !== 0) run.held = DROP.output_in_port
      else if (port !== 0 && host.ports.has(port)) host.send(run, port)
      else {
        for (const [ofport, { config }] of host.ports) {
          if (ofport === inPort || (config & NOT_FLOODED) !== 0) continue
          const bond = bonds.of(ofport)
          if (bond && (bond === inBond || bonds.active(bond) !== ofport)) continue
          host.send(run, ofport)
        }
      }
    },
    forget: table.forget,
  }
}

export interface MacTable {
  /** Learns the sender of the packet that the key describes. */
  learn(key: Uint32Array, port: number, now: number): void
  /** Port of the packet's destination; 0: not known. */
  find(key: Uint32Array, now: number): number
  /** Forgets who was seen at this port. */
  forget(port: number): void
}

/** Seconds as Open vSwitch's `mac-aging-time`, here in ms. */
const AGING_MS = 300_000
const SET_BITS = 10
const SETS = 1 << SET_BITS
const PLACES = 8
const SRC = keyField.eth_src.slot
const DST = keyField.eth_dst.slot
const VID = 0x0fff

/** VLAN and the upper 16 bits of the address. An untagged frame, and one of priority alone, is of VLAN 0. */
const upper = (key: Uint32Array, slot: number): number => {
  const tci = key[VLAN_TCI]!
  const vid = (tci & VLAN_PRESENT) === 0 ? 0 : tci & VID
  return ((vid << 16) | key[slot]!) >>> 0
}

/** First place of a set. */
const setOf = (high: number, low: number, secret: Secret): number =>
  ((term(high, secret, 0) + term(low, secret, 2)) >>> (32 - SET_BITS)) * PLACES

/** Whether the packet is for a group of stations. */
export const isMulticast = (key: Uint32Array): boolean => (key[DST]! & 0x0100) !== 0

/** 01:80:c2:00:00:0x: for the bridge next door, which no bridge forwards. IEEE 802.1Q §8.6.3. */
export const isReserved = (key: Uint32Array): boolean =>
  key[DST] === 0x0180 && (key[DST + 1]! & 0xffff_fff0) >>> 0 === 0xc200_0000

export function macTable(secret: Secret): MacTable {
  // Made with the first station that is seen: few bridges of a lab forward by what they learn.
  let high = new Uint32Array(0)
  let low = high
  let ports = high
  let seenAt = new Float64Array(0)
  return {
    learn(key, port, now) {
      if ((key[SRC]! & 0x0100) !== 0) return
      if (ports.length === 0) {
        high = new Uint32Array(SETS * PLACES)
        low = new Uint32Array(SETS * PLACES)
        ports = new Uint32Array(SETS * PLACES)
        seenAt = new Float64Array(SETS * PLACES)
      }
      const a = upper(key, SRC)
      const b = key[SRC + 1]!
      const first = setOf(a, b, secret)
      let place = first
      for (let i = first; i < first + PLACES; i++) {
        if (ports[i] !== 0 && high[i] === a && low[i] === b) {
          place = i
          break
        }
        if (seenAt[i]! < seenAt[place]!) place = i
      }
      high[place] = a
      low[place] = b
      ports[place] = port
      seenAt[place] = now
    },
    find(key, now) {
      const a = upper(key, DST)
      const b = key[DST + 1]!
      const first = setOf(a, b, secret)
      for (let i = first; i < first + PLACES; i++) {
        if (high[i] === a && low[i] === b && now - seenAt[i]! < AGING_MS) return ports[i]!
      }
      return 0
    },
    forget(port) {
      for (let i = 0; i < ports.length; i++) {
        if (ports[i] !== port) continue
        ports[i] = 0
        seenAt[i] = 0
      }
    },
  }
}
