/**
 * Weft as it is used: `weft serve` in a process of its own, its store a file with fsync, one `POST /v1:apply` with
 * `?wait=realized`. The document says on which interface a port is (`hostId`, `ofport`); or interfaces say it, once the
 * ports are there and have uuids.
 */
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Step } from '../../../topologies/lab/lab.ts'
import { openNetnsLab } from '../../../topologies/lab/netns/lab.ts'
import type { Contender } from './contender.ts'
import { pidIn } from './cpu.ts'
import { name, plug, unplugAll } from './interfaces.ts'
import { emptySite, flowsOn, HOSTS, networksOf, portsOn, type ShapePort } from './shape.ts'

const WAIT = 'wait=realized&timeout=60s'
const POLL_MS = 100

export async function openWeft(places: 'declared' | 'iface-id', step: Step): Promise<Contender> {
  const document = emptySite('bulk')
  const lab = await openNetnsLab({ document, step })
  const ask = async (method: string, path: string, body?: string): Promise<string> => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(lab.url + path, { method, headers, ...(body && { body }) })
    const text = await response.text()
    if (response.status === 200) return text
    throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`)
  }
  const apply = (body: string, query: string) => ask('POST', `/v1:apply?${query}`, body)
  /** What the list of ports says, by id. */
  const list = async <T>(field: string, of: (port: never) => T): Promise<Map<string, T>> => {
    const found = new Map<string, T>()
    let cursor = ''
    do {
      const path = `/v1/tenants/bench/ports?fields=id,${field}${cursor}`
      const page = JSON.parse(await ask('GET', path)) as { items: { id: string }[]; next?: string }
      for (const port of page.items) found.set(port.id, of(port as never))
      cursor = page.next === undefined ? '' : `&cursor=${page.next}`
    } while (cursor !== '')
    return found
  }
  try {
    const machines = HOSTS.map((id) => lab.host(id))
    const directory = dirname(lab.controller.logFile)
    const database = (id: string): string => join(directory, id, 'db.sock')
    const daemons = HOSTS.flatMap((id) =>
      ['ovs-vswitchd', 'ovsdb-server'].map((name) => pidIn(join(directory, id, `${name}.pid`))),
    )
    return {
      name: 'weft',
      pids: { control: [lab.controller.pid ?? 0], switches: daemons },
      async plug(ports) {
        await Promise.all(HOSTS.map((id) => plug(database(id), portsOn(id, ports))))
      },
      prepare(added) {
        if (places === 'declared') {
          const body = JSON.stringify(documentOf(added, true))
          return async () => void (await apply(body, WAIT))
        }
        const body = JSON.stringify(documentOf(added, false))
        return async () => {
          await apply(body, '')
          const uuids = await list('uuid', ({ uuid }: { uuid: string }) => uuid)
          const uuidOf = ({ id }: ShapePort): string => uuids.get(id) ?? ''
          await Promise.all(HOSTS.map((id) => name(database(id), portsOn(id, added), uuidOf)))
          const realizedOf = ({ status }: { status: { realized: boolean } }) => status.realized
          while ([...(await list('status.realized', realizedOf)).values()].includes(false))
            await delay(POLL_MS)
        }
      },
      async clear() {
        await apply(JSON.stringify({ hosts: document.hosts }), `prune=true&${WAIT}`)
        await Promise.all(HOSTS.map((id) => unplugAll(database(id))))
      },
      flows: () => Promise.all(machines.map(flowsOn)),
      close: () => lab.close(),
    }
  } catch (error) {
    await lab.close()
    throw error
  }
}

/** As an operator writes it, with what it adds alone. */
function documentOf(ports: readonly ShapePort[], isPlaced: boolean): object {
  const networks = networksOf(ports)
  const entries = <T>(make: (id: string) => T) =>
    Object.fromEntries(networks.map((id) => [id, make(id)]))
  return {
    tenants: {
      bench: {
        networks: entries(() => ({ type: 'vxlan', mtuBytes: 1450 })),
        subnets: entries((network) => ({ network, cidr: '10.0.0.0/24' })),
        ports: Object.fromEntries(
          ports.map(({ id, network, mac, address, hostId, ofport }) => [
            id,
            { network, mac, addresses: [address], ...(isPlaced && { hostId, ofport }) },
          ]),
        ),
      },
    },
  }
}
