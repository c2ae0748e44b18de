/** What the checks of a site go by: its REST, asked when a check needs it and once. Neighbours: site-hosts.ts, site-objects.ts, site-controller.ts. */
import type { DropCount, Status } from '../../controller/northbound/realization.ts'
import type { Rest } from '../rest.ts'
import { RestError } from '../rest-error.ts'
import { listPath } from '../target.ts'

export interface HostAnswer {
  readonly id: string
  readonly status: Status
}
export interface ObjectAnswer {
  readonly id: string
  readonly tenant?: string
  readonly host?: string
  readonly status: Status
}
export interface SiteEvent {
  readonly id: number
  readonly at: string
  readonly type: string
  readonly message: string
  readonly host?: string
}
export interface Drops {
  readonly host: string
  readonly drops: readonly DropCount[]
}

export interface SiteFacts {
  readonly rest: Rest
  /** Those that were named, or all. */
  hosts(): Promise<readonly HostAnswer[]>
  /** Networks of all tenants. */
  networks(): Promise<readonly ObjectAnswer[]>
  ports(): Promise<readonly ObjectAnswer[]>
  bridges(): Promise<readonly ObjectAnswer[]>
  events(): Promise<readonly SiteEvent[]>
  /** Of the hosts that are connected, now. */
  drops(): Promise<readonly Drops[]>
  /** What they had dropped when these facts were begun. */
  readonly firstDrops: Promise<readonly Drops[]>
  /** Resolves when so much time is between the two that what goes on shows. */
  untilLater(signal: AbortSignal): Promise<void>
  /** Milliseconds since 1970. */
  now(): number
}

export interface SiteOptions {
  readonly rest: Rest
  /** Ids; empty: all. */
  readonly chosen: readonly string[]
  readonly now: () => number
  /** See `untilLater`. */
  readonly later: Promise<void>
}

/** Requests at a time: a site may have a thousand hosts. */
const AT_ONCE = 8

/** All of them, some at a time, in their order. */
async function eachOf<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = []
  for (let at = 0; at < items.length; at += AT_ONCE)
    answers.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(ask))))
  return answers
}

const FIELDS = 'status.realized,status.reason,status.hosts,status.mtu'

export function siteFacts({ rest, chosen, now, later }: SiteOptions): SiteFacts {
  const once = <T>(ask: () => Promise<T>): (() => Promise<T>) => {
    let asked: Promise<T> | undefined
    return () => {
      asked ??= ask()
      return asked
    }
  }
  const all = async <T>(path: string, fields?: string): Promise<T[]> => {
    const items: T[] = []
    for await (const item of rest.items<T>(path, { fields })) items.push(item)
    return items
  }
  const hosts = once(async () => {
    const found = await all<HostAnswer>(listPath('host'))
    const absent = chosen.filter((id) => !found.some((host) => host.id === id))
    if (absent.length > 0) throw new RestError(404, `there is no host ${absent.join(', ')}`)
    return chosen.length === 0 ? found : found.filter(({ id }) => chosen.includes(id))
  })
  const ofTenants = (collection: 'network' | 'port') =>
    once(async () => {
      const tenants = await all<{ id: string }>(listPath('tenant'), 'id')
      const listOf = ({ id }: { id: string }) =>
        all<ObjectAnswer>(listPath(collection, encodeURIComponent(id)), `tenant,id,${FIELDS}`)
      return (await eachOf(tenants, listOf)).flat()
    })
  const drops = async (): Promise<readonly Drops[]> => {
    const connected = (await hosts()).filter(isConnected)
    const ask = async ({ id }: HostAnswer) =>
      (await unlessGone(rest.ask<Drops>('GET', `/v1/infra/hosts/${id}/drops`)))?.body ?? []
    return (await eachOf(connected, ask)).flat()
  }
  const firstDrops = drops()
  // Whoever looks at it later hears of it then.
  firstDrops.catch(() => {})
  return {
    ...{ rest, hosts, drops, firstDrops, now },
    networks: ofTenants('network'),
    ports: ofTenants('port'),
    bridges: once(() => all<ObjectAnswer>(listPath('bridge'), `host,id,${FIELDS}`)),
    events: once(
      async () =>
        (await rest.ask<{ events: readonly SiteEvent[] }>('GET', '/v1/events')).body.events,
    ),
    async untilLater(signal) {
      await later
      signal.throwIfAborted()
    },
  }
}

/** Undefined: the host has gone since, or is none any longer. */
export async function unlessGone<T>(asking: Promise<T>): Promise<T | undefined> {
  try {
    return await asking
  } catch (error) {
    const why = error instanceof RestError ? error.type : undefined
    if (why === 'host_disconnected' || why === 'not_found') return undefined
    throw error
  }
}

export const isConnected = ({ id, status }: HostAnswer): boolean =>
  status.hosts[id] !== undefined && status.hosts[id]?.state !== 'disconnected'
