/** Interfaces of a memory lab as places to watch. A host's ports come and go with its power; who watches does not notice. Neighbours: host.ts, guests.ts. */
import type { FrameListener } from '../../../dataplane/ports/frame-port.ts'
import type { MemoryPort } from '../../../dataplane/ports/memory.ts'
import type { Tap } from '../lab.ts'

export interface MemoryTap extends Tap {
  /** This port is the interface from now on. */
  watch(port: MemoryPort): void
}

export function memoryTap(place: Omit<Tap, 'open'>): MemoryTap {
  const watchers = new Set<Parameters<Tap['open']>[0]>()
  const tell =
    (direction: 'in' | 'out'): FrameListener =>
    (bytes, start, end) => {
      for (const seen of watchers) seen(bytes.subarray(start, end), direction)
    }
  return {
    ...place,
    watch(port) {
      port.onReceive(tell('in'))
      port.onTransmit(tell('out'))
    },
    open(seen) {
      // A function of its own, so that one listener may be added twice.
      const own: typeof seen = (...frame) => seen(...frame)
      watchers.add(own)
      return { lost: 0, close: () => void watchers.delete(own) }
    },
  }
}
