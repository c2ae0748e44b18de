/**
 * Eyes on every port and on the underlay. Each frame that a check sends carries a mark of its own in its
 * payload; whatever arrives anywhere with a mark in it is a sighting of that frame, whatever was done
 * to it on the way (encapsulated, turned into an answer, fragmented, flooded).
 * Used by prove.ts; the marks outlive VXLAN, padding and ARP answers because they are just bytes.
 */
import type { Lab } from '../lab.ts'

/** Bytes of a mark: 8 that name the run, 4 that number the frame. Fits the padding of an ARP frame. */
export const MARK_SIZE = 12
const RUN_SIZE = 8

/** Where sightings on the underlay are said to be, as those on a physical network by its id: names of workloads have a dot. */
export const UNDERLAY = 'underlay'

export interface Sighting {
  /** A workload's name, `underlay`, or the id of a physical network. */
  readonly where: string
  readonly frame: Uint8Array
}

export interface Watch {
  /** A mark that no frame carried before; sightings are collected from now on. */
  mark(): Uint8Array
  /** Everything seen so far with this mark, in order of arrival. */
  seen(mark: Uint8Array): readonly Sighting[]
  /** Waits until `done()` holds, asked again at every sighting; false when it never did. */
  until(done: () => boolean, options: { timeoutMs: number; signal?: AbortSignal }): Promise<boolean>
  close(): void
}

type Watched = Pick<Lab, 'workloads' | 'underlay' | 'physicalNetworks' | 'clock' | 'run' | 'random'>

/** @param run 8 bytes that no other traffic carries; left out, made by chance */
export function createWatch(lab: Watched, run: Uint8Array = newRun(lab)): Watch {
  if (run.length !== RUN_SIZE) throw new RangeError(`a run is ${RUN_SIZE} bytes, not ${run.length}`)
  const sightings = new Map<number, Sighting[]>()
  const waiting = new Set<() => void>()
  let last = 0

  const look = (where: string) => (frame: Uint8Array) => {
    const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    const at = bytes.indexOf(run)
    if (at < 0 || at + MARK_SIZE > bytes.length) return
    sightings.get(bytes.readUInt32BE(at + RUN_SIZE))?.push({ where, frame })
    for (const ask of [...waiting]) ask()
  }

  const subscriptions = [...lab.workloads.values()].map((w) => w.onFrame(look(w.name)))
  subscriptions.push(lab.underlay.onFrame(look(UNDERLAY)))
  for (const [id, segment] of lab.physicalNetworks) subscriptions.push(segment.onFrame(look(id)))

  return {
    mark() {
      last += 1
      sightings.set(last, [])
      const mark = Buffer.alloc(MARK_SIZE)
      mark.set(run)
      mark.writeUInt32BE(last, RUN_SIZE)
      return mark
    },
    seen(mark) {
      const number = Buffer.from(mark.buffer, mark.byteOffset).readUInt32BE(RUN_SIZE)
      return sightings.get(number) ?? []
    },
    until(done, { timeoutMs, signal }) {
      if (done()) return Promise.resolve(true)
      const seen = new Promise<boolean>((resolve) => {
        const end = (): void => {
          cancel()
          waiting.delete(ask)
          signal?.removeEventListener('abort', end)
          resolve(done())
        }
        const ask = (): void => {
          if (done()) end()
        }
        const cancel = lab.clock.after(timeoutMs, end)
        waiting.add(ask)
        signal?.addEventListener('abort', end)
        if (signal?.aborted) end()
      })
      return lab.run(() => seen)
    },
    close() {
      for (const unsubscribe of subscriptions.splice(0)) unsubscribe()
    },
  }
}

function newRun(lab: Watched): Uint8Array {
  const random = lab.random('marks')
  return Uint8Array.from({ length: RUN_SIZE }, () => Math.floor(random() * 256))
}
