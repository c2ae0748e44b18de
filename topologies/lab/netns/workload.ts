/**
 * A guest in a namespace of its own: the kernel's IP stack behind `eth0`, and raw frames through the same
 * interface. Implements the `Workload` of ../lab.ts.
 */
import type { ChildProcess } from 'node:child_process'
import type { Workload } from '../lab.ts'
import { within } from './namespace.ts'
import { ping } from './ping.ts'
import { GUEST_NIC, type WorkloadPlan } from './plan.ts'
import { frameSender, frameTap } from './raw-socket.ts'
import { type LaunchOptions, launch, type Output, type RunOptions, run } from './run.ts'

/** A guest whose operating system can be asked to do things. */
export interface NetnsWorkload extends Workload {
  readonly plan: WorkloadPlan
  exec(argv: readonly string[], options?: RunOptions): Promise<Output>
  /** A command that runs until it is ended, such as `ping -i 0.01`; closing the lab ends it too. */
  launch(argv: readonly string[], options?: LaunchOptions): ChildProcess
  /** Closes its sockets. The namespace is removed with the lab. */
  close(): void
}

/** The guest of a plan, whose namespace is up. */
export function netnsWorkload(plan: WorkloadPlan): NetnsWorkload {
  const { name, hostId, tenant, portId, mac, address, mtuBytes, namespace } = plan
  const sender = frameSender({ namespace, device: GUEST_NIC })
  const tap = frameTap(namespace, [GUEST_NIC])
  return {
    plan,
    name,
    hostId,
    tenant,
    portId,
    mac,
    address,
    mtuBytes,
    send: sender.send,
    onFrame: tap.onFrame,
    ping: (target, options) => ping(namespace, target, options),
    exec: (argv, options) => run(within(namespace, argv), options),
    launch: (argv, options) => launch(within(namespace, argv), options),
    close() {
      sender.close()
      tap.close()
    },
  }
}
