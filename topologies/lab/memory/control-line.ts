/**
 * How a host of the memory lab and its controller reach each other: streams in the process, as connections of TCP are. They can
 * be cut (the host goes on forwarding), and be as slow as somebody wants. Neighbours: host.ts, lab.ts; trace.ts listens.
 */
import { Duplex } from 'node:stream'
import type { SwitchOptions } from '../../../dataplane/switch/switch.ts'
import type { Clock } from '../../../southbound/wire/clock.ts'

export interface ControlLine {
  /** Rejects while it is cut. */
  readonly dial: SwitchOptions['dial']
  cut(): void
  mend(): void
  /** Each way, milliseconds, from now on; what is under way keeps its time, and nothing overtakes. */
  delay(ms: number): void
  /** What is said on a stream of this line, as it is sent; `up`: to the controller. */
  pair(seen?: (chunk: Uint8Array, up: boolean) => void): [host: Duplex, controller: Duplex]
}

/** @param dial how the far end is reached; it makes its streams by `pair`, or by other means which cannot be delayed */
export function controlLine(dial: SwitchOptions['dial'], clock: Clock): ControlLine {
  const open = new Set<Duplex>()
  let isCut = false
  let delayMs = 0
  return {
    async dial(target, signal) {
      if (isCut) throw new Error('the line to the controller is cut')
      const stream = await dial(target, signal)
      if (isCut) stream.destroy()
      open.add(stream)
      stream.once('close', () => open.delete(stream))
      return stream
    },
    cut() {
      isCut = true
      for (const stream of open) stream.destroy()
    },
    mend() {
      isCut = false
    },
    delay(ms) {
      delayMs = ms
    },
    pair: (seen = () => {}) => streamPair({ clock, delayMs: () => delayMs, seen }),
  }
}

interface Way {
  readonly clock: Clock
  delayMs(): number
  seen(chunk: Uint8Array, up: boolean): void
}

function streamPair(way: Way): [Duplex, Duplex] {
  const host: End = new End(way, true, () => controller)
  const controller: End = new End(way, false, () => host)
  return [host, controller]
}

/** One end; what is written here is read at the other one, in the same call unless there is a delay. */
class End extends Duplex {
  readonly #way: Way
  readonly #isHost: boolean
  readonly #other: () => End
  /** Of the other end, which waits until what it wrote is read. */
  #taken: (() => void) | undefined
  /** When the last thing that is under way arrives, by the clock. */
  #busyUntil = 0
  #underWay = 0

  constructor(way: Way, isHost: boolean, other: () => End) {
    super({ autoDestroy: true })
    this.#way = way
    this.#isHost = isHost
    this.#other = other
  }

  override _read(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#way.seen(chunk, this.#isHost)
    const other = this.#other()
    if (this.#isSlow()) {
      // It has left; who writes is not slowed down by the way.
      this.#later(() => void other.push(chunk))
      done()
    } else if (chunk.length === 0) process.nextTick(done)
    else {
      other.push(chunk)
      other.#taken = done
    }
  }

  override _final(done: () => void): void {
    const other = this.#other()
    const end = () => {
      other.once('end', done)
      other.push(null)
    }
    if (this.#isSlow()) this.#later(end)
    else end()
  }

  /** As a closed connection: the other end reads what is under way, then the end; after an error it is gone as well. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const other = this.#other()
    const end = () => {
      if (other.destroyed) return
      if (error) other.destroy()
      else if (!other.readableEnded) other.push(null)
    }
    if (this.#isSlow()) this.#later(end)
    else process.nextTick(end)
    done(error)
  }

  #isSlow(): boolean {
    return this.#underWay > 0 || this.#way.delayMs() > 0
  }

  #later(arrive: () => void): void {
    const { clock } = this.#way
    this.#busyUntil = Math.max(this.#busyUntil, clock.now() + this.#way.delayMs())
    this.#underWay++
    clock.after(this.#busyUntil - clock.now(), () => {
      this.#underWay--
      if (!this.#other().destroyed) arrive()
    })
  }
}
