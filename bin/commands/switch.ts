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
import type { SwitchLog } from '../../dataplane/switch/bridge.ts'
import { systemClock } from '../../dataplane/switch/clock.ts'
import { DEFAULT_BACKOFF_MS } from '../../dataplane/switch/controllers.ts'
import { keepRemote, type Network } from '../../dataplane/switch/remote.ts'
import { openRundir, type Rundir, RundirError } from '../../dataplane/switch/rundir.ts'
import { readTls, socketNetwork, type TlsFiles } from '../../dataplane/switch/sockets.ts'
import { Switch } from '../../dataplane/switch/switch.ts'
import { openStorage } from '../../southbound/ovsdb/journal-storage.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { OVSDB_PORT, parseEndpoint } from '../../southbound/wire/endpoint.ts'
import { SwitchError } from './switch-error.ts'
import { openUnderlay } from './underlay.ts'

export interface SwitchSettings {
  readonly rundir: string
  /** Journal file; absent: in memory. */
  readonly db?: string
  readonly systemId?: string
  readonly remote: readonly string[]
  readonly underlay?: string
  /** All three or none. */
  readonly tlsKey?: string
  readonly tlsCert?: string
  readonly tlsCa?: string
  /** Ends the switch in order. */
  readonly signal: AbortSignal
}

/** Serves until the signal. @returns the exit code */
export async function runSwitch(settings: SwitchSettings): Promise<number> {
  const { db, signal } = settings
  const log = pino({ level: process.env.WEFT_LOG ?? 'info' }, pino.destination(2))
  for (const target of settings.remote) parseEndpoint(target, OVSDB_PORT)
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
      ...(db !== undefined && { storage: openStorage(openVSwitch, db) }),
      ...(underlay && { underlay: underlay.options }),
      bridgeOpened: (name, serve) =>
        rundir.listen(`${name}.mgmt`, (stream) => {
          serve(stream).catch(({ message }: Error) =>
            log.info({ bridge: name, message }, 'refused'),
          )
        }),
    })
    taken.unshift(() => device?.close())
    for (const target of settings.remote) taken.unshift(serveAt(target, device, network, log))
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

/** Serves the database at a target that no row names. @returns how to stop */
function serveAt(target: string, device: Switch, network: Network, log: SwitchLog): () => void {
  const { stop } = keepRemote({
    ...{ target, network, defaultPort: OVSDB_PORT, clock: systemClock },
    maxBackoffMs: () => DEFAULT_BACKOFF_MS,
    serve: async (stream) => {
      const session = device.database.accept(stream, target)
      return { ended: session.closed, close: () => session.close() }
    },
    changed() {},
    log: (connected, error) =>
      log.info({ remote: target, error: error?.message }, connected ? 'connected' : 'disconnected'),
  })
  return stop
}

function sslRow(device: Switch | undefined): TlsFiles | undefined {
  const [row] = device?.database.table('SSL').values() ?? []
  return row
}

function tlsFiles({ tlsKey, tlsCert, tlsCa }: SwitchSettings): TlsFiles | undefined {
  const [one] = [tlsKey, tlsCert, tlsCa].filter((file) => file !== undefined)
  if (one === undefined) return undefined
  if (tlsKey === undefined || tlsCert === undefined || tlsCa === undefined) {
    throw new SwitchError(
      `${one} alone is not enough: TLS wants --tls-key, --tls-cert and --tls-ca`,
    )
  }
  const files = { private_key: tlsKey, certificate: tlsCert, ca_cert: tlsCa }
  readTls(files)
  return files
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
