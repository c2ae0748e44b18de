/**
 * The run: set of tables after set of tables, the same messages and frames into all switches, every
 * answer compared. What differs and is in no row of known.ts is made small and kept.
 * Neighbours: tables.ts, peer.ts, shrink.ts, report.ts.
 */
import { type Coverage, count, countBridge, newCoverage } from './coverage.ts'
import { knownError } from './known.ts'
import { type OpenVswitchPeer, PeerDied } from './open-vswitch.ts'
import type { OwnSwitch } from './ours.ts'
import { type Outcome, type Peer, sameOutcome, together } from './peer.ts'
import { type Failure, type Rig, shrinkError, shrinkOutcome } from './shrink.ts'
import { bodyOf, type Line, newTables, type TableSet } from './tables.ts'

export interface Limits {
  readonly seed: number
  /** Number of the first set of tables. */
  readonly first: number
  readonly sets: number
  readonly frames: number
  readonly seconds: number
  /** The run ends with so many failures. */
  readonly failures: number
}

export interface Result {
  readonly coverage: Coverage
  readonly sets: number
  readonly frames: number
  readonly delivered: number
  readonly dropped: number
  readonly punted: number
  readonly outputs: number
  readonly punts: number
  readonly messages: number
  readonly refusals: number
  readonly seconds: number
  readonly known: ReadonlyMap<string, number>
  readonly failures: readonly Failure[]
  /** Sets that ended Open vSwitch itself, and its last words. */
  readonly died: readonly string[]
}

export interface Switches {
  readonly linear: OwnSwitch
  readonly tuples: OwnSwitch
  readonly theirs: OpenVswitchPeer | undefined
}

/** The seed of one set of a run. */
export const seedOf = (seed: number, set: number): number =>
  (Math.imul(seed, 0x9e3779b1) ^ Math.imul(set + 1, 0x85ebca6b)) >>> 0

/** Queues of Open vSwitch's ports and packet-ins hold 100: batches stay below. */
const QUEUE = 70
/** Bytes on their way to us, at most. */
const BYTES = 60_000

/** Kinds of actions and mistakes that are not made. */
export interface Kinds {
  readonly without: ReadonlySet<string>
  /** What Open vSwitch alone has not: made where it does not take part. */
  readonly abroad: ReadonlySet<string>
}

export async function campaign(
  switches: Switches,
  limits: Limits,
  kinds: Kinds,
  progress: (line: string) => void = () => {},
): Promise<Result> {
  const { linear, tuples, theirs } = switches
  const common = new Set([...kinds.without, ...kinds.abroad])
  const coverage = newCoverage()
  const known = new Map<string, number>()
  const failures: Failure[] = []
  const died: string[] = []
  const sums = {
    delivered: 0,
    dropped: 0,
    punted: 0,
    outputs: 0,
    punts: 0,
    messages: 0,
    refusals: 0,
  }
  const from = performance.now()
  const elapsed = () => (performance.now() - from) / 1000
  // Every tenth set has what Open vSwitch has not, and is between our two switches.
  const rig: Rig = { ours: linear, others: theirs ? [tuples, theirs] : [tuples], theirs }
  let sets = 0
  let nextTold = 10
  let frames = 0

  /** Lines on which all agree, in place on all switches: leaves out one after the other. */
  const install = async (set: TableSet, seed: string): Promise<readonly Line[]> => {
    for (let { lines } = set, round = 0; ; round++) {
      const bodies = lines.map(bodyOf)
      const [mine, ...rest] = await Promise.all(
        [linear, ...rig.others].map((peer) => peer.install(bodies)),
      )
      if (round === 0) {
        sums.messages += bodies.length
        sums.refusals += mine!.size
        for (const name of mine!.values()) count(coverage.errors, name)
      }
      const at = lines.findIndex((_, i) => rest.some((errors) => errors.get(i) !== mine!.get(i)))
      if (at < 0) return lines
      const line = lines[at]!
      const ours = mine!.get(at)
      const other = rest.findIndex((errors) => errors.get(at) !== ours)
      await tellError(line, ours, rest[other]!.get(at), rig.others[other]!, lines, seed)
      lines = lines.toSpliced(at, 1)
    }
  }

  const tellError = async (
    line: Line,
    ours: string | undefined,
    theirError: string | undefined,
    peer: Peer,
    lines: readonly Line[],
    seed: string,
  ) => {
    const row = peer === theirs && knownError({ line, ours, theirs: theirError })
    if (row) return count(known, row)
    const what = line.is === 'other' ? line.name : line.is
    const signature = `${what} ${ours ?? 'accepted'} ${theirError ?? 'accepted'}`
    const seen = failures.find((one) => one.signature === signature)
    if (seen) seen.times++
    else if (failures.length < limits.failures) {
      const failure = await shrinkError(rig, peer, lines, line, seed, signature)
      failures.push(failure)
      progress(`FAILED ${seed}\n${failure.text}\n`)
    }
  }

  /** One set of tables; resolves with its number of frames. */
  const one = async (number: number, name: string): Promise<number> => {
    const room = Math.min(100, limits.frames - frames)
    const alone = !theirs || number % 10 === 9
    rig.others = theirs && !alone ? [tuples, theirs] : [tuples]
    const set = newTables(seedOf(limits.seed, number), {
      frames: room,
      without: alone ? kinds.without : common,
      alone,
    })
    const lines = await install(set, name)
    const { inputs } = set
    const [mine, second] = await Promise.all([linear.run(inputs), tuples.run(inputs)])
    for (const [i, one] of mine.entries()) {
      const outputs = one.frames.length
      sums.outputs += outputs
      sums.punts += one.punts.length
      if (outputs > 0) sums.delivered++
      if (one.punts.length > 0) sums.punted++
      if (outputs === 0 && one.punts.length === 0) sums.dropped++
      count(coverage.matched, one.matched ?? 0)
      count(coverage.kinds, inputs[i]!.frame.kind)
    }
    countBridge(coverage, linear.bridge)
    const fail = async (other: OwnSwitch | OpenVswitchPeer, i: number) => {
      if (failures.length < limits.failures) {
        const failure = await shrinkOutcome(rig, other, lines, inputs[i]!, name)
        if (typeof failure === 'string') count(known, failure)
        else {
          const seen = failures.find((one) => one.signature === failure.signature)
          if (seen) seen.times++
          else {
            failures.push(failure)
            progress(`FAILED ${failure.seed}\n${failure.text}\n`)
          }
        }
        await install({ ...set, lines }, name)
      }
    }
    for (const [i, one] of second.entries()) {
      if (one.frames.join() !== mine[i]!.frames.join() || !sameOutcome(mine[i]!, one)) {
        await fail(tuples, i)
      }
    }
    if (theirs && !alone) {
      /** Frames of [start, end) that come out otherwise, by halves. */
      const apart = async (start: number, end: number): Promise<number[]> => {
        const all = await theirs.runTogether(inputs.slice(start, end))
        if (sameOutcome(together(mine.slice(start, end)), all)) return []
        if (end - start === 1) return [start]
        const middle = (start + end) >> 1
        return [...(await apart(start, middle)), ...(await apart(middle, end))]
      }
      for (const [start, end] of batches(inputs, mine)) {
        for (const i of await apart(start, end)) await fail(theirs, i)
      }
    }
    return inputs.length
  }

  while (sets < limits.sets && frames < limits.frames && elapsed() < limits.seconds) {
    const number = limits.first + sets
    const name = `--seed ${limits.seed} --first ${number}`
    try {
      frames += await one(number, name)
    } catch (error) {
      if (!(error instanceof PeerDied)) throw error
      died.push(`${name}: ${error.message}`)
    }
    sets++
    if (elapsed() > nextTold) {
      nextTold = elapsed() + 10
      progress(
        `${sets} sets, ${frames} frames, ${elapsed().toFixed(0)} s, ${failures.length} failures`,
      )
    }
    if (failures.length >= limits.failures) break
  }
  return { coverage, sets, frames, ...sums, seconds: elapsed(), known, failures, died }
}

/** Runs of inputs that fill no queue. */
function batches(inputs: TableSet['inputs'], outcomes: readonly Outcome[]): [number, number][] {
  const cut: [number, number][] = []
  const filled = new Map<string, number>()
  let start = 0
  let bytes = 0
  for (let i = 0; i < inputs.length; i++) {
    const { frames, punts } = outcomes[i]!
    const queues = [
      ...frames.map((line) => line.slice(0, line.indexOf(' '))),
      ...punts.map(() => 'in'),
    ]
    const size = [...frames, ...punts].reduce((sum, line) => sum + line.length / 2, 0)
    for (const queue of queues) count(filled, queue)
    bytes += size
    if (i > start && (bytes > BYTES || [...filled.values()].some((n) => n > QUEUE))) {
      cut.push([start, i])
      start = i
      filled.clear()
      for (const queue of queues) count(filled, queue)
      bytes = size
    }
  }
  cut.push([start, inputs.length])
  return cut
}
