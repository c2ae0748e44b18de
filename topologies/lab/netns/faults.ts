/**
 * What goes wrong on a netns lab, as ../lab.ts names it: daemons that are killed, interfaces that are down. A host without power
 * keeps its namespace and loses all else. Neighbours: host.ts, vtep-host.ts, controller-process.ts.
 */
import type { Faults } from '../lab.ts'
import { NetnsError } from './error.ts'
import { ipBatch } from './namespace.ts'
import { MANAGEMENT_NIC, UNDERLAY_NIC } from './plan.ts'
import type { Site } from './site.ts'

export function netnsFaults(
  site: Pick<Site, 'plan' | 'machines' | 'vteps'>,
  controller: { kill(): Promise<void>; start(): Promise<void> },
): Faults {
  const off = new Set<string>()
  const machineOf = (id: string) => {
    const machine = site.machines.get(id)
    if (machine === undefined) throw new NetnsError(`no host ${id}`)
    return machine
  }
  const set = (id: string, devices: readonly string[], state: 'up' | 'down') =>
    ipBatch(
      machineOf(id).plan.namespace,
      devices.map((device) => `link set dev ${device} ${state}`),
    )
  const setCable = (id: string, state: 'up' | 'down') =>
    ipBatch(site.plan.underlay.namespace, [
      `link set dev ${machineOf(id).plan.underlayPort} ${state}`,
    ])
  async function hostOff(id: string): Promise<void> {
    if (off.has(id)) return
    off.add(id)
    // First of all: who is without power says no goodbye, and the controller has to find out.
    await set(id, [MANAGEMENT_NIC, UNDERLAY_NIC], 'down')
    await machineOf(id).kill()
    // A kernel's bridges outlive their agent, and not their machine.
    await site.vteps.get(id)?.remove()
  }
  async function hostOn(id: string): Promise<void> {
    if (!off.delete(id)) return
    await set(id, [MANAGEMENT_NIC, UNDERLAY_NIC], 'up')
    await machineOf(id).start({ emptyDatabase: true })
    await machineOf(id).boot()
  }
  const turns = new Map<string, Promise<void>>()
  /** One thing after the other happens to a host, or to the controller, however soon the next one is asked for. */
  const inTurn = (id: string, happen: () => Promise<void>): Promise<void> => {
    const next = (turns.get(id) ?? Promise.resolve()).then(happen)
    turns.set(
      id,
      next.catch(() => undefined),
    )
    return next
  }
  return {
    hostOff: (id) => inTurn(id, () => hostOff(id)),
    hostOn: (id) => inTurn(id, () => hostOn(id)),
    linkDown: (id) => inTurn(id, () => setCable(id, 'down')),
    linkUp: (id) => inTurn(id, () => setCable(id, 'up')),
    controllerOff: () => inTurn('', () => controller.kill()),
    controllerOn: () => inTurn('', () => controller.start()),
    controlDown: (id) => inTurn(id, () => set(id, [MANAGEMENT_NIC], 'down')),
    controlUp: (id) => inTurn(id, () => set(id, [MANAGEMENT_NIC], 'up')),
    async delay(id, ms) {
      throw new NetnsError(`${ms} ms to ${id}: a delay of messages is of the memory lab alone`)
    },
  }
}
