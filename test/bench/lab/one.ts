/**
 * One memory lab in a process of its own: `node one.ts HOSTS SECONDS`. Brings a generated site up with a seed, lets virtual
 * time pass, and prints one line of JSON. Neighbour: ../lab.ts.
 */
import { argv, cpuUsage, exit, memoryUsage, resourceUsage, stdout } from 'node:process'
import { parseDocument } from '../../../controller/model/document.ts'
import { generateDocument } from '../../../topologies/generate.ts'
import { openMemoryLab } from '../../../topologies/lab/memory/lab.ts'

export interface Measured {
  readonly hosts: number
  readonly ports: number
  readonly up_ms: number
  readonly up_cpu_ms: number
  readonly peak_rss_mib: number
  readonly heap_mib: number
  /** Virtual seconds in one real second, and in one of CPU time, of a site on which nothing is asked. */
  readonly warp: number
  readonly warp_cpu: number
}

const MIB = 2 ** 20
const PORTS_PER_HOST = 10
const PORTS_PER_NETWORK = 100
const NETWORKS_PER_TENANT = 10

/** As tenants lie on a site: networks of 100 ports, each on 20 hosts at random; a small site has smaller networks. */
export function documentOf(hosts: number) {
  const ports = hosts * PORTS_PER_HOST
  const ofNetwork = Math.min(PORTS_PER_NETWORK, Math.max(10, ports / NETWORKS_PER_TENANT))
  const networks = ports / ofNetwork
  const ofTenant = Math.min(NETWORKS_PER_TENANT, networks)
  const size = { hosts, tenants: networks / ofTenant, networks: ofTenant, ports: ofNetwork }
  return generateDocument({ ...size, spread: 20, mtuBytes: 1450, seed: 1 })
}

const cpuMs = (since?: NodeJS.CpuUsage) => {
  const { user, system } = cpuUsage(since)
  return (user + system) / 1000
}

if (import.meta.main) {
  const [, , hosts = '10', seconds = '60'] = argv
  const document = parseDocument(documentOf(Number(hosts)), 'generated.yaml')
  const signal = AbortSignal.timeout(1_200_000)
  const [began, beganCpu] = [performance.now(), cpuUsage()]
  const lab = await openMemoryLab({ document, seed: 7, signal })
  const up_ms = performance.now() - began
  const up_cpu_ms = cpuMs(beganCpu)
  const [idle, idleCpu] = [performance.now(), cpuUsage()]
  await lab.clock.sleep(Number(seconds) * 1000)
  const warp = (Number(seconds) * 1000) / (performance.now() - idle)
  const warp_cpu = (Number(seconds) * 1000) / cpuMs(idleCpu)
  const measured: Measured = {
    ...{ hosts: Number(hosts), ports: lab.workloads.size },
    ...{ up_ms: Math.round(up_ms), up_cpu_ms: Math.round(up_cpu_ms) },
    peak_rss_mib: Math.round(resourceUsage().maxRSS / 1024),
    heap_mib: Math.round(memoryUsage().heapUsed / MIB),
    ...{ warp: Math.round(warp * 10) / 10, warp_cpu: Math.round(warp_cpu * 10) / 10 },
  }
  stdout.write(`${JSON.stringify(measured)}\n`, () => exit(0))
}
