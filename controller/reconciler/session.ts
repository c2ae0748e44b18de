/**
 * A host's OVSDB session of either kind: which one it is, `host-kind.ts` says. Neighbours: `host-session.ts`
 * (Open_vSwitch), `vtep/vtep-session.ts` (hardware_vtep), `reconciler.ts`.
 */
import type { Duplex } from 'node:stream'
import { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { hardwareVtep } from '../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import { deadline } from '../../southbound/wire/clock.ts'
import type { Host } from '../model/schema.ts'
import { type Databases, hostOf, kindInModel, kindOf, readDatabases } from './host-kind.ts'
import { ANSWER_MS } from './host-line.ts'
import { HostSession, type HostSessionOptions } from './host-session.ts'
import type { Refusals } from './refusals.ts'
import { VtepSession, type VtepSessionOptions } from './vtep/vtep-session.ts'

export type Session = HostSession | VtepSession

export type SessionOptions = Omit<HostSessionOptions & VtepSessionOptions, 'hostOf' | 'onLook'> & {
  /** The host at the other end; undefined while it is none that we drive. */
  readonly hostOf: (session: Session) => Host | undefined
  /** Called after every look. */
  readonly onLook: (session: Session) => void
  /** Takes what is to be told once of a machine that keeps dialling. */
  readonly refusals: Refusals
  /** Resolves when it is the session's turn to be read. */
  readonly turn: (signal: AbortSignal) => Promise<unknown>
}

/** Opens the session over an accepted connection. Rejects when the peer has a database of neither kind. */
export async function openSession(
  duplex: Duplex,
  peer: string,
  options: SessionOptions,
): Promise<Session> {
  const { store, openflowTarget, turn, clock } = options
  const greeting = deadline(clock, ANSWER_MS)
  const client = await OvsdbClient.open(duplex, { signal: greeting, echoIntervalMs: 5000, clock })
  try {
    // However long that is: from here on the host is told that we are there.
    const gone = new AbortController()
    void client.closed.then((reason) => gone.abort(reason ?? new Error('the host has gone')))
    await turn(gone.signal)
    const signal = deadline(clock, ANSWER_MS)
    const databases = await readDatabases(client, openflowTarget, signal)
    const kind = kindOf(databases, store.snapshot)
    const session = await (kind === 'vtep' ? VtepSession : HostSession).open(client, peer, options)
    if (databases.kinds.length > 1) followKind(session, databases, options)
    return session
  } catch (error) {
    client.close()
    throw error
  }
}

/** Tells of the database that is not served; when the model comes to name the machine by that one, it shall dial again. */
function followKind(
  { kind, line }: Session,
  databases: Databases,
  { store, refusals }: SessionOptions,
): void {
  const [served, other] = [databaseOf[kind], databaseOf[kind === 'ovs' ? 'vtep' : 'ovs']]
  const name = (databases.names[kind][0] ?? '').slice(0, 128)
  const host = hostOf(databases.names[kind], kind, store.snapshot) ?? name
  const message = `${line.address} (${name}) has Manager rows towards us in ${served} and in ${other}: it is driven by ${served}, and its ${other} gets nothing`
  refusals.add('host_ambiguous', host, message, { kind })
  const stop = store.onCommit(({ snapshot, changes }) => {
    if (!changes.some(({ collection }) => collection === 'host')) return
    // One that the model has lost stays until what it has of ours is taken back.
    const now = kindInModel(databases, snapshot) ?? kind
    if (now !== kind) line.close(new Error(`the model says that it is of kind ${now}`))
  })
  void line.closed.then(stop)
}

const databaseOf = { ovs: openVSwitch.name, vtep: hardwareVtep.name } as const
