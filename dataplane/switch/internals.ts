/**
 * The devices of internal interfaces: pairs of memory ports, one end the bridge's, the other in the hands
 * of the process. A pair goes with its row, unless the process has taken its end.
 * Neighbours: devices.ts (type internal), switch.ts.
 */
import { type MemoryPort, memoryPair } from '../ports/memory.ts'

export interface Internals {
  /** The bridge's end; `mac` counts when it is first asked for. */
  inside(name: string, mac: number): MemoryPort
  /** The process's end. */
  outside(name: string): MemoryPort
  /** Lets go of what has none of these names and nobody holds. */
  keep(names: ReadonlySet<string>): void
}

interface Pair {
  readonly inside: MemoryPort
  readonly outside: MemoryPort
  isHeld: boolean
}

/** As of a network device until somebody says otherwise. */
const MTU = 1500

export function internals(newMac: () => number): Internals {
  const pairs = new Map<string, Pair>()
  const pairOf = (name: string, mac?: number): Pair => {
    let pair = pairs.get(name)
    if (!pair) {
      const own = mac ?? newMac()
      const host = { name: `${name}.host`, mac: own }
      const [inside, outside] = memoryPair({ name, mac: own, mtuBytes: MTU }, host)
      pair = { inside, outside, isHeld: false }
      pairs.set(name, pair)
    }
    return pair
  }
  return {
    inside: (name, mac) => pairOf(name, mac).inside,
    outside(name) {
      const pair = pairOf(name)
      pair.isHeld = true
      return pair.outside
    },
    keep(names) {
      for (const [name, { isHeld }] of pairs) if (!isHeld && !names.has(name)) pairs.delete(name)
    },
  }
}
