/**
 * The underlay of a netns lab as ../lab.ts has it: every frame that enters the bridge between the hosts,
 * once, and a stranger on it who sends what he likes.
 */
import type { Underlay } from '../lab.ts'
import { GUEST_NIC, type SitePlan } from './plan.ts'
import { frameSender, frameTap } from './raw-socket.ts'

/** An underlay with its sockets. */
export interface NetnsUnderlay extends Underlay {
  close(): void
}

/** The underlay of a plan, whose bridge is up. Frames of the stranger are seen like all others. */
export function netnsUnderlay(plan: SitePlan): NetnsUnderlay {
  const ports = [...plan.hosts.map((host) => host.underlayPort), plan.rogue.underlayPort]
  const sender = frameSender({ namespace: plan.rogue.namespace, device: GUEST_NIC })
  const tap = frameTap(plan.underlay.namespace, ports)
  return {
    hosts: Object.fromEntries(plan.hosts.map((host) => [host.id, host.vtep])),
    rogueAddress: plan.rogue.address,
    rogueMac: plan.rogue.mac,
    inject: sender.send,
    onFrame: tap.onFrame,
    close() {
      sender.close()
      tap.close()
    },
  }
}
