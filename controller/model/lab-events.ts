/**
 * What goes wrong in a lab, and when: `lab.events` of a topology document. Neighbours: lab-schema.ts, document.ts (which asks for
 * the problems), topologies/lab/events.ts (makes them happen).
 *
 *     - { atMs: 2000, host: h2, is: down }       power off, with all that the host knew
 *     - { atMs: 3000, link: h1, is: down }       its cable to the underlay
 *     - { atMs: 4000, control: h3, is: down }    no way between it and the controller
 *     - { atMs: 5000, control: h3, delayMs: 50 } that way is slow
 *     - { atMs: 6000, controller: down }         its store is kept
 */
import { type Static, Type } from 'typebox'
import { type Problem, problem } from './errors.ts'
import type { Snapshot } from './snapshot.ts'
import { hint } from './suggest.ts'
import { Id } from './values.ts'

/** Not `off` and `on`: YAML 1.1, which some editors still speak, reads those as booleans. */
const state = Type.Union([Type.Literal('down'), Type.Literal('up')], { description: 'down or up' })
const optional = (schema: typeof Id, description: string) =>
  Type.Optional({ ...schema, description })

const event = Type.Object(
  {
    atMs: Type.Integer({
      minimum: 0,
      maximum: 86_400_000,
      description: 'milliseconds after the lab was up, 0 to 86400000; not before the event above',
    }),
    host: optional(Id, 'the host that loses power and all that it knew, or has power again'),
    link: optional(Id, 'the host whose cable to the underlay is pulled, or is plugged in again'),
    control: optional(Id, 'the host whose way to the controller is cut, mended or slow'),
    controller: Type.Optional({
      ...state,
      description: 'down: it ends, its store is kept; up: it is started again',
    }),
    is: Type.Optional({
      ...state,
      description: 'what becomes of the host, link or way: down or up',
    }),
    delayMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 60_000,
        description:
          'milliseconds that what host and controller say to each other is under way, each way, 0 to 60000',
      }),
    ),
  },
  { additionalProperties: false },
)

export const labEventsSchema = Type.Optional(
  Type.Array(event, { description: 'what goes wrong, and when; in the order of time' }),
)

/** A value that has passed the schema. */
export type LabEvent = Static<typeof event>

const subjects = ['host', 'link', 'control', 'controller'] as const
/** What each kind of event says beside whom it is about. */
const saying = { host: ['is'], link: ['is'], control: ['is', 'delayMs'], controller: [] } as const

/** What is wrong with them on this site. */
export function checkLabEvents(events: readonly LabEvent[] = [], site: Snapshot): Problem[] {
  let last = 0
  return events.flatMap((each, at) => {
    const pointer = `/lab/events/${at}`
    const wrong = (name: string, value: unknown, expected: string): Problem =>
      problem('lab_event_invalid', { pointer: `${pointer}${name && `/${name}`}`, value, expected })
    const early =
      each.atMs < last
        ? [wrong('atMs', each.atMs, `at least ${last}, since events are in the order of time`)]
        : []
    last = Math.max(last, each.atMs)
    const [subject, other] = subjects.filter((name) => each[name] !== undefined)
    if (subject === undefined || other !== undefined)
      return [...early, wrong('', other ?? null, `one of ${subjects.join(', ')}`)]
    return [...early, ...badHost(each, subject, site, wrong), ...badSaying(each, subject, wrong)]
  })
}

type Wrong = (name: string, value: unknown, expected: string) => Problem

function badHost(each: LabEvent, subject: (typeof subjects)[number], site: Snapshot, wrong: Wrong) {
  if (subject === 'controller') return []
  const id = each[subject] ?? ''
  const hosts = site.list('host')
  if (hosts.get(id) !== undefined) return []
  return [wrong(subject, id, `a host of this document; ${hint(id, hosts.keys())}`)]
}

function badSaying(each: LabEvent, subject: (typeof subjects)[number], wrong: Wrong): Problem[] {
  const own: readonly string[] = saying[subject]
  const said = (['is', 'delayMs'] as const).filter((name) => each[name] !== undefined)
  const foreign = said.find((name) => !own.includes(name))
  if (foreign !== undefined) {
    const beside = own.length === 0 ? 'nothing more' : quoted(own)
    return [wrong(foreign, each[foreign], `${beside} beside '${subject}'`)]
  }
  if (own.length === 0 || said.length === 1) return []
  return [wrong('', said.length === 0 ? null : 'both', `${quoted(own)} beside '${subject}'`)]
}

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(' or ')
