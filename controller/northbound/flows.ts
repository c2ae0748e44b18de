/**
 * `GET /v1/infra/hosts/{id}/flows`: what a host should have beside what it has, page by page. The host is read once, for the
 * first page; all pages are of that moment. Neighbours: realization.ts has the terms, paging.ts the cursors.
 */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { ModelError, problem } from '../model/errors.ts'
import { oneOf } from '../model/values.ts'
import type { Backing } from './objects.ts'
import { HostParams } from './observations.ts'
import { answering, problemResponses } from './openapi.ts'
import { cursorText, LONGEST_PAGE, limitParameter, parseCursor } from './paging.ts'
import { HttpError } from './problem.ts'
import { type Inspection, itemStates } from './realization.ts'
import { whileConnected } from './wait.ts'

/** Inspections that somebody may still be reading; the oldest goes for a new one. */
const MOST_KEPT = 8
/** How long one is kept after its last page was asked for. Milliseconds. */
const KEPT_MS = 300_000

const FlowsQuery = Type.Object(
  {
    table: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_]{1,40}$',
        description: "a stage by name or number, 'groups', 'meters', or a table of rows",
      }),
    ),
    of: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z]+(/[a-z0-9-]{1,63}){0,2}$',
        description: "what this intent asks for alone: 'port/acme/vm1'",
      }),
    ),
    diff: Type.Optional(
      Type.Literal('true', {
        description: "'true': what the host lacks, has otherwise or should not have",
      }),
    ),
    limit: limitParameter,
    cursor: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_-]{1,400}$',
        description: '`next` of the page before; all else is as it was asked for the first page',
      }),
    ),
  },
  { additionalProperties: false },
)
interface FlowsParams {
  readonly table?: string
  readonly of?: string
  readonly diff?: 'true'
  readonly limit?: string
  readonly cursor?: string
}

const ItemSchema = Type.Object({
  kind: oneOf(['flow', 'group', 'meter', 'row'], 'what it is'),
  table: Type.Optional(Type.Integer({ description: 'OpenFlow table of a flow' })),
  stage: Type.String({ description: "'l2'; 'groups', 'meters'; of a row its table" }),
  text: Type.String({ description: 'in the syntax of ovs-ofctl; of a row its columns' }),
  from: Type.Array(Type.String(), {
    description: "the intents behind it: 'port/acme/vm1'; empty of what is foreign",
  }),
  state: oneOf(
    itemStates,
    'how what the host has is to what it should have; unknown: it is not connected',
  ),
  actual: Type.Optional(
    Type.String({ description: 'what the host has in its place, or what is wrong' }),
  ),
  packets: Type.Optional(Type.Integer({ description: 'that it has taken' })),
})
const PageSchema = Type.Object(
  {
    host: Type.String(),
    kind: oneOf(['ovs', 'vtep'], 'flows, groups and meters, or rows'),
    revision: Type.Integer({ description: 'of what it should have' }),
    at: Type.Optional(
      Type.String({ description: 'when the host was read, ISO 8601; absent: it is not connected' }),
    ),
    desired: Type.Integer({ description: 'items that it should have' }),
    differences: Type.Integer({ description: 'of all of them, and of what is too much' }),
    items: Type.Array(ItemSchema),
    next: Type.Optional(Type.String({ description: 'cursor of the next page' })),
  },
  { title: 'FlowPage' },
)

interface Kept {
  readonly host: string
  readonly inspection: Inspection
  readonly cancel: () => void
}

export function addFlows(app: FastifyInstance, backing: Backing): void {
  const { store, realization, closing, clock, uuid } = backing
  const kept = new Map<string, Kept>()
  const forget = (id: string): void => {
    kept.get(id)?.cancel()
    kept.delete(id)
  }
  app.addHook('onClose', async () => {
    for (const id of kept.keys()) forget(id)
  })
  /** Keeps it from now on for a while. */
  const keep = (id: string, it: Omit<Kept, 'cancel'>): void => {
    forget(id)
    const [oldest] = kept.keys()
    if (kept.size >= MOST_KEPT && oldest !== undefined) forget(oldest)
    kept.set(id, { ...it, cancel: clock.after(KEPT_MS, () => kept.delete(id)) })
  }

  const schema = {
    tags: ['hosts'],
    operationId: 'listHostFlows',
    summary: 'Read what a host should have beside what it has: flows, groups and meters, or rows',
    params: HostParams,
    querystring: FlowsQuery,
    response: {
      200: answering('a page, by stage; all pages of one moment', PageSchema),
      ...problemResponses,
    },
  }
  const config = { needs: 'infra:read' } as const
  app.get('/v1/infra/hosts/:id/flows', { schema, config }, async (request, reply) => {
    const { id: host } = request.params as { readonly id: string }
    const { limit = LONGEST_PAGE, cursor, table, of, diff } = request.query as FlowsParams
    const known = store.snapshot.get('host', host)
    if (!known) {
      const facts = { pointer: '', value: `host ${host}`, expected: 'a host that exists' }
      throw new ModelError([problem('not_found', facts)])
    }
    let at = { id: uuid(), from: 0 }
    let inspection: Inspection
    if (cursor === undefined) {
      const choice = { table, of, diff: diff === 'true' }
      inspection = await whileConnected(reply, closing, (signal) =>
        realization.inspect(host, choice, signal),
      )
      if (diff && inspection.at === undefined)
        throw new HttpError('host_disconnected', { value: host })
    } else {
      at = placeOf(cursor)
      const found = kept.get(at.id)
      if (found?.host !== host) throw new HttpError('revision_gone', gone)
      inspection = found.inspection
    }
    const { revision, desired, differences, length } = inspection
    const end = Math.min(at.from + Number(limit), length)
    const items = Array.from({ length: Math.max(0, end - at.from) }, (_, index) =>
      inspection.item(at.from + index),
    )
    if (length > Number(limit)) keep(at.id, { host, inspection })
    const next = end < length && { next: cursorText({ revision, after: `${at.id} ${end}` }) }
    const read = inspection.at !== undefined && { at: inspection.at }
    return { host, kind: known.kind, revision, ...read, desired, differences, items, ...next }
  })
}

const gone = {
  value: 'what the host had then is no longer kept',
  expected: 'the first page again, without cursor',
}

function placeOf(cursor: string): { readonly id: string; readonly from: number } {
  const [id = '', from = ''] = parseCursor(cursor).after.split(' ')
  if (!/^\d{1,9}$/.test(from)) throw new HttpError('revision_gone', gone)
  return { id, from: Number(from) }
}
