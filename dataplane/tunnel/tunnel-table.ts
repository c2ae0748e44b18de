/**
 * Which tunnel port an arriving packet is for, as Open vSwitch decides: a VNI that is said before one
 * from the flow, then a remote address that is said, then a local one that is said before none and
 * none before one from the flow. One hash table for each such kind of port that there is.
 * Neighbours: tunnel-port.ts, switch.ts (owns it).
 */
import { type Address, hashAddress, sameAddress } from './address.ts'
import type { Outer } from './outer.ts'
import type { TunnelOptions } from './tunnel-options.ts'
import type { TunnelPort } from './tunnel-port.ts'
import type { Underlay } from './underlay.ts'

/** All tunnel ports of one switch, and the underlay under them. */
export interface TunnelTable {
  readonly underlay: Underlay | undefined
  /** From now on the ports send by this one, and it listens on theirs. Closes the one before. */
  use(underlay: Underlay | undefined): void
  /** Whether there is a port already that would take the same packets. */
  isTaken(options: TunnelOptions): boolean
  /** Throws when it is taken. */
  add(port: TunnelPort): void
  remove(port: TunnelPort): void
  /** The port that takes such packets; undefined = none does. */
  find(outer: Outer): TunnelPort | undefined
}

/** Ports that say the same of key, remote and local address, by what they say. */
interface Kind {
  readonly rank: number
  readonly hasKey: boolean
  readonly hasRemote: boolean
  readonly hasLocal: boolean
  readonly ports: Map<number, TunnelPort[]>
}

const LOCAL_RANK = { said: 2, any: 1, flow: 0 } as const

function rankOf({ inKey, remoteIp, localIp }: TunnelOptions): number {
  const local = localIp === 'any' || localIp === 'flow' ? localIp : 'said'
  return (inKey === 'flow' ? 0 : 6) + (remoteIp === 'flow' ? 0 : 3) + LOCAL_RANK[local]
}

function hash(kind: Kind, vni: number, remote: Address, local: Address, port: number): number {
  let value = kind.hasKey ? Math.imul(vni + 1, 0x9e3779b1) ^ port : port
  if (kind.hasRemote) value = hashAddress(remote, value)
  if (kind.hasLocal) value = hashAddress(local, value)
  return value >>> 0
}

const NOWHERE = new Uint32Array(4)
const addressIn = (value: TunnelOptions['localIp']): Address =>
  typeof value === 'string' ? NOWHERE : value

export function tunnelTable(): TunnelTable {
  /** Highest rank first. */
  let kinds: readonly Kind[] = []
  const added = new Set<TunnelPort>()
  let underlay: Underlay | undefined
  /** How to stop listening, by UDP port of the ports that there are. */
  const listening = new Map<TunnelPort, () => void>()
  const listenFor = (port: TunnelPort) => {
    if (underlay) listening.set(port, underlay.listen(port.options.dstPort))
  }
  const bucketOf = (options: TunnelOptions): readonly TunnelPort[] => {
    const rank = rankOf(options)
    const kind = kinds.find((one) => one.rank === rank)
    return kind?.ports.get(hashOf(kind, options)) ?? []
  }

  const hashOf = (kind: Kind, { inKey, remoteIp, localIp, dstPort }: TunnelOptions) =>
    hash(kind, inKey === 'flow' ? 0 : inKey, addressIn(remoteIp), addressIn(localIp), dstPort)
  const isSame = (a: TunnelOptions, b: TunnelOptions) =>
    a.inKey === b.inKey &&
    a.dstPort === b.dstPort &&
    sameAddress(addressIn(a.remoteIp), addressIn(b.remoteIp)) &&
    sameAddress(addressIn(a.localIp), addressIn(b.localIp))

  return {
    get underlay() {
      return underlay
    },
    use(next) {
      for (const stop of listening.values()) stop()
      listening.clear()
      underlay?.close()
      underlay = next
      for (const port of added) listenFor(port)
    },
    isTaken: (options) => bucketOf(options).some((one) => isSame(one.options, options)),
    add(port) {
      if (bucketOf(port.options).some((one) => isSame(one.options, port.options))) {
        throw new Error(`${port.name} would take what another tunnel port takes`)
      }
      const { options } = port
      const rank = rankOf(options)
      let kind = kinds.find((one) => one.rank === rank)
      if (!kind) {
        kind = {
          rank,
          hasKey: options.inKey !== 'flow',
          hasRemote: options.remoteIp !== 'flow',
          hasLocal: typeof options.localIp !== 'string',
          ports: new Map(),
        }
        kinds = [...kinds, kind].sort((a, b) => b.rank - a.rank)
      }
      const at = hashOf(kind, options)
      kind.ports.set(at, [...(kind.ports.get(at) ?? []), port])
      added.add(port)
      listenFor(port)
    },
    remove(port) {
      if (!added.delete(port)) return
      listening.get(port)?.()
      listening.delete(port)
      const rank = rankOf(port.options)
      const kind = kinds.find((one) => one.rank === rank)
      if (!kind) return
      const at = hashOf(kind, port.options)
      const left = (kind.ports.get(at) ?? []).filter((one) => one !== port)
      if (left.length > 0) kind.ports.set(at, left)
      else kind.ports.delete(at)
      if (kind.ports.size === 0) kinds = kinds.filter((one) => one !== kind)
    },
    find(outer) {
      const { vni, src, dst, destinationPort } = outer
      for (let i = 0; i < kinds.length; i++) {
        const kind = kinds[i]!
        const ports = kind.ports.get(hash(kind, vni, src, dst, destinationPort))
        if (!ports) continue
        for (let j = 0; j < ports.length; j++) {
          const { options } = ports[j]!
          if (options.dstPort !== destinationPort) continue
          if (kind.hasKey && options.inKey !== vni) continue
          if (kind.hasRemote && !sameAddress(addressIn(options.remoteIp), src)) continue
          if (kind.hasLocal && !sameAddress(addressIn(options.localIp), dst)) continue
          return ports[j]
        }
      }
      return undefined
    },
  }
}
