/**
 * A value against its schema, answered in problems: where (JSON pointer), what was given, what
 * would be right. Unknown properties are refused, never stripped, and nothing is coerced.
 *
 * Neighbours: schema.ts has the schemas and their descriptions, errors.ts the sentences.
 */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { type Problem, type ProblemType, problem } from './errors.ts'
import { type Collection, collectionNames, schemas } from './schema.ts'
import { hint, suggest } from './suggest.ts'
import { idRule } from './values.ts'

/** The part of a JSON schema that errors are explained from. */
interface Plain {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Plain>>
  readonly patternProperties?: Readonly<Record<string, Plain>>
  readonly [keyword: string]: unknown
}

interface SchemaError {
  readonly keyword: string
  readonly schemaPath: string
  readonly instancePath: string
  readonly params: { readonly requiredProperties?: readonly string[] }
}

export type Validate = (value: unknown) => Problem[]

/**
 * Compiles a schema. @param readOnly properties that the answer has and the request may not: named
 * as such when given.
 */
export function validator(schema: TSchema, readOnly: readonly string[] = []): Validate {
  const compiled = Compile(schema)
  return (value) => {
    if (compiled.Check(value)) return []
    const found = new Map<string, Problem>()
    for (const error of compiled.Errors(value) as SchemaError[]) {
      // Of a choice the choice itself is explained, not why each of its members does not fit.
      if (/\/anyOf\/\d+/.test(error.schemaPath)) continue
      for (const each of explain(schema as Plain, error, value, readOnly)) {
        if (!found.has(each.pointer)) found.set(each.pointer, each)
      }
    }
    return [...found.values()]
  }
}

const bySpec = Object.fromEntries(
  collectionNames.map((name) => {
    const { spec, object } = schemas[name]
    const own = Object.keys(object.properties).filter((field) => !(field in spec.properties))
    return [name, validator(spec, [...own, 'status'])]
  }),
) as Record<Collection, Validate>

export function validateSpec(collection: Collection, spec: unknown): Problem[] {
  return bySpec[collection](spec)
}

const typeOfKeyword: Readonly<Record<string, ProblemType>> = {
  type: 'wrong_type',
  pattern: 'malformed',
  format: 'malformed',
  const: 'malformed',
  enum: 'malformed',
  anyOf: 'malformed',
}

function explain(
  schema: Plain,
  error: SchemaError,
  root: unknown,
  readOnly: readonly string[],
): Problem[] {
  const { keyword, instancePath, schemaPath } = error
  const failed = schemaAt(schema, schemaPath)
  if (keyword === 'required') {
    return (error.params.requiredProperties ?? []).map((name) =>
      problem('missing', {
        pointer: `${instancePath}/${escaped(name)}`,
        value: undefined,
        expected: `${name}, ${expectation(failed?.properties?.[name])}`,
      }),
    )
  }
  // Unknown properties come twice: together for the object, and each by itself with its own path.
  if (keyword === 'additionalProperties') return []
  if (keyword === 'boolean') {
    const owner = schemaAt(schema, schemaPath.slice(0, schemaPath.lastIndexOf('/')))
    return [unknownProperty(owner, instancePath, readOnly)]
  }
  const value = valueAt(root, instancePath)
  const type = typeOfKeyword[keyword] ?? 'out_of_range'
  // Of the right type it is already.
  const right =
    type === 'malformed' ? (failed?.description ?? expectation(failed)) : expectation(failed)
  const expected = `${right}${nearest(keyword, failed, value)}`
  const facts = { pointer: instancePath, value, expected }
  return [problem(type, facts)]
}

function unknownProperty(
  owner: Plain | undefined,
  pointer: string,
  readOnly: readonly string[],
): Problem {
  const name = unescaped(pointer.slice(pointer.lastIndexOf('/') + 1))
  if (owner?.patternProperties) {
    return problem('id_invalid', { pointer, value: name, expected: `an id: ${idRule}` })
  }
  if (readOnly.includes(name)) {
    return problem('read_only', { pointer, value: name, expected: 'the property to be left out' })
  }
  const known = Object.keys(owner?.properties ?? {})
  return problem('unknown_field', {
    pointer,
    value: name,
    expected: known.length === 0 ? 'no property at all' : `a known property; ${hint(name, known)}`,
  })
}

const articles: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'an array',
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  boolean: 'true or false',
}

function expectation(schema: Plain | undefined): string {
  const description = schema?.description
  if (schema?.anyOf !== undefined && description !== undefined) return description
  const type = articles[schema?.type ?? ''] ?? 'a value'
  return description === undefined ? type : `${type}: ${description}`
}

/** Of one of some words: the one that was meant. */
function nearest(keyword: string, schema: Plain | undefined, value: unknown): string {
  if (keyword !== 'enum' || typeof value !== 'string' || !Array.isArray(schema?.enum)) return ''
  const near = suggest(value, schema.enum)
  return near === undefined ? '' : `; did you mean '${near}'?`
}

function schemaAt(schema: Plain, path: string): Plain | undefined {
  let at: unknown = schema
  for (const step of path.split('/').slice(1)) at = (at as Record<string, unknown>)?.[step]
  return at as Plain | undefined
}

function valueAt(root: unknown, pointer: string): unknown {
  let at = root
  for (const step of pointer.split('/').slice(1)) {
    at = (at as Record<string, unknown>)?.[unescaped(step)]
  }
  return at
}

/** RFC 6901 §3. */
export const escaped = (step: string): string => step.replaceAll('~', '~0').replaceAll('/', '~1')
export const unescaped = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~')
