/**
 * What a lab asks the controller's REST for while it comes up, as an operator's script would: the uuids to plug workloads with,
 * and whether their ports are real yet. Lists of a tenant at a time: a site of 10,000 ports is a hundred questions.
 */
import type { Clock } from '../../southbound/wire/clock.ts'
import type { Lab, LabDocument } from './lab.ts'
import { realTime } from './real-time.ts'

const POLL_MS = 10

/** REST answers something else than the lab needs. */
export class RestError extends Error {
  override readonly name = 'RestError'
}

/** Where it is, `http://127.0.0.1:PORT`, or who asks it and by what clock. */
export type Rest = string | (Pick<Lab, 'fetch'> & { readonly clock: Clock })

/** What a lab reads of a port's representation. */
interface PortAnswer {
  readonly id: string
  readonly uuid: string
  readonly status: {
    readonly realized: boolean
    readonly hosts: Readonly<Record<string, { readonly state: string; readonly reason?: string }>>
  }
}
interface Page {
  readonly items: readonly PortAnswer[]
  readonly next?: string
}

const asked = (rest: Rest) =>
  typeof rest === 'string'
    ? { fetch: (path: string, init?: RequestInit) => fetch(`${rest}${path}`, init), ...realTime }
    : rest

/** Rejects with status and body when the answer is none. */
async function ask(rest: Rest, path: string, init: RequestInit, signal?: AbortSignal) {
  const response = await asked(rest).fetch(path, { ...init, ...(signal && { signal }) })
  const { method = 'GET' } = init
  if (!response.ok)
    throw new RestError(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response
}

/** The ports of a tenant, page by page. */
async function* portsOf(rest: Rest, tenant: string, fields: string, signal?: AbortSignal) {
  const path = `/v1/tenants/${tenant}/ports?fields=${fields}`
  let next: string | undefined = ''
  while (next !== undefined) {
    const response = await ask(rest, next === '' ? path : `${path}&cursor=${next}`, {}, signal)
    const page = (await response.json()) as Page
    yield* page.items
    next = page.next
  }
}

/** The uuid that the Interface of a port carries as `external_ids:iface-id`. @param key `tenant/port` */
export async function portUuid(rest: Rest, key: string, signal?: AbortSignal): Promise<string> {
  const [tenant, portId] = key.split('/')
  const response = await ask(rest, `/v1/tenants/${tenant}/ports/${portId}`, {}, signal)
  return ((await response.json()) as PortAnswer).uuid
}

/** The same of all ports of some tenants, by key. */
export async function portUuids(
  rest: Rest,
  tenants: Iterable<string>,
  signal?: AbortSignal,
): Promise<Map<string, string>> {
  const uuids = new Map<string, string>()
  for (const tenant of tenants)
    for await (const { id, uuid } of portsOf(rest, tenant, 'id,uuid', signal))
      uuids.set(`${tenant}/${id}`, uuid)
  return uuids
}

export interface RealizedOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Between two questions; default 10. */
  readonly pollMs?: number
}

/**
 * Waits until all hosts concerned have confirmed each port; rejects with what is missing at the end.
 * @param ports `tenant/port`; a tenant's are asked for at once, and the next tenant's when these are
 */
export async function whenRealized(
  rest: Rest,
  ports: readonly string[],
  { timeoutMs, signal, pollMs = POLL_MS }: RealizedOptions,
): Promise<void> {
  const { clock } = asked(rest)
  const deadline = clock.now() + timeoutMs
  const tenants = Map.groupBy(ports, (key) => key.slice(0, key.indexOf('/')))
  for (const [tenant, own] of tenants)
    for (;;) {
      const late = await firstLate(rest, tenant, new Set(own), signal)
      if (late === undefined) break
      if (clock.now() > deadline) {
        const { status } = (await (await ask(rest, late.path, {}, signal)).json()) as PortAnswer
        const what = JSON.stringify(status)
        throw new RestError(`port ${late.key} is not realized after ${timeoutMs} ms: ${what}`)
      }
      await clock.sleep(pollMs, signal)
    }
}

async function firstLate(
  rest: Rest,
  tenant: string,
  keys: Set<string>,
  signal?: AbortSignal,
): Promise<{ readonly key: string; readonly path: string } | undefined> {
  const place = (key: string) => ({
    key,
    path: `/v1/tenants/${tenant}/ports/${key.slice(tenant.length + 1)}`,
  })
  for await (const { id, status } of portsOf(rest, tenant, 'id,status.realized', signal)) {
    const key = `${tenant}/${id}`
    if (keys.delete(key) && !status.realized) return place(key)
  }
  const [missing] = keys
  return missing === undefined ? undefined : place(missing)
}

/** Binds a port of the document to an interface of a host, as a tenant's operator would. */
export async function declarePort(
  rest: Rest,
  { tenants }: LabDocument,
  of: { readonly tenant: string; readonly portId: string; hostId: string; device: string },
  signal?: AbortSignal,
): Promise<void> {
  const port = tenants[of.tenant]?.ports?.[of.portId]
  const { network, mac, addresses } = port ?? {}
  const put = {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ network, mac, addresses, hostId: of.hostId, interface: of.device }),
  }
  await ask(rest, `/v1/tenants/${of.tenant}/ports/${of.portId}`, put, signal)
}
