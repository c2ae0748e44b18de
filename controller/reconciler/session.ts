/**
 * A host's OVSDB session of either kind: which one it is, the host's databases say. Neighbours: `host-session.ts`
 * (Open_vSwitch), `vtep/vtep-session.ts` (hardware_vtep), `reconciler.ts`.
 */
import type { Duplex } from 'node:stream'
import { OvsdbClient } from '../../southbound/ovsdb/client.ts'
import { operations } from '../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { openVSwitch } from '../../southbound/ovsdb/schemas/open-vswitch.ts'
import type { Host } from '../model/schema.ts'
import { HostSession, type HostSessionOptions } from './host-session.ts'
import { addressIn } from './rows.ts'
import { VtepSession, type VtepSessionOptions } from './vtep/vtep-session.ts'

export type Session = HostSession | VtepSession

export type SessionOptions = Omit<HostSessionOptions & VtepSessionOptions, 'hostOf' | 'onLook'> & {
  /** The host at the other end; undefined while it is none that we drive. */
  readonly hostOf: (session: Session) => Host | undefined
  /** Called after every look. */
  readonly onLook: (session: Session) => void
}

/** How long a host may take to say what it is. Milliseconds. */
const ANSWER_MS = 10_000

/** Opens the session over an accepted connection. Rejects when the peer has a database of neither kind. */
export async function openSession(
  duplex: Duplex,
  peer: string,
  options: SessionOptions,
): Promise<Session> {
  const signal = AbortSignal.timeout(ANSWER_MS)
  const client = await OvsdbClient.open(duplex, { signal, echoIntervalMs: 5000 })
  try {
    const isVtep = await servesVtep(client, options.openflowTarget, signal)
    return await (isVtep ? VtepSession : HostSession).open(client, peer, options)
  } catch (error) {
    client.close()
    throw error
  }
}

/** Where one server has both databases (ovs-vtep), it is the one whose Manager row names us that dialled. */
async function servesVtep(
  client: OvsdbClient,
  ourTarget: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { databases } = client
  if (!databases.includes(hardwareVtep.name)) return false
  if (!databases.includes(openVSwitch.name)) return true
  const { select, rows } = operations(hardwareVtep)
  const [answer] = await client.transact(hardwareVtep, [select('Manager', [], ['target'])], {
    signal,
  })
  return rows('Manager', answer).some(
    ({ target }) => target !== undefined && addressIn(target) === addressIn(ourTarget),
  )
}
