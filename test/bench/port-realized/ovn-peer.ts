/**
 * The peer of `port-realized`: OVN on the same machine in the same run, at the same sizes. A sample is one commit to the
 * northbound database that makes a logical port and an ACL, until `hv_cfg` says that both hosts have it.
 *
 * What makes it comparable, and where it differs in favour of OVN:
 *   - 50 logical switches, 100 real ports (internal interfaces), one a switch a host, so every switch is on both hosts;
 *   - a measured port is bound: its interface, a patch port without a peer, is there before, as Weft is told the ofport.
 *     Its host gets the flows that only the host of a port has, the other one the way through the tunnel;
 *   - the declared ports are not bound: their hosts carry a fifth of the flows that they cost bound (17,500 instead of
 *     85,000 at 5,000 ports), and samples took half as long as with all of them bound;
 *   - `hv_cfg` is believed, though the other host may get the way through the tunnel a moment later (seen at 0 ports);
 *   - the databases of OVN are not asked to fsync.
 *
 * `acknowledged_ms` is when both hosts had acknowledged the commit to the southbound database, which a client of OVN is
 * not told; from there ovn-northd takes the rest of the time to say so.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Step } from '../../../topologies/lab/lab.ts'
import { INTEGRATION_BRIDGE, type OvsHost } from '../../../topologies/lab/netns/ovs-host.ts'
import { together } from '../../../topologies/lab/netns/together.ts'
import { type Northbound, openNorthbound } from './ovn-northbound.ts'
import { type OvnSite, openOvnSite, ovnVersion } from './ovn-site.ts'
import { quantile, summary } from './statistics.ts'

const SWITCHES = 50
const WARM_UP = 3
const SAMPLES = 30
/** A size ends after this time, but not before it has `LEAST_SAMPLES`. */
const BUDGET_MS = 25_000
const LEAST_SAMPLES = 10
const BATCH = 1000
const FLOWS_TIMEOUT_MS = 2000

/** What was measured at one size. */
export interface OvnResult {
  /** `ovn 23.03`. */
  readonly peer: string
  /** Ports declared besides the 100 real ones. */
  readonly ports: number
  readonly samples: number
  readonly median_ms: number
  readonly p99_ms: number
  /** Median until the hosts have acknowledged; see above. */
  readonly acknowledged_ms: number
  /** Flows that a measured port cost on its own host and on the other, the fewest seen. */
  readonly flows_own: number
  readonly flows_other: number
}

export interface OvnOptions {
  /** Ascending. */
  readonly sizes: readonly number[]
  readonly step: Step
  readonly signal: AbortSignal
}

/** Measures OVN and leaves nothing behind; undefined, after one line that says so, where it is not installed. */
export async function measureOvn(options: OvnOptions): Promise<OvnResult[] | undefined> {
  const { signal, step } = options
  const version = await ovnVersion()
  if (version === undefined) {
    step('OVN is not installed (Debian: ovn-central ovn-host): Weft alone is measured')
    return undefined
  }
  const site = await openOvnSite(signal, step)
  try {
    const northbound = await openNorthbound(site, signal)
    try {
      return await measureSizes(`ovn ${version}`, site, northbound, options)
    } finally {
      northbound.close()
    }
  } finally {
    await site.close()
  }
}

async function measureSizes(
  peer: string,
  site: OvnSite,
  northbound: Northbound,
  { sizes, step, signal }: OvnOptions,
): Promise<OvnResult[]> {
  const switches = await northbound.addSwitches(SWITCHES)
  const switchOf = (n: number): string => switches[n % SWITCHES] ?? ''
  let made = 0
  const portOn = (n: number, id: string) => northbound.port(switchOf(n), id, ++made)

  await northbound.commit(
    switches.flatMap((_, n) => site.hosts.flatMap(({ id }) => portOn(n, `real${n}-${id}`).create)),
  )
  await together(
    signal,
    site.hosts.map((host) => (either: AbortSignal) => plug(host, either)),
  )
  await northbound.portsUp(SWITCHES * site.hosts.length)
  step(`${peer}: ${SWITCHES * site.hosts.length} real ports on ${SWITCHES} logical switches`)

  /**
   * Makes one port and removes it again; `look` comes between. Each commit is left alone for as long again as it took:
   * ovn-northd works on after `hv_cfg` (the port is `up`), and a commit that comes meanwhile waits for that.
   */
  const sample = async (n: number, look?: (host: OvsHost) => Promise<void>) => {
    const host = site.hosts[n % site.hosts.length] as OvsHost
    const port = portOn(n, `measured-${host.id}`)
    const committed = await northbound.commit(port.create)
    await look?.(host)
    await delay(committed.realizedMs, undefined, { signal })
    const removed = await northbound.commit(port.remove(committed.uuids))
    await delay(removed.realizedMs, undefined, { signal })
    return committed
  }

  const results: OvnResult[] = []
  let present = 0
  for (const size of sizes) {
    for (; present < size; present = Math.min(size, present + BATCH)) {
      const batch = Array.from({ length: Math.min(BATCH, size - present) }, (_, n) => present + n)
      await northbound.commit(batch.flatMap((n) => portOn(n, `declared${n}`).create))
    }
    step(`${peer}: ${size} declared ports present`)
    const flows = { own: Number.POSITIVE_INFINITY, other: Number.POSITIVE_INFINITY }
    for (let n = 0; n < WARM_UP; n++) {
      const before = await flowCounts(site, signal)
      await sample(n, async (host) => {
        const more = await newFlows(site, host, before, signal)
        flows.own = Math.min(flows.own, more.own)
        flows.other = Math.min(flows.other, more.other)
      })
    }
    const began = performance.now()
    const realized: number[] = []
    const acknowledged: number[] = []
    for (let n = 0; n < SAMPLES; n++) {
      if (n >= LEAST_SAMPLES && performance.now() - began > BUDGET_MS) break
      const { acknowledgedMs, realizedMs } = await sample(n)
      acknowledged.push(acknowledgedMs)
      realized.push(realizedMs)
    }
    const result: OvnResult = {
      peer,
      ports: size,
      ...summary(realized),
      acknowledged_ms: quantile(acknowledged, 0.5),
      flows_own: flows.own,
      flows_other: flows.other,
    }
    const { samples, median_ms, p99_ms, acknowledged_ms } = result
    step(
      `${peer}: ${samples} samples: median ${median_ms} ms, p99 ${p99_ms} ms; both hosts had acknowledged after ${acknowledged_ms} ms`,
    )
    results.push(result)
  }
  return results
}

/** A real port on every switch, and the interface of the measured port, whose logical port comes and goes. */
async function plug(host: OvsHost, signal: AbortSignal): Promise<void> {
  const row = (name: string, ...columns: string[]) => [
    ...['--', 'add-port', INTEGRATION_BRIDGE, name, '--', 'set', 'Interface', name, ...columns],
  ]
  const rows = Array.from({ length: SWITCHES }, (_, n) =>
    row(`real${n}`, 'type=internal', `external_ids:iface-id=real${n}-${host.id}`),
  )
  const ifaceId = `external_ids:iface-id=measured-${host.id}`
  rows.push(row('measured', 'type=patch', 'options:peer=nobody', ifaceId))
  await host.vsctl(['--timeout=60', ...rows.flat()], { signal })
}

/** Flows on br-int by host id. */
async function flowCounts(site: OvnSite, signal: AbortSignal): Promise<Map<string, number>> {
  const count = async (host: OvsHost): Promise<[string, number]> => {
    const { stdout } = await host.ofctl(['dump-aggregate', INTEGRATION_BRIDGE], { signal })
    return [host.id, Number(/flow_count=(\d+)/.exec(stdout)?.[1])]
  }
  return new Map(await Promise.all(site.hosts.map(count)))
}

/** What a port of `owner` has added; throws when that never becomes what a port must cost at least. */
async function newFlows(
  site: OvnSite,
  owner: OvsHost,
  before: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<{ own: number; other: number }> {
  const deadline = performance.now() + FLOWS_TIMEOUT_MS
  for (;;) {
    const after = await flowCounts(site, signal)
    const more = (id: string): number => (after.get(id) ?? 0) - (before.get(id) ?? 0)
    const own = more(owner.id)
    const other = Math.min(
      ...site.hosts.filter((host) => host !== owner).map((host) => more(host.id)),
    )
    if (own >= 6 && other >= 2) return { own, other }
    if (performance.now() > deadline)
      throw new Error(`a port of OVN cost ${own} flows on its host and ${other} on the other`)
    await delay(5, undefined, { signal })
  }
}
