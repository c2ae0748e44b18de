/**
 * The shape of a topology document, put together from the specs of the collections: a new
 * collection is there by itself.
 */
import { type TObject, type TSchema, Type } from 'typebox'
import { collections, declaredNames } from './collections.ts'
import { HostSpec } from './infra-schemas.ts'
import { type LabSection, labSchema } from './lab-schema.ts'
import { schemas } from './schema.ts'
import { TenantSpec } from './tenant-schemas.ts'
import { byId, Id } from './values.ts'

const strict = { additionalProperties: false } as const

function children(parent: 'tenant' | 'host'): Record<string, TSchema> {
  const own = declaredNames.filter(
    (name) => collections[name].parent === parent && !collections[name].apart,
  )
  return Object.fromEntries(own.map((name) => [collections[name].plural, byId(schemas[name].spec)]))
}

export const documentSchema: TObject = Type.Object(
  {
    name: Type.Optional(Id),
    underlay: Type.Optional(
      Type.Object(
        {
          mtuBytes: Type.Integer({
            minimum: 626,
            maximum: 65_535,
            description: 'what the network between the hosts carries in bytes, 626 to 65535',
          }),
        },
        strict,
      ),
    ),
    physicalNetworks: byId(schemas.physicalNetwork.spec),
    vniPools: byId(schemas.vniPool.spec),
    hosts: byId(Type.Object({ ...HostSpec.properties, ...children('host') }, strict)),
    tenants: byId(Type.Object({ ...TenantSpec.properties, ...children('tenant') }, strict)),
    workloads: Type.Optional(
      Type.Record(Type.String(), Type.String({ description: "a port as 'tenant/port'" }), {
        description: "guests of a lab: 'host.name', each with its 'tenant/port'",
      }),
    ),
    lab: labSchema,
  },
  { ...strict, title: 'Document' },
)

/** A value that has passed the schema. */
export interface RawDocument {
  readonly name?: string
  readonly underlay?: { readonly mtuBytes: number }
  readonly physicalNetworks?: Readonly<Record<string, object>>
  readonly vniPools?: Readonly<Record<string, object>>
  readonly hosts?: Readonly<Record<string, { readonly bridges?: Readonly<Record<string, object>> }>>
  readonly tenants?: Readonly<
    Record<string, Readonly<Record<string, Readonly<Record<string, object>>>>>
  >
  readonly workloads?: Readonly<Record<string, string>>
  readonly lab?: LabSection
}

/** The same for editors and other people's programs, as `topologies/schema.json` has it. JSON Schema 2020-12. */
export const publishedSchema: object = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  ...documentSchema,
  title: 'Topology document of Weft',
}
