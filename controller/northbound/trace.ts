/**
 * `GET /v1:trace`: the way of a packet by what hosts should have. `POST /v1:trace`: the same, and the packet for real, with what
 * hosts counted. Neighbours: ../trace/, realization.ts.
 */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { formatFlow } from '../../southbound/openflow/text.ts'
import { ModelError, problem } from '../model/errors.ts'
import { idPattern, oneOf } from '../model/values.ts'
import type { Trace } from '../trace/trace.ts'
import type { Backing } from './objects.ts'
import { answering, problemResponses } from './openapi.ts'
import { HttpError } from './problem.ts'
import { whileConnected } from './wait.ts'

const strict = { additionalProperties: false } as const
const key = `^${idPattern.slice(1, -1)}/${idPattern.slice(1, -1)}$`
const portKey = (says: string) => Type.String({ pattern: key, description: `${says}: 'acme/vm1'` })

/** Queries are text. */
const whole = (says: string) =>
  Type.Optional(
    Type.String({
      pattern:
        '^[1-9][0-9]{0,3}$|^[1-5][0-9]{4}$|^6[0-4][0-9]{3}$|^65[0-4][0-9]{2}$|^655[0-2][0-9]$|^6553[0-5]$',
      description: `a number, 1 to 65535: ${says}`,
    }),
  )

const Query = Type.Object(
  {
    from: portKey('the port that sends'),
    to: portKey('the port that it is for'),
    protocol: Type.Optional(
      oneOf(
        ['icmp', 'tcp', 'udp', 'neighbour'],
        'what is sent, neighbour being the question for the MAC; left out, icmp',
      ),
    ),
    family: Type.Optional(oneOf(['4', '6'], 'of IP; left out, 4 where both have it')),
    port: whole('destination port of TCP or UDP; left out, 80'),
    packetBytes: whole('length of the IP packet; left out, as short as it can be'),
  },
  strict,
)

const From = Type.Array(Type.String(), { description: "intents: 'port/acme/vm1'" })
const Stage = Type.Object({
  stage: Type.String(),
  table: Type.Integer(),
  flow: Type.Optional(
    Type.String({ description: 'as ovs-ofctl writes it; none: no flow matched' }),
  ),
  from: From,
})
const End = Type.Object({
  kind: oneOf(['arrives', 'tunnel', 'physical', 'dropped'], 'what became of it, or of a copy'),
  port: Type.Optional(Type.String()),
  ofport: Type.Optional(Type.Integer()),
  host: Type.Optional(Type.String()),
  vni: Type.Optional(Type.Integer()),
  remote: Type.Optional(Type.String()),
  physicalNetwork: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
  sentence: Type.Optional(Type.String()),
})
const Walk = Type.Object({
  what: Type.String(),
  verdict: oneOf(['delivered', 'answered', 'dropped'], 'answered: ARP, by a host itself'),
  hops: Type.Array(
    Type.Object({
      host: Type.String(),
      by: Type.String({ description: 'how it came in' }),
      frameBytes: Type.Integer(),
      stages: Type.Array(Stage, {
        description: 'none on a host of kind vtep, which forwards by rows',
      }),
      ends: Type.Array(End),
    }),
  ),
})
const Answer = Type.Object({
  from: Type.String(),
  to: Type.String(),
  verdict: oneOf(['delivered', 'dropped'], 'by what hosts should have'),
  walks: Type.Array(Walk, { description: 'first the question for the address' }),
  fault: Type.Optional(
    Type.Object({
      reason: Type.String(),
      sentence: Type.String(),
      host: Type.Optional(Type.String()),
      flow: Type.Optional(Type.String()),
      from: From,
    }),
  ),
  advice: Type.Array(
    Type.Object({
      says: Type.String(),
      proven: Type.Boolean({ description: 'compiled and walked again: it arrives' }),
    }),
  ),
  counted: Type.Optional(
    Type.Array(
      Type.Object({
        host: Type.String(),
        flows: Type.Integer({ description: 'that the walk met' }),
        counted: Type.Integer({ description: 'of those that counted the real packet' }),
        silent: Type.Optional(Type.String({ description: 'the first that did not' })),
      }),
      { description: 'of the packet that was sent' },
    ),
  ),
})

export function addTrace(app: FastifyInstance, backing: Backing): void {
  const { store, realization } = backing
  const schema = {
    tags: ['controller'],
    querystring: Query,
    response: { 200: answering('walked', Answer), ...problemResponses },
  }
  const walked = (query: Static<typeof Query>): Trace => {
    const { from, to, protocol = 'icmp' } = query
    const family = query.family === undefined ? undefined : query.family === '6' ? 6 : 4
    const [port, packetBytes] = [query.port, query.packetBytes].map((each) =>
      each === undefined ? undefined : Number(each),
    )
    for (const value of [from, to])
      if (!store.snapshot.get('port', value)) {
        const expected = 'the key of a port that there is'
        throw new ModelError([
          problem('not_found', { pointer: '', value: `port ${value}`, expected }),
        ])
      }
    return realization.trace({ from, to, protocol, family, port, packetBytes })
  }
  app.get(
    '/v1::trace',
    {
      schema: { ...schema, operationId: 'tracePacket', summary: 'Walk a packet from port to port' },
      config: { needs: 'infra:read' },
    },
    ({ query }) => shown(walked(query as Static<typeof Query>)),
  )
  app.post(
    '/v1::trace',
    {
      schema: {
        ...schema,
        operationId: 'sendTraced',
        summary: 'Walk a packet, and send it for real',
      },
      config: { needs: 'infra:write' },
    },
    async (request, reply) => {
      const trace = walked(request.query as Static<typeof Query>)
      const last = trace.walks.at(-1)
      if (!last?.sent) return shown(trace)
      const counted = await whileConnected(reply, backing.closing, (signal) =>
        realization.inject(last, signal),
      )
      if (!counted) throw new HttpError('host_disconnected')
      return {
        ...shown(trace),
        counted: counted.map(({ silent, ...rest }) => ({
          ...rest,
          ...(silent && { silent: formatFlow({ ...silent, cookie: 0n }) }),
        })),
      }
    },
  )
}

/** Without bytes. */
const shown = ({ walks, ...trace }: Trace): object => ({
  ...trace,
  walks: walks.map(({ what, verdict, hops }) => ({
    ...{ what, verdict },
    hops: hops.map(({ met: _, ...hop }) => hop),
  })),
})
