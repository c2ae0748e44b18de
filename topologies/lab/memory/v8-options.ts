/**
 * Options of `node` for a process that is a large lab. What a site is made of stays: two collections of new objects are spared
 * most of it when they are far apart. And V8 by itself collects a gigabyte anew for each 64 MiB that buffers have taken outside its
 * heap, however soon they are free again. Evidence: README.md, decision 4.
 */
import { spawnSync } from 'node:child_process'

const WANTED = ['--max-semi-space-size=64', '--external-memory-accounted-in-global-limit']

/** Those of them that this V8 has: one that it does not know would end the process at its start. */
export function v8Options(): string[] {
  const { stdout } = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })
  const known = new Set(stdout.match(/--[a-z0-9-]+/g))
  return WANTED.filter((option) => known.has(option.replace(/=.*/, '')))
}
