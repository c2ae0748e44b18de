/**
 * The workloads of a document as guests behind memory ports. A guest's port is unplugged at first; who
 * connects it decides where it sits: a switch's port (memory.ts), or a bare hub in a test.
 */
import { type MemoryPort, memoryPort } from '../../../dataplane/ports/memory.ts'
import { parseMac } from '../../../southbound/wire/address.ts'
import { ipv4Of } from '../addresses.ts'
import { createGuest, type Guest } from '../guest.ts'
import type { LabDocument, Tap, Workload } from '../lab.ts'
import type { Environment } from './environment.ts'
import { memoryTap } from './taps.ts'

/** What a guest's interface takes beyond its network's MTU, so that the flow drops and not the cable. */
export const SLACK_BYTES = 200

export interface MemoryWorkload extends Workload {
  /** `acme/vm1`. */
  readonly portKey: string
  /** The guest's interface, not connected yet. */
  readonly nic: MemoryPort
  readonly tap: Tap
  readonly neighbours: Guest['neighbours']
  close(): void
}

/** All workloads in the document's order. Throws when one names a port or network that is not there. */
export function guestsOf(
  document: LabDocument,
  own: Pick<Environment, 'clock' | 'outside'>,
): MemoryWorkload[] {
  return Object.entries(document.workloads).map(([name, portKey]) => {
    const [hostId = ''] = name.split('.')
    const [tenant = '', portId = ''] = portKey.split('/')
    const port = document.tenants[tenant]?.ports?.[portId]
    const network = port && document.tenants[tenant]?.networks?.[port.network]
    const first = ipv4Of(port?.addresses ?? [])
    if (!port || !network || first === undefined || !(hostId in document.hosts)) {
      throw new Error(
        `workload ${name}: no host ${hostId} or no port ${portKey} with an IPv4 address`,
      )
    }
    const { mtuBytes } = network
    const identity = { mac: parseMac(port.mac), address: first, mtuBytes }
    const nic = memoryPort({
      name: `${name}.eth0`,
      mac: identity.mac,
      mtuBytes: mtuBytes + SLACK_BYTES,
    })
    const guest = createGuest({
      ...identity,
      transmit: (frame) => nic.send(frame),
      clock: own.clock,
    })
    const tap = memoryTap({ name: name.replace('.', ' '), hostId, guest: name })
    // Before the guest, which may answer at once.
    tap.watch(nic)
    nic.onFrame((frame) => guest.receive(frame))
    const { send, onFrame, neighbours } = guest
    const ping: Guest['ping'] = (...asked) => own.outside.run(() => guest.ping(...asked))
    const close = (): void => {
      guest.close()
      nic.disconnect()
    }
    const stack = { send, onFrame, ping, neighbours }
    return { name, hostId, tenant, portId, portKey, ...identity, ...stack, nic, tap, close }
  })
}
