/**
 * A switch with one tunnel port between a workload and an underlay, and the underlay in the hands of
 * the test: every frame on it is seen, and any may be put there.
 */

import { hub } from '../../../dataplane/ports/hub.ts'
import { memoryPort } from '../../../dataplane/ports/memory.ts'
import { addPort } from '../../../dataplane/switch/operator.ts'
import type { Route } from '../../../dataplane/tunnel/routes.ts'
import type { Action } from '../../../southbound/openflow/action.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { apply, type Host, output, quiet, type Station, startHost } from '../rig.ts'

export const OUR_MAC = 0x0a0000000001
export const PEER_MAC = 0x0a0000000002

export interface Tunnelled {
  readonly host: Host
  readonly vm: Station
  readonly clock: VirtualClock
  /** Frames that the switch put on the underlay, since the last look. */
  take(): Uint8Array[]
  /** Puts frames on the underlay. */
  inject(...frames: readonly Uint8Array[]): Promise<void>
  /** From the workload into the tunnel; what came out on the underlay. */
  send(frame: Uint8Array): Promise<Uint8Array[]>
  drops(): ReturnType<Host['host']['drops']['read']>
  close(): void
}

export interface TunnelledOptions {
  readonly addresses?: readonly string[]
  readonly routes?: readonly Route[]
  readonly mtuBytes?: number
  /** Of the underlay, if less than its port's. */
  readonly underlayMtuBytes?: number
  /** Of the vxlan interface. */
  readonly options?: Readonly<Record<string, string>>
  /** What flows do before the output to the tunnel. */
  readonly actions?: readonly Action[]
}

export async function tunnelled(of: TunnelledOptions = {}): Promise<Tunnelled> {
  const clock = virtualClock()
  const segment = hub()
  const host = await startHost('h1', { clock })
  const nic = memoryPort({ name: 'eth0', mtuBytes: of.mtuBytes ?? 1600 })
  segment.attach(nic)
  const seen: Uint8Array[] = []
  segment.onFrame((frame) => void seen.push(frame))
  host.host.useUnderlay({
    port: nic,
    mac: OUR_MAC,
    addresses: of.addresses ?? ['192.0.2.11/24', '2001:db8::11/64'],
    ...(of.routes && { routes: of.routes }),
    ...(of.underlayMtuBytes && { mtuBytes: of.underlayMtuBytes }),
  })
  addPort(host.host, 'br-int', 't0', {
    type: 'vxlan',
    options: of.options ?? { key: '5001', remote_ip: '192.0.2.12' },
    ofport_request: 100,
  })
  const vm = host.plug('vm', 1)
  await quiet(5)
  await host.flow(0, 1, { in_port: 1 }, [apply(...(of.actions ?? []), output(100))])
  await host.flow(0, 1, { in_port: 100 }, [apply(output(1))])
  const take = () => seen.splice(0)
  take()
  return {
    host,
    vm,
    clock,
    take,
    async inject(...frames) {
      for (const frame of frames) segment.send(frame)
      await quiet(8)
      // The hub shows the test its own frames too.
      const own = new Set(frames.map((frame) => Buffer.from(frame).toString('hex')))
      const others = seen.splice(0).filter((frame) => !own.has(Buffer.from(frame).toString('hex')))
      seen.push(...others)
    },
    async send(frame) {
      vm.send(frame)
      await quiet(8)
      return take()
    },
    drops: () => host.host.drops.read(),
    close: () => host.host.close(),
  }
}
