/**
 * The rule of direction: a folder imports only from folders to its left,
 *
 *     southbound/wire < southbound/{openflow,ovsdb} < southbound/agent < dataplane < controller < topologies < bin < test
 *
 * held by reading the imports of every file, with two rules on top: the model and the compiler are pure, and the controller
 * takes from the dataplane only the parts that explain.
 */

import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** From left to right; folders of one row do not know each other. */
const order = [
  ['southbound/wire'],
  ['southbound/openflow', 'southbound/ovsdb'],
  ['southbound/agent'],
  ['dataplane'],
  ['controller'],
  ['topologies'],
  ['bin'],
  ['test'],
]

/** What the controller may take from the dataplane: the matcher that forwards is the matcher that explains. */
const explaining = /^dataplane\/(packet|classifier|pipeline|trace)\/[a-z0-9-]+\.ts$/

const pure = ['controller/model/', 'controller/compiler/']

interface Import {
  /** File that imports, from the root of the checkout. */
  readonly from: string
  /** File, or the name of a package or of a `node:` module. */
  readonly to: string
}

/** Static and dynamic imports, re-exports and types; relative names resolved to paths from the root. */
function importsOf(from: string, source: string): Import[] {
  const specifiers = source.matchAll(
    /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\(\s*)(['"])([^'"\n]+)\1/g,
  )
  return [...specifiers].map(([, , name = '']) => ({
    from,
    to: name.startsWith('.') ? relative(root, join(root, dirname(from), name)) : name,
  }))
}

function place(file: string): { folder: string; rank: number } | undefined {
  const rank = order.findIndex((row) => row.some((folder) => file.startsWith(`${folder}/`)))
  const folder = order[rank]?.find((name) => file.startsWith(`${name}/`))
  return folder === undefined ? undefined : { folder, rank }
}

/** Why an import is not allowed; undefined when it is. */
function objection({ from, to }: Import): string | undefined {
  const source = place(from)
  const target = place(to)
  if (source === undefined) return `${from} is in no folder of the order`
  if (pure.some((folder) => from.startsWith(folder)) && to.startsWith('node:')) {
    return `${from} is pure and imports ${to}`
  }
  if (target === undefined || source.folder === target.folder) return undefined
  if (target.rank >= source.rank) return `${from} imports ${to}, which is not to its left`
  if (source.folder === 'controller' && target.folder === 'dataplane' && !explaining.test(to)) {
    return `${from} imports ${to}, which does not explain but forward`
  }
  return undefined
}

const files = globSync('{southbound,dataplane,controller,topologies,bin,test}/**/*.{ts,js}', {
  cwd: root,
})
const imports = files.flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')))

describe('the rule of direction between folders', () => {
  test('every import goes to the left, the model and the compiler import no node:*', () => {
    expect(imports.length).toBeGreaterThan(100)
    expect(imports.map(objection).filter((words) => words !== undefined)).toEqual([])
  })

  test.each([
    ['southbound/wire/a.ts', '../openflow/b.ts', 'not to its left'],
    ['southbound/openflow/a.ts', '../ovsdb/b.ts', 'not to its left'],
    ['dataplane/a.ts', '../controller/b.ts', 'not to its left'],
    ['controller/a.ts', '../dataplane/switch/switch.ts', 'does not explain'],
    ['controller/model/a.ts', 'node:fs', 'is pure'],
    ['bin/a.ts', '../test/needs.ts', 'not to its left'],
  ])('%s may not import %s', (from, to, why) => {
    const [found] = importsOf(from, `import {\n  x,\n} from '${to}'\n`)
    expect(found && objection(found)).toContain(why)
  })

  test.each([
    ['southbound/openflow/a.ts', '../wire/struct.ts'],
    ['controller/a.ts', '../dataplane/packet/flow-key.ts'],
    ['controller/store/a.ts', 'node:sqlite'],
    ['topologies/lab/a.ts', '../../controller/controller.ts'],
  ])('%s may import %s', (from, to) => {
    const [found] = importsOf(from, `const { x } = await import('${to}')\n`)
    expect(found && objection(found)).toBeUndefined()
    expect(found).toBeDefined()
  })
})
