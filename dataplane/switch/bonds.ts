/**
 * Bonds: several ports of a bridge that lead to one place, of which one carries the frames of NORMAL (active-backup). The
 * others send nothing, and what they receive is not looked at, or a broadcast would come back by them. Whoever carries
 * goes on as long as it is up; then the first that is. Flows that name a port pay no heed to bonds, as in Open vSwitch.
 * Neighbours: bridge-rows.ts reads them from Port rows, normal.ts asks.
 */

export interface Bond {
  readonly name: string
  /** OpenFlow port numbers, in the order in which they are preferred. */
  readonly members: readonly number[]
}

export interface Bonds {
  /** From now on there are these. */
  replace(bonds: readonly Bond[]): void
  /** The bond that a port is a member of; undefined: of none. */
  of(ofport: number): Bond | undefined
  /** The member that carries frames; 0: none is up. */
  active(bond: Bond): number
}

/** @param isUp whether a port can carry frames */
export function bondsOf(isUp: (ofport: number) => boolean): Bonds {
  let byPort = new Map<number, Bond>()
  /** Name of a bond -> who carried last. */
  const carriers = new Map<string, number>()
  return {
    replace(bonds) {
      byPort = new Map(bonds.flatMap((bond) => bond.members.map((ofport) => [ofport, bond])))
      const names = new Set(bonds.map(({ name }) => name))
      for (const name of carriers.keys()) if (!names.has(name)) carriers.delete(name)
    },
    of: (ofport) => byPort.get(ofport),
    active({ name, members }) {
      const last = carriers.get(name)
      if (last !== undefined && members.includes(last) && isUp(last)) return last
      const next = members.find(isUp) ?? 0
      carriers.set(name, next)
      return next
    },
  }
}
