/**
 * The shape of a topology document, put together from the specs of the collections: a new
 * collection is there by itself.
 */
import { type TObject, type TSchema, Type } from 'typebox'
import { collections, declaredNames } from './collections.ts'
import { HostSpec, Id, idPattern, idRule, schemas } from './schema.ts'

const strict = { additionalProperties: false } as const

function byId(schema: TSchema): TSchema {
  return Type.Optional(
    Type.Record(Type.String({ pattern: idPattern }), schema, {
      ...strict,
      description: `ids (${idRule}), each with its object`,
    }),
  )
}

function children(parent: 'tenant' | 'host'): Record<string, TSchema> {
  const own = declaredNames.filter((name) => collections[name].parent === parent)
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
    hosts: byId(Type.Object({ ...HostSpec.properties, ...children('host') }, strict)),
    tenants: byId(Type.Object(children('tenant'), strict)),
    workloads: Type.Optional(
      Type.Record(Type.String(), Type.String({ description: "a port as 'tenant/port'" }), {
        description: "guests of a lab: 'host.name', each with its 'tenant/port'",
      }),
    ),
  },
  { ...strict, title: 'Document' },
)

/** A value that has passed the schema. */
export interface RawDocument {
  readonly name?: string
  readonly underlay?: { readonly mtuBytes: number }
  readonly hosts?: Readonly<Record<string, { readonly bridges?: Readonly<Record<string, object>> }>>
  readonly tenants?: Readonly<
    Record<string, Readonly<Record<string, Readonly<Record<string, object>>>>>
  >
  readonly workloads?: Readonly<Record<string, string>>
}
