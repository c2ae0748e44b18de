/**
 * Text of a document to edits: its shape is held against the schema, each object becomes one edit, and what anybody says of
 * an edit later finds its line again. Nothing is held against a site here.
 *
 * Neighbours: yaml.ts knows the lines, document-schema.ts the shape; document.ts takes a document for a whole site,
 * northbound/apply.ts for a change of one that is there.
 */
import { collections, declaredNames, isDeclared, splitKey } from './collections.ts'
import { documentSchema, type RawDocument } from './document-schema.ts'
import { firstOf, type ModelError, type Problem, problem, withExpected } from './errors.ts'
import type { Collection, Declared, Edit } from './schema.ts'
import { TenantSpec } from './tenant-schemas.ts'
import { unescaped, validator } from './validate.ts'
import { type Position, parseYaml, type YamlText } from './yaml.ts'

/** One thing that is wrong in a document. */
export interface DocumentProblem extends Problem, Position {
  readonly fileName: string
}

/**
 * The document is refused, whole. The message has a line of its own for each problem:
 * `file:line:column: …`.
 */
export class DocumentError extends Error {
  override readonly name = 'DocumentError'
  readonly problems: readonly DocumentProblem[]

  constructor(problems: readonly DocumentProblem[], options?: ErrorOptions) {
    super(firstOf(problems.map(describe)).join('\n'), options)
    this.problems = problems
  }
}

/** What a document asks for, and the way back to its lines. */
export interface DocumentEdits {
  readonly raw: RawDocument
  /** One of each object, whatever one refers to before it. */
  readonly edits: readonly Edit<Declared>[]
  /** What was refused, at its place in the document. */
  explain(error: ModelError): DocumentError
  /** @param pointer into the document */
  place(problem: Problem, pointer: string): DocumentProblem
}

const validateDocument = validator(documentSchema)
const whole = { pointer: '', value: null } as const

/**
 * @param text YAML 1.2, of which JSON is a part @param fileName for messages only
 * @param reader of refusals: a tenant is not told which object of another one is in the way
 * @throws DocumentError
 */
export function parseEdits(
  text: string,
  fileName: string,
  reader: 'operator' | 'tenant' = 'operator',
): DocumentEdits {
  const yaml = parseYaml(text)
  const place = placer(yaml, fileName)
  if (yaml.errors.length > 0) {
    throw new DocumentError(yaml.errors.map((error) => syntaxProblem(error, fileName)))
  }
  if (yaml.value === null) {
    const expected = 'hosts, tenants, networks and what else a site has'
    throw new DocumentError([place(problem('document_empty', { ...whole, expected }), '')])
  }
  const shape = validateDocument(yaml.value)
  if (shape.length > 0) throw new DocumentError(shape.map((each) => place(each, each.pointer)))

  const raw = yaml.value as RawDocument
  return {
    raw,
    edits: editsOf(raw),
    explain: (error) =>
      new DocumentError(
        error.problems.map(({ named = '', ...each }) => {
          const detail = (reader === 'operator' && named) || each.detail
          return place({ ...each, detail }, pathOf(each))
        }),
        { cause: error },
      ),
    place,
  }
}

/** What a tenant's entry says of the tenant itself. */
const ownOf = (entry: object): object =>
  Object.fromEntries(Object.entries(entry).filter(([name]) => name in TenantSpec.properties))

function editsOf(raw: RawDocument): readonly Edit<Declared>[] {
  const underlayMtuBytes = raw.underlay?.mtuBytes
  const edits: Edit<Declared>[] = []
  const push = (collection: Declared, key: string, spec: object): void => {
    edits.push(Object.freeze({ collection, key, spec }) as Edit<Declared>)
  }
  for (const collection of ['physicalNetwork', 'vniPool'] as const)
    for (const [id, spec] of Object.entries(raw[`${collection}s`] ?? {})) push(collection, id, spec)
  for (const [id, { bridges, ...spec }] of Object.entries(raw.hosts ?? {})) {
    push('host', id, underlayMtuBytes === undefined ? spec : { underlayMtuBytes, ...spec })
    for (const [bridge, its] of Object.entries(bridges ?? {}))
      push('bridge', `${id}/${bridge}`, its)
  }
  for (const [tenant, children] of Object.entries(raw.tenants ?? {})) {
    push('tenant', tenant, ownOf(children))
    for (const collection of declaredNames) {
      if (collections[collection].parent !== 'tenant') continue
      const specs = children[collections[collection].plural] ?? {}
      for (const [id, spec] of Object.entries(specs)) push(collection, `${tenant}/${id}`, spec)
    }
  }
  return Object.freeze(edits)
}

// Problem -> position -----------------------------------------------------------------------------

/** JSON pointer into the document of a problem with one of its objects. */
function pathOf({ collection, key = '', pointer }: Problem): string {
  if (!collection) return pointer
  return `${objectPath(collection, key)}${pointer}`
}

function objectPath(collection: Collection, key: string): string {
  if (!isDeclared(collection)) return ''
  const { plural, documentKey = plural, parent } = collections[collection]
  const { parent: owner, id } = splitKey(key)
  return `${parent ? objectPath(parent, owner) : ''}/${documentKey}/${id}`
}

const keyProblems: ReadonlySet<string> = new Set([
  'unknown_field',
  'read_only',
  'id_invalid',
  'workload_name_invalid',
  'outside_tenant',
])

function placer(
  yaml: YamlText,
  fileName: string,
): (problem: Problem, pointer: string) => DocumentProblem {
  return (problem, pointer) => {
    const path = pointer.split('/').slice(1).map(unescaped)
    const whole = problem.pointer === '' || keyProblems.has(problem.type)
    const position = yaml.position(path, whole ? 'key' : 'value')
    return Object.freeze({ ...problem, pointer, fileName, ...position })
  }
}

function syntaxProblem(
  { line, column, message }: Position & { message: string },
  fileName: string,
): DocumentProblem {
  const expected = 'one YAML 1.2 document without tags, each key once'
  const facts = problem('yaml_syntax', { pointer: '', value: message, expected })
  return Object.freeze({ ...facts, fileName, line, column })
}

function describe({ fileName, line, column, pointer, detail, expected }: DocumentProblem): string {
  const where = pointer === '' ? '' : ` ${pointer}:`
  return `${fileName}:${line}:${column}:${where} ${withExpected({ detail, expected })}`
}
