/**
 * The controller, whole: store, compiler, reconciler and northbound, and the listeners that hosts dial.
 *
 *   REST ─► store (commit) ─► reconciler (compile, then host by host) ─► hosts
 *     ▲                            │
 *     └────────── status ──────────┘
 *
 * Runs as a process of its own (`weft serve`) or inside another one: a lab hands it in-process streams instead of sockets.
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { type Clock, systemClock } from '../southbound/wire/clock.ts'
import type { Random } from '../southbound/wire/random.ts'
import { listen, removeStaleSocket } from '../southbound/wire/stream.ts'
import type { Access } from './access/access.ts'
import type { Program } from './compiler/program.ts'
import { firstCarriers } from './model/quarantine.ts'
import { createNorthbound, type Northbound } from './northbound/northbound.ts'
import { claimTeller } from './reconciler/claims.ts'
import { EventLog } from './reconciler/events.ts'
import { type Logger, noLog } from './reconciler/log.ts'
import { Reconciler } from './reconciler/reconciler.ts'
import { SiteStatus } from './reconciler/status.ts'
import { type Hooks, noHooks } from './store/hooks.ts'
import type { Store } from './store/store.ts'
import type { CredentialFiles, KeyFiles } from './tls/credentials.ts'
import type { PeerIdentity } from './tls/identity.ts'
import { restKeys } from './tls/rest-keys.ts'
import { secureListeners } from './tls/secure-listeners.ts'

/** Where something listens; port 0: the system chooses. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface ControllerOptions {
  readonly store: Store
  /** Where REST listens; a path is a unix socket. Left out, nothing listens, and only `inject` asks. */
  readonly rest?: Endpoint | { readonly path: string }
  /** With it REST is HTTPS only. */
  readonly restTls?: KeyFiles | undefined
  /** For answers that are under way when it closes, milliseconds; who has not read his by then is cut off. */
  readonly graceMs?: number | undefined
  /** Where hosts dial in by OVSDB; without it only `acceptOvsdb` brings hosts. */
  readonly ovsdb?: Endpoint
  /** Where bridges dial in by OpenFlow; hosts are told this port at the address by which they reached us. */
  readonly openflow?: Endpoint
  /** With it both listeners speak TLS only, hosts prove who they are, and their bridges are told `ssl:`. */
  readonly tls?: CredentialFiles | undefined
  /** Who is let in over REST; left out, everybody, as operator. */
  readonly access?: Access | undefined
  readonly clock?: Clock
  /** For uuids and probes. Default: the system's, which nobody guesses. */
  readonly random?: Random | undefined
  readonly log?: Logger
  readonly hooks?: Hooks
  readonly version?: string
  /** Another pipeline than Weft's; for tests that break it on purpose. */
  readonly program?: Program | undefined
}

/** The port that in-process hosts are told when nothing listens. */
const OPENFLOW_PORT = 6653

/** Where a connection comes from. */
export interface Accepted {
  readonly peer: string
  /** What its certificate says; undefined when it did not come over TLS: it is taken at its word. */
  readonly identity?: PeerIdentity | undefined
}

export class Controller {
  readonly events: EventLog
  readonly #reconciler: Reconciler
  readonly #northbound: Northbound
  /** How to end what listens, and the connections that came by it. */
  readonly #endings: (() => Promise<unknown>)[] = []
  #url = ''
  #openflowPort = OPENFLOW_PORT
  #ovsdbPort: number | undefined

  private constructor(events: EventLog, reconciler: Reconciler, northbound: Northbound) {
    this.events = events
    this.#reconciler = reconciler
    this.#northbound = northbound
  }

  /** Compiles what the store holds, then listens. Rejects when an address cannot be had. */
  static async start(options: ControllerOptions): Promise<Controller> {
    const {
      store,
      clock = systemClock,
      random,
      log = noLog,
      program,
      hooks = noHooks,
      version = '0.0.0',
      access,
      restTls,
      graceMs,
    } = options
    const events = new EventLog(clock)
    events.onEvent(({ type, host, message }) => log.info({ type, host, message }, 'event'))
    const end = new AbortController()
    const watch = { events, clock, log, signal: end.signal }
    const tls = restTls && restKeys({ files: restTls, ...watch })
    const carriers = firstCarriers(store.snapshot)
    if (carriers.length > 0) store.commit(carriers, { who: 'controller' })
    const reconciler = new Reconciler({ store, events, clock, random, log, program })
    const realization = new SiteStatus(store, reconciler, events)
    const onRefused = claimTeller(events, clock)
    const northbound = await createNorthbound({
      ...{ store, realization, onRefused, hooks, version, clock, random },
      ...(access && { access }),
      ...(tls && { tls }),
      graceMs,
    })
    const controller = new Controller(events, reconciler, northbound)
    controller.#endings.push(async () => end.abort())
    try {
      await controller.#listen(options)
    } catch (error) {
      await controller.close()
      throw error
    }
    return controller
  }

  /** REST, no slash at the end; of a unix socket its path; '' when nothing listens. */
  get url(): string {
    return this.#url
  }

  /** Where hosts dial in; undefined when nothing listens. */
  get ovsdbPort(): number | undefined {
    return this.#ovsdbPort
  }

  /** A request to REST that comes by no socket, and its answer. */
  inject(request: InjectOptions): Promise<LightMyRequestResponse> {
    return this.#northbound.inject(request)
  }

  /** Takes a host's OVSDB stream. @param localAddress the address by which the host reached us; its bridges dial it too */
  acceptOvsdb(
    duplex: Duplex,
    { peer, localAddress, identity }: Accepted & { localAddress: string },
  ): void {
    const plain = localAddress.replace(/^::ffff:/, '')
    const scheme = identity ? 'ssl' : 'tcp'
    const openflowTarget = `${scheme}:${plain.includes(':') ? `[${plain}]` : plain}:${this.#openflowPort}`
    void this.#reconciler.acceptOvsdb(duplex, { peer, identity, openflowTarget })
  }

  /** Takes a bridge's OpenFlow stream. */
  acceptOpenflow(duplex: Duplex, { peer, identity }: Accepted): void {
    void this.#reconciler.acceptOpenflow(duplex, { peer, identity })
  }

  /** Ends REST, then the sessions; hosts keep forwarding. The store stays open. */
  async close(): Promise<void> {
    await this.#northbound.close()
    this.#reconciler.close()
    await Promise.all(this.#endings.map((end) => end()))
  }

  async #listen(options: ControllerOptions): Promise<void> {
    const { store, rest, ovsdb, openflow, tls, clock = systemClock, log = noLog } = options
    const secure = tls && secureListeners({ files: tls, events: this.events, store, clock, log })
    if (secure) this.#endings.push(async () => secure.close())
    const at = async (endpoint: Endpoint, protocol: string, accept: Accept): Promise<number> => {
      const listener = secure
        ? await secure.listen(endpoint, protocol, accept)
        : await listenPlainly(endpoint, accept)
      this.#endings.push(() => listener.close())
      return listener.port
    }
    if (openflow)
      this.#openflowPort = await at(openflow, 'OpenFlow', (duplex, from) =>
        this.acceptOpenflow(duplex, from),
      )
    if (ovsdb)
      this.#ovsdbPort = await at(ovsdb, 'OVSDB', (duplex, from) => this.acceptOvsdb(duplex, from))
    if (!rest) return
    if ('path' in rest) await removeStaleSocket(rest.path)
    this.#url = (await this.#northbound.listen(rest)).url
  }
}

type Accept = (duplex: Duplex, from: Accepted & { readonly localAddress: string }) => void

async function listenPlainly({ host, port }: Endpoint, accept: Accept) {
  const streams = new Set<Duplex>()
  const listener = await listen({ kind: 'ptcp', host, port }, {}, (stream, name) => {
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
    const localAddress = (stream instanceof Socket && stream.localAddress) || ''
    accept(stream, { peer: name.replace(/^tcp:/, ''), localAddress })
  })
  return {
    port: 'port' in listener.address ? listener.address.port : port,
    async close() {
      for (const stream of streams) stream.destroy()
      await listener.close()
    },
  }
}
