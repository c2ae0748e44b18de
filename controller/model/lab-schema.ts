/**
 * The section `lab` of a topology document: what is about a lab alone and no part of the model. Neighbours: document-schema.ts,
 * topologies/lab (reads it).
 */
import { Type } from 'typebox'
import { type LabEvent, labEventsSchema } from './lab-events.ts'
import { type LabUnderlay, labUnderlaySchema } from './lab-underlay.ts'
import { byId } from './values.ts'

const strict = { additionalProperties: false } as const

/** What a netns lab runs on a host, the first of each kind by itself. */
export const labSwitches = {
  ovs: ['open-vswitch', 'weft-switch'],
  vtep: ['linux-bridge', 'ovs-vtep'],
} as const
export type LabSwitch = (typeof labSwitches)['ovs' | 'vtep'][number]

const labSwitch = Type.Union(
  Object.values(labSwitches)
    .flat()
    .map((name) => Type.Literal(name)),
  {
    description:
      'what a netns lab runs on the host: ' + Object.values(labSwitches).flat().join(', '),
  },
)

export const labSchema = Type.Optional(
  Type.Object(
    {
      hosts: byId(Type.Object({ switch: labSwitch }, strict)),
      underlay: labUnderlaySchema,
      events: labEventsSchema,
    },
    { ...strict, description: 'what is about the lab alone and no part of the model' },
  ),
)

export type LabHosts = Readonly<Record<string, { readonly switch: LabSwitch }>>

/** A value that has passed the schema. */
export interface LabSection {
  readonly hosts?: LabHosts
  readonly underlay?: LabUnderlay
  readonly events?: readonly LabEvent[]
}
