/**
 * A host of the memory lab: one of our switches with its VTEP on the hub, and what an operator and a boot script do to a
 * host: power, set-manager, plug workloads once br-int is there. Of kind vtep it is an agent with its database and our switch
 * behind it, whose guests are plugged with the uuid of their port.
 */

import type { Hub } from '../../../dataplane/ports/hub.ts'
import { type MemoryPort, memoryPort } from '../../../dataplane/ports/memory.ts'
import { plug, setManager } from '../../../dataplane/switch/operator.ts'
import { Switch, type SwitchOptions } from '../../../dataplane/switch/switch.ts'
import { openVtepHost, type VtepHost } from '../../../dataplane/vtep/host.ts'
import { ipv4Of, low32, vtepAddresses } from '../addresses.ts'
import type { DocumentHost } from '../lab.ts'
import type { Uplink } from '../uplinks.ts'
import type { MemoryWorkload } from './guests.ts'
import { managementLine } from './management-line.ts'

const BRIDGE = 'br-int'
/** Drop counters of a vtep host are told so often. */
const AUDIT_MS = 250
/** MAC of a VTEP: this, with its address, or the last 32 bits of it, below. Locally administered. */
const VTEP_MAC = 0x0257_0000_0000

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
  /** Power on, with an empty database. Throws when it is on already. */
  start(): Promise<void>
  /** `ovs-vsctl set-manager`, then waits for br-int and plugs all workloads of the host into it. */
  boot(signal: AbortSignal): Promise<void>
  /** No way to the controller from now on; it goes on forwarding. */
  cutOff(): void
  /** The way is there again, for a host that dials by itself (kind ovs). */
  letBack(): void
  /** Of the device under its VTEP. @returns its name */
  setNicMtu(bytes: number): string
  /** Power off, with all that the host knew. */
  stop(): Promise<void>
}

export interface MemoryHostOptions {
  readonly id: string
  readonly document: DocumentHost
  readonly underlay: Hub
  /** Of the host, each with its physical network. */
  readonly uplinks: readonly (Uplink & { readonly segment: Hub })[]
  readonly workloads: readonly MemoryWorkload[]
  readonly dial: SwitchOptions['dial']
  /** Where the controller listens: `tcp:127.0.0.1:6640`. */
  readonly manager: string
  /** The uuid of a port, by key. */
  readonly portUuid: (key: string, signal: AbortSignal) => Promise<string>
}

export function memoryHost(options: MemoryHostOptions): MemoryHost {
  const { id, document, underlay, workloads } = options
  const line = managementLine(options.dial)
  const { dial } = line
  const addresses = vtepAddresses(document)
  const address = ipv4Of(addresses)
  const mac = VTEP_MAC + (address ?? low32(document.vtepAddress))
  let device: Switch | undefined
  let vtep: VtepHost | undefined
  let cables: (() => void)[] = []
  let nic: MemoryPort | undefined

  return {
    id,
    mac,
    address,
    get switch() {
      return device
    },
    get vtep() {
      return vtep
    },
    async start() {
      if (device !== undefined || vtep !== undefined) throw new Error(`host ${id} is on already`)
      const mtuBytes = document.underlayMtuBytes
      const port = memoryPort({ name: `${id}.phy0`, mac, mtuBytes })
      nic = port
      cables = [underlay.attach(port)]
      const systemId = document.systemId ?? id
      const carrier = { port, mac, addresses, mtuBytes }
      if (document.kind === 'ovs') {
        device = new Switch({ systemId, dial, underlay: carrier })
      } else {
        const tunnelIp = document.vtepAddress
        vtep = await openVtepHost({
          name: systemId,
          tunnelIp,
          underlay: carrier,
          auditMs: AUDIT_MS,
        })
      }
      for (const { device: name, mtuBytes: bytes, segment } of options.uplinks) {
        const uplink = memoryPort({ name: `${id}.${name}`, mtuBytes: bytes })
        cables.push(segment.attach(uplink))
        if (device) device.register(name, uplink)
        else vtep?.backend.register(name, uplink)
      }
    },
    async boot(signal) {
      if (device === undefined && vtep === undefined) throw new Error(`host ${id} is off`)
      if (device) setManager(device, options.manager)
      else vtep?.agent.accept(await dial(options.manager, signal))
      const uuids = await Promise.all(
        workloads.map((workload) => options.portUuid(workload.portKey, signal)),
      )
      await device?.whenBridge(BRIDGE, signal)
      for (const [at, workload] of workloads.entries()) {
        const tap = tapOf(workload)
        cables.push(() => tap.disconnect())
        const uuid = uuids[at] ?? ''
        if (device) plug(device, BRIDGE, tap.name, uuid, tap)
        else vtep?.backend.plug(tap.name, tap, uuid)
      }
    },
    cutOff: line.cut,
    letBack: line.mend,
    setNicMtu(bytes) {
      nic?.setMtu?.(bytes)
      return nic?.name ?? ''
    },
    async stop() {
      device?.close()
      await vtep?.close()
      device = undefined
      vtep = undefined
      for (const pull of cables.splice(0)) pull()
    },
  }
}

/** The host's end of a guest's cable: `acme-vm1`. */
function tapOf({ name, nic }: MemoryWorkload): MemoryPort {
  const tap = memoryPort({ name: name.slice(name.indexOf('.') + 1), mtuBytes: nic.mtuBytes })
  tap.connect(nic)
  return tap
}
