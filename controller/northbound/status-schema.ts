/** What /openapi.json says of the status of an object. Neighbours: realization.ts has the same as types, conditions.ts a part of it. */
import { Type } from 'typebox'
import { oneOf } from '../model/values.ts'
import { ConditionSchema, HostStatusSchema } from './conditions.ts'
import { hostPhases } from './realization.ts'

const traffic = Type.Object({ frames: Type.Integer(), bytes: Type.Integer() })
const optionalText = Type.Optional(Type.String())
const optionalNumber = Type.Optional(Type.Integer())

const countersSchema = Type.Object(
  {
    at: Type.String({ description: 'when the host was asked, ISO 8601' }),
    sent: Type.Optional(traffic),
    received: Type.Optional(traffic),
    uncounted: Type.Optional(
      Type.String({ description: 'why there is no `sent` and no `received`' }),
    ),
    drops: Type.Array(
      Type.Object({
        reason: Type.String(),
        packets: Type.Integer(),
        of: Type.Literal('port'),
      }),
    ),
    lastDrop: Type.Optional(
      Type.Object({
        at: Type.String(),
        reason: Type.String(),
        host: Type.String(),
        frameBytes: optionalNumber,
        from: Type.Array(Type.String(), { description: 'the intents behind the drop' }),
        eth_src: Type.String(),
        eth_dst: Type.String(),
        eth_type: Type.String(),
        vlan_vid: optionalNumber,
        ip_src: optionalText,
        ip_dst: optionalText,
        ip_proto: optionalNumber,
        src_port: optionalNumber,
        dst_port: optionalNumber,
      }),
    ),
  },
  {
    description:
      'of a port, in GET of that port alone: what its workload sent, got and lost; asked of its host at most every 5 s',
  },
)

export const StatusSchema = Type.Object(
  {
    realized: Type.Boolean({
      description:
        'every host it concerns has confirmed the revision: the condition Realized is true. What ?wait=realized waits for',
    }),
    revision: Type.Integer({ description: 'of the object' }),
    observedRevision: Type.Integer({
      description:
        'the newest revision of the site that every host has answered which the object concerns: it has confirmed all of it, or has refused what it does not take (`failed`). While a host is pending it is less than the revision of the object; of a host that is away what that had answered since the controller started, 0: nothing. The status speaks of your write when this is the revision of your write or a later one.',
    }),
    reason: Type.Optional(Type.String({ description: 'why it cannot be realized as it is' })),
    conditions: Type.Array(ConditionSchema, { description: 'Accepted, Realized, Degraded' }),
    hosts: Type.Record(Type.String(), HostStatusSchema, {
      description: 'every host that it concerns',
    }),
    certificate: Type.Optional(
      Type.Object(
        { name: Type.String(), fingerprint: Type.String(), expires: Type.String() },
        { description: 'of a host that is connected over TLS: whose, SHA-256, until when' },
      ),
    ),
    binding: Type.Optional(
      Type.Object(
        {
          hostId: Type.String(),
          ofport: Type.Optional(Type.Integer()),
          interface: Type.Optional(Type.String()),
          vid: Type.Optional(Type.Integer()),
        },
        { description: 'of a port that a host was seen to carry: where' },
      ),
    ),
    counters: Type.Optional(countersSchema),
    mtu: Type.Optional(
      Type.Object(
        {
          configured: Type.Integer(),
          effective: Type.Integer(),
          limitedBy: Type.Array(
            Type.Object({
              kind: Type.Union([Type.Literal('interface'), Type.Literal('path')]),
              packetBytes: Type.Integer({
                description: 'the largest packet of a workload that passes',
              }),
              message: Type.String(),
              host: Type.Optional(Type.String()),
              interface: Type.Optional(Type.String()),
              mtuBytes: Type.Optional(Type.Integer()),
              from: Type.Optional(Type.String()),
              to: Type.Optional(Type.String()),
              vteps: Type.Optional(Type.Array(Type.String())),
            }),
          ),
          unknown: Type.Optional(
            Type.Array(
              Type.Object({
                from: Type.String(),
                to: Type.String(),
                vteps: Type.Array(Type.String()),
                message: Type.String(),
              }),
              { description: 'paths on which no probe of any size is answered' },
            ),
          ),
          probedBytes: Type.Optional(
            Type.Integer({
              description: 'larger packets are not probed; present where there may be such',
            }),
          ),
        },
        {
          description:
            'of a network or a port, bytes of IP packet: as asked for, as the underlay carries now, and what limits it',
        },
      ),
    ),
    underlay: Type.Optional(
      Type.Object(
        { interface: Type.String(), mtuBytes: Type.Integer() },
        { description: 'of a host that says so: the interface of its tunnels, the MTU seen' },
      ),
    ),
    phase: Type.Optional(oneOf(hostPhases, 'of a host: where it is in its life')),
    version: Type.Optional(Type.String({ description: 'of a host that says so: of Open vSwitch' })),
    workloads: Type.Optional(Type.Integer({ description: 'of a host: how many ports are there' })),
    drain: Type.Optional(
      Type.Object(
        {
          empty: Type.Boolean({ description: 'no port is there and no network is joined there' }),
          ports: Type.Array(Type.String(), { description: "'acme/vm1'; at most 1000" }),
          joins: Type.Array(Type.String(), { description: 'networks joined to a VLAN there' }),
          bridges: Type.Array(Type.String(), { description: 'declared bridges' }),
        },
        { description: 'of a host that is draining: what still runs there' },
      ),
    ),
  },
  { title: 'Status' },
)
