/**
 * Makes a difference small: fewer lines, fewer instructions, actions, buckets and fields, a shorter
 * frame, as long as the two switches still differ; then tells it in the syntax of ovs-ofctl.
 * Neighbours: campaign.ts finds differences.
 */
import type { Action } from '../../../southbound/openflow/action.ts'
import { encodeFlow, flowKey } from '../../../southbound/openflow/flow.ts'
import { encodeGroup } from '../../../southbound/openflow/group.ts'
import type { Instruction } from '../../../southbound/openflow/instruction.ts'
import { type Match, missingPrerequisite } from '../../../southbound/openflow/match.ts'
import { encode } from '../../../southbound/openflow/message.ts'
import { formatFlow } from '../../../southbound/openflow/text.ts'
import { formatGroup } from '../../../southbound/openflow/text-group.ts'
import { formatMeter } from '../../../southbound/openflow/text-meter.ts'
import { knownError, knownOutcome } from './known.ts'
import type { OpenVswitchPeer } from './open-vswitch.ts'
import type { OwnSwitch } from './ours.ts'
import { hex, type Input, type Outcome, type Peer, sameOutcome } from './peer.ts'
import { bodyOf, type Line } from './tables.ts'

export interface Failure {
  /** Failures of one signature are told once. */
  readonly signature: string
  /** How often it was met. */
  times: number
  /** Options of the command that make the set again. */
  readonly seed: string
  readonly lines: readonly Line[]
  readonly text: string
}
export interface Rig {
  readonly ours: OwnSwitch
  /** Whom ours is compared with. */
  others: readonly Peer[]
  readonly theirs: OpenVswitchPeer | undefined
}

/** Attempts, each a few milliseconds. */
const PATIENCE = 1500

/** The flows that took the last frame, and all that is no flow. */
function linesMet({ bridge }: OwnSwitch, lines: readonly Line[]): readonly Line[] {
  const met = new Set<string>()
  for (const flow of bridge.flows.all()) if (flow.packets > 0) met.add(flowKey(flow))
  return lines.filter((line) => {
    if (line.is === 'flow') return met.has(flowKey(encodeFlow(line.flow)))
    return line.is !== 'group' || bridge.groups.all.get(line.group.group_id)?.packets !== 0
  })
}

/** The failure, or the name of the known difference that is behind it. */
export async function shrinkOutcome(
  rig: Rig,
  other: Peer,
  lines: readonly Line[],
  input: Input,
  seed: string,
): Promise<Failure | string> {
  const look = async (some: readonly Line[], one: Input) => {
    const bodies = some.map(bodyOf)
    const [mine, theirs] = await Promise.all([rig.ours.install(bodies), other.install(bodies)])
    const [[a], [b]] = await Promise.all([rig.ours.run([one]), other.run([one])])
    const ours = a as Outcome
    const apart = !sameOutcome(ours, b as Outcome)
    const agreed = mine.size === theirs.size
    return { differs: apart && agreed, ours, theirs: b as Outcome }
  }
  let attempts = 0
  const differs = async (some: readonly Line[], one: Input) =>
    attempts++ < PATIENCE && (await look(some, one)).differs
  let small: readonly Line[] = lines
  let frame = input
  if (await differs(small, frame)) {
    const met = linesMet(rig.ours, lines)
    const again = await look(met, frame)
    if (again.differs) {
      small = met
      const row = other === rig.theirs && knownOutcome({ lines: met, input, ...again })
      if (row) return row
    }
    small = await fewer(small, (some) => differs(some, frame))
    small = await smaller(small, (some) => differs(some, frame))
    for (let step = frame.bytes.length >> 1; step > 0; ) {
      const size = frame.bytes.length - step
      const shorter = { port: frame.port, bytes: frame.bytes.slice(0, size) }
      if (size >= 14 && (await differs(small, shorter))) frame = shorter
      else step >>= 1
    }
  }
  const { ours, theirs } = await look(small, frame)
  const row = other === rig.theirs && knownOutcome({ lines: small, input: frame, ours, theirs })
  if (row) return row
  const trace = rig.theirs ? await rig.theirs.trace(frame).catch((e: Error) => e.message) : ''
  const text = [
    ...textOf(small),
    `frame by port ${frame.port}: ${hex(frame.bytes)}`,
    ...told(rig.ours.name, ours),
    ...told(other.name, theirs),
    ...(other === rig.theirs ? [trace.trim()] : []),
  ].join('\n')
  return { signature: signatureOf(small, ours, theirs), times: 1, seed, lines: small, text }
}

export async function shrinkError(
  rig: Rig,
  other: Peer,
  lines: readonly Line[],
  line: Line,
  seed: string,
  signature: string,
): Promise<Failure> {
  const look = async (some: readonly Line[]) => {
    const bodies = some.map(bodyOf)
    const [mine, theirs] = await Promise.all([rig.ours.install(bodies), other.install(bodies)])
    const at = some.findIndex((one, i) => {
      const [ours, their] = [mine.get(i), theirs.get(i)]
      const isKnown =
        other === rig.theirs && knownError({ line: one, ours, theirs: their }) !== undefined
      return ours !== their && !isKnown
    })
    return { at, ours: mine.get(at), theirs: theirs.get(at) }
  }
  const differs = async (some: readonly Line[]) => (await look(some)).at >= 0
  let small: readonly Line[] = lines.slice(0, lines.indexOf(line) + 1)
  if (await differs(small)) {
    small = await fewer(small, differs)
    small = await smaller(small, differs)
  }
  const { at, ours, theirs } = await look(small)
  const text = [
    ...textOf(small),
    at < 0 ? 'does not differ again' : `message ${at}: ${hex(encode(bodyOf(small[at]!)))}`,
    `${rig.ours.name}: ${ours ?? 'accepted'}`,
    `${other.name}: ${theirs ?? 'accepted'}`,
  ].join('\n')
  return { signature, times: 1, seed, lines: small, text }
}

/** What stands in the lines, and how the outcomes differ. */
function signatureOf(lines: readonly Line[], ours: Outcome, theirs: Outcome): string {
  const words = lines.flatMap((line) => {
    if (line.is === 'flow') {
      const { match, instructions } = line.flow
      return [...Object.keys(match), ...instructions.flatMap(kindsOf)]
    }
    return line.is === 'group'
      ? line.group.buckets.flatMap((b) => b.actions.map(kindOf))
      : [line.is]
  })
  const apart = [ours.frames.length - theirs.frames.length, ours.punts.length - theirs.punts.length]
  return [...new Set(words)].sort().concat(apart.map(Math.sign).map(String)).join(' ')
}
const kindsOf = (one: Instruction): string[] =>
  'actions' in one ? (one.actions as readonly Action[]).map(kindOf) : [one.kind]
const kindOf = (action: Action): string =>
  'field' in action ? `${action.kind}:${action.field}` : action.kind

const told = (name: string, { frames, punts }: Outcome) => [
  `${name}: ${frames.length} frames, ${punts.length} packet-ins`,
  ...[...frames.toSorted(), ...punts.toSorted()].map((line) => `  ${line}`),
]

export const textOf = (lines: readonly Line[]): string[] =>
  lines.map((line) => {
    try {
      if (line.is === 'flow') return `add-flow  ${formatFlow(line.flow)}`
      if (line.is === 'group') return `add-group ${formatGroup(encodeGroup(line.group))}`
      if (line.is === 'meter') return `add-meter ${formatMeter(line.meter)}`
      return `${line.name}: ${hex(encode(line.body))}`
    } catch (error) {
      return `${line.is} ${(error as Error).message}`
    }
  })

type Test = (lines: readonly Line[]) => Promise<boolean>

/** Leaves out halves, then quarters, then single lines. */
async function fewer(lines: readonly Line[], holds: Test): Promise<readonly Line[]> {
  let small: readonly Line[] = lines
  for (let size = small.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < small.length; ) {
      const less = small.toSpliced(at, size)
      if (await holds(less)) small = less
      else at += size
    }
  }
  return small
}

/** Makes each line smaller, as often as it goes. */
async function smaller(lines: readonly Line[], holds: Test): Promise<readonly Line[]> {
  let small: readonly Line[] = lines
  for (let i = 0; i < small.length; i++) {
    for (let found = true; found; ) {
      found = false
      for (const line of simpler(small[i]!)) {
        const less = small.with(i, line)
        if (!(await holds(less))) continue
        small = less
        found = true
        break
      }
    }
  }
  return small
}

function* simpler(line: Line): Iterable<Line> {
  if (line.is === 'flow') {
    const { flow } = line
    for (const name of Object.keys(flow.match)) {
      const { [name as 'in_port']: _gone, ...match } = flow.match
      if (missingPrerequisite(match as Match) === undefined) {
        yield { is: 'flow', flow: { ...flow, match: match as Match } }
      }
    }
    for (let i = 0; i < flow.instructions.length; i++) {
      yield { is: 'flow', flow: { ...flow, instructions: flow.instructions.toSpliced(i, 1) } }
      const one = flow.instructions[i] as Instruction
      if (!('actions' in one)) continue
      for (const actions of without(one.actions as readonly Action[])) {
        const instructions = flow.instructions.with(i, { ...one, actions } as Instruction)
        yield { is: 'flow', flow: { ...flow, instructions } }
      }
    }
  } else if (line.is === 'group') {
    const { group } = line
    for (let i = 0; i < group.buckets.length; i++) {
      const bucket = group.buckets[i]!
      yield { is: 'group', group: { ...group, buckets: group.buckets.toSpliced(i, 1) } }
      for (const actions of without(bucket.actions)) {
        const buckets = group.buckets.with(i, { ...bucket, actions })
        yield { is: 'group', group: { ...group, buckets } }
      }
    }
  }
}
/** Each list with one action less; what a push is followed by goes with it (actions.ts, `settled`). */
const without = (actions: readonly Action[]) =>
  actions.flatMap((one, i) => {
    const size = one.kind === 'push_vlan' || one.kind === 'push_mpls' ? settledSize(actions, i) : 1
    const isPart = actions.some((_, at) => at < i && i < at + settledSize(actions, at))
    return isPart ? [] : [actions.toSpliced(i, size)]
  })
function settledSize(actions: readonly Action[], at: number): number {
  const { kind } = actions[at]!
  const next = actions[at + 1]
  if (next?.kind !== 'set_field') return 1
  if (kind === 'push_vlan' && next.field === 'vlan_vid') return 3
  return kind === 'push_mpls' && next.field === 'mpls_label' ? 4 : 1
}
