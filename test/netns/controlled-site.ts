/**
 * A site of the netns lab under its controller, whose ports nobody waits for: for tests that bind them step by step. Where
 * all ports become real by themselves it is a lab (topologies/lab/netns/lab.ts).
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ControllerEvent, Status } from '../../controller/northbound/realization.ts'
import type { LabDocument } from '../../topologies/lab/lab.ts'
import { controllerProcess } from '../../topologies/lab/netns/controller-process.ts'
import type { OvsHost } from '../../topologies/lab/netns/ovs-host.ts'
import { openSite, type Site } from '../../topologies/lab/netns/site.ts'
import type { NetnsWorkload } from '../../topologies/lab/netns/workload.ts'
import { fetchChecked } from '../controller/northbound/schemas.ts'
import { until } from './agent-site.ts'

export interface ControlledSite {
  readonly site: Site
  get<T = { readonly status: Status }>(path: string): Promise<T>
  put(path: string, body: object): Promise<number>
  remove(path: string): Promise<number>
  events(type: string): Promise<ControllerEvent[]>
  guest(name: string): NetnsWorkload
  host(id: string): OvsHost
  uuid(port: string): Promise<string>
  realized(path: string): Promise<void>
  close(): Promise<void>
}

/** Starts the controller and the hosts of kind ovs; the others are for the test to start. */
export async function openControlledSite(document: LabDocument): Promise<ControlledSite> {
  let url = ''
  const call = async (method: string, path: string, body?: object) =>
    fetchChecked(`${url}/v1/${path}`, {
      method,
      ...(body && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    })
  const get = async <T>(path: string) => (await (await call('GET', path)).json()) as T
  const portUuid = async (tenant: string, portId: string) =>
    (await get<{ uuid: string }>(`tenants/${tenant}/ports/${portId}`)).uuid
  const site = await openSite({ document, portUuid })
  const directory = site.runDirectory.path
  const documentFile = join(directory, 'document.json')
  writeFileSync(documentFile, JSON.stringify(document))
  const plan = site.plan
  const controller = await controllerProcess({ plan, runDirectory: directory, documentFile })
  const host = (id: string): OvsHost => {
    const found = site.hosts.get(id)
    if (!found) throw new Error(`no host ${id}`)
    return found
  }
  const guest = (name: string): NetnsWorkload => {
    const found = site.workloads.get(name)
    if (!found) throw new Error(`no guest ${name}`)
    return found
  }
  const opened: ControlledSite = {
    site,
    get: get as ControlledSite['get'],
    put: async (path, body) => (await call('PUT', path, body)).status,
    remove: async (path) => (await call('DELETE', `${path}?wait=realized&timeout=20s`)).status,
    async events(type) {
      const { events } = await get<{ events: ControllerEvent[] }>('events')
      return events.filter((event) => event.type === type)
    },
    guest,
    host,
    uuid: (port) => portUuid('acme', port),
    async realized(path) {
      let last: unknown
      const isRealized = async () => {
        const { status } = await get<{ status: Status }>(path)
        last = status
        return status.realized
      }
      await until(`${path} is realized`, isRealized, 30_000).catch((error: Error) => {
        throw new Error(`${error.message}: ${JSON.stringify(last)}`)
      })
    },
    async close() {
      await controller.close()
      await site.close()
    },
  }
  try {
    await controller.start()
    url = controller.url
    for (const [id, { kind }] of Object.entries(document.hosts)) {
      if (kind !== 'ovs') continue
      await host(id).start({ emptyDatabase: true })
      await host(id).boot()
    }
    return opened
  } catch (error) {
    await opened.close()
    throw error
  }
}
