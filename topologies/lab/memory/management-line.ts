/** How a host of the memory lab reaches its controller, and how that is cut: the host goes on forwarding. Neighbour: `host.ts`. */
import type { Duplex } from 'node:stream'
import type { SwitchOptions } from '../../../dataplane/switch/switch.ts'

export interface ManagementLine {
  /** Rejects while it is cut. */
  readonly dial: SwitchOptions['dial']
  cut(): void
  mend(): void
}

export function managementLine(dial: SwitchOptions['dial']): ManagementLine {
  const open = new Set<Duplex>()
  let isCut = false
  return {
    async dial(target, signal) {
      if (isCut) throw new Error('the line to the controller is cut')
      const stream = await dial(target, signal)
      open.add(stream)
      stream.once('close', () => open.delete(stream))
      return stream
    },
    cut() {
      isCut = true
      for (const stream of open) stream.destroy()
    },
    mend() {
      isCut = false
    },
  }
}
