/**
 * Which branches of the fuzzed files were never taken, from V8's own block coverage. Start before the
 * files are loaded: node strips types in place, so that offsets are those of the source.
 * Neighbour: run.ts.
 */
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

interface FileBranches {
  readonly file: string
  readonly blocks: number
  readonly taken: number
  /** First lines of the blocks that were never taken. */
  readonly missed: readonly number[]
}

export interface Branches {
  take(): Promise<FileBranches[]>
}

/** `folder`: a URL below which files are of interest. */
export async function countBranches(folders: readonly string[]): Promise<Branches> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true })
  return {
    async take() {
      const { result } = await session.post('Profiler.takePreciseCoverage')
      session.disconnect()
      return result
        .filter(({ url }) => folders.some((folder) => url.startsWith(folder)))
        .map(({ url, functions }) => {
          const source = readFileSync(fileURLToPath(url), 'utf8')
          const ranges = functions.flatMap((one) => one.ranges)
          const missed = ranges.filter(({ count }) => count === 0)
          const lineOf = (offset: number) => source.slice(0, offset).split('\n').length
          const lines = missed.map(({ startOffset }) => lineOf(startOffset))
          return {
            ...{ file: basename(url), blocks: ranges.length, taken: ranges.length - missed.length },
            missed: [...new Set(lines)].sort((a, b) => a - b),
          }
        })
        .sort((a, b) => a.file.localeCompare(b.file))
    },
  }
}
