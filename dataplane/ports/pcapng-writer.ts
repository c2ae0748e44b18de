/**
 * Writes what was captured at several interfaces to one stream, as pcapng. A reader that is too slow loses packets, never the
 * writer its memory: what waits is bounded, what is left out is counted at its interface and told at the end.
 * Neighbour: pcapng.ts (the blocks).
 */
import type { Writable } from 'node:stream'
import {
  interfaceBlock,
  type PcapngInterface,
  type PcapngPacket,
  packetBlock,
  sectionBlock,
  statisticsBlock,
} from './pcapng.ts'

export interface PcapngWriterOptions {
  readonly application: string
  readonly interfaces: readonly PcapngInterface[]
  /** Bytes that may wait for the reader; default 16 MiB. */
  readonly maxWaiting?: number | undefined
  /** Nanoseconds since 1970, for what is counted at the end. */
  readonly now: () => bigint
}

export interface PcapngWriter {
  /** Packets written. */
  readonly packets: number
  /** Packets left out, at all interfaces. */
  readonly dropped: number
  /** Appends a copy. False when it was left out. Never throws. */
  write(packet: PcapngPacket): boolean
  /** Packets that an interface has lost before they came here. */
  lost(interfaceId: number, packets: number): void
  /** Says what was counted and ends the stream; a second call does nothing. */
  close(): void
}

const MAX_WAITING = 16 << 20

/** Begins at once with the section and its interfaces. */
export function pcapngWriter(stream: Writable, options: PcapngWriterOptions): PcapngWriter {
  const { application, interfaces, maxWaiting = MAX_WAITING, now } = options
  const counts = interfaces.map(() => ({ received: 0, dropped: 0 }))
  let isOpen = true
  stream.once('close', () => {
    isOpen = false
  })
  stream.on('error', () => {
    isOpen = false
  })
  stream.write(Buffer.concat([sectionBlock(application), ...interfaces.map(interfaceBlock)]))
  const sum = (name: 'received' | 'dropped') =>
    counts.reduce((total, count) => total + count[name], 0)

  return {
    get packets() {
      return sum('received') - sum('dropped')
    },
    get dropped() {
      return sum('dropped')
    },
    write(packet) {
      const count = counts[packet.interfaceId]
      if (!isOpen || !count) return false
      count.received++
      if (stream.writableLength > maxWaiting) {
        count.dropped++
        return false
      }
      stream.write(packetBlock(packet))
      return true
    },
    lost(interfaceId, packets) {
      const count = counts[interfaceId]
      if (!count) return
      count.received += packets
      count.dropped += packets
    },
    close() {
      if (!isOpen) return
      isOpen = false
      const at = now()
      for (const [interfaceId, count] of counts.entries())
        stream.write(statisticsBlock({ interfaceId, at, ...count }))
      stream.end()
    },
  }
}
