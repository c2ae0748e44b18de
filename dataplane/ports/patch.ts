/**
 * Patch ports: two ports of the switch, on two bridges or one, joined by name, each naming the other
 * as its peer. A frame goes over within transmit(), borrowed, as it does in Open vSwitch: the receiving
 * bridge handles it before the sending one goes on, and bounds how deep that nests and how many frames
 * one frame causes in all bridges of the switch (`recursion_limit`).
 * Neighbours: switch/interfaces.ts (`options:peer`).
 */
import {
  type FrameListener,
  LARGEST_MTU,
  listeners,
  newPortCounters,
  type OpenPort,
} from './frame-port.ts'

/** All patch ports of one switch. */
export interface PatchPanel {
  /** A port that is up while a port of the name `peer` is there that names this one. */
  open(name: string, peer: string): OpenPort
}

interface Plug extends OpenPort {
  readonly peer: string
  arrive: FrameListener
  changed(): void
}

export function patchPanel(): PatchPanel {
  const plugs = new Map<string, Plug>()
  const farEnd = (plug: Plug): Plug | undefined => {
    const far = plugs.get(plug.peer)
    return far?.peer === plug.name ? far : undefined
  }

  return {
    open(name, peer) {
      const receivers = listeners<FrameListener>()
      const watchers = listeners<() => void>()
      const counters = newPortCounters()
      const plug: Plug = {
        name,
        peer,
        mac: 0,
        mtuBytes: LARGEST_MTU,
        counters,
        get up() {
          return plugs.get(name) === plug && farEnd(plug) !== undefined
        },
        transmit(bytes, start, end) {
          const far = plug.up ? farEnd(plug) : undefined
          if (!far) {
            counters.txDropped++
            return
          }
          counters.txFrames++
          counters.txBytes += end - start
          far.arrive(bytes, start, end)
        },
        arrive(bytes, start, end) {
          counters.rxFrames++
          counters.rxBytes += end - start
          for (const receive of receivers.list) receive(bytes, start, end)
        },
        changed() {
          for (const watch of watchers.list) watch()
        },
        onReceive: receivers.add,
        onState: watchers.add,
        close() {
          if (plugs.get(name) !== plug) return
          const far = farEnd(plug)
          plugs.delete(name)
          far?.changed()
        },
      }
      plugs.set(name, plug)
      farEnd(plug)?.changed()
      return plug
    },
  }
}
