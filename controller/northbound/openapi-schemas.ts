/**
 * Schemas that follow from others: what PATCH takes of a spec, a document that refers to specs. They describe; what is
 * asked is checked by the model. Neighbour: openapi.ts.
 */

interface Plain {
  readonly type?: string
  readonly title?: string
  readonly properties?: Readonly<Record<string, Plain>>
  readonly patternProperties?: Readonly<Record<string, Plain>>
  readonly required?: readonly string[]
  readonly description?: string
}

/** As RFC 7396 takes it: each property may be left out, and null takes away what may be absent. */
export function patchSchema(spec: object): object {
  const { required = [], title: _, properties, patternProperties, ...rest } = spec as Plain
  const patched = (from: Readonly<Record<string, Plain>>, fixed: readonly string[]): object => {
    const each = ([name, schema]: [string, Plain]): [string, object] => {
      const below = schema.type === 'object' ? patchSchema(schema) : schema
      return [name, fixed.includes(name) ? below : nullable(below)]
    }
    return Object.fromEntries(Object.entries(from).map(each))
  }
  return {
    ...rest,
    ...(properties && { properties: patched(properties, required) }),
    ...(patternProperties && { patternProperties: patched(patternProperties, []) }),
  }
}

function nullable(schema: Plain): object {
  const { description } = schema
  return { anyOf: [schema, { type: 'null' }], ...(description !== undefined && { description }) }
}

/** The schema with a reference wherever there is one of these titles in it. */
export function referring<T>(schema: T, titles: readonly string[]): T {
  if (typeof schema !== 'object' || schema === null) return schema
  if (Array.isArray(schema)) return schema.map((each) => referring(each, titles)) as T
  const each = ([name, value]: [string, Plain]): [string, unknown] => {
    const isNamed = typeof value?.title === 'string' && titles.includes(value.title)
    return [name, isNamed ? { $ref: `${value.title}#` } : referring(value, titles)]
  }
  return Object.fromEntries(Object.entries(schema).map(each)) as T
}
