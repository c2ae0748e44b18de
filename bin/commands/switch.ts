/**
 * `weft switch`: the userspace switch as a process of its own, which an operator drives as an Open
 * vSwitch. Neighbours: switch-options.ts (names and help), underlay.ts, ../../dataplane/switch/switch.ts.
 */
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import pino from 'pino'
import { openRundir, type Rundir, RundirError } from '../../dataplane/switch/rundir.ts'
import { socketNetwork, type TlsFiles } from '../../dataplane/switch/sockets.ts'
import { Switch } from '../../dataplane/switch/switch.ts'
import { openStorage } from '../../southbound/ovsdb/journal-storage.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { remoteTarget, serveAt, type TlsSettings, tlsFiles } from './remotes.ts'
import { SwitchError } from './switch-error.ts'
import { openUnderlay } from './underlay.ts'

export interface SwitchSettings extends TlsSettings {
  readonly rundir: string
  /** Journal file; absent: in memory. */
  readonly db?: string
  readonly systemId?: string
  readonly remote: readonly string[]
  readonly underlay?: string
  /** Ends the switch in order. */
  readonly signal: AbortSignal
}

/** Serves until the signal. @returns the exit code */
export async function runSwitch(settings: SwitchSettings): Promise<number> {
  const { db, signal } = settings
  const log = pino({ level: process.env.WEFT_LOG ?? 'info' }, pino.destination(2))
  const remotes = settings.remote.map(remoteTarget)
  const given = tlsFiles(settings)
  let device: Switch | undefined
  const network = socketNetwork(() => sslRow(device) ?? given)
  const rundir = openFolder(settings.rundir)
  /** What is to be let go of, last first. */
  const taken: (() => void)[] = []
  try {
    // First of all, so that a second switch on this folder ends here, having touched nothing.
    const accept = (stream: Duplex) => void device?.database.accept(stream)
    taken.unshift(await hinting(rundir.listen('db.sock', accept)))
    const underlay =
      settings.underlay === undefined ? undefined : await openUnderlay(settings.underlay)
    if (underlay) taken.unshift(underlay.close)
    device = new Switch({
      ...network,
      log,
      systemId: settings.systemId ?? hostname(),
      systemDevices: true,
      ...(db !== undefined && { storage: named('--db', db, () => openStorage(openVSwitch, db)) }),
      ...(underlay && { underlay: underlay.options }),
      bridgeOpened: (name, serve) =>
        rundir.listen(`${name}.mgmt`, (stream) => {
          serve(stream).catch(({ message }: Error) =>
            log.info({ bridge: name, message }, 'refused'),
          )
        }),
    })
    taken.unshift(() => device?.close())
    const { database } = device
    for (const target of remotes) taken.unshift(await serveAt(target, database, network, log))
    await device.whenSettled(signal)
    const pidFile = `${rundir.path}/weft-switch.pid`
    writeFileSync(pidFile, `${process.pid}\n`)
    taken.push(() => rmSync(pidFile, { force: true }))
    process.stdout.write(nextSteps(settings))
    if (!signal.aborted) await once(signal, 'abort')
    return 0
  } finally {
    for (const release of taken) release()
  }
}

function sslRow(device: Switch | undefined): TlsFiles | undefined {
  const [row] = device?.database.table('SSL').values() ?? []
  return row
}

/** Does what the option asks; an error says which option it was. */
function named<T>(option: string, value: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new SwitchError(`${option} ${value}: ${(error as Error).message}`, { cause: error })
  }
}

function openFolder(path: string): Rundir {
  try {
    return openRundir(path)
  } catch (error) {
    throw withHint(error)
  }
}

async function hinting<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw withHint(error)
  }
}

/** Says which option would help. */
function withHint(error: unknown): unknown {
  if (!(error instanceof RundirError)) return error
  return new RundirError(`${error.message}; --rundir FOLDER chooses another folder`)
}

/** What to type next, as it works when copied. */
function nextSteps({ rundir, db }: SwitchSettings): string {
  const folder = resolve(rundir)
  const kept =
    db === undefined ? 'the database is in memory: --db FILE keeps it' : `the database is in ${db}`
  return `weft switch: ready in ${folder}; ${kept}. In another shell:
  export OVS_RUNDIR=${folder}
  ovs-vsctl add-br br0
  ovs-vsctl add-port br0 p1 -- set Interface p1 type=stream options:pstream=punix:${folder}/p1.sock
  ovs-vsctl set-controller br0 tcp:127.0.0.1:6653
  ovs-ofctl -O OpenFlow13 show br0
`
}
