/**
 * What `npm pack` packs: a copy of the checkout under dist/ with the types stripped, because Node runs no
 * TypeScript below node_modules. `prepack` makes it, `postpack` (`--clean`) removes it. Meanwhile package.json
 * asks for the Node that dist needs; a checkout brings its own and starts on an older one. The types of what
 * package.json exports (southbound/, and `weft/lab` with all that it names) lie beside it as `.d.ts`, and what
 * its READMEs teach.
 *
 * A line of dist is the line of the source: types become spaces, so a stack trace from the field fits the
 * checkout. Relative names that end in `.ts` become `.js` wherever they are quoted: imports, workers, children.
 * Neighbours: package.json (files, bin), test/setup/pack.test.ts.
 */

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import { argv, execPath } from 'node:process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

/** Folders that an installed Weft is made of; package.json is read by `weft --version`. */
const packed = [
  '{southbound,dataplane,controller,topologies,bin}/**/*.{ts,yaml,json,service}',
  'southbound/**/*.md',
  'package.json',
]

/** Projects of their own, which others copy. */
const unpacked = ['topologies/example/**']

/** What a test imports as `weft/lab`. */
const lab = 'topologies/vitest/lab'

/** Node of the checkout (bin/setup.js brings 24 itself), and of the package. */
const startsOn = '>=20'
const runsOn = '>=24'

/** The JavaScript of one module, line for line. */
export function strip(source: string): string {
  return nameJavaScript(stripTypeScriptTypes(source))
}

const nameJavaScript = (source: string) =>
  source.replace(/(['"`])(\.{1,2}\/[^'"`\n]*)\.ts\1/g, '$1$2.js$1')

/** Has the compiler write the declarations of what others import. @throws {Error} when it does not compile */
function declare(): void {
  const compilerOptions = { noEmit: false, declaration: true, emitDeclarationOnly: true }
  const project = {
    extends: '../tsconfig.json',
    compilerOptions: { ...compilerOptions, rootDir: '..', outDir: '.' },
    include: ['../southbound', `../${lab}.ts`],
  }
  const file = join(dist, 'tsconfig.json')
  writeFileSync(file, JSON.stringify(project))
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  execFileSync(execPath, [compiler, '-p', file], { stdio: ['ignore', 2, 2] })
  rmSync(file)
  const named = namedBy(`${lab}.d.ts`)
  for (const made of globSync('**/*.d.ts', { cwd: dist })) {
    const path = join(dist, made)
    if (made.startsWith('southbound/') || named.has(made))
      writeFileSync(path, nameJavaScript(readFileSync(path, 'utf8')))
    else rmSync(path)
  }
}

/** The declarations that one needs, itself too; names relative to dist. */
function namedBy(file: string, known = new Set<string>()): Set<string> {
  known.add(file)
  const text = readFileSync(join(dist, file), 'utf8')
  for (const [, , name = ''] of text.matchAll(/(['"])(\.{1,2}\/[^'"\n]+)\.ts\1/g)) {
    const other = `${join(dirname(file), name)}.d.ts`
    if (!known.has(other)) namedBy(other, known)
  }
  return known
}

function build(): void {
  for (const file of globSync(packed, { cwd: root, exclude: unpacked })) {
    const target = join(dist, file)
    mkdirSync(dirname(target), { recursive: true })
    if (file.endsWith('.ts')) {
      writeFileSync(target.replace(/\.ts$/, '.js'), strip(readFileSync(join(root, file), 'utf8')))
    } else {
      copyFileSync(join(root, file), target)
    }
  }
  declare()
  chmodSync(join(dist, 'bin', 'weft.js'), 0o755)
}

/** Makes package.json ask for that Node. */
function demand(node: string): void {
  const file = join(root, 'package.json')
  const manifest = readFileSync(file, 'utf8')
  const changed = manifest.replace(/("engines": \{\s*"node": )"[^"]*"/, `$1"${node}"`)
  if (changed !== manifest) writeFileSync(file, changed)
}

if (import.meta.main) {
  const clean = argv.includes('--clean')
  rmSync(dist, { recursive: true, force: true })
  if (!clean) build()
  demand(clean ? startsOn : runsOn)
}
