/** What is true of a lab that is up: its hosts, guests and ports, as its controller has them. Neighbour: control-server.ts. */
import { formatIpv4, formatMac } from '../../southbound/wire/address.ts'
import { realizerOf, switchNames } from '../../topologies/lab/host-switch.ts'
import type { Lab } from '../../topologies/lab/lab.ts'
import { networkOfGuests } from '../../topologies/lab/segments.ts'
import { stateOf } from '../print/state.ts'
import type { Answered } from '../print/views.ts'
import type { GuestStatus, HostStatus, LabStatus } from './control-schema.ts'

export type SiteStatus = Required<Pick<LabStatus, 'ports' | 'hosts' | 'guests'>>

export async function siteStatus(lab: Lab, signal: AbortSignal): Promise<SiteStatus> {
  const { document } = lab
  const states = new Map<string, string>()
  for (const tenant of Object.keys(document.tenants)) {
    const path = `/v1/tenants/${tenant}/ports?fields=id,status`
    for await (const port of items(lab, path, signal))
      states.set(`${tenant}/${port.id}`, stateText(port))
  }
  const networks = networkOfGuests(document)
  const guests = [...lab.workloads.values()].map(({ name, hostId, mac, address }): GuestStatus => {
    const port = document.workloads[name] ?? ''
    const network = networks.get(name) ?? ''
    const state = states.get(port) ?? 'gone'
    const own = { mac: formatMac(mac), address: formatIpv4(address) }
    return { name, host: hostId, port, network, ...own, state }
  })
  const hosts: HostStatus[] = []
  for await (const host of items(lab, '/v1/infra/hosts', signal)) {
    const id = String(host.id)
    const declared = document.hosts[id]
    if (!declared) continue
    const { kind, vtepAddress } = declared
    const name = switchNames[realizerOf(lab, id)]
    hosts.push({ id, kind, switch: name, vtepAddress, state: stateText(host) })
  }
  const realized = [...states.values()].filter((state) => state === 'realized').length
  return { ports: { realized, total: states.size }, hosts, guests }
}

function stateText({ status }: Answered): string {
  const cell = stateOf(status, { why: true })
  return typeof cell === 'string' ? cell : cell.text
}

/** Of a list, page by page. */
async function* items(lab: Lab, path: string, signal: AbortSignal): AsyncGenerator<Answered> {
  let next: string | undefined
  do {
    const cursor = next === undefined ? '' : `${path.includes('?') ? '&' : '?'}cursor=${next}`
    const answer = await lab.fetch(`${path}${cursor}`, { signal })
    if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`)
    const page = (await answer.json()) as { items: Answered[]; next?: string }
    yield* page.items
    next = page.next
  } while (next !== undefined)
}
