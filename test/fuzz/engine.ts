/**
 * The fuzzer's loop: inputs from a seed, each one answered or refused with a typed error, anything
 * else a failure that is printed as hex with its seed, cut as short as it still fails.
 * Neighbours: run.ts (the command), openflow.ts, ovsdb.ts, frames.ts, text.ts (what is fuzzed).
 */
import { type Random, randomOf } from './random.ts'

/** How often one row of a table was read, and refused. */
export interface Coverage {
  readonly table: string
  readonly row: string
  readonly decoded: number
  readonly refused: number
  /** False for what no bytes can make wrong, such as the data of an echo. */
  readonly refusable: boolean
}

export interface Target {
  /** The next input. `seed` of the run makes the material that inputs are made of. */
  next(random: Random): Uint8Array
  /** Whether it gets past the header (for text: past the first word). */
  passesHeader(input: Uint8Array): boolean
  /** Throws on anything but an answer or the typed error. */
  run(input: Uint8Array): boolean | Promise<boolean>
  /** Called now and then, with a new seed: new material. */
  renew(seed: number): void
  coverage(): readonly Coverage[]
  /** How often each sentence of an error came, numbers left out. */
  readonly errors: ReadonlyMap<string, number>
  close?(): void
}

export interface Result {
  readonly inputs: number
  readonly passed: number
  readonly accepted: number
  readonly seconds: number
  readonly heapBefore: number
  readonly heapAfter: number
  readonly failure?: {
    readonly number: number
    readonly input: Uint8Array
    readonly shortest: Uint8Array
    readonly error: unknown
  }
}

export interface Limits {
  readonly seed: number
  readonly inputs?: number
  readonly seconds?: number
}

/** Inputs made from the same material. */
const RENEW = 20_000
/** Heap is measured after this many inputs, when code is warm and pools are full. */
const WARM = 5000

/** Bytes of heap and buffers in use, after a collection where node lets us ask for one. */
function heap(): number {
  ;(globalThis as { gc?: () => void }).gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

export async function fuzz(target: Target, limits: Limits): Promise<Result> {
  const random = randomOf(limits.seed)
  const from = performance.now()
  const elapsed = () => (performance.now() - from) / 1000
  const isEnd = (n: number) =>
    limits.inputs !== undefined ? n >= limits.inputs : elapsed() >= (limits.seconds ?? 60)
  let inputs = 0
  let passed = 0
  let accepted = 0
  let heapBefore = heap()
  let failure: Result['failure']
  for (; !isEnd(inputs); inputs++) {
    if (inputs % RENEW === 0 && inputs > 0) target.renew(limits.seed + inputs)
    if (inputs === WARM) heapBefore = heap()
    const input = target.next(random)
    if (target.passesHeader(input)) passed++
    try {
      if (await target.run(input)) accepted++
    } catch (error) {
      failure = { number: inputs, input, error, shortest: await shorten(target, input) }
      break
    }
  }
  const result = { inputs, passed, accepted, seconds: elapsed(), heapBefore, heapAfter: heap() }
  return failure ? { ...result, failure } : result
}

/** Cuts bytes off the end, halves first, as long as it still fails. */
async function shorten(target: Target, input: Uint8Array): Promise<Uint8Array> {
  let shortest = input
  for (let step = input.length >> 1; step > 0; ) {
    const shorter = shortest.slice(0, shortest.length - step)
    if (shorter.length > 0 && (await fails(target, shorter))) shortest = shorter
    else step >>= 1
  }
  return shortest
}
async function fails(target: Target, input: Uint8Array): Promise<boolean> {
  try {
    await target.run(input)
    return false
  } catch {
    return true
  }
}

/** Counts by name. */
export class Counter {
  readonly counts = new Map<string, number>()
  add(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }
  of(name: string): number {
    return this.counts.get(name) ?? 0
  }
  /** An error's sentence without its numbers, its quotes and where it happened. */
  addError(error: Error): void {
    this.add(
      error.message
        .replace(/ \(at byte \d+\)$/, '')
        .replace(/'[\s\S]*' at character \d+/, 'TEXT')
        .replace(/0x[0-9a-f]+|\d+/g, 'N')
        .slice(0, 90),
    )
  }
}
