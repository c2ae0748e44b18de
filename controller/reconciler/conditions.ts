/**
 * The three conditions of an object, from what its hosts answer: Accepted, Realized, Degraded. Pure. The words are those of
 * `../northbound/conditions.ts`. Neighbours: `host-answer.ts` has the answers, `since.ts` the times, `status.ts` puts them together.
 */
import { type Condition, type ConditionReason, conditionReasons } from '../northbound/conditions.ts'
import type { MtuStatus } from '../northbound/realization.ts'
import type { Unplaced } from './concern.ts'
import type { HostAnswer } from './host-answer.ts'

export type Draft = Omit<Condition, 'since'>
export type Answers = ReadonlyMap<string, HostAnswer>

/** How many hosts a message has before it counts the rest. */
const NAMED = 3

export interface Facts {
  readonly answers: Answers
  readonly unplaced: Unplaced | undefined
  readonly mtu: MtuStatus | undefined
}

export function conditionsOf({ answers, unplaced, mtu }: Facts): readonly Draft[] {
  return [acceptedOf(unplaced), realizedOf(answers, unplaced), degradedOf(answers, mtu)]
}

function draft(
  type: Draft['type'],
  status: Draft['status'],
  reason: ConditionReason,
  message: string = conditionReasons[reason],
): Draft {
  return { type, status, reason, message }
}

const accepted = draft('Accepted', 'true', 'accepted')

const acceptedOf = (unplaced: Unplaced | undefined): Draft =>
  unplaced?.word === 'place_held'
    ? draft('Accepted', 'false', unplaced.word, unplaced.reason)
    : accepted

const confirmed = draft('Realized', 'true', 'confirmed')
const nothingToDo = draft('Realized', 'true', 'nothing_to_do')

/** What is not so on one host is not so; what is unknown of one is else unknown. */
function realizedOf(answers: Answers, unplaced: Unplaced | undefined): Draft {
  if (unplaced) return draft('Realized', 'false', unplaced.word, unplaced.reason)
  if (answers.size === 0) return nothingToDo
  for (const state of ['failed', 'pending', 'disconnected'] as const) {
    const found = [...answers].filter(([, answer]) => answer.state === state)
    const [first] = found
    if (!first) continue
    const [, { word, reason = conditionReasons[word] }] = first
    const status = state === 'disconnected' ? 'unknown' : 'false'
    return draft('Realized', status, word, `${named(found.map(([id]) => id))}: ${reason}`)
  }
  return confirmed
}

const complete = draft('Degraded', 'false', 'complete')
const words = Object.keys(conditionReasons)

function degradedOf(answers: Answers, mtu: MtuStatus | undefined): Draft {
  const hosts = new Map<string, string[]>()
  let isAway = false
  for (const [id, { without, state }] of answers) {
    isAway ||= state === 'disconnected'
    for (const what of without) {
      const of = hosts.get(what)
      if (of) of.push(id)
      else hosts.set(what, [id])
    }
  }
  const isNarrow = mtu !== undefined && mtu.effective < mtu.configured
  if (hosts.size === 0 && !isNarrow)
    return isAway ? draft('Degraded', 'unknown', 'disconnected') : complete
  const found = [...hosts].map(([what, ids]) => ({
    word: wordOf(what),
    message: `${what} at ${named(ids)}`,
  }))
  if (isNarrow) found.push({ word: 'mtu_limited', message: narrow(mtu) })
  found.sort((a, b) => words.indexOf(a.word) - words.indexOf(b.word))
  const message = found.map((each) => each.message).join('; ')
  return draft('Degraded', 'true', found[0]?.word ?? 'unknown_shortcoming', message)
}

/** 'no_common_family (h2)' -> no_common_family. */
function wordOf(what: string): ConditionReason {
  const word = what.replace(/ .*/s, '')
  return Object.hasOwn(conditionReasons, word) ? (word as ConditionReason) : 'unknown_shortcoming'
}

function narrow({ configured, effective, limitedBy: [first] }: MtuStatus): string {
  const by = first === undefined ? '' : `: ${first.message}`
  return `packets of ${effective} bytes pass, of ${configured} asked for${by}`
}

function named(ids: readonly string[]): string {
  const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : ''
  return `${ids.slice(0, NAMED).join(', ')}${more}`
}
