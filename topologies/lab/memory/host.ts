/**
 * A host of the memory lab: one of our switches with its VTEP on the hub, and what an operator and a boot script do to a
 * host: power, set-manager, plug workloads once br-int is there. Of kind vtep it is an agent with its database and our switch
 * behind it, whose guests are plugged with the uuid of their port.
 */

import type { Duplex } from 'node:stream'
import type { Hub } from '../../../dataplane/ports/hub.ts'
import { type MemoryPort, memoryPort } from '../../../dataplane/ports/memory.ts'
import { plug, setManager } from '../../../dataplane/switch/operator.ts'
import { type Shared, Switch } from '../../../dataplane/switch/switch.ts'
import { openVtepHost, type VtepHost } from '../../../dataplane/vtep/host.ts'
import type { Clock } from '../../../southbound/wire/clock.ts'
import { keepDialing } from '../../../southbound/wire/dialer.ts'
import type { Random } from '../../../southbound/wire/random.ts'
import { ipv4Of, low32, vtepAddresses } from '../addresses.ts'
import type { DocumentHost, Tap } from '../lab.ts'
import type { Uplink } from '../uplinks.ts'
import type { ControlLine } from './control-line.ts'
import type { MemoryWorkload } from './guests.ts'
import { memoryTap } from './taps.ts'
import type { Outlet } from './underlay.ts'

const BRIDGE = 'br-int'
/** Drop counters of a vtep host are told so often. */
const AUDIT_MS = 250
/** MAC of a VTEP: this, with its address, or the last 32 bits of it, below. Locally administered. */
const VTEP_MAC = 0x0257_0000_0000
/** Between two attempts of a vtep host to reach the controller, at most; as the Manager row of others says. */
const MAX_BACKOFF_MS = 1000

export interface MemoryHost {
  readonly id: string
  /** The VTEP. */
  readonly mac: number
  /** Of its VTEP over IPv4, 32 bits; undefined when it has none. */
  readonly address: number | undefined
  /** Of kind ovs; absent while the host is off. */
  readonly switch: Switch | undefined
  /** Of kind vtep; absent while the host is off. */
  readonly vtep: VtepHost | undefined
  /** Its interfaces to the underlay and to physical networks, on or off. */
  readonly taps: readonly Tap[]
  /** Power on, with an empty database. Throws when it is on already. */
  start(): Promise<void>
  /** `ovs-vsctl set-manager`, then waits for br-int and plugs all workloads of the host into it. @returns how many */
  boot(signal: AbortSignal): Promise<number>
  readonly isOn: boolean
  /** Its way to the controller. */
  readonly line: ControlLine
  /** Its cable to the underlay, also of a host that is off. */
  setLink(is: 'down' | 'up'): void
  /** Of the device under its VTEP. @returns its name */
  setNicMtu(bytes: number): string
  /** Power off, with all that the host knew; off already: nothing happens. */
  stop(): Promise<void>
}

export interface MemoryHostOptions {
  readonly id: string
  readonly document: DocumentHost
  readonly outlet: Outlet
  /** Of the host, each with its physical network. */
  readonly uplinks: readonly (Uplink & { readonly segment: Hub })[]
  readonly workloads: readonly MemoryWorkload[]
  readonly line: ControlLine
  readonly clock: Clock
  readonly random: Random
  /** One for all hosts of the lab. */
  readonly shared: Shared
  /** Where the controller listens: `tcp:127.0.0.1:6640`. */
  readonly manager: string
  /** The uuid of a port, by key. */
  readonly portUuid: (key: string) => Promise<string>
}

export function memoryHost(options: MemoryHostOptions): MemoryHost {
  const { id, document, outlet, workloads, line, clock, random } = options
  const { dial } = line
  const address = ipv4Of(vtepAddresses(document))
  const mac = VTEP_MAC + (address ?? low32(document.vtepAddress))
  let device: Switch | undefined
  let vtep: VtepHost | undefined
  const cables: (() => void)[] = []
  let nic: MemoryPort | undefined
  let pullNic: (() => void) | undefined
  let isPulled = false
  let stopDialing = () => {}
  const nicTap = memoryTap({ name: `underlay ${id}`, hostId: id })
  const uplinks = options.uplinks.map((uplink) => {
    const { device: name, physicalNetwork } = uplink
    const named = `${physicalNetwork} ${id} ${name}`
    return { ...uplink, tap: memoryTap({ name: named, hostId: id, physicalNetwork }) }
  })

  const plugNic = () => {
    if (nic && !isPulled) pullNic ??= outlet.attach(nic)
  }

  return {
    taps: [nicTap, ...uplinks.map(({ tap }) => tap)],
    id,
    mac,
    address,
    get switch() {
      return device
    },
    get vtep() {
      return vtep
    },
    get isOn() {
      return device !== undefined || vtep !== undefined
    },
    line,
    async start() {
      if (device !== undefined || vtep !== undefined) throw new Error(`host ${id} is on already`)
      const mtuBytes = document.underlayMtuBytes
      const port = memoryPort({ name: `${id}.phy0`, mac, mtuBytes })
      nic = port
      nicTap.watch(port)
      plugNic()
      const systemId = document.systemId ?? id
      const { addresses, routes } = outlet.station
      const carrier = { port, mac, addresses, routes, mtuBytes }
      if (document.kind === 'ovs') {
        device = new Switch({
          ...{ systemId, dial, underlay: carrier, clock, random },
          shared: options.shared,
        })
      } else {
        const tunnelIp = document.vtepAddress
        vtep = await openVtepHost({
          name: systemId,
          tunnelIp,
          underlay: carrier,
          auditMs: AUDIT_MS,
          clock,
          random,
        })
      }
      for (const { device: name, mtuBytes: bytes, segment, tap } of uplinks) {
        const uplink = memoryPort({ name: `${id}.${name}`, mtuBytes: bytes })
        tap.watch(uplink)
        cables.push(segment.attach(uplink))
        if (device) device.register(name, uplink)
        else vtep?.backend.register(name, uplink)
      }
    },
    async boot(signal) {
      const [ovs, agent] = [device, vtep]
      if (ovs === undefined && agent === undefined) throw new Error(`host ${id} is off`)
      if (ovs) setManager(ovs, options.manager)
      else if (agent) stopDialing = keepDialing(toManager(options)(agent, dial))
      const uuids = await Promise.all(
        workloads.map((workload) => options.portUuid(workload.portKey)),
      )
      await ovs?.whenBridge(BRIDGE, signal)
      // Whoever switches it on again boots it again.
      if (device !== ovs || vtep !== agent) throw new Error(`host ${id} was switched off`)
      for (const [at, workload] of workloads.entries()) {
        const tap = tapOf(workload)
        cables.push(() => tap.disconnect())
        const uuid = uuids[at] ?? ''
        if (ovs) plug(ovs, BRIDGE, tap.name, uuid, tap)
        else agent?.backend.plug(tap.name, tap, uuid)
      }
      return workloads.length
    },
    setLink(is) {
      isPulled = is === 'down'
      if (!isPulled) return plugNic()
      pullNic?.()
      pullNic = undefined
    },
    setNicMtu(bytes) {
      nic?.setMtu?.(bytes)
      return nic?.name ?? ''
    },
    async stop() {
      const [ovs, agent] = [device, vtep]
      device = undefined
      vtep = undefined
      stopDialing()
      ovs?.close()
      const gone = agent?.close()
      pullNic?.()
      pullNic = undefined
      nic = undefined
      for (const pull of cables.splice(0)) pull()
      // After all of it: somebody may switch it on again meanwhile.
      await gone
    },
  }
}

/** What `weft agent` and its database server do: the one dials, the other serves. */
const toManager =
  ({ manager, clock }: MemoryHostOptions) =>
  ({ agent }: VtepHost, dial: ControlLine['dial']) => ({
    ...{ target: manager, dial, clock, maxBackoffMs: () => MAX_BACKOFF_MS, onState() {} },
    async serve(stream: Duplex) {
      const session = agent.accept(stream)
      return { ended: session.closed, close: () => session.close() }
    },
  })

/** The host's end of a guest's cable: `acme-vm1`. */
function tapOf({ name, nic }: MemoryWorkload): MemoryPort {
  const tap = memoryPort({ name: name.slice(name.indexOf('.') + 1), mtuBytes: nic.mtuBytes })
  tap.connect(nic)
  return tap
}
