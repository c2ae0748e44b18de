/** `GET /v1/infra/hosts/{id}/adoption`: what taking over a br-int that somebody else has filled would do. Neighbours: adoption-plan.ts, ../reconciler/adoption.ts. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { deadline } from '../../southbound/wire/clock.ts'
import { ModelError, problem } from '../model/errors.ts'
import { idPattern, idRule, oneOf } from '../model/values.ts'
import type { Backing } from './objects.ts'
import { answering, problemResponses } from './openapi.ts'
import { HttpError } from './problem.ts'
import { whileConnected } from './wait.ts'

/** How long the bridge may take to dial. Milliseconds. */
const PATIENCE_MS = 10_000

const texts = Type.Array(Type.String(), { description: "in ovs-ofctl's syntax; at most 1000" })
const items = Type.Optional(
  Type.Object(
    {
      removed: texts,
      changed: texts,
      unlisted: Type.Integer(),
      staying: Type.Integer(),
      added: Type.Integer(),
    },
    { description: 'absent where the bridge did not dial OpenFlow within 10 s' },
  ),
)
const Adoption = Type.Object(
  {
    host: Type.String(),
    state: oneOf(
      ['free', 'foreign'],
      "'free': br-int is taken without being asked for; 'foreign': it is left alone until the host has adopt",
    ),
    why: Type.Optional(Type.String()),
    rows: Type.Array(
      Type.Object({
        row: Type.String({ description: "'Bridge br-int'" }),
        action: oneOf(['add', 'change'], 'what becomes of it'),
        column: Type.Optional(Type.String()),
        before: Type.Optional(Type.String()),
        after: Type.String(),
      }),
    ),
    ports: Type.Array(
      Type.Object({
        name: Type.String(),
        port: Type.Optional(Type.String({ description: "the port that it is: 'acme/vm1'" })),
      }),
      {
        description: 'they stay; where one is no port of the site, no flow leads to it any longer',
      },
    ),
    flows: items,
    groups: items,
    meters: items,
  },
  { title: 'Adoption' },
)

export function addAdoption(app: FastifyInstance, backing: Backing): void {
  const { store, realization, closing, clock } = backing
  const schema = {
    tags: ['hosts'],
    operationId: 'getHostAdoption',
    summary:
      'Read what taking over the br-int of a host would do; nothing that is forwarded changes',
    params: Type.Object({ id: Type.String({ pattern: idPattern, description: idRule }) }),
    querystring: Type.Object({}, { additionalProperties: false }),
    response: { 200: answering('as it is now', Adoption), ...problemResponses },
  }
  // The bridge is asked to dial for it: that is more than a look.
  const config = { needs: 'infra:write' } as const
  app.get('/v1/infra/hosts/:id/adoption', { schema, config }, async (request, reply) => {
    const { id } = request.params as { readonly id: string }
    if (!store.snapshot.get('host', id)) {
      const facts = { pointer: '', value: `host ${id}`, expected: 'a host that exists' }
      throw new ModelError([problem('not_found', facts)])
    }
    const patience = deadline(clock, PATIENCE_MS)
    const plan = await whileConnected(reply, closing, (signal) =>
      realization.adoption(id, AbortSignal.any([signal, patience])),
    )
    if (!plan) throw new HttpError('host_disconnected', { value: id })
    return plan
  })
}
