/**
 * A cable of the memory lab with properties: two sockets, and between them the MTU, the loss, the rate and the delay of a link
 * of the document, each way by itself. Loss comes from the lab's chance, time from its clock.
 * Neighbours: ../underlay-plan.ts, underlay.ts, underlay-router.ts.
 */
import { type MemoryPort, memoryPort } from '../../../dataplane/ports/memory.ts'
import type { Clock } from '../../../southbound/wire/clock.ts'
import { ethernet } from '../../../southbound/wire/ethernet.ts'
import type { LinkPlan } from '../underlay-plan.ts'

/** Frames that wait at one end for their turn, at most; further ones are lost. */
const QUEUE_LENGTH = 1000

export interface UnderlayLink {
  readonly plan: LinkPlan
  /** Joins a port to an end; returns how to unplug it. */
  attach(end: 0 | 1, port: MemoryPort): () => void
  /** Puts a frame on the link for both ends, as it is. */
  inject(frame: Uint8Array): void
  /** Every frame that an end puts on it, lost ones too, with an own copy. */
  onFrame(listener: (frame: Uint8Array) => void): () => void
  close(): void
}

export interface Nature {
  readonly clock: Clock
  /** 0 up to 1. */
  readonly random: () => number
}

export function underlayLink(plan: LinkPlan, nature: Nature): UnderlayLink {
  const listeners = new Set<(frame: Uint8Array) => void>()
  const sockets = plan.ends.map((end) => memoryPort({ name: `${plan.id}.${end}` }))
  const [one, other] = sockets as [MemoryPort, MemoryPort]
  const tell = (frame: Uint8Array) => {
    for (const listener of listeners) listener(frame.slice())
  }
  const ways = [direction(plan, nature, other), direction(plan, nature, one)] as const
  for (const [at, socket] of sockets.entries())
    socket.onFrame((frame) => {
      tell(frame)
      ways[at]?.carry(frame)
    })
  return {
    plan,
    attach(end, port) {
      const socket = end === 0 ? one : other
      socket.connect(port)
      return () => socket.disconnect()
    },
    inject(frame) {
      tell(frame)
      for (const socket of sockets) socket.send(frame)
    },
    onFrame(listener) {
      const entry = (frame: Uint8Array) => listener(frame)
      listeners.add(entry)
      return () => listeners.delete(entry)
    },
    close() {
      for (const way of ways) way.close()
      for (const socket of sockets) socket.disconnect()
    },
  }
}

/** One way of a link: what it carries leaves by `to`, in order. */
function direction(
  { mtuBytes, lossPercent, rateBitsPerSecond, delayMs }: LinkPlan,
  { clock, random }: Nature,
  to: MemoryPort,
) {
  const waiting: { readonly frame: Uint8Array; readonly at: number }[] = []
  let cancel: (() => void) | undefined
  /** When the last frame has left the end. */
  let freeAt = 0

  const deliver = () => {
    const now = clock.now()
    for (let [next] = waiting; next && next.at <= now; [next] = waiting) {
      waiting.shift()
      to.send(next.frame)
    }
    const [next] = waiting
    cancel = next && clock.after(Math.max(0, next.at - clock.now()), deliver)
  }
  return {
    carry(frame: Uint8Array): void {
      if (frame.length > mtuBytes + ethernet.size) return
      if (lossPercent > 0 && random() * 100 < lossPercent) return
      if (rateBitsPerSecond === undefined && delayMs === 0) return to.send(frame)
      if (waiting.length >= QUEUE_LENGTH) return
      const takesMs = rateBitsPerSecond ? (frame.length * 8 * 1000) / rateBitsPerSecond : 0
      freeAt = Math.max(clock.now(), freeAt) + takesMs
      waiting.push({ frame, at: freeAt + delayMs })
      cancel ??= clock.after(freeAt + delayMs - clock.now(), deliver)
    },
    close() {
      cancel?.()
      waiting.length = 0
    },
  }
}
