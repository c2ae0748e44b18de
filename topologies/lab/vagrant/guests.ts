/**
 * Guests on the machines of a Vagrant lab: a network namespace each, and a veth whose other end the host has. One script makes
 * those of a machine, one takes away whatever labs have left there. Neighbour: netns/wiring.ts does the same between namespaces.
 */
import { formatMac } from '../../../southbound/wire/address.ts'
import { ping } from '../netns/ping.ts'
import { GUEST_NIC, GUEST_NIC_MTU_BYTES, type WorkloadPlan } from '../netns/plan.ts'
import { guestLines } from '../netns/wiring.ts'
import type { RealWorkload } from '../real.ts'
import type { Machine } from './machine.ts'

/** An emulated processor on a busy machine takes so much longer to answer. */
const SLOWNESS = 5
/** Of every namespace that a lab makes on a machine. */
const PREFIX = 'weft-'

/** For `sh -e`, on the machine that these guests are on. */
export function guestScript(guests: readonly WorkloadPlan[]): string {
  return guests
    .flatMap((guest) => {
      const { namespace, device, mac } = guest
      const mtu = `mtu ${GUEST_NIC_MTU_BYTES}`
      // The guest's end as the peer: for the other one kernels look for the name here as well, and the machine has an eth0.
      const peer = `peer name ${GUEST_NIC} netns ${namespace} ${mtu} address ${formatMac(mac)}`
      const ipv6 = (which: string) => `net.ipv6.conf.${which}.disable_ipv6=1`
      return [
        `ip netns add ${namespace}`,
        `ip netns exec ${namespace} sysctl -qw ${ipv6('all')} ${ipv6('default')}`,
        `ip link add name ${device} ${mtu} type veth ${peer}`,
        `sysctl -qw ${ipv6(device)}`,
        `ip link set dev ${device} up`,
        `ip netns exec ${namespace} ethtool -K ${GUEST_NIC} tx off > /dev/null`,
        `ip -n ${namespace} -batch - << LINES`,
        ...guestLines(guest),
        'LINES',
      ]
    })
    .join('\n')
}

/** For `sh -e`: what labs have left on a machine goes, processes first. One may end by itself meanwhile, and a veth with its namespace. */
export const REMOVAL = `
for namespace in $(ip netns list | sed -n 's/^\\(${PREFIX}[^ ]*\\).*/\\1/p'); do
  ip netns pids $namespace | xargs -r kill -KILL || true
  ip netns del $namespace
done
if systemctl --quiet is-active openvswitch-switch && ovs-vsctl br-exists br-int; then
  for port in $(ovs-vsctl list-ports br-int | grep '^w[0-9a-f]\\{6\\}-' || true); do ovs-vsctl del-port br-int $port; done
fi
for link in $(ip -oneline link show type veth | sed -n 's/^[0-9]*: \\(w[0-9a-f]*-[0-9]*\\)@.*/\\1/p'); do
  ip link del $link || [ ! -e /sys/class/net/$link ]
done
`

/** The guest of a plan, whose namespace is up on its machine. */
export function vagrantGuest(plan: WorkloadPlan, machine: Machine, taps: Taps): RealWorkload {
  const { name, hostId, tenant, portId, mac, address, mtuBytes, namespace } = plan
  const within = (argv: readonly string[]) => ['ip', 'netns', 'exec', namespace, ...argv]
  const exec: RealWorkload['exec'] = (argv, options) => machine.run(within(argv), options)
  return {
    ...{ name, hostId, tenant, portId, mac, address, mtuBytes },
    send: (frame) => machine.send(namespace, GUEST_NIC, frame),
    onFrame: taps.add,
    ping: (target, options) => {
      const timeoutMs = options.timeoutMs * SLOWNESS
      // Until the command itself is through: how long is up to the machine.
      const execute: Machine['run'] = (argv, { signal } = {}) => machine.run(argv, { signal })
      return ping(namespace, target, { ...options, timeoutMs }, execute)
    },
    exec,
    launch: (argv) => machine.launch(within(argv)),
  }
}

/** Who listens to frames that a machine hands over from the start. */
export interface Taps {
  add(listener: (frame: Uint8Array) => void): () => void
  /** To all that listen now. */
  seen(frame: Uint8Array): void
}

export function taps(): Taps {
  const listeners = new Set<(frame: Uint8Array) => void>()
  return {
    add(listener) {
      const entry = (frame: Uint8Array): void => listener(frame)
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },
    seen(frame) {
      for (const listener of [...listeners]) listener(frame.slice())
    },
  }
}
