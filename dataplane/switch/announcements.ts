/**
 * Tells whoever serves bridges to others (sockets in a run directory) that one has come and gone,
 * and knows whether all of them are served.
 * Neighbours: switch.ts holds back cur_cfg meanwhile, bin/commands/switch.ts serves.
 */
import type { Duplex } from 'node:stream'
import type { Served } from '../../southbound/wire/dialer.ts'
import type { SwitchLog } from './bridge.ts'

export type ServeStream = (stream: Duplex) => Promise<Served>

/** Resolves when the bridge is served, with what is called when it goes. */
export type BridgeOpened = (name: string, serve: ServeStream) => Promise<() => void>

export interface Announcements {
  /** Somebody has been told of a bridge and is not done yet. */
  readonly isPending: boolean
  /** Never throws: a bridge that cannot be served is logged. */
  come(name: string, serve: ServeStream): void
  gone(name: string): void
  /** All are gone. */
  close(): void
}

export interface AnnouncementsOptions {
  /** Without it nobody is told. */
  readonly bridgeOpened: BridgeOpened | undefined
  readonly log: SwitchLog
  /** isPending may have changed. */
  changed(): void
}

interface Announced {
  /** What bridgeOpened gave; undefined while it is not done. */
  closed: (() => void) | undefined
}

export function announcements({ bridgeOpened, log, changed }: AnnouncementsOptions): Announcements {
  const all = new Map<string, Announced>()

  async function announce(opened: BridgeOpened, name: string, serve: ServeStream): Promise<void> {
    const announced: Announced = { closed: undefined }
    all.set(name, announced)
    let closed = () => {}
    try {
      closed = await opened(name, serve)
    } catch (error) {
      log.warn({ bridge: name, error: (error as Error).message }, 'bridge is not served')
    }
    // It may be gone, or be another one by now.
    if (all.get(name) !== announced) return closed()
    announced.closed = closed
    changed()
  }

  return {
    get isPending() {
      return [...all.values()].some(({ closed }) => closed === undefined)
    },
    come(name, serve) {
      if (bridgeOpened) void announce(bridgeOpened, name, serve)
    },
    gone(name) {
      const announced = all.get(name)
      all.delete(name)
      announced?.closed?.()
    },
    close() {
      const left = [...all.values()]
      all.clear()
      for (const { closed } of left) closed?.()
    },
  }
}
