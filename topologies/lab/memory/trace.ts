/**
 * What happened in a lab, one line of JSON each, in order, with the lab's time: steps, events of the document, what hosts and
 * controller say to each other, REST, every frame at every interface. Nothing of the machine is in it: with a seed the same
 * document gives the same bytes, everywhere.
 *
 *     {"ms":12,"host":"h1","openflow":"up","type":"hello","xid":1,"hex":"04000008…"}
 *     {"ms":12,"at":"h1 acme-vm1","frame":"out","hex":"ffffffffffff0200…"}
 *
 * Neighbours: lab.ts tells; README.md has the kinds of line.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { Framer } from '../../../southbound/openflow/framer.ts'
import { decode } from '../../../southbound/openflow/message.ts'
import { jsonFramer } from '../../../southbound/ovsdb/framer.ts'
import { formatJson } from '../../../southbound/ovsdb/json.ts'
import type { Clock } from '../../../southbound/wire/clock.ts'
import { WireError } from '../../../southbound/wire/error.ts'
import type { Tap } from '../lab.ts'

/** Whoever takes lines: a file's writer, a stream, an array's push in a test. */
export interface LineSink {
  /** With its line end. */
  write(line: string): unknown
}

export interface Trace {
  /** One line, behind the time. @param what plain values in the order in which they are to be read */
  tell(what: object): void
  /** Listens to a stream between a host and its controller. @returns what takes its chunks */
  listen(host: string, protocol: 'openflow' | 'ovsdb'): (chunk: Uint8Array, up: boolean) => void
  watch(tap: Tap): void
  close(): void
}

/** Characters that are written at once. */
const BATCH = 1 << 16

/** @param target a path, which is written anew, or who takes the lines */
export function openTrace(target: string | LineSink, clock: Clock): Trace {
  const sink =
    typeof target === 'string' ? fileSink(target) : { write: target.write.bind(target), close() {} }
  const closing: (() => void)[] = []
  const began = clock.now()
  const tell: Trace['tell'] = (what) => {
    // Half a microsecond is less than anything that a lab does, and all that a sum of doubles is good for.
    const ms = Math.round((clock.now() - began) * 1e6) / 1e6
    sink.write(`${formatJson({ ms, ...what })}\n`)
  }
  return {
    tell,
    listen(host, protocol) {
      const heard = protocol === 'openflow' ? openflowLines : ovsdbLines
      const [up, down] = (['up', 'down'] as const).map((way) =>
        heard((what) => tell({ host, [protocol]: way, ...what })),
      )
      return (chunk, isUp) => (isUp ? up : down)?.(chunk)
    },
    watch(tap) {
      const at = tap.name
      const { close } = tap.open((frame, direction) =>
        tell({ at, frame: direction, hex: hex(frame) }),
      )
      closing.push(close)
    },
    close() {
      for (const close of closing.splice(0)) close()
      sink.close()
    },
  }
}

type Tell = (what: object) => void

function openflowLines(tell: Tell): (chunk: Uint8Array) => void {
  const framer = new Framer()
  return (chunk) =>
    framer.push(chunk, (bytes, start, end) => {
      framer.isFirst = false
      const message = bytes.subarray(start, end)
      tell({ ...kindOf(bytes, start, end), hex: hex(message) })
      return true
    })
}

/** A lab that is watched goes on where one that is not would: what a peer cannot read is the peer's to say. */
function kindOf(bytes: Uint8Array, start: number, end: number): object {
  try {
    const { type, xid } = decode(bytes, start, end)
    return { type, xid }
  } catch (error) {
    if (error instanceof WireError) return { type: 'unreadable' }
    throw error
  }
}

function ovsdbLines(tell: Tell): (chunk: Uint8Array) => void {
  const framer = jsonFramer({}, (message) => tell({ message }))
  return (chunk) => framer.push(chunk)
}

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')

/** Written without waiting for the event loop, some lines together; the last ones when the lab is closed. */
function fileSink(path: string): LineSink & { close(): void } {
  const file = openSync(path, 'w')
  let waiting: string[] = []
  let size = 0
  const flush = () => {
    writeSync(file, waiting.join(''))
    waiting = []
    size = 0
  }
  return {
    write(line) {
      waiting.push(line)
      size += line.length
      if (size >= BATCH) flush()
    },
    close() {
      flush()
      closeSync(file)
    },
  }
}
