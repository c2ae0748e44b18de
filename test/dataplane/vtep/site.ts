/**
 * A site of vtep hosts whose back end is our own switch: agents with their databases, guests on memory ports, a
 * hub as underlay, all on one clock that nothing but advance() moves. The memory counterpart of
 * test/netns/agent-site.ts: vm1 on h1, vm2 and vm3 on h2; vm4 on h1 too.
 */

import { hub } from '../../../dataplane/ports/hub.ts'
import { type MemoryPort, memoryPair, memoryPort } from '../../../dataplane/ports/memory.ts'
import { openVtepHost, type VtepHost } from '../../../dataplane/vtep/host.ts'
import { type Operation, operations } from '../../../southbound/ovsdb/operation.ts'
import { hardwareVtep } from '../../../southbound/ovsdb/schemas/hardware-vtep.ts'
import { type VirtualClock, virtualClock } from '../../../southbound/wire/virtual-clock.ts'
import { quiet } from '../rig.ts'

export const ops = operations(hardwareVtep)

export interface MemoryVtepSite {
  readonly clock: VirtualClock
  readonly hosts: Readonly<Record<'h1' | 'h2', VtepHost>>
  readonly guests: Readonly<Record<string, MemoryPort>>
  readonly underlay: ReturnType<typeof hub>
  /** Writes rows and lets agents and frames settle. */
  write(host: 'h1' | 'h2', ...all: Operation[]): Promise<void>
  settle(ms?: number): Promise<void>
  close(): Promise<void>
}

export const addresses = { h1: '192.0.2.11', h2: '192.0.2.12' } as const

export async function openMemoryVtepSite({
  underlayMtuBytes = 9050,
  tunnelIps = addresses as Readonly<Record<'h1' | 'h2', string>>,
} = {}): Promise<MemoryVtepSite> {
  const clock = virtualClock()
  const underlay = hub({ name: 'underlay', mtuBytes: underlayMtuBytes })
  const open = async (name: 'h1' | 'h2', mac: number) => {
    const port = memoryPort({ name: 'u0', mac, mtuBytes: underlayMtuBytes })
    underlay.attach(port)
    const tunnelIp = tunnelIps[name]
    const carrier = { port, mac, addresses: [tunnelIp], mtuBytes: underlayMtuBytes }
    return openVtepHost({ name, tunnelIp, underlay: carrier, clock })
  }
  const hosts = { h1: await open('h1', 0x025700000011), h2: await open('h2', 0x025700000012) }
  const guests: Record<string, MemoryPort> = {}
  for (const [name, host] of [
    ['vm1', hosts.h1],
    ['vm2', hosts.h2],
    ['vm3', hosts.h2],
    ['vm4', hosts.h1],
  ] as const) {
    const [tap, nic] = memoryPair({ name }, { name: `${name}.eth0` })
    host.backend.plug(name, tap)
    guests[name] = nic
  }
  const settle = async (ms = 50) => {
    for (let i = 0; i < 5; i++) {
      clock.advance(ms / 5)
      await quiet()
    }
  }
  await settle()
  return {
    clock,
    hosts,
    guests,
    underlay,
    settle,
    async write(host, ...all) {
      hosts[host].agent.database.transact(all)
      await settle()
    },
    async close() {
      for (const host of Object.values(hosts)) await host.close()
    },
  }
}
