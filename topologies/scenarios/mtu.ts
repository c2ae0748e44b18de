/** What the underlay really carries, as tenants see it: a device that a host reports, a path that probes find. */
import type { MtuLimit, MtuStatus } from '../../controller/northbound/realization.ts'
import { runIn } from '../lab/netns/run-in.ts'
import { ALL_SWITCHES, NETNS_SWITCHES, type Scenario, type ScenarioLab } from './scenario.ts'

const topology = 'three-kinds'
const NETWORK = 'tenants/acme/networks/web'
const [MTU, OVERHEAD] = [9000, 50]
const NEEDED = MTU + OVERHEAD
/** Of an IP header and one of ICMP. */
const HEADERS = 28
/** The product's own bounds are 5 and 15 s (controller/README.md); a busy machine may take longer, and the time is told. */
export const PATIENCE_MS = 60_000

export const mtu: readonly Scenario[] = [
  {
    name: 'the MTU of a NIC is lowered: the status of its networks names host, interface and what passes',
    topology,
    shows: { mtuStatus: ALL_SWITCHES },
    timeoutMs: 3 * PATIENCE_MS,
    async run(lab) {
      await whenMtu(lab, 'all is well', isWell(MTU))
      for (const host of Object.keys(lab.document.hosts)) {
        const low = NEEDED - 1000
        const began = lab.clock.now()
        const device = await lab.setNicMtu(host, low)
        const byNic = ({ kind }: MtuLimit) => kind === 'interface'
        const status = await whenMtu(lab, `${device} of ${host} is named`, ({ limitedBy }) =>
          limitedBy.some(byNic),
        )
        const took = Math.round(lab.clock.now() - began)
        const limit = status.limitedBy.find(byNic)
        const right = {
          ...{ kind: 'interface', host, interface: device, mtuBytes: low },
          packetBytes: low - OVERHEAD,
          message: `interface ${device} of host ${host} carries ${low} bytes, and ${NEEDED} are needed`,
        }
        if (!same(limit, right)) throw new Error(`${JSON.stringify(limit)}, not ${right.message}`)
        for (const from of new Set(lab.pairs().map((pair) => pair.from)))
          if (from.tenant === 'acme')
            await whenMtu(
              lab,
              'ports say it too',
              ({ effective }) => effective === status.effective,
              {
                path: `tenants/acme/ports/${from.portId}`,
              },
            )
        if (status.effective > low - OVERHEAD) throw new Error(`${status.effective} would pass`)
        const told = (type: string) =>
          lab.until(
            `${type} of ${host} is told`,
            async () => (await lab.events(type)).some((message) => message.includes(right.message)),
            PATIENCE_MS,
          )
        await told('mtu_limited')
        await lab.setNicMtu(host, NEEDED)
        await whenMtu(lab, 'all is well again', isWell(MTU))
        await told('mtu_restored')
        lab.tell(`${lab.realizer(host)}: MTU of ${device} named after ${took} ms`)
      }
    },
  },
  {
    name: 'the MTU of a link between hosts is lowered: the status names the VTEPs concerned and the largest size that passes',
    topology,
    not: {
      memory: 'a link of the document keeps its MTU there; topologies/jumbo.yaml has a narrow one',
    },
    shows: { mtuStatus: NETNS_SWITCHES },
    timeoutMs: 3 * PATIENCE_MS,
    async run(lab) {
      await whenMtu(lab, 'all is well', isWell(MTU))
      const { id, machines } = lab.netns()
      const port = machines.get('h2')?.plan.underlayPort ?? ''
      const setLink = (bytes: number) =>
        runIn(`weft-${id}-underlay`, ['ip', 'link', 'set', port, 'mtu', `${bytes}`])
      const began = lab.clock.now()
      await setLink(NEEDED - 500)
      // Agents probe by themselves, all others are probed from hosts of flows to each other.
      const concerned = ['h1 h2', 'h2 h1', 'h3 h2']
      const status = await whenMtu(lab, `${concerned.join(', ')} are named`, ({ limitedBy }) =>
        concerned.every((pair) => limitedBy.some((each) => pairOf(each) === pair)),
      )
      const took = Math.round(lab.clock.now() - began)
      for (const limit of status.limitedBy)
        if (concerned.includes(pairOf(limit))) await holds(lab, limit)
      await setLink(NEEDED)
      await whenMtu(lab, 'all is well again', isWell(MTU))
      const named = status.limitedBy.map((each) => `${pairOf(each)}: ${each.packetBytes}`)
      lab.tell(`link of h2: ${named.join(', ')}; named after ${took} ms`)
    },
  },
]

export const isWell =
  (mtuBytes: number) =>
  ({ effective, limitedBy }: MtuStatus): boolean =>
    effective === mtuBytes && limitedBy.length === 0
export const pairOf = (limit: MtuLimit) =>
  limit.kind === 'path' ? `${limit.from} ${limit.to}` : ''
const same = (a: object | undefined, b: object) =>
  JSON.stringify(Object.entries(a ?? {}).sort()) === JSON.stringify(Object.entries(b).sort())

export async function whenMtu(
  lab: ScenarioLab,
  what: string,
  is: (mtu: MtuStatus) => boolean,
  { path = NETWORK }: { readonly path?: string } = {},
): Promise<MtuStatus> {
  let mtu: MtuStatus | undefined
  try {
    await lab.until(
      what,
      async () => {
        mtu = (await lab.get<{ status: { mtu: MtuStatus } }>(path)).status.mtu
        return is(mtu)
      },
      PATIENCE_MS,
    )
  } catch (cause) {
    throw new Error(`${(cause as Error).message}: ${JSON.stringify(mtu)}`, { cause })
  }
  return mtu as MtuStatus
}

/** What a limit says about a path is so: guests at its ends get this much across and not a byte more. */
export async function holds(lab: ScenarioLab, limit: MtuLimit): Promise<void> {
  if (limit.kind !== 'path') throw new Error(`not a path: ${limit.message}`)
  const vteps = [limit.from, limit.to].map((id) => lab.document.hosts[id]?.vtepAddress)
  if (vteps.join() !== limit.vteps.join()) throw new Error(`VTEPs ${limit.vteps}, not ${vteps}`)
  const pair = lab
    .pairs()
    .find(({ from, to }) => from.hostId === limit.from && to.hostId === limit.to)
  if (!pair) throw new Error(`no guests on ${pairOf(limit)}`)
  const { from, to } = pair
  const passes = (bytes: number) =>
    from.ping(to.address, { bytes: bytes - HEADERS, timeoutMs: 500 })
  await lab.until(`${limit.packetBytes} bytes pass`, () => passes(limit.packetBytes))
  for (let attempt = 0; attempt < 3; attempt++)
    if (await passes(limit.packetBytes + 1))
      throw new Error(`${limit.packetBytes + 1} bytes pass too: ${limit.message}`)
}
