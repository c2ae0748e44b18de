/** UDP ports that somebody listens on, counted. Neighbours: raw-underlay.ts, udp-underlay.ts. */

export interface PortSet {
  has(port: number): boolean
  /** Returns how to take it back. `first` and `last` run when the port comes and when it goes. */
  add(port: number): () => void
}

export function portSet(first?: (port: number) => void, last?: (port: number) => void): PortSet {
  const users = new Map<number, number>()
  return {
    has: (port) => users.has(port),
    add(port) {
      const before = users.get(port) ?? 0
      users.set(port, before + 1)
      if (before === 0) first?.(port)
      let added = true
      return () => {
        if (!added) return
        added = false
        const left = users.get(port)! - 1
        if (left > 0) {
          users.set(port, left)
          return
        }
        users.delete(port)
        last?.(port)
      }
    },
  }
}
