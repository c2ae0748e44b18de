/**
 * `npm run bench -- port-realized`: REST PUT of a port until both hosts confirmed it by barrier. Two real Open vSwitch
 * hosts, 50 networks, each with one real port on each host; then 1,000 and 5,000 declared ports more. Time is taken in
 * another process over real HTTP (`port-realized/client.ts`); the controller's store is a file with fsync. Root needed.
 * Where OVN is installed it is measured in the same run at the same sizes (`ovn-peer.ts`), after our lab is gone.
 *
 * That the work is really done is counted on the switches: new flows of 20 random ports by `ovs-ofctl dump-flows`, and
 * their way to and from another host by `ovs-appctl ofproto/trace`.
 */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { cookieOf } from '../../controller/compiler/cookie.ts'
import type { LabDocument } from '../../topologies/lab/lab.ts'
import { type NetnsLab, openNetnsLab } from '../../topologies/lab/netns/lab.ts'
import { stepsTo } from '../../topologies/lab/report.ts'
import type { Job } from './port-realized/client.ts'
import { measureOvn } from './port-realized/ovn-peer.ts'
import { summary } from './port-realized/statistics.ts'
import { formatResults, type Result } from './port-realized/table.ts'

const NETWORKS = 50
const SIZES = [0, 1000, 5000]
const SAMPLES = 200
const WARM_UP = 30
const PROBES = 20
/** OVN takes 1 to 2 minutes; on a machine too slow for this it is not measured. */
const OVN_TIMEOUT_MS = 240_000
const TENANT = '/v1/tenants/bench/ports'
const hosts = ['h1', 'h2'] as const
type HostId = (typeof hosts)[number]

const print = (line: string) => process.stdout.write(`${line}\n`)
const step = stepsTo(print, () => performance.now())

/** ofports of declared ports start here: above those of real ports, below the tunnel's. */
let nextOfport = 1000

function document(): LabDocument {
  const networks = Array.from({ length: NETWORKS }, (_, n) => n)
  const entries = <T>(make: (n: number) => [string, T][]) =>
    Object.fromEntries(networks.flatMap(make))
  return {
    name: 'port-realized',
    underlay: { mtuBytes: 9050 },
    hosts: Object.fromEntries(
      hosts.map((id, i) => [
        id,
        { kind: 'ovs' as const, vtepAddress: `192.0.2.${11 + i}`, underlayMtuBytes: 9050 },
      ]),
    ),
    tenants: {
      bench: {
        networks: entries((n) => [
          [`n${n}`, { type: 'vxlan' as const, vni: 7000 + n, mtuBytes: 1450 }],
        ]),
        subnets: entries((n) => [[`n${n}`, { network: `n${n}`, cidr: '10.0.0.0/16' }]]),
        ports: entries((n) =>
          hosts.map((_, i) => [
            realPort(n, i),
            { network: `n${n}`, mac: mac(n, i + 1), addresses: [`10.0.0.${11 + i}`] },
          ]),
        ),
      },
    },
    // The lab plugs guests into the first network; the other real ports are plugged below, without guests.
    workloads: { 'h1.r0': 'bench/r0-0', 'h2.r0': 'bench/r0-1' },
  }
}

const realPort = (network: number, host: number) => `r${network}-${host}`
const mac = (network: number, n: number) =>
  `02:00:00:${hex(network)}:${hex(n >> 8)}:${hex(n & 255)}`
const hex = (n: number) => n.toString(16).padStart(2, '0')

async function plugRealPorts(lab: NetnsLab): Promise<void> {
  await Promise.all(
    hosts.map(async (id, i) => {
      const rows: string[] = []
      for (let n = 1; n < NETWORKS; n++) {
        const response = await fetch(`${lab.url}${TENANT}/${realPort(n, i)}`)
        const { uuid } = (await response.json()) as { uuid: string }
        const name = `real${n}`
        rows.push(...['--', 'add-port', 'br-int', name, '--', 'set', 'Interface', name])
        rows.push('type=internal', `external_ids:iface-id=${uuid}`)
      }
      await lab.host(id).vsctl(['--timeout=60', ...rows])
    }),
  )
}

interface Declared {
  readonly id: string
  readonly path: string
  readonly network: number
  readonly hostId: HostId
  readonly body: { network: string; hostId: HostId; ofport: number }
}

function declare(count: number, prefix: string): Declared[] {
  return Array.from({ length: count }, (_, i) => {
    const network = i % NETWORKS
    const hostId = hosts[Math.floor(i / NETWORKS) % 2] as HostId
    const id = `${prefix}${i}`
    return {
      id,
      path: `${TENANT}/${id}`,
      network,
      hostId,
      body: { network: `n${network}`, hostId, ofport: nextOfport++ },
    }
  })
}

async function put(lab: NetnsLab, ports: readonly Declared[], query = ''): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let port = ports[next++]; port; port = ports[next++]) {
      const response = await fetch(`${lab.url}${port.path}${query}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(port.body),
      })
      if (response.status !== 201)
        throw new Error(`PUT ${port.path}: ${response.status} ${await response.text()}`)
      await response.arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

async function allRealized(lab: NetnsLab): Promise<void> {
  for (;;) {
    let late = false
    for (let n = 0; n < NETWORKS && !late; n++) {
      const response = await fetch(`${lab.url}/v1/tenants/bench/networks/n${n}`)
      const { status } = (await response.json()) as { status: { realized: boolean; hosts: object } }
      late = !status.realized || Object.keys(status.hosts).length !== 2
    }
    if (!late) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function measure(job: Job): Promise<number[]> {
  const client = fileURLToPath(new URL('port-realized/client.ts', import.meta.url))
  const child = spawn(process.execPath, [client], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.end(JSON.stringify(job))
  return JSON.parse(await text(child.stdout)) as number[]
}

/** Flows of a port on a host: lines of dump-flows whose cookie has the port's hash. */
async function flowsByPort(lab: NetnsLab, hostId: string): Promise<(id: string) => number> {
  const { stdout } = await lab.host(hostId).ofctl(['dump-flows', 'br-int'])
  const counts = new Map<string, number>()
  for (const [, hash] of stdout.matchAll(/cookie=0x57[0-9a-f]{2}([0-9a-f]{12})/g)) {
    counts.set(hash as string, (counts.get(hash as string) ?? 0) + 1)
  }
  return (id) =>
    counts.get((cookieOf([`port/bench/${id}`]) & 0xffffffffffffn).toString(16).padStart(12, '0')) ??
    0
}

/** Puts 20 ports, counts their flows on both hosts and traces a packet to each from a real port of either host. */
async function probe(lab: NetnsLab, prefix: string): Promise<{ own: number; other: number }> {
  const ports = declare(PROBES, prefix).map((port) => {
    const network = Math.floor(Math.random() * NETWORKS)
    return { ...port, network, body: { ...port.body, network: `n${network}` } }
  })
  await put(lab, ports, '?wait=realized&timeout=10s')
  const counters = new Map(
    await Promise.all(hosts.map(async (id) => [id, await flowsByPort(lab, id)] as const)),
  )
  let own = Number.POSITIVE_INFINITY
  let other = Number.POSITIVE_INFINITY
  for (const { id, path, network, hostId, body } of ports) {
    const peer = hosts.find((host) => host !== hostId) as HostId
    own = Math.min(own, counters.get(hostId)?.(id) ?? 0)
    other = Math.min(other, counters.get(peer)?.(id) ?? 0)
    const { mac: to, addresses } = (await (await fetch(`${lab.url}${path}`)).json()) as {
      mac: string
      addresses: string[]
    }
    for (const from of hosts) {
      const i = hosts.indexOf(from)
      const device = network === 0 ? undefined : `real${network}`
      const ofport = device
        ? (await lab.host(from).vsctl(['get', 'Interface', device, 'ofport'])).stdout.trim()
        : '1'
      const packet = `in_port=${ofport},ip,dl_src=${mac(network, i + 1)},dl_dst=${to},nw_src=10.0.0.${11 + i},nw_dst=${addresses[0]}`
      const { stdout } = await lab.host(from).appctl(['ofproto/trace', 'br-int', packet])
      const wanted = from === hostId ? `output:${body.ofport}` : 'output:65000'
      if (!stdout.includes(wanted))
        throw new Error(`${id}: ${packet} on ${from} does not reach ${wanted}:\n${stdout}`)
    }
    await fetch(`${lab.url}${path}?wait=realized`, { method: 'DELETE' })
  }
  if (own < 6 || other < 2)
    throw new Error(
      `a port cost ${own} flows on its own host and ${other} on the other: at least 6 and 2 are due`,
    )
  return { own, other }
}

async function measureWeft(lab: NetnsLab): Promise<Result[]> {
  await plugRealPorts(lab)
  await allRealized(lab)
  step(`${2 * NETWORKS} real ports on ${NETWORKS} networks`)
  const results: Result[] = []
  let present = 0
  for (const size of SIZES) {
    await put(lab, declare(size - present, `d${size}-`))
    present = size
    await allRealized(lab)
    step(`${size} declared ports present`)
    const ports = declare(SAMPLES + WARM_UP, `m${size}-`)
    const figures = summary((await measure({ url: lab.url, ports })).slice(WARM_UP))
    const { own, other } = await probe(lab, `p${size}-`)
    results.push({ ports: size, ...figures, flows_own: own, flows_other: other })
    step(
      `${figures.samples} samples: median ${figures.median_ms} ms, p99 ${figures.p99_ms} ms; a port is ${own} flows on its host, ${other} on the other`,
    )
  }
  return results
}

/** A peer that fails is said and ends the run red; what was measured of Weft stands. */
async function measurePeer(): Promise<Result[]> {
  try {
    const signal = AbortSignal.timeout(OVN_TIMEOUT_MS)
    return (await measureOvn({ sizes: SIZES, step, signal })) ?? []
  } catch (error) {
    step(`OVN was not measured: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
    return []
  }
}

const lab = await openNetnsLab({ document: document(), step })
let weft: Result[]
try {
  weft = await measureWeft(lab)
} finally {
  await lab.close()
}
const peer = await measurePeer()
for (const line of formatResults(weft, peer)) print(line)
print(JSON.stringify([...weft, ...peer].map((result) => ({ bench: 'port-realized', ...result }))))
