/**
 * What a lab leaves on disk while it lives: a run directory `weft-ID` below the system's folder for
 * temporary files, with `state.json` in it, which names the process that the lab belongs to. When that
 * process is dead, the next lab that starts removes what it left: processes, namespaces, files.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { namespacesNamed, removeNamespaces } from './namespace.ts'
import { namespacePrefix } from './plan.ts'

/** Content of `state.json`. */
export interface LabState {
  readonly id: string
  readonly pid: number
  /** When that process started, clock ticks since boot: a pid alone may be another process by now. */
  readonly startTime: string
}

/** A lab's place on disk, readable by its owner only. */
export interface RunDirectory {
  readonly id: string
  /** Absolute. Short, because the names of unix sockets (below it) end at 107 bytes. */
  readonly path: string
}

const NAME = /^weft-([0-9a-f]{6})$/

/** Makes a run directory with a new id; it appears with its state file in it, never without. */
export function makeRunDirectory(): RunDirectory {
  const id = randomBytes(3).toString('hex')
  const state: LabState = { id, pid: process.pid, startTime: startTimeOf(process.pid) ?? '' }
  const unnamed = mkdtempSync(join(tmpdir(), 'weft-new-'))
  writeFileSync(join(unnamed, 'state.json'), `${JSON.stringify(state)}\n`)
  const path = join(tmpdir(), `weft-${id}`)
  renameSync(unnamed, path)
  return { id, path }
}

/** Removes a run directory with everything in it. */
export function removeRunDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 3 })
}

/** Field 22 of /proc/PID/stat, proc(5); undefined when there is no such process or only its zombie. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command's name, field 2, is in parentheses and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

/** Labs whose process is gone. */
export function deadLabs(): RunDirectory[] {
  const dead: RunDirectory[] = []
  for (const name of readdirSync(tmpdir())) {
    const id = NAME.exec(name)?.[1]
    const path = join(tmpdir(), name)
    const state = id === undefined ? undefined : readState(path)
    if (id === undefined || state?.id !== id) continue
    if (startTimeOf(state.pid) !== state.startTime) dead.push({ id, path })
  }
  return dead
}

/** Undefined when the directory is not a lab's, or is being removed. */
function readState(path: string): LabState | undefined {
  try {
    return JSON.parse(readFileSync(join(path, 'state.json'), 'utf8')) as LabState
  } catch {
    return undefined
  }
}

/** Removes everything that a lab made, whoever started it. The directory goes last: until then it is found again. */
export async function removeLab(lab: RunDirectory): Promise<void> {
  await removeNamespaces(namespacesNamed(namespacePrefix(lab.id)))
  removeRunDirectory(lab.path)
}

/** Removes what dead labs left; the ids of those labs. */
export async function removeDeadLabs(): Promise<string[]> {
  const dead = deadLabs()
  for (const lab of dead) await removeLab(lab)
  return dead.map((lab) => lab.id)
}
