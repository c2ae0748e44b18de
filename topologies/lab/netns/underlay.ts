/**
 * The underlay of a netns lab as ../lab.ts has it: every frame that enters the bridge between the hosts,
 * once, or with routers that of each link, and a stranger on it who sends what he likes.
 */
import type { Underlay } from '../lab.ts'
import { GUEST_NIC, type SitePlan } from './plan.ts'
import { frameSender, frameTap } from './raw-socket.ts'

/** An underlay with its sockets. */
export interface NetnsUnderlay extends Underlay {
  close(): void
}

/** The underlay of a plan, whose bridges are up. Frames of the stranger are seen like all others on one segment. */
export function netnsUnderlay(plan: SitePlan): NetnsUnderlay {
  const { inject, onFrame, close } =
    plan.routed.bridges.length > 0 ? linksOf(plan) : segmentOf(plan)
  return {
    hosts: Object.fromEntries(plan.hosts.map((host) => [host.id, host.vtep])),
    rogueAddress: plan.rogue.address,
    rogueMac: plan.rogue.mac,
    inject,
    onFrame,
    close,
  }
}

type Wire = Pick<NetnsUnderlay, 'inject' | 'onFrame' | 'close'>

function segmentOf(plan: SitePlan): Wire {
  const ports = [...plan.hosts.map((host) => host.underlayPort), plan.rogue.underlayPort]
  const sender = frameSender({ namespace: plan.rogue.namespace, device: GUEST_NIC })
  const tap = frameTap(plan.underlay.namespace, ports)
  return {
    inject: sender.send,
    onFrame: (listener) => tap.onFrame((frame) => listener(frame)),
    close() {
      sender.close()
      tap.close()
    },
  }
}

/** The stranger is on the link of every host: what it sends comes from the link's bridge itself, which learns nothing by that. */
function linksOf({ underlay: { namespace }, routed, hosts }: SitePlan): Wire {
  const taps = routed.bridges.map(({ link, ports }) => ({ link, tap: frameTap(namespace, ports) }))
  const ofHosts = routed.bridges.filter(({ link }) => hosts.some(({ id }) => id === link.ends[0]))
  const senders = ofHosts.map(({ bridge: device }) => frameSender({ namespace, device }))
  return {
    inject(frame) {
      for (const sender of senders) sender.send(frame)
    },
    onFrame(listener) {
      const stops = taps.map(({ link, tap }) => tap.onFrame((frame) => listener(frame, link.id)))
      return () => {
        for (const stop of stops) stop()
      }
    },
    close() {
      for (const sender of senders) sender.close()
      for (const { tap } of taps) tap.close()
    },
  }
}
