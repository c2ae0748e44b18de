/**
 * A host of the memory lab: one of our switches with its VTEP on the hub, and what an operator and a boot
 * script do to a host: power, set-manager, plug workloads once br-int is there.
 */

import type { Hub } from '../../../dataplane/ports/hub.ts'
import { type MemoryPort, memoryPort } from '../../../dataplane/ports/memory.ts'
import { plug, setManager } from '../../../dataplane/switch/operator.ts'
import { Switch, type SwitchOptions } from '../../../dataplane/switch/switch.ts'
import { parseIpv4 } from '../../../southbound/wire/address.ts'
import type { DocumentHost } from '../lab.ts'
import type { MemoryWorkload } from './guests.ts'

const BRIDGE = 'br-int'
/** MAC of a VTEP: this, with its address in the low 32 bits. Locally administered. */
const VTEP_MAC = 0x0257_0000_0000

export interface MemoryHost {
  readonly id: string
  /** The VTEP. */
  readonly mac: number
  readonly address: number
  /** Absent while the host is off. */
  readonly switch: Switch | undefined
  /** Power on, with an empty database. Throws when it is on already. */
  start(): void
  /** `ovs-vsctl set-manager`, then waits for br-int and plugs all workloads of the host into it. */
  boot(signal: AbortSignal): Promise<void>
  /** Power off, with all that the host knew. */
  stop(): void
}

export interface MemoryHostOptions {
  readonly id: string
  readonly document: DocumentHost
  readonly underlay: Hub
  readonly workloads: readonly MemoryWorkload[]
  readonly dial: SwitchOptions['dial']
  /** Where the controller listens: `tcp:127.0.0.1:6640`. */
  readonly manager: string
  /** The uuid of a port, by key. */
  readonly portUuid: (key: string, signal: AbortSignal) => Promise<string>
}

export function memoryHost(options: MemoryHostOptions): MemoryHost {
  const { id, document, underlay, workloads, dial } = options
  const address = parseIpv4(document.vtepAddress)
  const mac = VTEP_MAC + address
  let device: Switch | undefined
  let cables: (() => void)[] = []

  return {
    id,
    mac,
    address,
    get switch() {
      return device
    },
    start() {
      if (device !== undefined) throw new Error(`host ${id} is on already`)
      const mtuBytes = document.underlayMtuBytes
      const port = memoryPort({ name: `${id}.phy0`, mac, mtuBytes })
      cables = [underlay.attach(port)]
      const systemId = document.systemId ?? id
      device = new Switch({
        systemId,
        dial,
        underlay: { port, mac, addresses: [document.vtepAddress], mtuBytes },
      })
    },
    async boot(signal) {
      if (device === undefined) throw new Error(`host ${id} is off`)
      setManager(device, options.manager)
      const uuids = await Promise.all(
        workloads.map((workload) => options.portUuid(workload.portKey, signal)),
      )
      await device.whenBridge(BRIDGE, signal)
      for (const [at, workload] of workloads.entries()) {
        const tap = tapOf(workload)
        cables.push(() => tap.disconnect())
        plug(device, BRIDGE, tap.name, uuids[at] ?? '', tap)
      }
    },
    stop() {
      device?.close()
      device = undefined
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
