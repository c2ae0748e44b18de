/** What can go wrong on a memory lab. Neighbours: host.ts and controller-life.ts do it, ../events.ts says when. */
import type { Faults } from '../lab.ts'
import type { ControllerLife } from './controller-life.ts'
import type { MemoryHost } from './host.ts'

export interface FaultyParts {
  readonly hosts: ReadonlyMap<string, MemoryHost>
  readonly controller: ControllerLife
  /** Of what a host does while it boots. */
  readonly signal: AbortSignal
  hold<T>(work: Promise<T>): Promise<T>
}

export function memoryFaults({ hosts, controller, signal, hold }: FaultyParts): Faults {
  const hostOf = (id: string): MemoryHost => {
    const host = hosts.get(id)
    if (host === undefined) throw new Error(`no host ${id}`)
    return host
  }
  return {
    hostOff: async (id) => hostOf(id).stop(),
    async hostOn(id) {
      const host = hostOf(id)
      if (host.isOn) return
      await host.start()
      // Until br-int is there the script waits, and for that the controller may be needed first; a host that is switched off meanwhile ends it.
      host.boot(signal).catch(() => undefined)
    },
    linkDown: async (id) => hostOf(id).setLink('down'),
    linkUp: async (id) => hostOf(id).setLink('up'),
    controllerOff: () => hold(controller.stop()),
    controllerOn: () => hold(controller.start()),
    controlDown: async (id) => hostOf(id).line.cut(),
    controlUp: async (id) => hostOf(id).line.mend(),
    delay: async (id, ms) => hostOf(id).line.delay(ms),
  }
}
