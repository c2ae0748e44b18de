/**
 * What a lab asks the controller's REST for while it comes up, as an operator's script would: the uuid to
 * plug a workload with, and whether a port is real yet.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LabDocument } from './lab.ts'

const POLL_MS = 10

/** REST answers something else than the lab needs. */
export class RestError extends Error {
  override readonly name = 'RestError'
}

/** What a lab reads of a port's representation. */
interface PortAnswer {
  readonly uuid: string
  readonly status: {
    readonly realized: boolean
    readonly hosts: Readonly<Record<string, { readonly state: string; readonly reason?: string }>>
  }
}

/** @param key `tenant/port`. Rejects with status and body when the answer is no port. */
async function readPort(url: string, key: string, signal?: AbortSignal): Promise<PortAnswer> {
  const [tenant, portId] = key.split('/')
  const where = `${url}/v1/tenants/${tenant}/ports/${portId}`
  const response = await fetch(where, { ...(signal && { signal }) })
  if (!response.ok) throw new RestError(`GET ${where}: ${response.status} ${await response.text()}`)
  return (await response.json()) as PortAnswer
}

/** The uuid that the Interface of a port carries as `external_ids:iface-id`. */
export async function portUuid(url: string, key: string, signal?: AbortSignal): Promise<string> {
  return (await readPort(url, key, signal)).uuid
}

/** Waits until all hosts concerned have confirmed each port; rejects with what is missing at the end. */
export async function whenRealized(
  url: string,
  ports: readonly string[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  let waiting = ports
  for (;;) {
    const answers = await Promise.all(waiting.map((key) => readPort(url, key, signal)))
    const late = answers.findIndex(({ status }) => !status.realized)
    if (late < 0) return
    if (performance.now() > deadline) {
      const status = JSON.stringify(answers[late]?.status)
      throw new RestError(`port ${waiting[late]} is not realized after ${timeoutMs} ms: ${status}`)
    }
    waiting = waiting.filter((_, at) => !answers[at]?.status.realized)
    await sleep(POLL_MS, undefined, { ...(signal && { signal }) })
  }
}

/** Binds a port of the document to an interface of a host, as a tenant's operator would. */
export async function declarePort(
  url: string,
  { tenants }: LabDocument,
  of: { readonly tenant: string; readonly portId: string; hostId: string; device: string },
  signal?: AbortSignal,
): Promise<void> {
  const port = tenants[of.tenant]?.ports?.[of.portId]
  const { network, mac, addresses } = port ?? {}
  const where = `${url}/v1/tenants/${of.tenant}/ports/${of.portId}`
  const response = await fetch(where, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ network, mac, addresses, hostId: of.hostId, interface: of.device }),
    ...(signal && { signal }),
  })
  if (!response.ok) throw new RestError(`PUT ${where}: ${response.status} ${await response.text()}`)
}
