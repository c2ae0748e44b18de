/**
 * Labs that run by themselves, as this user's files know them: a folder `weft-lab/NAME` below $XDG_RUNTIME_DIR (else
 * `weft-labs-UID` in the system's folder for temporary files), which nobody else may look into. In it are
 *
 *     lab.json   whose it is: the process, by pid and start time, since a pid alone may be another process by now
 *     control    the socket that the lab answers at (control-server.ts)
 *     log        what the lab's process has printed
 *
 * A folder appears with its lab.json in it, never without, and goes last: one whose process is dead is a dead lab's, and whoever
 * comes next removes it. Neighbour: ../../topologies/lab/netns/state.ts, the same for namespaces.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { Static } from 'typebox'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { removeDeadLabs, startTimeOf } from '../../topologies/lab/netns/state.ts'
import { backendSchema } from './control-schema.ts'

/** A lab that is not there, or is there already, or a folder that is not ours. One sentence. */
export class LabError extends Error {
  override readonly name = 'LabError'
}

const strict = { additionalProperties: false } as const

const Record = Type.Object(
  {
    name: Type.String(),
    pid: Type.Integer({ minimum: 1 }),
    startTime: Type.String({
      description: 'field 22 of /proc/PID/stat; empty where there is none',
    }),
    backend: backendSchema,
    document: Type.String({ description: 'its name' }),
    file: Type.String({ description: 'where it was read from' }),
    digest: Type.String({ description: 'SHA-256 of its text' }),
    tls: Type.Boolean(),
    since: Type.String({ description: 'ISO 8601' }),
    url: Type.Optional(Type.String({ description: 'of REST; left out: the lab comes up' })),
  },
  strict,
)
/** Content of `lab.json`. */
export type LabRecord = Static<typeof Record>
const isRecord = Compile(Record)
/** What every version of Weft writes: a living lab of another one is not taken for a dead one. */
const hasProcess = Compile(Type.Pick(Record, ['pid', 'startTime'], { additionalProperties: true }))

export interface RunningLab extends LabRecord {
  readonly folder: string
  /** Path of the control socket. */
  readonly socket: string
  readonly log: string
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,39})$/
/** Names of unix sockets end there, with the final zero. */
const LONGEST_SOCKET = 107

/** @throws LabError */
export function checkName(name: string): string {
  if (NAME.test(name)) return name
  throw new LabError(`'${name}' is no name of a lab: small letters, digits and -, at most 40`)
}

/** Where this user's labs are. @throws LabError when it is somebody else's */
export function labsFolder(): string {
  const { XDG_RUNTIME_DIR: own } = process.env
  const uid = process.getuid?.()
  const path =
    own && isAbsolute(own) ? join(own, 'weft-lab') : join(tmpdir(), `weft-labs-${uid ?? 'user'}`)
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const { mode, uid: owner } = lstatSync(path)
    // In a folder that is everybody's somebody may have been first.
    if ((uid === undefined || owner === uid) && (mode & 0o170077) === 0o040000) return path
  } catch (cause) {
    throw new LabError(`cannot make ${path}: ${(cause as Error).message}`)
  }
  throw new LabError(
    `${path} is not a folder of this user's alone: remove it, or set XDG_RUNTIME_DIR`,
  )
}

const placeOf = (folder: string) => ({
  folder,
  socket: join(folder, 'control'),
  log: join(folder, 'log'),
})

export function isAlive({ pid, startTime }: Pick<LabRecord, 'pid' | 'startTime'>): boolean {
  if (startTime !== '') return startTimeOf(pid) === startTime
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Labs whose process lives, by name, after what dead ones left is gone. */
export async function runningLabs(): Promise<RunningLab[]> {
  const parent = labsFolder()
  const labs: RunningLab[] = []
  let isDead = false
  const names = readdirSync(parent).sort()
  for (const name of names) {
    const pid = Number(LOG_NAME.exec(name)?.[1])
    if (pid > 0 && !isAlive({ pid, startTime: '' })) rmSync(join(parent, name), { force: true })
  }
  for (const name of names.filter((each) => NAME.test(each))) {
    const place = placeOf(join(parent, name))
    const record = readRecord(place.folder)
    if (hasProcess.Check(record) && isAlive(record)) {
      if (isRecord.Check(record)) labs.push({ ...record, ...place })
    } else {
      isDead ||= isRecord.Check(record) && record.backend === 'netns'
      rmSync(place.folder, { recursive: true, force: true })
    }
  }
  if (isDead) await removeDeadLabs()
  return labs
}

/** The one of this name; without a name the only one. @throws LabError */
export async function runningLab(name?: string): Promise<RunningLab> {
  const labs = await runningLabs()
  if (name === undefined && labs.length > 1) {
    const names = labs.map((lab) => lab.name)
    throw new LabError(`there are ${names.length} labs, which one? ${names.join(' | ')}`)
  }
  const lab = name === undefined ? labs[0] : labs.find((each) => each.name === name)
  if (lab) return lab
  const which = name === undefined ? 'no lab runs' : `no lab ${name} runs`
  throw new LabError(`${which}; weft lab up FILE starts one`)
}

/** Undefined: the folder is none of ours, or is being removed. */
function readRecord(folder: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder, 'lab.json'), 'utf8'))
  } catch {
    return undefined
  }
}

export interface OwnLab extends RunningLab {
  /** Says where REST is: the lab is up. */
  isUp(url: string): void
  remove(): void
}

/** Environment of a lab's process: the file that it prints to, which becomes the log in its folder. */
export const LOG = 'WEFT_LAB_LOG'
const LOG_NAME = /^\.log-(\d+)$/

/** A file to print to until there is a folder for it. */
export const newLog = (): string => join(labsFolder(), `.log-${process.pid}`)

/** Makes the folder of a lab that is this process. @throws LabError when the name is taken */
export async function claimFolder(
  lab: Omit<LabRecord, 'pid' | 'startTime' | 'since'>,
): Promise<OwnLab> {
  const taken = (await runningLabs()).find(({ name }) => name === lab.name)
  if (taken) throw new LabError(`lab ${lab.name} runs already (process ${taken.pid})`)
  const parent = labsFolder()
  const folder = join(parent, checkName(lab.name))
  const own = placeOf(folder)
  if (Buffer.byteLength(own.socket) > LONGEST_SOCKET)
    throw new LabError(
      `the name of the socket ${own.socket} is too long: XDG_RUNTIME_DIR is shorter`,
    )
  const { pid } = process
  const since = new Date().toISOString()
  const record = { ...lab, pid, startTime: startTimeOf(pid) ?? '', since }
  // Hidden until it is whole; a name that is taken refuses the renaming.
  const unnamed = mkdtempSync(join(parent, '.new-'))
  try {
    writeRecord(unnamed, record)
    renameSync(unnamed, folder)
    const { [LOG]: log } = process.env
    if (log !== undefined) renameSync(log, own.log)
  } catch (cause) {
    rmSync(unnamed, { recursive: true, force: true })
    if (existsSync(folder)) throw new LabError(`lab ${lab.name} has just been started by somebody`)
    throw cause
  }
  return {
    ...record,
    ...own,
    isUp: (url) => writeRecord(folder, { ...record, url }),
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  }
}

function writeRecord(folder: string, record: LabRecord): void {
  const path = join(folder, 'lab.json')
  writeFileSync(`${path}.new`, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
