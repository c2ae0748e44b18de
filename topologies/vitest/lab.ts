/**
 * `weft/lab`: a topology brought up in a vitest file, and matchers for what its guests reach.
 *
 *     import { lab } from 'weft/lab'
 *
 *     await using site = await lab('site.yaml')
 *     await expect(site.guest('h1.web')).toReach('h2.db')
 *
 * Neighbours: api.ts (types), document.ts (what is brought up), matchers.ts; ../lab (what brings it up); ../example (a project
 * of its own that does it).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { cwd, env } from 'node:process'
import { expect } from 'vitest'
import { hint } from '../../controller/model/suggest.ts'
import type { Lab } from '../lab/lab.ts'
import { openMemoryLab } from '../lab/memory/lab.ts'
import type { LabOptions, Site } from './api.ts'
import { documentOf, type Given } from './document.ts'
import './matchers.ts'
import { checkKeys } from './options.ts'
import { siteOn } from './site.ts'

export type {
  Frame,
  Guest,
  Host,
  LabOptions,
  PacketOptions,
  Power,
  RawOptions,
  ReachOptions,
  Site,
} from './api.ts'

const backends: readonly string[] = ['memory', 'netns']
const [SEED, MOST_SEED] = [1, 2 ** 32 - 1]

/**
 * Brings a topology up. Rejects with file, line, column, value and what would be right for a document that is wrong, and leaves
 * nothing when it does not come up.
 * @param document path, relative to the test file; a file: URL; YAML or JSON as text of more than one line; or the document as
 *   an object
 * @throws TypeError for an option that there is not
 */
export async function lab(
  document: string | URL | object,
  options: LabOptions = {},
): Promise<Site> {
  const { backend = 'memory', signal = new AbortController().signal } = options
  checkKeys(options, ['backend', 'seed', 'signal'], 'lab')
  if (!backends.includes(backend))
    throw new TypeError(`lab: no backend ${backend}; ${hint(backend, backends)}`)
  const given = documentOf(document)
  if (backend === 'netns') return siteOn(await openNetns(given, signal), { signal })
  const { seed, replay } = seedOf(options.seed)
  const opened = await openMemoryLab({ document: given.document, signal, seed, replay })
  return siteOn(opened, { signal, seed, replay })
}

/** Its controller is a process of its own, which reads a file, once. */
async function openNetns({ document, text, path }: Given, signal: AbortSignal): Promise<Lab> {
  const { openNetnsLab } = await import('../lab/netns/lab.ts')
  if (path !== undefined) return openNetnsLab({ document, documentFile: path, signal })
  const folder = mkdtempSync(join(tmpdir(), 'weft-document-'))
  try {
    const documentFile = join(folder, 'topology.yaml')
    writeFileSync(documentFile, text)
    return await openNetnsLab({ document, documentFile, signal })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** @throws RangeError for one that is none */
function seedOf(given: number | undefined): { readonly seed: number; readonly replay: string } {
  const seed = given ?? (env.WEFT_SEED === undefined ? SEED : Number(env.WEFT_SEED))
  if (!Number.isInteger(seed) || seed < 0 || seed > MOST_SEED)
    throw new RangeError(
      `seed: ${given ?? env.WEFT_SEED} is none; it would be a whole number from 0 to ${MOST_SEED}`,
    )
  const { testPath = '' } = expect.getState()
  const command = `WEFT_SEED=${seed} npx vitest run ${relative(cwd(), testPath)}`
  return { seed, replay: given === undefined ? `again: ${command}` : `seed ${seed}` }
}
