/** `weft serve`: the controller as a process of its own. Neighbours: ../weft.ts, ../../controller/controller.ts. */

import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import pino from 'pino'
import { Controller, type ControllerOptions, type Endpoint } from '../../controller/controller.ts'
import { ModelError } from '../../controller/model/errors.ts'
import { type Hooks, noHooks, strikeAt } from '../../controller/store/hooks.ts'
import { Store } from '../../controller/store/store.ts'
import type { CredentialFiles, KeyFiles } from '../../controller/tls/credentials.ts'
import { TlsError } from '../../controller/tls/error.ts'
import { readDocument } from '../document.ts'
import { startedService } from '../systemd/notify.ts'
import { UsageError } from '../usage.ts'
import type { LogLevel } from './log-option.ts'
import { type AccessOptions, accessOf, checkAccess } from './serve-access.ts'

export interface ServeOptions extends AccessOptions {
  /** SQLite file, or `:memory:`. */
  readonly store: string
  readonly rest: NonNullable<ControllerOptions['rest']>
  /** Both or none; with them REST is HTTPS only. Paths of PEM files. */
  readonly restTlsKey?: string
  readonly restTlsCert?: string
  /** Plain HTTP at an address that others can reach. */
  readonly restInsecure?: boolean
  readonly ovsdb: Endpoint
  readonly openflow: Endpoint
  /** All three or none; with them hosts dial by TLS only. Paths of PEM files. */
  readonly tlsKey?: string
  readonly tlsCert?: string
  readonly tlsCa?: string
  /** A topology document to apply before hosts are let in. */
  readonly apply?: string
  /** Seconds. */
  readonly grace: number
  readonly log: LogLevel
  readonly version: string
  /** Ends the controller in order; hosts keep forwarding. */
  readonly signal: AbortSignal
}

/** Serves until `options.signal` aborts. @returns the exit code */
export async function serve(options: ServeOptions): Promise<number> {
  const { store: path, rest, ovsdb, openflow, version, signal } = options
  const tls = tlsFiles(options)
  const restTls = restTlsFiles(options)
  checkAccess(options)
  const log = pino({ level: options.log })
  const hooks = hooksFromEnvironment()
  const store = Store.open(path, { hooks })
  try {
    if (options.apply !== undefined) apply(store, options.apply)
    const access = accessOf(options, store, log)
    const controller = await Controller.start({
      ...{
        graceMs: options.grace * 1000,
        store,
        rest,
        restTls,
        ovsdb,
        openflow,
        tls,
        log,
        hooks,
        version,
        access,
      },
    })
    log.info(
      {
        rest: controller.url,
        ovsdb,
        openflow,
        tls: tls !== undefined,
        revision: store.snapshot.revision,
      },
      'serving',
    )
    const service = startedService(log)
    if (!signal.aborted) await once(signal, 'abort')
    log.info({ reason: (signal.reason as Error).message }, 'stopping')
    service.stopping()
    await controller.close()
    return 0
  } finally {
    store.close()
  }
}

function tlsFiles({ tlsKey, tlsCert, tlsCa }: ServeOptions): CredentialFiles | undefined {
  const [given] = [tlsKey, tlsCert, tlsCa].filter((file) => file !== undefined)
  if (given === undefined) return undefined
  if (tlsKey === undefined || tlsCert === undefined || tlsCa === undefined)
    throw new TlsError('incomplete', [given])
  refuseClientsOnly(tlsCert)
  return { key: tlsKey, cert: tlsCert, ca: tlsCa }
}

/** Tokens are as good as what carries them: in the open they go nowhere but to this machine. */
function restTlsFiles(options: ServeOptions): KeyFiles | undefined {
  const { rest, restTlsKey: key, restTlsCert: cert, restInsecure, auth } = options
  if (key !== undefined && cert !== undefined) {
    refuseClientsOnly(cert)
    return { key, cert }
  }
  if (key !== undefined || cert !== undefined)
    throw new UsageError('--rest-tls-key and --rest-tls-cert go together')
  if (auth === false || restInsecure || 'path' in rest || isLoopback(rest.host)) return undefined
  throw new UsageError(
    `REST at ${rest.host} without TLS would let anybody on the way read tokens: --rest-tls-key and --rest-tls-cert, or --rest-insecure where something in front of it speaks TLS`,
  )
}

const isLoopback = (host: string): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/i.test(host)

/** A certificate of a host would start, and every host would refuse it. RFC 5280 §4.2.1.12. */
function refuseClientsOnly(file: string): void {
  const [serverAuth, any] = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0']
  let purposes: readonly string[]
  try {
    purposes = new X509Certificate(readFileSync(file)).keyUsage ?? []
  } catch {
    return // Whoever reads it for use says what is wrong with it.
  }
  if (purposes.length > 0 && !purposes.includes(serverAuth) && !purposes.includes(any))
    throw new TlsError('wrong_purpose', [file])
}

function apply(store: Store, file: string): void {
  const document = readDocument(file)
  try {
    store.commit(document.edits, { who: `document ${document.name}` })
  } catch (error) {
    throw error instanceof ModelError ? document.explain(error) : error
  }
}

/** WEFT_KILL_AT=POINT[:COUNT] ends the process by SIGKILL at the COUNTth passing of that point; for tests of durability. */
function hooksFromEnvironment(): Hooks {
  const at = process.env.WEFT_KILL_AT
  return at ? strikeAt(at, () => process.kill(process.pid, 'SIGKILL')) : noHooks
}
