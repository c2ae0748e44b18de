/**
 * The folder in which ovs-vsctl and ovs-ofctl look for a switch when they are told nothing else:
 * db.sock speaks OVSDB, BRIDGE.mgmt the OpenFlow of a bridge.
 * Neighbours: switch.ts calls for each bridge; bin/commands/switch.ts chooses the folder.
 */
import { existsSync, lstatSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { EndpointError } from '../../southbound/wire/endpoint.ts'
import { listen } from '../../southbound/wire/stream.ts'

/** The folder cannot be served from; a sentence for whoever chose it. */
export class RundirError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RundirError'
  }
}

export interface Rundir {
  readonly path: string
  /** Listens at a socket of that name; resolves to what removes it. Rejects with RundirError. */
  listen(name: string, accept: (stream: Duplex) => void): Promise<() => void>
}

/** Connections to one socket; one more is refused. */
const MAX_PEERS = 1024
/** Sockets have no longer names on Linux, with their folder. */
const MAX_PATH = 107

/** Makes the folder unless it is there. @throws RundirError */
export function openRundir(path: string): Rundir {
  try {
    makeFolder(path)
    if (!statSync(path).isDirectory()) throw new Error('it is no folder')
  } catch (cause) {
    throw new RundirError(explain(path, cause as NodeJS.ErrnoException), { cause })
  }
  return {
    path,
    async listen(name, accept) {
      const file = `${path}/${name}`
      if (Buffer.byteLength(file) > MAX_PATH) {
        throw new RundirError(`${file} is too long for a socket (${MAX_PATH} bytes)`)
      }
      if (lstatSync(file, { throwIfNoEntry: false })?.isSocket() === false) {
        throw new RundirError(`${file} is in the way: it is no socket`)
      }
      try {
        const listener = await listen(
          { kind: 'punix', path: file },
          { maxConnections: MAX_PEERS },
          accept,
        )
        // The file goes with the listener.
        return () => void listener.close()
      } catch (cause) {
        if (!(cause instanceof EndpointError)) throw cause
        throw new RundirError(explain(file, cause.cause as NodeJS.ErrnoException), { cause })
      }
    },
  }
}

/** One folder at a time: mkdirSync's `recursive` never returns where /proc answers ENOENT. */
function makeFolder(path: string): void {
  if (existsSync(path)) return
  makeFolder(dirname(path))
  mkdirSync(path)
}

function explain(path: string, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE') return `${path} is served: another switch runs there`
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return `no right to write ${path}`
  return `${path}: ${message}`
}
