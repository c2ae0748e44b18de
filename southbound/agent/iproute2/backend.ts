/**
 * The Linux kernel through iproute2 and nftables: reads what is, plans what should be, runs the
 * difference as batches, reads again until there is none.
 * Neighbours: read.ts, plan.ts, diff.ts, apply.ts; ../agent.ts calls.
 */
import type {
  Backend,
  Drop,
  RealizeOptions,
  Repair,
  Report,
  SeenPort,
  Traffic,
} from '../backend.ts'
import type { Desired } from '../desired.ts'
import type { Fault } from '../fault.ts'
import { apply, type Failure } from './apply.ts'
import { outwardLinks } from './bridges.ts'
import { allCapabilities, probe } from './capability.ts'
import { follow } from './command.ts'
import { type Difference, differences } from './diff.ts'
import { type Facts, factKinds } from './facts.ts'
import { isUsableName, vlanName, vniOf } from './names.ts'
import { nftFacts } from './nft.ts'
import { pingProbe } from './ping.ts'
import { otherUse, type Plan, planHost } from './plan.ts'
import { readHost } from './read.ts'
import type { Capability, Seen } from './seen.ts'
import { followDrops, type HeardDrops, shownOf } from './shown.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
/** What was changed is read again; what will not become so is a fault, and tried again the next time. */
const MAX_ROUNDS = 3

/** Nothing can be realized here. */
export class NoVxlanError extends Error {
  constructor() {
    super('no VXLAN device can be made here: that takes root, iproute2 and a kernel with vxlan')
    this.name = 'NoVxlanError'
  }
}

/** Asks the kernel what it can do; rejects with NoVxlanError. The network namespace is that of the process. */
export async function openIproute2(signal?: AbortSignal): Promise<Backend> {
  const capabilities = await probe(signal)
  if (!capabilities.has('vxlan')) throw new NoVxlanError()
  const memory = new Map<string, string>()
  const heard: HeardDrops = new Map()
  /** What should have been after the last time; what failed is not in it. */
  let settled: Facts | undefined
  return {
    name: 'iproute2',
    probe: pingProbe,
    watch: (changed) => {
      const stops = [
        follow(['ip', 'monitor', 'link', 'address'], changed),
        follow(['bridge', 'monitor', 'fdb'], changed),
        ...(capabilities.has('nftables') ? [followDrops(heard, changed)] : []),
      ]
      return () => {
        for (const stop of stops) stop()
      }
    },
    async realize(desired, options) {
      let repairs: readonly Repair[] = []
      let failures: readonly Failure[] = []
      let changes = 0
      let overfull: readonly Fault[] = []
      for (let round = 1; ; round++) {
        const seen = await readHost(capabilities.has('nftables'), options.signal)
        const { plan, found } = compare(desired, seen, capabilities, memory, options)
        if (!options.prune || found.length === 0 || round > MAX_ROUNDS) {
          const kept = new Set(failures.map(({ of }) => of.key))
          if (options.prune) settled = new Map([...plan.facts].filter(([key]) => !kept.has(key)))
          const refused = failures.map((failure) => faultOf(failure, plan))
          const report = reportOf(seen, { desired, plan }, capabilities, options)
          return {
            ...report,
            shown: shownOf(plan, heard),
            faults: [...report.faults, ...refused, ...overfull],
            repairs,
            changes,
          }
        }
        if (round === 1) {
          const drift = driftOf(found, plan.facts, settled)
          repairs = worthTelling(drift)
          overfull = overfullOf(seen)
          changes = found.length - drift.length
        }
        // What a later round finds is what the first one brought about, and nobody else.
        failures = await apply(found, options.signal)
        // Once is told; a second round would find the same again.
        if (failures.length > 0) round = MAX_ROUNDS
        settled = new Map(plan.facts)
      }
    },
  }
}

function compare(
  desired: Desired,
  seen: Seen,
  capabilities: ReadonlySet<Capability>,
  memory: Map<string, string>,
  { local }: RealizeOptions,
): { plan: Plan; found: Difference[] } {
  const underlayMtuBytes = underlayOf(seen, local)?.mtuBytes
  const plan = planHost(desired, {
    ...{ capabilities, links: seen.links, hasIpv6: seen.hasIpv6, underlayMtuBytes },
  })
  const chains = [...plan.facts].filter(([key]) => key.startsWith('chain ')).map(([, text]) => text)
  const nft = seen.nft ? nftFacts(seen.nft, chains, memory) : []
  return { plan, found: differences(plan.facts, new Map([...seen.facts, ...nft])) }
}

/** Those that nobody has asked for: the same should have been after the last time. */
function driftOf(
  found: readonly Difference[],
  desired: Facts,
  settled: Facts | undefined,
): Difference[] {
  if (settled === undefined) return []
  const isSame = ({ key }: Difference) => settled.get(key) === desired.get(key)
  const asked = new Set(found.filter((one) => !isSame(one)).map(({ key }) => key))
  // What goes with a device that rows have made anew is asked for as well.
  return found.filter(
    (one) => isSame(one) && !asked.has(containerOf(one.key)) && !asked.has(`device ${one.now}`),
  )
}

/** A device that was gone took its settings with it: that is one event. */
function worthTelling(drift: readonly Difference[]): Repair[] {
  const keys = new Set(drift.map(({ key }) => key))
  return drift
    .filter(({ key }) => !keys.has(containerOf(key)) && !key.startsWith('overfull '))
    .map(({ key, was, now }) => ({ object: key, was, now }))
}

/** Networks that were taught too much, which this pass makes them forget. */
function overfullOf({ facts, links }: Seen): Fault[] {
  return [...facts.keys()].flatMap((key) => {
    const [kind, port = ''] = key.split(' ')
    const vni = kind === 'overfull' ? vniOf(links.get(port)?.master ?? '') : undefined
    if (vni === undefined) return []
    const subject = { kind: 'network', vni } as const
    return [{ code: 'fdb_overfull', subject, detail: port } as const]
  })
}

/** The key of the fact without which this one cannot be; empty when there is none. */
function containerOf(key: string): string {
  const [kind = '', first] = key.split(' ')
  const container = factKinds[kind]?.container ?? (kind === 'fdb' ? 'device' : undefined)
  return container === undefined ? '' : `${container} ${first}`
}

function faultOf({ of, message }: Failure, { bridges }: Plan): Fault {
  const name = of.key.split(' ')[1] ?? ''
  const bridge = bridges.owners.get(name)
  const vni = vniOf(name)
  const detail = `${of.key}: ${message}`
  const code = 'kernel_refused'
  if (bridge !== undefined) return { code, subject: { kind: 'bridge', name: bridge }, detail }
  if (vni !== undefined) return { code, subject: { kind: 'network', vni }, detail }
  if (of.key.startsWith('master ')) return { code, subject: { kind: 'port', name }, detail }
  return { code, subject: { kind: 'host' }, detail }
}

function underlayOf({ links }: Seen, local: string | undefined) {
  if (local === undefined) return undefined
  const link = [...links.values()].find(({ addresses }) => addresses.includes(local))
  return link && { device: link.name, mtuBytes: link.mtuBytes }
}

function reportOf(
  seen: Seen,
  { desired, plan }: { desired: Desired; plan: Plan },
  capabilities: ReadonlySet<Capability>,
  { local }: RealizeOptions,
): Omit<Report, 'repairs' | 'changes' | 'shown'> {
  const { counters, faults } = plan
  const underlay = underlayOf(seen, local)
  const missing = allCapabilities.filter((name) => !capabilities.has(name))
  const links = [...seen.links.values()]
  const host = { kind: 'host' } as const
  const ownFaults: Fault[] = [
    ...(local !== undefined && !underlay
      ? [{ code: 'vtep_address_missing', subject: host, detail: local } as const]
      : []),
    ...(seen.bridgeNetfilter
      ? [{ code: 'bridge_netfilter', subject: host, detail: '' } as const]
      : []),
  ]
  const tagged = taggedOf(desired, seen)
  const packets = new Map(
    seen.nft?.counters.map(({ family, name, packets }) => [`counter ${family} ${name}`, packets]),
  )
  return {
    capabilities: [...capabilities, 'bridge'].sort(),
    missing,
    underlay,
    ports: [
      ...bridgePorts(desired, seen, plan),
      ...links
        .filter((link) => isUsableName(link.name) && otherUse(link, seen.links) === undefined)
        .map(({ name, alias, mtuBytes, isUp, traffic }) => ({
          ...{ name, mtuBytes, isUp, traffic, tagged: tagged.get(name) },
          ifaceId: alias !== undefined && UUID.test(alias) ? alias.toLowerCase() : undefined,
        })),
    ],
    networks: links.flatMap(({ name, isOwn, kind, mtuBytes }) => {
      const vni = isOwn && kind === 'bridge' ? vniOf(name) : undefined
      return vni === undefined ? [] : [{ vni, mtuBytes }]
    }),
    localMacs: seen.learned.flatMap(({ port, mac }) => {
      const vni = vniOf(seen.links.get(port)?.master ?? '')
      return vni === undefined ? [] : [{ vni, mac }]
    }),
    drops: [...counters].map(([key, of]): Drop => ({ ...of, packets: packets.get(key) ?? 0 })),
    faults: [...faults, ...ownFaults],
  }
}

/** What VLAN devices count, by interface and VID. */
function taggedOf({ networks }: Desired, { links }: Seen): Map<string, Map<number, Traffic>> {
  const found = new Map<string, Map<number, Traffic>>()
  for (const { interface: port, vid } of networks.flatMap(({ members }) => members)) {
    const link = vid > 0 ? links.get(vlanName(port, vid)) : undefined
    if (link?.isOwn) found.set(port, (found.get(port) ?? new Map()).set(vid, link.traffic))
  }
  return found
}

/** Bridges that are there, as ports of which networks take VLANs. */
function bridgePorts({ bridges }: Desired, { links }: Seen, plan: Plan): SeenPort[] {
  return bridges.flatMap(({ name, isOurs, physicalNetwork, uplinks }) => {
    const link = links.get(name)
    const patch = plan.bridges.patches.get(name)
    if (!link || !patch) return []
    const own = uplinks.filter((uplink) => plan.bridges.uplinks.get(uplink) === name)
    const outward = isOurs
      ? own.flatMap((uplink) => links.get(uplink) ?? [])
      : outwardLinks(links, name)
    const parts = [link, ...outward]
    // Of equal ones an uplink is named, not the bridge.
    const part = parts.reduce((a, b) => (b.mtuBytes <= a.mtuBytes ? b : a))
    const { traffic } = links.get(patch.device) ?? link
    const size = { mtuBytes: part.mtuBytes, narrowest: part.name }
    return [{ name, ifaceId: undefined, ...size, isUp: link.isUp, physicalNetwork, traffic }]
  })
}
