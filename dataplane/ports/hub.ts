/**
 * An Ethernet segment in the process: what one station sends, every other one receives. Used as
 * underlay of a lab and wherever a test wants to listen. Knows no addresses; a station that is
 * not meant ignores the frame, as on the yellow cable.
 * Neighbours: memory.ts (the cables), underlay.ts (a VTEP as station).
 */
import { ethernet } from '../../southbound/wire/ethernet.ts'
import type { FrameListener } from './frame-port.ts'
import { type MemoryPort, memoryPort } from './memory.ts'

export interface Hub {
  readonly mtuBytes: number
  /** Plugs a station in; returns how to unplug it. */
  attach(port: MemoryPort): () => void
  /** Sends a frame to all stations as if from a station of its own. */
  send(frame: Uint8Array): void
  /** Every frame on the segment, once, borrowed for the call; returns how to stop. */
  onReceive(listener: FrameListener): () => void
  /** As onReceive, with an own copy of each frame. */
  onFrame(listener: (frame: Uint8Array) => void): () => void
}

export interface HubOptions {
  readonly name?: string
  /** Longer frames vanish on the segment, in silence. Default 65,535. */
  readonly mtuBytes?: number
  /**
   * Stations that have a MAC get what is for it, and what is for nobody in particular: as if the cards of the others did not
   * look, which costs a segment of a thousand stations a thousandth.
   */
  readonly filters?: boolean
}

export function hub(options: HubOptions = {}): Hub {
  const name = options.name ?? 'hub'
  const mtuBytes = options.mtuBytes ?? 65_535
  const sockets = new Set<MemoryPort>()
  /** The same by the MAC of the station, 0 of those that have none. */
  const byMac = new Map<number, Set<MemoryPort>>()
  const listeners = new Set<FrameListener>()

  const spread = (from: MemoryPort, bytes: Uint8Array, start: number, end: number) => {
    for (const listener of listeners) listener(bytes, start, end)
    const isLooked = options.filters && end - start >= ethernet.size
    const to = isLooked ? ethernet.get.dst(bytes, start) : 0
    const own = to === 0 ? undefined : byMac.get(to)
    for (const socket of own ?? sockets) if (socket !== from) socket.transmit(bytes, start, end)
    if (own === undefined) return
    for (const socket of byMac.get(0) ?? []) if (socket !== from) socket.transmit(bytes, start, end)
  }
  const newSocket = (label: string) => {
    const socket = memoryPort({ name: `${name}.${label}`, mtuBytes })
    socket.onReceive((bytes, start, end) => spread(socket, bytes, start, end))
    return socket
  }
  const injector = memoryPort({ name: `${name}.inject` })
  injector.connect(newSocket('inject'))

  const hub: Hub = {
    mtuBytes,
    attach(port) {
      const socket = newSocket(port.name)
      socket.connect(port)
      const alike = byMac.get(port.mac) ?? new Set()
      byMac.set(port.mac, alike.add(socket))
      sockets.add(socket)
      return () => {
        alike.delete(socket)
        if (alike.size === 0 && byMac.get(port.mac) === alike) byMac.delete(port.mac)
        sockets.delete(socket)
        socket.disconnect()
      }
    },
    send: (frame) => injector.send(frame),
    onReceive(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onFrame: (listener) => hub.onReceive((bytes, start, end) => listener(bytes.slice(start, end))),
  }
  return hub
}
