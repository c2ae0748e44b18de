/**
 * Bridges to physical networks in this process: for each a learning bridge of our switch, its uplink a port, joined to
 * the bridge of the networks by a pair of patch ports. What is so already is not touched.
 *
 *   eth1 ── br-office (NORMAL) ── far ═ near ── vtep (network-flows.ts)
 *
 * Neighbours: backend.ts has the interfaces of the host and the other bridge; iproute2/bridges.ts of the agent does the same
 * with a kernel.
 */
import type { Drop, SeenPort, Traffic } from '../../southbound/agent/backend.ts'
import type { Fault, FaultCode } from '../../southbound/agent/fault.ts'
import type { PhysicalBridge } from '../../southbound/agent/physical-bridge.ts'
import { encodeFlow, flowKey } from '../../southbound/openflow/flow.ts'
import type { Match } from '../../southbound/openflow/match.ts'
import { NORMAL } from '../../southbound/openflow/port.ts'
import type { FramePort } from '../ports/frame-port.ts'
import { type PatchPanel, patchPanel } from '../ports/patch.ts'
import type { Bridge } from '../switch/bridge.ts'
import { install } from './install.ts'

export interface PhysicalBridgesOptions {
  /** An interface of the host by name; a string: what it is for already. */
  readonly find: (name: string) => FramePort | string | undefined
  /** A bridge without flows. */
  readonly open: (name: string) => Bridge
  /** Makes the near end a port of the networks' bridge; returns how to take it away. */
  readonly join: (name: string, near: FramePort) => { readonly ofport: number; leave(): void }
}

export interface PhysicalBridges {
  /** Makes them so; those that are not asked for any longer go. */
  want(bridges: readonly PhysicalBridge[]): readonly Fault[]
  /** By name: where networks find them. */
  readonly ofports: ReadonlyMap<string, number>
  /** Names of interfaces that are uplinks. */
  readonly uplinks: ReadonlySet<string>
  ports(traffic: (ofport: number) => Traffic): SeenPort[]
  drops(): Drop[]
  close(): void
}

interface Made {
  readonly bridge: Bridge
  readonly ofport: number
  readonly uplinks: Map<string, Uplink>
  asked: PhysicalBridge
  leave(): void
}
interface Uplink {
  readonly ofport: number
  readonly device: FramePort
  /** As it was found, bytes. */
  readonly mtuBytes: number
}

/** ofport of the patch port on a bridge; uplinks have higher ones. */
const FAR = 1
const PRESENT = 0x1000
const MOST_BYTES = 65_535
const [ALLOWED, REST] = [100, 0]

export function physicalBridges(options: PhysicalBridgesOptions): PhysicalBridges {
  const made = new Map<string, Made>()
  const uplinks = new Set<string>()
  const ofports = new Map<string, number>()
  const panel = patchPanel()

  function remove(name: string, { bridge, uplinks: own, leave }: Made): void {
    for (const [uplink, each] of own) release(bridge, uplink, each)
    leave()
    bridge.close()
    made.delete(name)
    ofports.delete(name)
  }

  function release(bridge: Bridge, name: string, { ofport, device, mtuBytes }: Uplink): void {
    bridge.removePort(ofport)
    device.setMtu?.(mtuBytes)
    uplinks.delete(name)
  }

  function keep(asked: PhysicalBridge, fault: (code: FaultCode, detail: string) => void): void {
    const { name, mtuBytes } = asked
    const own = made.get(name) ?? make(asked, panel, options)
    made.set(name, own)
    ofports.set(name, own.ofport)
    own.asked = asked
    setFlows(own.bridge, asked)
    let active: string | undefined
    for (const uplink of asked.uplinks) {
      const there = own.uplinks.get(uplink)
      const device = there?.device ?? options.find(uplink)
      if (device === undefined) fault('uplink_missing', uplink)
      else if (typeof device === 'string') fault('uplink_taken', `${uplink} ${device}`)
      else if (!there && uplinks.has(uplink)) fault('uplink_taken', `${uplink} is another's`)
      else if (active !== undefined) fault('uplinks_loop', `${uplink} besides ${active}`)
      else {
        active = uplink
        const found = there ?? { ofport: nextOfport(own), device, mtuBytes: device.mtuBytes }
        if (mtuBytes !== undefined && device.mtuBytes !== mtuBytes) device.setMtu?.(mtuBytes)
        if (there) continue
        own.uplinks.set(uplink, found)
        uplinks.add(uplink)
        own.bridge.addDevice(found.ofport, uplink, device)
      }
    }
  }

  return {
    ofports,
    uplinks,
    want(bridges) {
      const faults: Fault[] = []
      const usable = bridges.filter(({ name, isOurs }) => {
        const code = !isOurs ? 'bridge_missing' : options.find(name) ? 'bridge_taken' : undefined
        if (code) faults.push({ code, subject: { kind: 'bridge', name }, detail: name })
        return code === undefined
      })
      const names = new Set(usable.map(({ name }) => name))
      for (const [name, own] of [...made]) if (!names.has(name)) remove(name, own)
      // What one lets go of another may take.
      for (const { name, uplinks: kept } of usable) {
        const own = made.get(name)
        for (const [uplink, each] of own?.uplinks ?? []) {
          if (!own) continue
          const isFree = (other: string) => own.uplinks.has(other) || !uplinks.has(other)
          const first = kept.find(
            (other) => typeof options.find(other) === 'object' && isFree(other),
          )
          if (first === uplink && options.find(uplink) === each.device) continue
          release(own.bridge, uplink, each)
          own.uplinks.delete(uplink)
        }
      }
      for (const bridge of usable) {
        const subject = { kind: 'bridge', name: bridge.name } as const
        keep(bridge, (code, detail) => void faults.push({ code, subject, detail }))
      }
      return faults
    },
    ports: (traffic) =>
      [...made].map(([name, { asked, ofport, uplinks: own }]) => {
        const devices = [...own.values()].map(({ device }) => device)
        const sizes = [...own].map(([uplink, { device }]) => [device.mtuBytes, uplink] as const)
        const [mtuBytes, narrowest] = [
          ...sizes,
          [asked.mtuBytes ?? MOST_BYTES, name] as const,
        ].reduce((a, b) => (b[0] < a[0] ? b : a))
        return {
          ...{ name, ifaceId: undefined, physicalNetwork: asked.physicalNetwork },
          ...{ mtuBytes, narrowest },
          isUp: devices.some(({ up }) => up),
          traffic: traffic(ofport),
        }
      }),
    drops: () =>
      [...made].flatMap(([port, { bridge, asked }]) =>
        [...bridge.flows.all()]
          .filter(({ priority }) => asked.vids !== undefined && priority === REST)
          .map(({ packets }) => ({ port, reason: 'trunk', packets })),
      ),
    close() {
      for (const [name, own] of [...made]) remove(name, own)
    },
  }
}

function make(
  asked: PhysicalBridge,
  panel: PatchPanel,
  { open, join }: PhysicalBridgesOptions,
): Made {
  const { name } = asked
  const bridge = open(name)
  const [near, far] = [
    panel.open(`${name} near`, `${name} far`),
    panel.open(`${name} far`, `${name} near`),
  ]
  bridge.addDevice(FAR, far.name, far)
  const { ofport, leave } = join(name, near)
  return { bridge, ofport, uplinks: new Map(), asked, leave }
}

/** Never used again, as long as the bridge is there. */
function nextOfport({ bridge }: Made): number {
  return Math.max(FAR, ...bridge.ports.keys()) + 1
}

/** VIDs in either direction: a frame that no uplink may carry goes nowhere. */
function setFlows(bridge: Bridge, { vids }: PhysicalBridge): void {
  const normal = [{ kind: 'apply_actions', actions: [{ kind: 'output', port: NORMAL }] }] as const
  const flow = (priority: number, match: Match, passes = true) =>
    encodeFlow({
      ...{ table_id: 0, cookie: 0n, priority, match },
      instructions: passes ? normal : [],
    })
  const allowed = vids?.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => PRESENT | (first + i)),
  )
  const wanted = allowed
    ? [
        ...[0, PRESENT, ...allowed].map((vlan_vid) => flow(ALLOWED, { vlan_vid })),
        flow(REST, {}, false),
      ]
    : [flow(REST, {})]
  const flows = new Map(wanted.map((each) => [flowKey(each), each]))
  install(bridge, { flows, groups: new Map() })
}
